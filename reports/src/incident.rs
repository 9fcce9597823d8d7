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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, Hold};

    /// A finding at so many milliseconds, about stays that began then.
    fn finding(at_ms: u64, stays: &[(&str, u64)]) -> Finding {
        let hold = |(client, from_ms): &(&str, u64)| Hold {
            client: (*client).into(),
            from_ns: from_ms * 1_000_000,
            until_ns: None,
            died: false,
            claim_until_ns: None,
        };
        Finding {
            invariant: Invariant::MutualExclusion,
            class: Class::BrokenPromise,
            at_ns: at_ms * 1_000_000,
            explanation: String::new(),
            beyond: Vec::new(),
            holds: stays.iter().map(hold).collect(),
            faults: Vec::new(),
            story: Vec::new(),
            situation: String::new(),
            wire: None,
        }
    }

    fn grouped(findings: Vec<Finding>) -> Vec<Vec<usize>> {
        let report = crate::json::read(include_str!("../samples/valid/report.json"));
        let report = Report { findings, ..report.unwrap() };
        incidents(&report).into_iter().map(|incident| incident.findings).collect()
    }

    #[test]
    fn findings_about_one_stay_are_one_incident() {
        let both = [("c3", 1_790), ("c1", 1_846)];
        let others = [("c3", 4_481), ("c2", 4_512)];
        let lost = |at, stays| Finding { invariant: Invariant::NoLostUpdate, ..finding(at, stays) };
        let findings = vec![
            finding(1_846, &both),
            finding(4_512, &others),
            lost(1_941, &both),
            lost(4_606, &others),
        ];
        assert_eq!(grouped(findings), [[0, 2], [1, 3]]);
    }

    #[test]
    fn a_stay_that_two_others_are_about_makes_them_one() {
        let findings = vec![
            finding(1_000, &[("c1", 900)]),
            finding(2_000, &[("c2", 1_900)]),
            finding(3_000, &[("c1", 900), ("c2", 1_900)]),
        ];
        assert_eq!(grouped(findings), [[0, 1, 2]]);
    }

    #[test]
    fn findings_without_stays_are_of_one_moment_or_of_none() {
        let findings =
            vec![finding(9_000, &[]), finding(9_020, &[("c1", 8_000)]), finding(9_500, &[])];
        assert_eq!(grouped(findings), [vec![0, 1], vec![2]]);
    }

    #[test]
    fn what_breaks_a_promise_stands_before_what_lies_beyond_the_assumptions() {
        let beyond = Finding { class: Class::BeyondAssumptions, ..finding(1_000, &[("c1", 900)]) };
        assert_eq!(grouped(vec![beyond, finding(5_000, &[("c2", 4_900)])]), [[1], [0]]);
    }
}
