//! Increments of the counter file that are made inside the lock are all counted.
//!
//! The file begins at 0. An increment reads it when a critical section begins and writes it when
//! the section ends. A *clean* one is made wholly inside one claim and was answered;
//! it must read what the one before it wrote. Any other increment (in flight past its claim's
//! end, failed, never answered) is *indeterminate*: it may write what it once read at any time
//! while it is pending, and nobody broke a promise by that. From its beginning until it is over the
//! file proves nothing; the first clean increment that begins after that reads what is true from
//! then on. What could not be judged for that is counted.
//!
//! Clean increments that overlap (two holders at once) are taken in the order of what they
//! read, which is the most favourable one; what is then still missing was lost.
//!
//! A lock orders its holders; that the later one reads what the earlier one wrote is up to their
//! kernels. A client that may have lost its lease may take for the file what its kernel has kept of
//! it: with Linux it does when it was about to return the counter's delegation, since DELEGRETURN
//! asks for the file's attributes in the same breath, and the kernel takes others' changes for its
//! own even if the delegation was gone (nfs4_delegreturn_release in fs/nfs/nfs4proc.c). An
//! increment that then reads what its client had last written accuses nobody, and is told in a
//! note.

use super::counts::{Count, Kept};
use super::holds::Hold;
use super::spans::Moment;
use super::{Checker, Evidence, Judged, Outcome};
use crate::history::EventKind;
use lockstorm_reports::Invariant;
use lockstorm_reports::{Finding, text::seconds};

pub const CHECKER: Checker = Checker { invariant: Invariant::NoLostUpdate, check };

/// One increment that may have been written.
struct Increment<'a> {
    count: &'a Count<'a>,
    hold: Option<&'a Hold>,
}

impl Increment<'_> {
    fn client(&self) -> &str {
        self.hold.map_or("", |hold| &hold.client)
    }

    /// What it read and when that was answered, if it was made within one claim.
    fn clean(&self) -> Option<(Moment, u64)> {
        let (answered, read) = self.count.counted?;
        let mut spans = self.hold?.exclusive();
        let within = spans.any(|span| span.contains(self.count.began) && span.contains(answered));
        within.then_some((answered, read))
    }

    /// Whether what it read, until `answered`, may be what its client's kernel had kept.
    fn may_be_stale(&self, evidence: &Evidence, answered: Moment, read: u64) -> bool {
        let contact = evidence.contact(self.client());
        self.count.kept.is_some_and(|Kept { since_ns, value }| {
            value.is_none_or(|value| value == read)
                && contact.may_be_stale(since_ns, answered.at_ns)
        })
    }
}

fn check(evidence: &Evidence) -> Outcome {
    let increments = increments(evidence);
    let (judged, _) = judge(evidence, &increments);
    let otherwise = match increments.is_empty() {
        true => "no client counted",
        false => "no two increments with nothing uncertain between them",
    };
    judged.outcome("count", otherwise)
}

/// A note for each increment that began with what its client's kernel had kept of the file.
pub fn stale_reads(evidence: &Evidence) -> Vec<String> {
    judge(evidence, &increments(evidence)).1
}

fn increments<'a>(evidence: &'a Evidence) -> Vec<Increment<'a>> {
    let written = evidence.counts.iter().filter(|count| !count.dropped);
    let increment =
        |count: &'a Count| Increment { count, hold: evidence.hold_at(count.client, count.began) };
    written.map(increment).collect()
}

/// What was judged, and the notes of reads that accuse nobody.
fn judge(evidence: &Evidence, increments: &[Increment]) -> (Judged, Vec<String>) {
    let (mut judged, mut stale) = (Judged::default(), Vec::new());
    let mut clean = Vec::new();
    let mut indeterminate = Vec::new();
    for increment in increments {
        match increment.clean() {
            Some((answered, read)) => clean.push((increment, answered, read)),
            None => {
                indeterminate.push((increment.count.began, increment.count.over));
                judged.doubts.add(match increment.count.counted {
                    Some(_) => "a count was not made wholly within a claim",
                    None => "a count failed, or was never answered",
                });
            }
        }
    }
    most_favourable_order(&mut clean);
    let pending = Indeterminate::new(indeterminate);
    let mut file = File { value: Some(0), since: Moment::at(0), pending, last: None };
    for &(increment, answered, read) in &clean {
        match file.known(increment.count.began, answered) {
            Some(expected) if expected == read => judged.cases += 1,
            Some(expected) if increment.may_be_stale(evidence, answered, read) => {
                stale.push(stale_read(increment, expected, (answered, read)));
                judged.doubts.add("a client's kernel may have read from its cache");
            }
            Some(expected) => {
                judged.cases += 1;
                let found = lost(evidence, file.last, increment, expected, (answered, read));
                judged.findings.push(found);
            }
            None => judged.doubts.add(PENDING),
        }
        file.wrote(increment, answered, read);
    }
    if let Some((at, value)) = read_at_end(evidence)
        && !increments.is_empty()
    {
        match file.known(at, at) {
            Some(expected) if expected == value => judged.cases += 1,
            Some(expected) => {
                judged.cases += 1;
                judged.findings.push(miscounted(evidence, file.last, expected, (at, value)));
            }
            None => judged.doubts.add(PENDING),
        }
    }
    (judged, stale)
}

const PENDING: &str = "another count was pending, which may have been written or not";

/// What is known about the counter file.
struct File<'a> {
    /// What the last clean increment wrote, at `since`.
    value: Option<u64>,
    since: Moment,
    pending: Indeterminate,
    last: Option<&'a Increment<'a>>,
}

impl<'a> File<'a> {
    /// What one must read who read it between two moments, if that is known.
    fn known(&self, from: Moment, until: Moment) -> Option<u64> {
        let disturbed = self.pending.meets(self.since.min(from), until);
        self.value.filter(|_| !disturbed)
    }

    fn wrote(&mut self, increment: &'a Increment<'a>, answered: Moment, read: u64) {
        // What is pending now may overwrite it: `known` sees that by `since`.
        self.value = read.checked_add(1);
        self.since = increment.count.began.min(answered);
        self.last = Some(increment);
    }
}

/// The times in which increments were pending that are not clean.
struct Indeterminate {
    /// By begin, with the latest end of it and all before it.
    spans: Vec<(Moment, Moment)>,
}

impl Indeterminate {
    fn new(mut spans: Vec<(Moment, Moment)>) -> Indeterminate {
        spans.sort();
        let mut latest = Moment::at(0);
        for (_, until) in &mut spans {
            latest = latest.max(*until);
            *until = latest;
        }
        Indeterminate { spans }
    }

    /// Whether one was pending at any time from `from` to `until`.
    fn meets(&self, from: Moment, until: Moment) -> bool {
        let begun = self.spans.partition_point(|(began, _)| *began <= until);
        self.spans[..begun].last().is_some_and(|(_, over)| *over >= from)
    }
}

/// Orders by begin; those that overlap in time by what they read.
fn most_favourable_order(clean: &mut [(&Increment, Moment, u64)]) {
    clean.sort_by_key(|(increment, ..)| increment.count.began);
    let mut start = 0;
    while start < clean.len() {
        let mut until = clean[start].1;
        let mut end = start + 1;
        while end < clean.len() && clean[end].0.count.began < until {
            until = until.max(clean[end].1);
            end += 1;
        }
        clean[start..end].sort_by_key(|(_, answered, read)| (*read, *answered));
        start = end;
    }
}

fn read_at_end(evidence: &Evidence) -> Option<(Moment, u64)> {
    let mut events = evidence.history.iter().enumerate().rev();
    events.find_map(|(index, event)| match event.kind {
        EventKind::CounterRead { value } => Some((Moment::of(event, index), value)),
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

fn stale_read(increment: &Increment, expected: u64, (answered, read): (Moment, u64)) -> String {
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
