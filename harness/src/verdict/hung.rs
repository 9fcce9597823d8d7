//! Calls that should have come to an end, and did not: hung, which is another thing than refused.
//!
//! Whoever is told *busy* knows where it stands; whoever is told nothing can do nothing, not even
//! give up. A call whose caller died does not count, nor one that may wait for as long as it takes.

use crate::check::Evidence;
use crate::check::calls::{Call, End};
use crate::history::Operation;
use crate::units::{Nanos, SECOND};
use lockstorm_reports::text::{seconds, span};

/// So much longer than it was to wait: by then a call is no more slow, it hangs.
const SURELY_NS: u64 = 30 * SECOND;

/// In words, of each call that hung until the run was over.
pub(super) fn hung(evidence: &Evidence) -> impl Iterator<Item = String> {
    evidence.calls.iter().filter_map(|call| of_call(call, evidence.end_ns))
}

fn of_call(call: &Call, end_ns: u64) -> Option<String> {
    let End::Open = call.end else { return None };
    let (patience_ns, was_to) = match &call.operation {
        Operation::Acquire { timeout: None } => return None,
        Operation::Acquire { timeout: Some(Nanos(0)) } => (0, "it was not to wait".into()),
        Operation::Acquire { timeout: Some(most) } => {
            (most.0, format!("it was to wait for {} at most", span(most.0)))
        }
        _ => (0, "it is to wait for nobody".into()),
    };
    let waited_ns = end_ns.saturating_sub(call.called.at_ns);
    (waited_ns >= patience_ns.saturating_add(SURELY_NS)).then(|| {
        format!(
            "{} hung in {}: {was_to}, and had neither an answer nor an error, {} after its call \
             at {}, when the run ended",
            call.client,
            call.operation.name(),
            span(waited_ns),
            seconds(call.called.at_ns),
        )
    })
}
