//! Which faults were in force when, and what each may have done meanwhile.

use super::bounds::longest_service;
use super::names;
use super::spans::merged;
use crate::fault::FaultId;
use crate::history::{Consequence, Event, EventKind};
use crate::plan::Plan;
use crate::site::blueprint::Implementation;
use lockstorm_reports::FaultReport;
use lockstorm_reports::text::seconds;

/// Faults told in one finding: a story with more is told by the report's own list.
const WORDS_MAX: usize = 6;

/// What became of a fault.
#[derive(Clone, Debug)]
pub struct Fault {
    pub report: FaultReport,
    /// What it may do while it is in force.
    pub consequences: Vec<Consequence>,
}

impl Fault {
    /// Whether it may keep a node without power.
    fn keeps_off(&self, name: &str) -> bool {
        self.consequences.iter().any(|consequence| match consequence {
            Consequence::Power { node } => node == name,
            _ => false,
        })
    }
}

/// When faults may have made a node stand still, until `end_ns` at the latest, in order.
pub fn paused(faults: &[Fault], name: &str, end_ns: u64) -> Vec<(u64, u64)> {
    let pauses = faults.iter().filter(|fault| {
        fault.consequences.iter().any(|consequence| match consequence {
            Consequence::Pause { node } => node == name,
            _ => false,
        })
    });
    let spans = pauses.filter_map(|fault| {
        let from = fault.report.struck_ns?;
        Some((from, fault.report.ended_ns.unwrap_or(end_ns).max(from)))
    });
    merged(spans.collect())
}

/// How much longer a call may take because of what faults do to the server's disk (ns).
pub fn slow_disk(faults: &[Fault], plan: &Plan) -> u64 {
    let late = faults.iter().flat_map(|fault| &fault.consequences).map(|c| match c {
        Consequence::Disk { late_ns, flush_late_ns, .. } => {
            longest_service(plan, *late_ns, *flush_late_ns)
        }
        _ => 0,
    });
    late.fold(0, u64::saturating_add)
}

/// When calls may fail because of the server's disk, or be late, from whatever fault struck until
/// its end; one whose disk `fails` is not well again before the server has been restarted after
/// that.
pub fn bad_disk(faults: &[Fault], ready: &[u64]) -> Vec<(u64, u64)> {
    let spans = faults.iter().filter_map(|fault| {
        let fails = fault.consequences.iter().find_map(|consequence| match consequence {
            Consequence::Disk { fails, .. } => Some(*fails),
            _ => None,
        })?;
        let from = fault.report.struck_ns?;
        let ended = fault.report.ended_ns.unwrap_or(u64::MAX);
        let restarted = || ready.iter().copied().find(|ready| *ready > ended);
        Some((from, if fails { restarted().unwrap_or(u64::MAX) } else { ended }))
    });
    spans.collect()
}

/// When the server lost its power, or its NFS server was stopped (ns).
pub fn server_died(history: &[Event], plan: &Plan) -> impl Iterator<Item = u64> {
    let died = history.iter().filter(|event| match &event.kind {
        EventKind::NodeDied { node, .. } => node == names::server(plan),
        _ => false,
    });
    died.map(|event| event.at_ns)
}

/// From when on nothing that a client was told can be relied on, and why.
///
/// A server that lost its power may have forgotten what it had answered, if its disk did not have
/// all that it was told to keep; and who got frames that were changed may have done anything.
pub fn unreliable(faults: &[Fault], history: &[Event], plan: &Plan) -> Option<(u64, &'static str)> {
    let lost_power = |since: u64| server_died(history, plan).find(|died| *died >= since);
    let first = |meant: fn(&Consequence) -> bool| {
        let all = faults.iter().filter(|fault| fault.consequences.iter().any(meant));
        all.filter_map(|fault| fault.report.struck_ns).min()
    };
    let server = &plan.blueprint.server;
    let exported = server.is_async.then_some(0);
    // FSAL VFS makes names without a flush, unlike knfsd, for which ext4 has them in its journal
    // before the answer (reports/CONFORMANCE.md, names-outlive-restart).
    let forgets_names = (server.implementation == Implementation::Ganesha).then_some(0);
    let failed = first(|c| matches!(c, Consequence::Disk { fails: true, .. }));
    let forgot = first(|c| matches!(c, Consequence::Disk { forgets: true, .. }));
    let restarted = [
        (exported, "the server exports `async`, and was restarted"),
        (forgets_names, "nfs-ganesha answers before the disk has a name, and was restarted"),
        (failed, "the server's disk had failed before it was restarted"),
        (forgot, "the server's disk had ignored flushes before it was restarted"),
    ];
    let restarted =
        restarted.into_iter().filter_map(|(since, why)| Some((lost_power(since?)?, why)));
    let changed = first(|c| matches!(c, Consequence::Corruption));
    let changed = changed.map(|at| (at, "frames were changed on their way, and nothing told"));
    restarted.chain(changed).min_by_key(|(at, _)| *at)
}

/// The clients that had another host name from a time on, or were to get one when they boot: when,
/// who, and which.
pub fn renamed(faults: &[Fault]) -> impl Iterator<Item = (u64, &str, &str)> {
    let struck = faults.iter().filter_map(|fault| Some((fault.report.struck_ns?, fault)));
    struck.flat_map(|(at, fault)| {
        fault.consequences.iter().filter_map(move |consequence| match consequence {
            Consequence::HostName { node, host_name } => {
                Some((at, node.as_str(), host_name.as_str()))
            }
            _ => None,
        })
    })
}

/// What became of every fault, in the order in which they struck.
///
/// A fault ends by its own end event; one that keeps a node without power also when that boots:
/// then it does so no more.
pub fn faults(history: &[Event]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for event in history {
        match &event.kind {
            EventKind::NodeBooted { node } => {
                for fault in faults.iter_mut().filter(|fault| fault.keeps_off(node)) {
                    fault.report.ended_ns.get_or_insert(event.at_ns);
                }
            }
            EventKind::FaultStruck { fault, kind, node, detail, consequences } => {
                faults.push(Fault {
                    report: FaultReport {
                        fault: fault.index(),
                        kind: kind.clone(),
                        node: node.clone(),
                        detail: detail.clone(),
                        struck_ns: Some(event.at_ns),
                        ended_ns: None,
                        effect: String::new(),
                        missed: false,
                    },
                    consequences: consequences.clone(),
                })
            }
            EventKind::FaultEnded { fault, effect } => {
                if let Some(ended) = last(&mut faults, *fault) {
                    ended.ended_ns.get_or_insert(event.at_ns);
                    ended.effect.clone_from(effect);
                }
            }
            EventKind::FaultMissed { fault, why } => match last(&mut faults, *fault) {
                Some(missed) => {
                    missed.missed = true;
                    missed.ended_ns.get_or_insert(event.at_ns);
                    missed.effect.clone_from(why);
                }
                None => faults.push(never_struck(*fault, why)),
            },
            _ => {}
        }
    }
    faults
}

fn last(faults: &mut [Fault], fault: FaultId) -> Option<&mut FaultReport> {
    let reports = faults.iter_mut().rev().map(|known| &mut known.report);
    reports.into_iter().find(|known| known.fault == fault.index())
}

fn never_struck(fault: FaultId, why: &str) -> Fault {
    let report = FaultReport {
        fault: fault.index(),
        kind: "fault".into(),
        node: fault.number().to_string(),
        detail: String::new(),
        struck_ns: None,
        ended_ns: None,
        effect: why.to_owned(),
        missed: true,
    };
    Fault { report, consequences: Vec::new() }
}

/// The faults that were in force at any time from `from_ns` to `until_ns`, in words.
pub fn in_force(faults: &[Fault], from_ns: u64, until_ns: u64) -> Vec<String> {
    let met = faults.iter().map(|fault| &fault.report).filter(|fault| {
        let struck = fault.struck_ns.is_some_and(|struck| struck <= until_ns);
        struck && fault.ended_ns.is_none_or(|ended| ended >= from_ns)
    });
    met.take(WORDS_MAX).map(words).collect()
}

fn words(fault: &FaultReport) -> String {
    let mut words = format!("{} of {}", fault.kind, fault.node);
    if !fault.detail.is_empty() {
        words.push_str(&format!(" ({})", fault.detail));
    }
    if let Some(struck) = fault.struck_ns {
        words.push_str(&format!(", since {}", seconds(struck)));
    }
    if let Some(ended) = fault.ended_ns {
        words.push_str(&format!(" until {}", seconds(ended)));
    }
    words
}
