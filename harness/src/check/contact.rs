//! Who could reach the server, and when: from what the faults say that they may do, and from the
//! nodes' deaths and boots. What a fault is called plays no part.
//!
//! Two things are kept apart. A frame that is *sent* while surely none passes never arrives, so
//! that what a client begins then takes effect when that is over, and not before. But what it had
//! sent before may still *arrive*, for as long as a frame can be under way.
//!
//! After a disturbance TCP and the NFS client try again at longer and longer intervals, so that
//! it takes time to settle (see [`Bounds::settled`]). A gap that is shorter than that may be one
//! in which nobody tried: the timers go on as if it had not been, and the two disturbances are one.

use super::bounds::Bounds;
use super::calls::{Call, End};
use super::faults::{Fault, bad_disk, paused};
use super::names;
use super::recovery::{Recovery, Restart, Stood, Trouble};
use super::spans::{Moment, merged, outside};
use crate::history::consequence::Pass;
use crate::history::{Consequence, Event, EventKind};
use crate::lock::adapter::Answer;
use crate::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};

/// From the first trouble to the end of the last, and until all has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disturbance {
    pub from: u64,
    pub until: u64,
    pub settled: u64,
}

/// Every client's contact with the server.
#[derive(Debug, Default)]
pub struct Contacts {
    by_client: BTreeMap<String, Contact>,
    /// Of one of whom the history knows nothing.
    anybody: Contact,
}

/// One client's contact with the server. Times in nanoseconds, in order, disjoint.
#[derive(Debug, Default)]
pub struct Contact {
    /// It has no power: from death to boot.
    off: Vec<(u64, u64)>,
    /// What it sends surely never arrives.
    sends_lost: Vec<(u64, u64)>,
    /// Surely nothing of it arrives.
    silent: Vec<(u64, u64)>,
    /// In one direction at least, surely no frame passes.
    cut_off: Vec<(u64, u64)>,
    /// Something may happen to its frames or the server's, or has and is not settled; or system
    /// calls of its process may fail.
    unsettled: Vec<(u64, u64)>,
    /// The same of frames alone.
    out_of_touch: Vec<(u64, u64)>,
    /// The same while it is itself up, and by disturbances.
    held_up: Vec<Disturbance>,
    /// As `unsettled`, but for calls that were refused: what a call was said to have done, or not,
    /// may be otherwise.
    misled: Vec<(u64, u64)>,
    /// It may be without the locks that it had, and not know.
    losses: Vec<(u64, u64)>,
    /// What its kernel keeps of a file may be older than the file.
    stale: Vec<(u64, u64)>,
    /// It stood still, and until it has surely renewed its lease since: what it is late with (ns).
    lags: Vec<(u64, u64, u64)>,
}

impl Contacts {
    /// Derives them, of the plan's clients and of any others that the history names.
    pub fn of(
        plan: &Plan,
        history: &[Event],
        faults: &[Fault],
        (bounds, recovery): (&Bounds, &Recovery),
    ) -> Contacts {
        let (power, server) = (Power::of(history), names::server(plan));
        let mut named: BTreeSet<&str> = history.iter().filter_map(client).collect();
        named.extend(names::clients(plan).chain(power.nodes()));
        named.remove(server);
        let derive = Derive { faults, server, power: &power, bounds, recovery };
        let by_client = named.into_iter().map(|name| (name.to_owned(), derive.contact(name)));
        Contacts { by_client: by_client.collect(), anybody: derive.contact("") }
    }

    pub fn of_client(&self, client: &str) -> &Contact {
        self.by_client.get(client).unwrap_or(&self.anybody)
    }

    /// Every client, with its contact.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Contact)> {
        self.by_client.iter().map(|(client, contact)| (client.as_str(), contact))
    }
}

impl Contact {
    /// The earliest moment at which what it calls at `called` can take effect on the server.
    pub fn earliest_effect(&self, called: Moment) -> Moment {
        // A call of the very instant may have gone out before.
        let lost = |(from, until): &&(u64, u64)| (from + 1..*until).contains(&called.at_ns);
        match self.sends_lost.iter().find(lost) {
            Some((_, u64::MAX)) => Moment::NEVER,
            Some((_, until)) => Moment::at(*until),
            None => called,
        }
    }

    /// The moment after which a call of its own can do nothing on the server any more. One that
    /// failed may still be under way, and one whose process died as well.
    pub fn latest_effect(&self, call: &Call, bounds: &Bounds) -> Moment {
        let (at, gone) = match &call.end {
            End::Answered(at, Answer::Error { .. }) => (*at, false),
            End::Answered(at, _) => return *at,
            End::Died(at) => (*at, self.off.iter().any(|(died, _)| *died == at.at_ns)),
            End::Open => return Moment::NEVER,
        };
        // With its kernel went all that would send it again.
        let sent = if gone { at.at_ns } else { self.settled(at.at_ns) };
        Moment::after(sent.saturating_add(bounds.in_flight_ns()))
    }

    /// When it was switched on again after `at`; `None`: never, or it was not off.
    pub fn booted_after(&self, at: u64) -> Option<u64> {
        let off = self.off.iter().find(|(died, booted)| *died <= at && at < *booted)?;
        (off.1 < u64::MAX).then_some(off.1)
    }

    /// When surely nothing that it does takes effect on the server.
    pub fn silent(&self) -> &[(u64, u64)] {
        &self.silent
    }

    /// When surely no frame passes in one direction at least.
    pub fn cut_off(&self) -> &[(u64, u64)] {
        &self.cut_off
    }

    /// When it can be expected to get something done on the server, from `from` to `until`.
    pub fn well(&self, from: u64, until: u64) -> Vec<(u64, u64)> {
        outside(&self.unsettled, from, until)
    }

    /// Whether nothing disturbed it or the server from `from` to `until`, and all was settled.
    pub fn quiet(&self, from: u64, until: u64) -> bool {
        !meets(&self.unsettled, from, until)
    }

    /// Whether its kernel was in contact with the server from `from` to `until`, whatever became
    /// of the system calls of its process.
    pub fn in_touch(&self, from: u64, until: u64) -> bool {
        !meets(&self.out_of_touch, from, until)
    }

    /// When what disturbed it at `at` has settled; `at` if nothing did.
    pub fn settled(&self, at: u64) -> u64 {
        let then = self.unsettled.iter().find(|(from, until)| (*from..*until).contains(&at));
        then.map_or(at, |(_, settled)| *settled)
    }

    /// When what a call of its was said to have done, or not to have done, may be otherwise: it was
    /// disturbed by more than a call that was refused.
    pub fn misled(&self) -> &[(u64, u64)] {
        &self.misled
    }

    /// What may have held it up in a call, while it had power.
    pub fn held_up(&self) -> &[Disturbance] {
        &self.held_up
    }

    /// When it may be without the locks that it had, and not know.
    pub fn losses(&self) -> &[(u64, u64)] {
        &self.losses
    }

    /// By how much the renewal of its lease may be late at `at`, since it stood still (ns).
    pub fn lag_ns(&self, at: u64) -> u64 {
        let met = self.lags.iter().filter(|(from, until, _)| (*from..*until).contains(&at));
        met.map(|(.., stood)| stood).sum()
    }

    /// Whether what its kernel keeps of a file may be older than the file at any time from `from`
    /// to `until`: it may have lost its delegations, and not know.
    pub fn may_be_stale(&self, from: u64, until: u64) -> bool {
        meets(&self.stale, from, until)
    }
}

/// Whether one of `spans` shares a moment with the time from `from` to `until`.
fn meets(spans: &[(u64, u64)], from: u64, until: u64) -> bool {
    spans.iter().any(|(start, end)| *start <= until && from <= *end)
}

/// The client of whom an event tells.
fn client(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::Called { client, .. }
        | EventKind::Entered { client }
        | EventKind::CountBegan { client }
        | EventKind::AdapterReady { client, .. } => Some(client),
        _ => None,
    }
}

/// When each node was without power.
#[derive(Default)]
struct Power {
    /// From death to boot.
    off: BTreeMap<String, Vec<(u64, u64)>>,
    /// From death until it was ready again.
    away: BTreeMap<String, Vec<(u64, u64)>>,
    /// When it became ready.
    ready: BTreeMap<String, Vec<u64>>,
}

impl Power {
    fn of(history: &[Event]) -> Power {
        let mut power = Power::default();
        let mut off: BTreeMap<&str, u64> = BTreeMap::new();
        let mut away: BTreeMap<&str, u64> = BTreeMap::new();
        let ended = |all: &mut BTreeMap<String, Vec<_>>, node: &str, span| {
            all.entry(node.to_owned()).or_default().push(span);
        };
        for Event { at_ns, kind } in history {
            match kind {
                EventKind::NodeDied { node, .. } => {
                    off.entry(node).or_insert(*at_ns);
                    away.entry(node).or_insert(*at_ns);
                }
                EventKind::NodeBooted { node } => {
                    if let Some(died) = off.remove(node.as_str()) {
                        ended(&mut power.off, node, (died, *at_ns));
                    }
                }
                EventKind::NodeReady { node, .. } => {
                    for (open, all) in [(&mut off, &mut power.off), (&mut away, &mut power.away)] {
                        if let Some(died) = open.remove(node.as_str()) {
                            ended(all, node, (died, *at_ns));
                        }
                    }
                    power.ready.entry(node.clone()).or_default().push(*at_ns);
                }
                _ => {}
            }
        }
        for (open, all) in [(off, &mut power.off), (away, &mut power.away)] {
            for (node, died) in open {
                ended(all, node, (died, u64::MAX));
            }
        }
        power
    }

    fn nodes(&self) -> impl Iterator<Item = &str> {
        self.ready.keys().chain(self.away.keys()).map(String::as_str)
    }

    fn times<'a>(of: &'a BTreeMap<String, Vec<(u64, u64)>>, node: &str) -> &'a [(u64, u64)] {
        of.get(node).map_or(&[], Vec::as_slice)
    }
}

struct Derive<'a> {
    faults: &'a [Fault],
    server: &'a str,
    power: &'a Power,
    bounds: &'a Bounds,
    recovery: &'a Recovery,
}

/// What faults of the wire do between a client and the server.
#[derive(Default)]
struct Wire {
    sends_lost: Vec<(u64, u64)>,
    cut_off: Vec<(u64, u64)>,
    /// Frames may be lost.
    losing: Vec<(u64, u64)>,
    /// The same, and not because the client stood still.
    losing_otherwise: Vec<(u64, u64)>,
    /// Anything may happen to them.
    disturbed: Vec<(u64, u64)>,
    /// Calls may be refused, and nothing else.
    refused: Vec<(u64, u64)>,
    /// System calls of its process may fail before its kernel has them: nobody is asked again for
    /// them, so that all is well as soon as that is over.
    failing: Vec<(u64, u64)>,
}

impl Derive<'_> {
    fn contact(&self, client: &str) -> Contact {
        let wire = self.wire(client);
        let (off, away) = (&self.power.off, &self.power.away);
        let (server_off, server_away) = (Power::times(off, self.server), self.server_away());
        let (own_off, own_away) = (Power::times(off, client), Power::times(away, client));

        let sends_lost = [&wire.sends_lost, own_off, server_off].concat();
        let late = self.bounds.in_flight_ns();
        let still_arrives = [&wire.sends_lost, own_off].concat();
        let silent = merged(still_arrives).into_iter();
        let silent = silent.map(|(from, until)| (from.saturating_add(late), until));

        let held_up = [&wire.disturbed, &wire.refused, &wire.failing, server_away].concat();
        let held_up = self.merge(held_up, client);
        let stood = paused(self.faults, client, u64::MAX);
        let renewal_ns = self.recovery.renewal_ns();
        // By its own clock it was in contact all the while.
        let late: Vec<(u64, u64)> =
            stood.iter().map(|(from, until)| (*from, until.saturating_add(renewal_ns))).collect();
        let losing = self.merge([&wire.losing, &late, server_away].concat(), client);
        let unsettled = |disturbances: &[&[(u64, u64)]]| {
            let disturbed = self.merge(disturbances.concat(), client);
            disturbed.iter().map(|d| (d.from, d.settled)).chain(self.grace()).collect::<Vec<_>>()
        };
        let all_unsettled = unsettled(&[&wire.disturbed, &wire.refused, server_away, own_away]);
        let restarts = self.restarts();
        let cut_off = merged(wire.cut_off);
        let otherwise = [&wire.losing_otherwise, server_away].concat();
        let stood_in = |disturbance: &Disturbance| {
            let (from, until) = (disturbance.from, disturbance.settled);
            let met = stood.iter().map(|(begin, end)| (from.max(*begin), until.min(*end)));
            let for_ns = met.map(|(begin, end)| end.saturating_sub(begin)).sum();
            Stood { for_ns, alone: !meets(&otherwise, from, until) }
        };
        let losses = self.recovery.losses(&Trouble {
            disturbed: &losing,
            cut_off: &cut_off,
            restarts: &restarts,
            stood: &stood_in,
        });
        // A server that has restarted has given no delegation, whatever its clients believe.
        let contains = |d: &&Disturbance, at| (d.from..d.settled).contains(&at);
        let restarted = restarts.iter().filter_map(|restart| {
            let during = losing.iter().find(|d| contains(d, restart.died_ns))?;
            Some((restart.died_ns, during.settled))
        });
        let stale = losses.iter().copied().chain(restarted).collect();
        Contact {
            off: merged(own_off.to_vec()),
            sends_lost: merged(sends_lost),
            silent: merged(silent.chain(server_off.iter().copied()).collect()),
            cut_off,
            unsettled: merged([all_unsettled.clone(), wire.failing].concat()),
            out_of_touch: merged(all_unsettled),
            misled: merged(unsettled(&[&wire.disturbed, server_away, own_away])),
            held_up,
            losses,
            stale: merged(stale),
            lags: (stood.iter().zip(&late))
                .map(|(stood, late)| (late.0, late.1, stood.1.saturating_sub(stood.0)))
                .collect(),
        }
    }

    fn wire(&self, client: &str) -> Wire {
        let mut wire = Wire::default();
        let ready = self.power.ready.get(self.server).map_or(&[][..], Vec::as_slice);
        for span in bad_disk(self.faults, ready) {
            wire.disturbed.push(span);
            wire.losing.push(span);
            wire.losing_otherwise.push(span);
        }
        for fault in self.faults {
            let Some(from) = fault.report.struck_ns else {
                continue;
            };
            let span = (from, fault.report.ended_ns.unwrap_or(u64::MAX));
            let stands = |consequence: &Consequence| match consequence {
                Consequence::Pause { node } => node == client,
                _ => false,
            };
            let stands = fault.consequences.iter().any(stands);
            let refused = |consequence: &Consequence| match consequence {
                Consequence::Refusal { node, .. } => node == client,
                _ => false,
            };
            if fault.consequences.iter().any(refused) {
                wire.refused.push(span);
                wire.losing.push(span);
                wire.losing_otherwise.push(span);
            }
            let told_errors = |consequence: &Consequence| match consequence {
                Consequence::CallsFail { node } => node == client,
                _ => false,
            };
            // What it has asked for it knows was not done, and no lease is lost with it.
            wire.failing.extend(fault.consequences.iter().any(told_errors).then_some(span));
            let stopped = |consequence: &Consequence| match consequence {
                Consequence::Stop { node } => node == client,
                _ => false,
            };
            // Its process is held up, and its kernel is not.
            wire.disturbed.extend(fault.consequences.iter().any(stopped).then_some(span));
            for frames in fault.consequences.iter().filter_map(Consequence::frames) {
                let there = frames.go(client, self.server);
                let back = frames.go(self.server, client);
                if !there && !back {
                    continue;
                }
                wire.disturbed.push(span);
                if frames.pass != Pass::All {
                    wire.losing.push(span);
                    wire.losing_otherwise.extend((!stands).then_some(span));
                }
                if frames.pass == Pass::None {
                    wire.cut_off.push(span);
                    wire.sends_lost.extend(there.then_some(span));
                }
            }
        }
        wire
    }

    fn server_away(&self) -> &[(u64, u64)] {
        Power::times(&self.power.away, self.server)
    }

    fn restarts(&self) -> Vec<Restart> {
        let restart = |(died_ns, ready): &(u64, u64)| Restart {
            died_ns: *died_ns,
            ready_ns: (*ready < u64::MAX).then_some(*ready),
        };
        self.server_away().iter().map(restart).collect()
    }

    /// When the server gives nobody a lock, for those who had one may yet come.
    fn grace(&self) -> Vec<(u64, u64)> {
        let away = self.server_away().iter();
        away.map(|(died, ready)| (*died, self.recovery.grants_again(*ready))).collect()
    }

    /// Those that begin before the one before has settled are one with it. A client that has
    /// booted meanwhile, and mounted, has new timers, and contact.
    fn merge(&self, mut spans: Vec<(u64, u64)>, client: &str) -> Vec<Disturbance> {
        spans.retain(|(from, until)| from < until);
        spans.sort_unstable();
        let ready = self.power.ready.get(client).map_or(&[][..], Vec::as_slice);
        let settled = |from: u64, until: u64| {
            let settled = self.bounds.settled(from, until);
            let mounted = ready.iter().find(|ready| **ready > from && **ready >= until);
            mounted.map_or(settled, |mounted| settled.min(*mounted))
        };
        let mut out: Vec<Disturbance> = Vec::new();
        for (from, until) in spans {
            match out.last_mut() {
                Some(last) if from < last.settled => {
                    last.until = last.until.max(until);
                    last.settled = settled(last.from, last.until);
                }
                _ => out.push(Disturbance { from, until, settled: settled(from, until) }),
            }
        }
        out
    }
}
