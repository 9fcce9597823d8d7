//! Findings that belong together: what went wrong once is told once, though it breaks several
//! promises and shows more than once.
//!
//! Two findings are of one incident if they are about the same stay in the critical section; those
//! that are about none, if they showed at the same moment.

use crate::{Finding, Invariant, Report};
use std::collections::BTreeSet;

/// Findings without stays that are no further apart are of one moment.
const MOMENT_NS: u64 = 50_000_000;

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its findings, as indices of [`Report::findings`]: the gravest first, then by time.
    pub findings: Vec<usize>,
    /// When the first of them showed, and the last.
    pub from_ns: u64,
    pub until_ns: u64,
}

impl Incident {
    /// What it breaks, each once, the gravest first.
    pub fn broken(&self, report: &Report) -> Vec<Invariant> {
        let mut broken = Vec::new();
        for finding in self.findings.iter().filter_map(|index| report.findings.get(*index)) {
            if !broken.contains(&finding.invariant) {
                broken.push(finding.invariant);
            }
        }
        broken
    }
}

/// The incidents of a run: those with the gravest findings first, then by time.
pub fn incidents(report: &Report) -> Vec<Incident> {
    let findings = &report.findings;
    let mut order: Vec<usize> = (0..findings.len()).collect();
    order.sort_by_key(|index| (findings[*index].at_ns, *index));
    let mut all: Vec<Group> = Vec::new();
    for index in order {
        let own = Group::of(index, &findings[index]);
        let (mine, others): (Vec<Group>, Vec<Group>) =
            all.into_iter().partition(|group| group.has_part_in(&own));
        all = others;
        all.push(mine.into_iter().fold(own, Group::with));
    }
    let mut incidents: Vec<Incident> =
        all.into_iter().map(|group| group.incident(findings)).collect();
    incidents.sort_by_key(|incident| {
        let first = incident.findings.first().map(|index| findings[*index].class);
        (first, incident.from_ns)
    });
    incidents
}

struct Group<'a> {
    findings: Vec<usize>,
    /// Client and entrance.
    stays: BTreeSet<(&'a str, u64)>,
    from_ns: u64,
    until_ns: u64,
}

impl<'a> Group<'a> {
    fn of(index: usize, finding: &'a Finding) -> Group<'a> {
        let stays = finding.holds.iter().map(|hold| (hold.client.as_str(), hold.from_ns));
        let at_ns = finding.at_ns;
        Group { findings: vec![index], stays: stays.collect(), from_ns: at_ns, until_ns: at_ns }
    }

    fn has_part_in(&self, other: &Group) -> bool {
        if !self.stays.is_empty() && !other.stays.is_empty() {
            return !self.stays.is_disjoint(&other.stays);
        }
        let apart = other.from_ns.saturating_sub(self.until_ns);
        apart.max(self.from_ns.saturating_sub(other.until_ns)) <= MOMENT_NS
    }

    fn with(mut self, other: Group<'a>) -> Group<'a> {
        self.findings.extend(other.findings);
        self.stays.extend(other.stays);
        self.from_ns = self.from_ns.min(other.from_ns);
        self.until_ns = self.until_ns.max(other.until_ns);
        self
    }

    fn incident(mut self, findings: &[Finding]) -> Incident {
        self.findings.sort_by_key(|index| {
            let finding = &findings[*index];
            (finding.class, finding.at_ns, *index)
        });
        Incident { findings: self.findings, from_ns: self.from_ns, until_ns: self.until_ns }
    }
}
