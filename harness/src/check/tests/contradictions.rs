//! EventKind cannot be said of a real run is told with its line.

use super::story::plan;
use crate::check::Evidence;
use crate::history::{Event, EventKind, Operation};
use crate::lock::adapter::Answer;
use rstest::rstest;

fn called(client: &str, call: u64) -> EventKind {
    let operation = Operation::Acquire { timeout: None };
    EventKind::Called { client: client.into(), call, operation }
}

fn answered(client: &str, call: u64) -> EventKind {
    EventKind::Answered { client: client.into(), call, answer: Answer::Ok { held: None } }
}

fn entered(client: &str) -> EventKind {
    EventKind::Entered { client: client.into() }
}

fn left(client: &str) -> EventKind {
    EventKind::Left { client: client.into() }
}

fn booted(node: &str) -> EventKind {
    EventKind::NodeBooted { node: node.into() }
}

#[rstest]
#[case::a_call_made_twice(
    &[called("c1", 1), called("c2", 1)],
    "line 2: call 1 is made twice"
)]
#[case::an_answer_to_no_call(
    &[answered("c1", 1)],
    "line 1: c1 answers call 1, which it does not owe"
)]
#[case::an_answer_to_anothers_call(
    &[called("c1", 1), answered("c2", 1)],
    "line 2: c2 answers call 1, which it does not owe"
)]
#[case::an_entry_without_a_lock(
    &[called("c1", 1), entered("c1")],
    "line 2: c1 enters without a lock"
)]
#[case::an_entry_while_inside(
    &[called("c1", 1), answered("c1", 1), entered("c1"), entered("c1")],
    "line 4: c1 enters while it is inside"
)]
#[case::one_that_leaves_and_was_not_inside(
    &[left("c1")],
    "line 1: c1 leaves without being inside"
)]
#[case::one_that_boots_while_it_is_inside(
    &[called("c1", 1), answered("c1", 1), entered("c1"), booted("c1")],
    "line 4: c1 boots while it is inside"
)]
fn what_cannot_have_happened_is_told(#[case] events: &[EventKind], #[case] told: &str) {
    let events = events.iter().cloned();
    let history: Vec<Event> = events.map(|kind| Event { at_ns: 7, kind }).collect();
    let plan = plan();
    assert_eq!(Evidence::of(&plan, &history).contradictions, [told]);
}

#[test]
fn time_that_runs_backward_is_told() {
    let event = |at_ns| Event { at_ns, kind: booted("c1") };
    let plan = plan();
    let history = [event(2), event(2), event(1)];
    assert_eq!(Evidence::of(&plan, &history).contradictions, ["line 3: time runs backward"]);
}
