//! Increments of the counter file that are made inside the lock are all counted.
//!
//! The file begins at 0. An increment reads it when a critical section begins and writes it when
//! the section ends. A *clean* one is made wholly inside one claim and was answered;
//! it must read what the one before it wrote. Any other increment (in flight past its claim's
//! end, failed, never answered) may write what it once read at any time while it is pending,
//! and nobody broke a promise by that. From its beginning until it is over the file proves
//! nothing; the first clean increment that begins after that reads what is true from then on.
//! An increment is over when it is answered; one that failed or was never answered, when its
//! node has lost power (its kernel may hold the write for as long as it lives), and a little
//! later, for the frames on the wire.
//!
//! Clean increments that overlap (two holders at once) are taken in the order of what they
//! read, which is the kindest one; what is then still missing was lost.
//!
//! A lock orders its holders; that the later one reads what the earlier one wrote is up to their
//! kernels. A client that may have lost its lease may take for the file what its kernel has kept of
//! it: with Linux it does when it was about to return the counter's delegation, since DELEGRETURN
//! asks for the file's attributes in the same breath, and the kernel takes others' changes for its
//! own even if the delegation was gone (nfs4_delegreturn_release in fs/nfs/nfs4proc.c). An increment
//! that then reads what its client had last written accuses nobody, and is told in a note.

use super::holds::Hold;
use super::spans::Moment;
use super::{Checker, Evidence, Outcome, assumptions};
use crate::history::What;
use crate::units::SECOND;
use lockstorm_reports::Invariant;
use lockstorm_reports::{Finding, text::seconds};
use std::collections::BTreeMap;

pub const CHECKER: Checker = Checker { invariant: Invariant::NoLostUpdate, check };

/// How long a frame may still be on the wire after its sender has died.
const ON_THE_WIRE_NS: u64 = 5 * SECOND;

/// One increment.
struct Increment<'a> {
    began: Moment,
    hold: Option<&'a Hold>,
    /// When it was answered, and what it had read.
    counted: Option<(Moment, u64)>,
    /// From when on it can do nothing any more.
    over: Moment,
    /// It will never write.
    dropped: bool,
    /// What its client's kernel may have kept of the file.
    kept: Option<Kept>,
}

/// What a client's kernel may have kept of the file.
#[derive(Clone, Copy)]
struct Kept {
    /// When the last increment that was answered began; or the first, if none was.
    since_ns: u64,
    /// What that wrote. Unknown once another has begun, which may have read anew.
    value: Option<u64>,
}

impl Increment<'_> {
    fn client(&self) -> &str {
        self.hold.map_or("", |hold| &hold.client)
    }

    /// What it read and when that was answered, if it was made within one claim.
    fn clean(&self) -> Option<(Moment, u64)> {
        let (answered, read) = self.counted?;
        let mut spans = self.hold?.exclusive();
        let within = spans.any(|span| span.contains(self.began) && span.contains(answered));
        within.then_some((answered, read))
    }

    /// Whether what it read, until `answered`, may be what its client's kernel had kept.
    fn may_be_stale(&self, evidence: &Evidence, answered: Moment, read: u64) -> bool {
        let lease_ns = assumptions::lease_ns(evidence);
        let (client, outages) = (self.client(), &evidence.outages);
        self.kept.is_some_and(|Kept { since_ns, value }| {
            value.is_none_or(|value| value == read)
                && outages.may_be_stale(client, lease_ns, since_ns, answered.at_ns)
        })
    }
}

/// What was judged, and found.
#[derive(Default)]
struct Judgement {
    cases: u64,
    findings: Vec<Finding>,
    /// Of reads that accuse nobody.
    stale: Vec<String>,
}

fn check(evidence: &Evidence) -> Outcome {
    let increments = increments(evidence);
    let Judgement { cases, findings, .. } = judge(evidence, &increments);
    let otherwise = match increments.is_empty() {
        true => "no client counted",
        false => "no two increments with nothing uncertain between them",
    };
    Outcome::of(cases, "count", findings, otherwise)
}

/// A note for each increment that began with what its client's kernel had kept of the file.
pub fn stale_reads(evidence: &Evidence) -> Vec<String> {
    judge(evidence, &increments(evidence)).stale
}

fn judge(evidence: &Evidence, increments: &[Increment]) -> Judgement {
    let mut clean = Vec::new();
    let mut murky = Vec::new();
    for increment in increments {
        match increment.clean() {
            Some((answered, read)) => clean.push((increment, answered, read)),
            None => murky.push((increment.began, increment.over)),
        }
    }
    kindest_order(&mut clean);
    let mut file =
        File { value: Some(0), since: Moment::at(0), murky: Murky::new(murky), last: None };
    let mut judged = Judgement::default();
    for &(increment, answered, read) in &clean {
        match file.known(increment.began, answered) {
            Some(expected) if expected == read => judged.cases += 1,
            Some(expected) if increment.may_be_stale(evidence, answered, read) => {
                judged.stale.push(stale(increment, expected, (answered, read)));
            }
            Some(expected) => {
                judged.cases += 1;
                let found = lost(evidence, file.last, increment, expected, (answered, read));
                judged.findings.push(found);
            }
            None => {}
        }
        file.wrote(increment, answered, read);
    }
    if let Some((at, value)) = read_at_end(evidence)
        && !increments.is_empty()
        && let Some(expected) = file.known(at, at)
    {
        judged.cases += 1;
        if expected != value {
            judged.findings.push(miscounted(evidence, file.last, expected, (at, value)));
        }
    }
    judged
}

/// What is known about the counter file.
struct File<'a> {
    /// What the last clean increment wrote, at `since`.
    value: Option<u64>,
    since: Moment,
    murky: Murky,
    last: Option<&'a Increment<'a>>,
}

impl<'a> File<'a> {
    /// What one must read who read it between two moments, if that is known.
    fn known(&self, from: Moment, until: Moment) -> Option<u64> {
        let disturbed = self.murky.meets(self.since.min(from), until);
        self.value.filter(|_| !disturbed)
    }

    fn wrote(&mut self, increment: &'a Increment<'a>, answered: Moment, read: u64) {
        // What is pending now may overwrite it: `known` sees that by `since`.
        self.value = read.checked_add(1);
        self.since = increment.began.min(answered);
        self.last = Some(increment);
    }
}

/// The times in which increments were pending that are not clean.
struct Murky {
    /// By begin, with the latest end of it and all before it.
    spans: Vec<(Moment, Moment)>,
}

impl Murky {
    fn new(mut spans: Vec<(Moment, Moment)>) -> Murky {
        spans.sort();
        let mut latest = Moment::at(0);
        for (_, until) in &mut spans {
            latest = latest.max(*until);
            *until = latest;
        }
        Murky { spans }
    }

    /// Whether one was pending at any time from `from` to `until`.
    fn meets(&self, from: Moment, until: Moment) -> bool {
        let begun = self.spans.partition_point(|(began, _)| *began <= until);
        self.spans[..begun].last().is_some_and(|(_, over)| *over >= from)
    }
}

/// Orders by begin; those that overlap in time by what they read.
fn kindest_order(clean: &mut [(&Increment, Moment, u64)]) {
    clean.sort_by_key(|(increment, ..)| increment.began);
    let mut start = 0;
    while start < clean.len() {
        let mut until = clean[start].1;
        let mut end = start + 1;
        while end < clean.len() && clean[end].0.began < until {
            until = until.max(clean[end].1);
            end += 1;
        }
        clean[start..end].sort_by_key(|(_, answered, read)| (*read, *answered));
        start = end;
    }
}

fn increments<'a>(evidence: &'a Evidence) -> Vec<Increment<'a>> {
    let mut increments: Vec<Increment> = Vec::new();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    // Those that failed or were never answered: their clients' kernels may still write.
    let mut pending: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut kept: BTreeMap<&str, Kept> = BTreeMap::new();
    for (index, event) in evidence.history.iter().enumerate() {
        let now = Moment { at_ns: event.at_ns, line: index + 1 };
        match &event.what {
            What::CountBegan { client } => {
                if let Some(left) = open.insert(client, increments.len()) {
                    pending.entry(client).or_default().push(left);
                }
                increments.push(Increment {
                    began: now,
                    hold: evidence.hold_at(client, now),
                    counted: None,
                    over: Moment::NEVER,
                    dropped: false,
                    kept: kept.get(client.as_str()).copied(),
                });
                let first = Kept { since_ns: now.at_ns, value: None };
                kept.entry(client).or_insert(first).value = None;
            }
            // It reads, and writes nothing.
            What::CountDropped { client, .. } => {
                if let Some(index) = open.remove(client.as_str()) {
                    increments[index].dropped = true;
                }
            }
            What::Counted { client, read } => {
                if let Some(index) = open.remove(client.as_str()) {
                    increments[index].counted = Some((now, *read));
                    increments[index].over = now;
                    let since_ns = increments[index].began.at_ns;
                    kept.insert(client, Kept { since_ns, value: read.checked_add(1) });
                }
            }
            What::CountFailed { client, .. } | What::AdapterFailed { client, .. } => {
                if let Some(index) = open.remove(client.as_str()) {
                    pending.entry(client).or_default().push(index);
                }
            }
            What::NodeDied { node, .. } => {
                kept.remove(node.as_str());
                let failed = pending.remove(node.as_str()).unwrap_or_default();
                for index in failed.into_iter().chain(open.remove(node.as_str())) {
                    let over_ns = event.at_ns.saturating_add(ON_THE_WIRE_NS);
                    increments[index].over = Moment::at(over_ns);
                }
            }
            _ => {}
        }
    }
    increments.retain(|increment| !increment.dropped);
    increments
}

fn read_at_end(evidence: &Evidence) -> Option<(Moment, u64)> {
    let mut events = evidence.history.iter().enumerate().rev();
    events.find_map(|(index, event)| match event.what {
        What::CounterRead { value } => {
            let (at_ns, line) = (event.at_ns, index + 1);
            Some((Moment { at_ns, line }, value))
        }
        _ => None,
    })
}

fn lost(
    evidence: &Evidence,
    last: Option<&Increment>,
    increment: &Increment,
    expected: u64,
    (answered, read): (Moment, u64),
) -> Finding {
    let client = increment.client();
    let explanation = match last {
        Some(last) => format!(
            "{} had counted to {expected}, but {client} then read {read} from the file.",
            last.client(),
        ),
        None => format!("{client} read {read} from a file that nobody had counted in."),
    };
    let holds = [last.and_then(|last| last.hold), increment.hold];
    let holds: Vec<&Hold> = holds.into_iter().flatten().collect();
    evidence.finding(Invariant::NoLostUpdate, answered.at_ns, explanation, &holds)
}

fn stale(increment: &Increment, expected: u64, (answered, read): (Moment, u64)) -> String {
    let client = increment.client();
    format!(
        "{client} read {read} from the counter at {}, where {expected} had been counted: its kernel \
         still had that from before it lost contact, and no lock is to blame for it",
        seconds(answered.at_ns),
    )
}

fn miscounted(
    evidence: &Evidence,
    last: Option<&Increment>,
    expected: u64,
    (at, value): (Moment, u64),
) -> Finding {
    let who = last.map_or("nobody", Increment::client);
    let explanation = format!(
        "{who} was the last to count, to {expected}, but at {} the server's file says {value}.",
        seconds(at.at_ns),
    );
    let holds: Vec<&Hold> = last.and_then(|last| last.hold).into_iter().collect();
    evidence.finding(Invariant::NoLostUpdate, at.at_ns, explanation, &holds)
}
