//! All probes, by chapters.

mod names;

use super::probe::Probe;

/// A chapter of the table.
pub struct Chapter {
    pub name: &'static str,
    pub probes: &'static [Probe],
}

/// The chapters, in the order of the table.
pub const CHAPTERS: &[Chapter] = &[Chapter { name: "names", probes: names::PROBES }];
