//! When the run left what the lock assumes.
//!
//! Whether a finding is a broken promise or beyond the assumptions is asked of all that may have
//! had a part in it, not only of those who met: from the first holder's call of acquire, and from
//! the begin of whatever was still going on then, of any client. And what was done to the lock
//! while an assumption did not hold may show later: it counts until the lock has been at rest,
//! with nobody inside and nothing under way but acquires.

use super::acts::Acts;
use super::bounds::Bounds;
use super::calls::Calls;
use super::clocks::Clocks;
use super::contact::{Contact, Contacts};
use super::holds::Hold;
use super::spans::merged;
use crate::lock::profile::Renewed;
use crate::plan::Plan;
use crate::units::SECOND;
use lockstorm_reports::text::span;
use std::collections::{BTreeMap, BTreeSet};

/// The rate of a clock that shows no time at all (ppm).
const STOOD_STILL: i64 = -1_000_000;
/// Reasons told of one finding.
const TOLD_MAX: usize = 6;

/// What a run left, and when.
#[derive(Debug, Default)]
pub struct Departures {
    /// What the whole run was outside of, in words.
    always: Vec<String>,
    /// By kind, then by begin.
    timed: Vec<Departure>,
}

#[derive(Debug)]
struct Departure {
    kind: Kind,
    /// Who it was about; empty for all.
    client: String,
    from: u64,
    /// When the assumption held again.
    until: u64,
    /// When the lock had been at rest after that.
    rest: u64,
    why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Skew,
    Rate,
    Lease,
    Pause,
    Replay,
    Name,
    Unreliable,
}

/// What departures follow from.
pub struct Known<'a> {
    pub plan: &'a Plan,
    pub calls: &'a Calls,
    pub holds: &'a [Hold],
    pub acts: &'a Acts,
    pub contacts: &'a Contacts,
    pub clocks: &'a Clocks,
    pub bounds: &'a Bounds,
    pub lifetime_ns: Option<u64>,
    /// From when on nothing that a client was told can be relied on, and why.
    pub unreliable: Option<(u64, &'static str)>,
    /// The clients that come back with another host name: since when, who, and which.
    pub renamed: Vec<(u64, &'a str, &'a str)>,
    /// When the server lost its power, or its NFS server was stopped.
    pub server_died: Vec<u64>,
    pub end_ns: u64,
}

/// A lock that stood, or may have.
struct Stood {
    from: u64,
    /// When it was surely given up, broken or taken over.
    until: u64,
    /// When its time stamp may have been written.
    written: Vec<(u64, u64)>,
}

impl Departures {
    pub fn of(known: &Known) -> Departures {
        let mut timed = Vec::new();
        skews(known, &mut timed);
        rates(known, &mut timed);
        leases(known, &mut timed);
        pauses(known, &mut timed);
        replays(known, &mut timed);
        names(known, &mut timed);
        timed.extend(known.unreliable.map(|(from, why)| Departure {
            kind: Kind::Unreliable,
            client: String::new(),
            from,
            until: u64::MAX,
            rest: u64::MAX,
            why: format!("{why}; no lock stands that"),
        }));
        timed.sort_by_key(|departure| (departure.kind, departure.from));
        Departures { always: always(known), timed }
    }

    /// What a finding that showed at `at` was beyond, in words; its first holder called acquire at
    /// `began`. Empty: the lock had all that it assumes.
    pub fn of_finding(&self, acts: &Acts, began: u64, at: u64) -> Vec<String> {
        let mut beyond = self.always.clone();
        let mut told = BTreeSet::new();
        for departure in &self.timed {
            // Whatever was going on by then may have seen clocks that were off; but only the client
            // that was without its lease, or held up, acts on that.
            let since = match departure.kind {
                Kind::Skew | Kind::Rate | Kind::Name | Kind::Unreliable => acts.began(began),
                Kind::Lease | Kind::Pause | Kind::Replay => acts.began_of(&departure.client, began),
            };
            let met = departure.from <= at && departure.rest > since;
            if met && told.insert((departure.kind, departure.client.as_str())) {
                let mut why = departure.why.clone();
                if departure.rest <= began {
                    why.push_str("; whoever asked then was still asking");
                } else if departure.until < began {
                    why.push_str("; the lock has not been at rest since");
                }
                beyond.push(why);
            }
        }
        beyond.truncate(TOLD_MAX);
        beyond
    }

    /// Whether the clocks were as near to each other and to true as the lock assumes.
    pub fn clocks_kept(&self, from: u64, until: u64) -> bool {
        let mut clocks = self.timed.iter().filter(|d| matches!(d.kind, Kind::Skew | Kind::Rate));
        !clocks.any(|departure| departure.from <= until && from <= departure.until)
    }
}

fn always(known: &Known) -> Vec<String> {
    let assumes = &known.plan.profile.assumes;
    let version = &known.plan.blueprint.mount.version;
    let mut always: Vec<String> = Vec::new();
    if !assumes.network {
        always.push("the lock's documentation does not claim that it works over NFS".into());
    }
    if !assumes.nfs.is_empty() && !assumes.nfs.contains(version) {
        let assumed = assumes.nfs.join(", ");
        always.push(format!("the export is mounted by NFS {version}; the lock assumes {assumed}"));
    }
    if known.plan.profile.primitive.is_kernel_managed() {
        always.extend(local_locks(known.plan).map(|option| {
            format!("`{option}`: locks are between processes of one client alone (nfs(5))")
        }));
    }
    if !assumes.shared_names {
        always.extend(shared_names(known.plan));
    }
    let steps = known.bounds.steps_apart_ns();
    if let Some(longest) = known.longest_pause_ns().filter(|longest| *longest <= steps) {
        always.push(format!(
            "two steps of a call may be {} apart on this wire; the lock assumes less than {}",
            span(steps),
            span(longest),
        ));
    }
    always
}

/// The mount option by which NFSv3's locks are none of the server's.
fn local_locks(plan: &Plan) -> Option<&String> {
    let mount = &plan.blueprint.mount;
    let is_one = |option: &&String| {
        *option == "nolock" || option.strip_prefix("local_lock=").is_some_and(|of| of != "none")
    };
    mount.options.iter().find(is_one).filter(|_| mount.is_nfs3())
}

/// Clients that cannot be told apart by what locks call them.
fn shared_names(plan: &Plan) -> Vec<String> {
    let clients = plan.blueprint.clients();
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for client in clients {
        let host_name = client.settings.host_name.as_ref().unwrap_or(&client.name);
        by_name.entry(host_name).or_default().push(&client.name);
    }
    let shared = by_name.into_iter().filter(|(_, clients)| clients.len() > 1);
    let shared = shared.map(|(name, clients)| {
        format!("{} have the same host name, {name}", clients.join(" and "))
    });
    let in_namespace = clients.iter().filter(|client| client.settings.pid_namespace);
    let numbered: Vec<&str> = in_namespace.map(|client| client.name.as_str()).collect();
    let same_pid = (numbered.len() > 1)
        .then(|| format!("the processes of {} have the same number, 1", numbered.join(" and ")));
    shared.chain(same_pid).collect()
}

fn skews(known: &Known, out: &mut Vec<Departure>) {
    let Some(assumed) = known.plan.profile.assumes.clock_skew else {
        return;
    };
    let mut apart = known.clocks.apart(assumed.0, known.end_ns);
    // What was written by one clock may be read by another later, when that has been set.
    for lock in known.locks() {
        let stood = (lock.from, lock.until.min(known.end_ns));
        apart.extend(known.clocks.apart_from(&lock.written, stood, assumed.0));
    }
    for (from, until) in merged(apart) {
        let since = known.locks().filter(|lock| (lock.from..=lock.until).contains(&from));
        let since = since.map(|lock| lock.from).fold(from, u64::min);
        let skew = span(known.clocks.largest_skew(since, until));
        out.push(Departure {
            kind: Kind::Skew,
            client: String::new(),
            from,
            until,
            rest: known.rest_after(until),
            why: format!(
                "clocks were up to {skew} apart; the lock assumes at most {}",
                span(assumed.0)
            ),
        });
    }
}

fn rates(known: &Known, out: &mut Vec<Departure>) {
    let Some(assumed) = known.plan.profile.clock_rate() else {
        return;
    };
    for drift in known.clocks.drifts().filter(|drift| drift.ppm.unsigned_abs() > assumed.0) {
        let how = if drift.ppm > 0 { "fast" } else { "slow" };
        let until = drift.until_ns.min(known.end_ns);
        out.push(Departure {
            kind: Kind::Rate,
            client: drift.node.to_owned(),
            from: drift.from_ns,
            until,
            rest: known.rest_after(until),
            why: match drift.ppm {
                STOOD_STILL => format!(
                    "the clocks of {} stood still; the lock assumes that clocks are off by at \
                     most {} ppm",
                    drift.node, assumed.0,
                ),
                _ => format!(
                    "the clock of {} ran {} ppm {how}; the lock assumes at most {} ppm",
                    drift.node,
                    drift.ppm.unsigned_abs(),
                    assumed.0,
                ),
            },
        });
    }
}

/// A client that did nothing about the lock while it had perhaps no lease has lost none of it.
fn leases(known: &Known, out: &mut Vec<Departure>) {
    if known.plan.profile.assumes.lease.is_none() {
        return;
    }
    for (client, contact) in known.contacts.all() {
        for &(lost, regained) in contact.losses() {
            let acts = known.acts.of_client(client, lost, regained);
            out.extend(acts.into_iter().map(|(from, until)| Departure {
                kind: Kind::Lease,
                client: client.to_owned(),
                from: from.max(lost),
                until: until.min(regained),
                rest: known.rest_after(until),
                why: format!(
                    "{client} may have lost its lease; the lock assumes that leases are kept"
                ),
            }));
        }
    }
}

/// Who was in a call while its frames may have been held up may have been held up between two
/// steps of it: for as long as that lasted, and the time that the two take by themselves.
fn pauses(known: &Known, out: &mut Vec<Departure>) {
    let Some(longest) = known.longest_pause_ns() else {
        return;
    };
    let steps = known.bounds.steps_apart_ns().saturating_add(known.bounds.host_lateness_ns);
    for (client, contact) in known.contacts.all() {
        for (from, until) in known.in_calls(client, contact) {
            let held_up = contact.held_up().iter().filter_map(|disturbance| {
                let begin = disturbance.from.max(from);
                let end = disturbance.settled.min(until);
                (begin < end).then_some((begin, end))
            });
            for (begin, end) in held_up {
                let pause = (end - begin).saturating_add(steps);
                if pause < longest {
                    continue;
                }
                out.push(Departure {
                    kind: Kind::Pause,
                    client: client.to_owned(),
                    from: begin.saturating_add(longest.saturating_sub(steps)),
                    until: end,
                    rest: known.rest_of_acts(client, (begin, until)),
                    why: format!(
                        "{client} may have been held up in a call for {}; the lock assumes less \
                         than {}",
                        span(pause),
                        span(longest),
                    ),
                });
            }
        }
    }
}

/// A server of NFSv3 or NFSv4.0 remembers an answer for so long (RC_EXPIRE in fs/nfsd/cache.h, ns).
const REMEMBERED_NS: u64 = 120 * SECOND;

/// When a server may have forgotten what it had answered a client, who asked in this span and asks
/// again: with the client's session (RFC 8881, section 2.10.6), or after a time.
fn forgotten(known: &Known, contact: &Contact, (from, until): (u64, u64)) -> Vec<u64> {
    let mut spans = match known.plan.scenario.site.nfs.version.as_str() {
        "3" | "4.0" => {
            let held_up = contact.held_up().iter();
            held_up.map(|it| (it.from.saturating_add(REMEMBERED_NS), it.settled)).collect()
        }
        _ => contact.losses().to_vec(),
    };
    spans.retain(|(lost, regained)| lost <= regained && *lost <= until && from <= *regained);
    // What never came to the server before that is done once.
    let was_silent = |lost: u64| contact.silent().iter().any(|(a, b)| *a <= from && lost <= *b);
    spans.retain(|(lost, _)| !was_silent(*lost));
    spans.into_iter().map(|(lost, _)| lost.max(from)).collect()
}

/// What a client had asked when the server died, or when its session was lost, it asks again; the
/// server has forgotten what it had done.
fn replays(known: &Known, out: &mut Vec<Departure>) {
    if !known.plan.profile.assumes.exactly_once {
        return;
    }
    for (client, contact) in known.contacts.all() {
        for (from, until) in known.in_calls(client, contact) {
            let died =
                known.server_died.iter().copied().filter(|died| (from..=until).contains(died));
            let died = died.map(|died| (died, "the server was restarted"));
            let forgotten = forgotten(known, contact, (from, until)).into_iter();
            let forgotten =
                forgotten.map(|lost| (lost, "the server may have forgotten its answer"));
            out.extend(died.chain(forgotten).map(|(since, when)| Departure {
                kind: Kind::Replay,
                client: client.to_owned(),
                from: since,
                until,
                rest: known.rest_of_acts(client, (since, until)),
                why: format!(
                    "{client} was in a call when {when}, and may have had something done twice; \
                     the lock assumes that nothing is"
                ),
            }));
        }
    }
}

/// Who has come back with another's host name is taken for that one, or its lock for its own.
fn names(known: &Known, out: &mut Vec<Departure>) {
    if known.plan.profile.assumes.shared_names {
        return;
    }
    let clients = known.plan.blueprint.clients();
    for &(from, client, host_name) in &known.renamed {
        let names = clients
            .iter()
            .filter(|other| other.name != client)
            .map(|other| other.settings.host_name.as_ref().unwrap_or(&other.name).as_str());
        let others = known.renamed.iter().filter(|(_, other, _)| *other != client);
        if names.chain(others.map(|(.., name)| *name)).any(|name| name == host_name) {
            out.push(Departure {
                kind: Kind::Name,
                client: client.to_owned(),
                from,
                until: u64::MAX,
                rest: u64::MAX,
                why: format!("{client} came back with the host name {host_name} of another"),
            });
        }
    }
}

impl Known<'_> {
    /// The longest pause that the lock assumes, if it assumes any.
    fn longest_pause_ns(&self) -> Option<u64> {
        let pause = self.plan.profile.assumes.pause?;
        pause.longest_ns(self.lifetime_ns)
    }

    /// Each lock that somebody got, or may have got.
    fn locks(&self) -> impl Iterator<Item = Stood> {
        let held = self.holds.iter().zip(&self.acts.stood).map(|(hold, until)| {
            let contact = self.contacts.of_client(&hold.client);
            let own = hold.own_calls(self.calls);
            let mut written: Vec<(u64, u64)> = own
                .map(|call| (call.called.at_ns, contact.latest_effect(call, self.bounds).at_ns))
                .collect();
            let from = hold.acquire_called.at_ns;
            let begun = match self.renews_itself() {
                true => hold.inside().until,
                false => hold.entered,
            };
            written.push((from, begun.at_ns));
            Stood { from, until: *until, written }
        });
        let unknown = self.calls.acquires().filter(|call| call.is_indeterminate());
        let unknown = unknown.map(|call| {
            let next = self.holds.partition_point(|hold| hold.entered <= call.over());
            let from = call.called.at_ns;
            let contact = self.contacts.of_client(&call.client);
            Stood {
                from,
                until: self.holds.get(next).map_or(u64::MAX, |next| next.entered.at_ns),
                written: vec![(from, contact.latest_effect(call, self.bounds).at_ns)],
            }
        });
        held.chain(unknown)
    }

    fn renews_itself(&self) -> bool {
        let lifetime = self.plan.profile.lifetime;
        lifetime.is_some_and(|lifetime| lifetime.renewed == Renewed::Itself)
    }

    /// The first rest after `at`; never, if that is the end of the run.
    fn rest_after(&self, at: u64) -> u64 {
        if at < self.end_ns { self.acts.rest_after(at) } else { u64::MAX }
    }

    /// The first rest after all that a client had begun until then.
    fn rest_of_acts(&self, client: &str, (from, until): (u64, u64)) -> u64 {
        let acts = self.acts.of_client(client, from, until);
        self.rest_after(acts.iter().map(|(_, end)| *end).fold(until, u64::max))
    }

    /// When a client was in a call of its lock; or its lock at work for it, if that has a
    /// heartbeat.
    fn in_calls(&self, client: &str, contact: &Contact) -> Vec<(u64, u64)> {
        let calls = self.calls.of_client(client, Default::default());
        let mut spans: Vec<(u64, u64)> = calls
            .map(|call| (call.called.at_ns, contact.latest_effect(call, self.bounds).at_ns))
            .collect();
        if self.renews_itself() {
            let holds = self.holds.iter().filter(|hold| hold.client == client);
            spans.extend(holds.map(|hold| (hold.entered.at_ns, hold.inside().until.at_ns)));
        }
        spans
    }
}
