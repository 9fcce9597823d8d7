//! When everybody has given the lock up, nothing of it is left: no claim files, no `.nfsXXXX`
//! (what an NFS client makes of a file that is removed while it is open), no lock on a file.
//!
//! What there is, the server is asked at the end of the run, when what was under way has had time
//! to end. What stays on purpose (the file that all lock, say) the profile names (`stays`).
//!
//! Only litter that nobody was kept from clearing away is anybody's fault. So nothing is judged
//! - of a process that was killed, and of a node that lost its power: the dead clear nothing away;
//! - while somebody has the lock, or asks for it, or was told that its release failed;
//! - if a call was disturbed: what it had said to have done, or not, may be otherwise;
//! - if a call failed that may have been there to clear away. The errors that a lock meets while it
//!   is being made are no excuse: whoever gives up has to clear away what it had made by then.

use super::{Checker, Evidence, Judged, Outcome};
use crate::history::{Consequence, EventKind, Operation};
use lockstorm_agent::SystemCall;
use lockstorm_reports::text::{counted, seconds};
use lockstorm_reports::{Finding, Invariant};

pub const CHECKER: Checker = Checker { invariant: Invariant::Cleanliness, check };

/// Names told of one finding.
const TOLD_MAX: usize = 5;

fn check(evidence: &Evidence) -> Outcome {
    let Some(left) = Left::of(evidence) else {
        let why = "nobody could look what is left, or nobody had used the lock";
        return Judged::default().outcome("look", why);
    };
    let mut judged = Judged::default();
    match excuse(evidence) {
        Some(doubt) => judged.doubts.add(doubt),
        None => {
            judged.cases += 1;
            judged.findings.extend(left.words().map(|words| finding(evidence, &left, &words)));
        }
    }
    judged.outcome("look at the end", "what is left may be of somebody who could not clear it away")
}

/// What was there at the end.
struct Left<'a> {
    at_ns: u64,
    names: &'a [String],
    more: u64,
    locks: u64,
}

impl<'a> Left<'a> {
    fn of(evidence: &Evidence<'a>) -> Option<Left<'a>> {
        evidence.calls.acquires().next()?;
        evidence.history.iter().rev().find_map(|event| match &event.kind {
            EventKind::LeftBehind { names, more, locks } => {
                Some(Left { at_ns: event.at_ns, names, more: *more, locks: *locks })
            }
            _ => None,
        })
    }

    /// What is left; `None`: nothing is.
    fn words(&self) -> Option<String> {
        let names = self.names.len() as u64 + self.more;
        let told: Vec<&str> = self.names.iter().take(TOLD_MAX).map(String::as_str).collect();
        let and_more = if names > told.len() as u64 { ", ..." } else { "" };
        let named = format!("{} ({}{and_more})", counted(names, "name"), told.join(", "));
        let locks = format!("{} on a file", counted(self.locks, "lock"));
        match (names, self.locks) {
            (0, 0) => None,
            (_, 0) => Some(named),
            (0, _) => Some(locks),
            _ => Some(format!("{named} and {locks}")),
        }
    }
}

/// Why what is left may be nobody's fault.
fn excuse(evidence: &Evidence) -> Option<&'static str> {
    let died = evidence.history.iter().any(|event| match &event.kind {
        EventKind::NodeDied { .. } | EventKind::AdapterFailed { .. } => true,
        kind => matches!(kind, EventKind::AdapterKilled { .. }),
    });
    if died {
        return Some("a process was killed, or a node lost its power");
    }
    for call in evidence.calls.iter() {
        let (from, over) = (call.called.at_ns, call.over().at_ns);
        if call.answer().is_none() {
            return Some("somebody still asks for the lock");
        }
        if !call.is_acquire() && call.is_indeterminate() {
            return Some("a release failed, or what has to do with one");
        }
        let contact = evidence.contact(&call.client);
        if contact.misled().iter().any(|(begin, end)| *begin <= over && from <= *end) {
            return Some("a call was disturbed, and may have done what nobody knows of");
        }
        let failed = Failed { evidence, client: &call.client, from, over };
        if !evidence.is_quiet(call) && !failed.only_making(call.is_acquire()) {
            return Some("a call failed that may have been there to clear away");
        }
    }
    let holds = evidence.holds.iter();
    let mut stands = holds.filter(|hold| hold.said_over(&evidence.calls).is_none());
    stands.next().map(|_| "somebody still has the lock")
}

/// What faults let fail in a call of a lock.
struct Failed<'a> {
    evidence: &'a Evidence<'a>,
    client: &'a str,
    from: u64,
    over: u64,
}

impl Failed<'_> {
    /// Whether it was only what makes a lock, while one was made.
    fn only_making(&self, is_acquire: bool) -> bool {
        let met = |at: u64| (self.from..=self.over).contains(&at);
        let system_calls = self.evidence.history.iter().filter(|event| met(event.at_ns));
        let mut system_calls = system_calls.filter_map(|event| match &event.kind {
            EventKind::CallFailed { client, call, .. } => (client == self.client).then_some(*call),
            _ => None,
        });
        let refused = self.evidence.faults.iter().filter(|fault| {
            fault.report.struck_ns.is_some_and(|struck| struck <= self.over)
                && fault.report.ended_ns.is_none_or(|ended| ended >= self.from)
        });
        let mut refused = refused.flat_map(|fault| &fault.consequences).filter_map(|c| match c {
            Consequence::Refusal { node, op } => (node == self.client).then_some(op.as_deref()),
            _ => None,
        });
        let system_calls = system_calls.all(makes);
        system_calls && refused.all(|op| op.is_some_and(op_makes)) && is_acquire
    }
}

/// A system call that makes a lock, or writes what is in one.
fn makes(call: SystemCall) -> bool {
    use SystemCall::*;
    matches!(call, Open | Write | Fsync | Link | Symlink | Mkdir | Utime)
}

/// The same of an operation of NFS (RFC 8881, section 18). Not SETATTR: an exclusive create takes
/// one besides, and one who is told that it failed does not know that there is a file now.
fn op_makes(op: &str) -> bool {
    matches!(op, "OPEN" | "CREATE" | "LINK" | "WRITE" | "COMMIT" | "LOCK")
}

fn finding(evidence: &Evidence, left: &Left, words: &str) -> Finding {
    let releases = evidence.calls.iter().filter(|call| {
        matches!(call.operation, Operation::Release) && call.over().at_ns <= left.at_ns
    });
    let last = releases.map(|call| call.over().at_ns).max();
    let since = last.map_or("nobody had got the lock".to_owned(), |last| {
        format!("the last release was answered at {}", seconds(last))
    });
    let explanation = format!(
        "All had given the lock up ({since}), and nobody was kept from clearing away; at {} there was \
         {words} left.",
        seconds(left.at_ns),
    );
    evidence.finding_since(Invariant::Cleanliness, (0, left.at_ns), explanation, &[])
}
