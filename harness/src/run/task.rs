//! Tasks: what agents have been asked to do and have not answered yet.

use super::in_force::Setting;
use crate::site::ClientId;
use std::fmt;

/// A command that an agent has been given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Task {
    Configure,
    Serve,
    StopServing,
    Mount,
    MountSupplement,
    StartAdapter,
    BeginCount(ClientId),
    EndCount(ClientId),
    CountDescriptors(ClientId),
    ReadCounter,
    LookAtExport,
    SetClock(Setting),
    KillAdapter,
    StopAdapter,
    FailCalls,
    FillDisk,
    /// A line for a prober.
    Probe,
    /// What comes of it does not matter any more.
    Abandoned,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Task::Configure => "configuring the machine",
            Task::Serve => "starting the NFS server",
            Task::StopServing => "stopping the NFS server",
            Task::Mount => "mounting the export",
            Task::MountSupplement => "mounting the second image",
            Task::StartAdapter => "starting the adapter",
            Task::BeginCount(_) => "reading the count",
            Task::EndCount(_) => "writing the count",
            Task::CountDescriptors(_) => "counting descriptors",
            Task::ReadCounter => "reading the counter",
            Task::LookAtExport => "looking what is left on the export",
            Task::SetClock(_) => "setting the clock",
            Task::KillAdapter => "killing the adapter",
            Task::FillDisk => "filling the disk, or freeing it",
            Task::StopAdapter => "stopping the adapter",
            Task::FailCalls => "letting system calls fail",
            Task::Probe => "making a system call",
            Task::Abandoned => "what nobody waits for",
        })
    }
}
