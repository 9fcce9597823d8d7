//! All probes, by chapters.

mod cache;
mod cache_names;
mod deadlocks;
mod delegations;
mod errors;
mod errors_limits;
mod errors_programs;
mod errors_server;
mod flocks;
mod leases;
mod lock_files;
mod lock_owners;
mod lock_ranges;
mod locked_names;
mod locks;
mod lost_replies;
mod name_kinds;
mod names;
mod names_lost;
mod ofd_locks;
mod reclaims;
mod recovery;
mod renames;
mod time;
mod wait_parts;
mod waits;

use super::probe::Probe;

/// A chapter of the table.
pub struct Chapter {
    pub name: &'static str,
    /// Of one file each.
    pub parts: &'static [&'static [Probe]],
}

impl Chapter {
    pub fn probes(&self) -> impl Iterator<Item = &'static Probe> {
        self.parts.iter().copied().flatten()
    }
}

/// The chapters, in the order of the table.
pub const CHAPTERS: &[Chapter] = &[
    Chapter {
        name: "names",
        parts: &[names::PROBES, name_kinds::PROBES, renames::PROBES, names_lost::PROBES],
    },
    Chapter {
        name: "locks",
        parts: &[
            locks::PROBES,
            lock_ranges::PROBES,
            lock_owners::PROBES,
            ofd_locks::PROBES,
            lock_files::PROBES,
            flocks::PROBES,
            waits::PROBES,
            wait_parts::PROBES,
            deadlocks::PROBES,
            locked_names::PROBES,
            lost_replies::PROBES,
        ],
    },
    Chapter {
        name: "time",
        parts: &[time::PROBES, leases::PROBES, recovery::PROBES, reclaims::PROBES],
    },
    Chapter { name: "cache", parts: &[cache::PROBES, cache_names::PROBES, delegations::PROBES] },
    Chapter {
        name: "errors",
        parts: &[
            errors::PROBES,
            errors_limits::PROBES,
            errors_programs::PROBES,
            errors_server::PROBES,
        ],
    },
];
