//! The calls of a finished capture, each with what became of it.
//!
//! Frames are taken as their senders sent them, lost ones too: so a call that never arrived is
//! told, and when a message was sent for the first time. Whether it arrived is followed beside.

mod passage;
mod trace;

use super::decoder::Decoder;
use super::message::{Operation, rank};
use pcap_file::PcapError;
use pcap_file::pcapng::PcapNgReader;
use pcap_file::pcapng::blocks::Block;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::time::Duration;
use trace::Trace;

/// A call, its reply, and the way of both. In `calls.jsonl` it is one line.
///
/// Times are nanoseconds of the harness's clock since the begin of the run, as in the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The node that called, and the one that was called; an address where no node has it.
    pub from: String,
    pub to: String,
    pub xid: u32,
    /// `nfs`, `nfs callback`, `mount`, `nlm`, `nsm`, `portmap`, `nfsacl`; `?` of any other, and of
    /// what could not be read.
    pub program: String,
    pub version: u32,
    /// Of NFSv4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor: Option<u32>,
    pub procedure: String,
    /// COMPOUND's status, or its procedure's; or why the call was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How the call went to the server, and the reply back, if there was one.
    pub call: Passage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Passage>,
    pub operations: Vec<Done>,
    /// Why there is no more of it: the rest makes no sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// How a message went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// When its first byte was sent for the first time.
    pub sent_ns: u64,
    /// When the last byte that its receiver lacked passed the switch; it arrives one latency of
    /// the wire later, or as much later as a fault holds it back. None: the message was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_ns: Option<u64>,
    /// How often it was sent after the first time, on this connection or another.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sent_again: u32,
    /// How often it was lost on the way, wholly or in its beginning.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u32,
    /// How long a fault held back what passed last (ns).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late_ns: u64,
}

/// An operation that was called for, and its outcome if it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    pub operation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The old name, of LINK and RENAME.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arguments: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub result: String,
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

impl Call {
    /// When it was sent first (ns).
    pub fn at_ns(&self) -> u64 {
        self.call.sent_ns
    }

    /// The operations for whose sake it was sent.
    pub fn main(&self) -> Vec<&Done> {
        let highest = self.operations.iter().map(|done| rank(&done.operation)).max().unwrap_or(0);
        self.operations.iter().filter(|done| rank(&done.operation) == highest).collect()
    }

    /// What it is about: the path of the last of these.
    pub fn about(&self) -> Option<String> {
        self.main().iter().rev().find_map(|done| done.about())
    }

    /// `ok`, or the name of the error, or why it was refused.
    pub fn outcome(&self) -> Option<&str> {
        self.status.as_deref().map(|status| match status {
            "NFS4_OK" | "NFS3_OK" => "ok",
            other => other,
        })
    }

    /// How long faults held back call and reply (ns).
    pub fn late_ns(&self) -> u64 {
        self.call.late_ns.saturating_add(self.reply.unwrap_or_default().late_ns)
    }

    /// From the call's first byte to the reply's last, as the switch saw them (ns).
    pub fn round_trip_ns(&self) -> Option<u64> {
        Some(self.reply?.passed_ns?.saturating_sub(self.call.sent_ns))
    }
}

impl Done {
    /// The path that it is about, with the old name of LINK and RENAME.
    pub fn about(&self) -> Option<String> {
        let path = self.path.as_ref()?;
        Some(match (&self.from, self.operation.as_str()) {
            (Some(from), "RENAME") => format!("{from} -> {path}"),
            (Some(from), _) => format!("{path} = {from}"),
            (None, _) => path.clone(),
        })
    }

    pub fn is_ok(&self) -> bool {
        matches!(self.status.as_deref(), Some("NFS4_OK" | "NFS3_OK"))
    }
}

impl From<Operation> for Done {
    fn from(operation: Operation) -> Done {
        Done {
            operation: operation.name.to_owned(),
            path: operation.path.map(|path| path.to_string()),
            from: operation.from.map(|path| path.to_string()),
            arguments: operation.arguments,
            status: operation.status.map(|status| status.to_string()),
            result: operation.result,
        }
    }
}

/// What a capture holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Captured {
    /// By the time when they were sent.
    pub calls: Vec<Call>,
    /// The file ends in the middle of a frame: its run was killed, or its disk was full.
    pub is_cut: bool,
}

/// A capture that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("not a capture: {0}")]
    Format(String),
}

/// Reads the capture of a run, whose clock began at `wall_start` since 1970.
pub fn calls(path: &Path, wall_start: Duration) -> Result<Captured, CaptureError> {
    calls_of(BufReader::with_capacity(1 << 20, File::open(path)?), wall_start)
}

/// The same from any reader.
pub fn calls_of(file: impl Read, wall_start: Duration) -> Result<Captured, CaptureError> {
    let mut reader = PcapNgReader::new(file).map_err(unreadable)?;
    let (mut decoder, mut trace) = (Decoder::new(), Trace::default());
    let mut is_cut = false;
    while let Some(block) = reader.next_block() {
        match block {
            Ok(Block::InterfaceDescription(interface)) => {
                let name = interface.options.iter().find_map(|option| match option {
                    InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
                    _ => None,
                });
                trace.interface(name);
            }
            Ok(Block::EnhancedPacket(packet)) => {
                let comment = packet.options.iter().find_map(|option| match option {
                    EnhancedPacketOption::Comment(comment) => Some(&**comment),
                    _ => None,
                });
                let now = packet.timestamp.saturating_sub(wall_start).as_nanos() as u64;
                let messages = decoder.frame(now, &packet.data);
                trace.frame(now, packet.interface_id as usize, &packet.data, comment, messages);
            }
            Ok(_) => {}
            Err(error) if is_end(&error) => {
                is_cut = true;
                break;
            }
            Err(error) => return Err(unreadable(error)),
        }
    }
    Ok(Captured { calls: trace.finish(), is_cut })
}

/// Whether the file ends where it should go on.
fn is_end(error: &PcapError) -> bool {
    match error {
        PcapError::IncompleteBuffer => true,
        PcapError::IoError(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        _ => false,
    }
}

fn unreadable(error: PcapError) -> CaptureError {
    match error {
        error if is_end(&error) => CaptureError::Format("it ends before its first frame".into()),
        PcapError::IoError(error) => CaptureError::Io(error),
        other => CaptureError::Format(other.to_string()),
    }
}
