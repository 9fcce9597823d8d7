//! Nonsense is harmless. (Random runs that make sense are those of the simulated site.)

use super::story::plan;
use crate::history::tests::any_event;
use crate::verdict::{Circumstances, judge};
use lockstorm_reports::Status;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_events_are_judged_without_a_panic(
        mut history in prop::collection::vec(any_event(), 0..60),
        in_order: bool,
    ) {
        if in_order {
            history.sort_by_key(|event| event.at_ns);
        }
        let report = judge(&plan(), &history, Circumstances::default());
        for result in &report.invariants {
            prop_assert_ne!(result.status, Status::Unknown, "{}", result.note);
        }
        lockstorm_reports::terminal::render(&report, Default::default());
    }
}
