//! What the file system itself gives: probes without any lock, on NFS and on the disk beneath it.
//!
//! A probe ([`probe::Probe`]) is a function that has processes on two machines make system calls,
//! one at a time, and says whether a rule is kept. A column is one way to reach the disk: a server,
//! an NFS version, kernels, mount options; or none of that, the local file system. Most probes of a
//! column share a site; one that disturbs others has its own.

mod bench;
mod column;
mod probe;
mod probes;
mod sites;
pub mod suite;
mod words;

pub use column::Column;
pub use probe::Probe;
pub use probes::{CHAPTERS, Chapter};
pub use sites::{Progress, Sites, file, table};

/// All probes, in the order of the table.
pub fn probes() -> impl Iterator<Item = &'static Probe> {
    CHAPTERS.iter().flat_map(Chapter::probes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_probe_has_a_name_of_its_own_a_rule_and_its_source() {
        let mut names = BTreeSet::new();
        for probe in probes() {
            assert!(names.insert(probe.name), "{} stands twice", probe.name);
            let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(probe.name.chars().all(is_name), "{}", probe.name);
            assert!(!probe.rule.is_empty() && !probe.rule.ends_with('.'), "{}", probe.name);
            assert!(!probe.source.is_empty(), "{}", probe.name);
        }
    }
}
