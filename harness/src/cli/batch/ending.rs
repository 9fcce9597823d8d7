//! Nodes that die because the whole batch is ended.

use crate::history::{Event, EventKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long after its nodes' signal lockstorm's own may come.
const STEPS: u32 = 40;
const STEP: Duration = Duration::from_millis(50);

/// Whether a run came to nothing because the batch is being ended. A batch system that ends a job
/// sends a signal to each of its processes, the nodes among them, in an order of its own; a node
/// that was hit tells nobody whose signal it was.
pub fn is_of_the_batch(history: &[Event], interrupted: &AtomicBool) -> bool {
    let has_died = |event: &Event| matches!(event.kind, EventKind::NodeDied { by_plan: false, .. });
    if !history.iter().any(has_died) {
        return false;
    }
    for _ in 0..STEPS {
        if interrupted.load(Ordering::Relaxed) {
            return true;
        }
        std::thread::sleep(STEP);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn died(by_plan: bool) -> Vec<Event> {
        let kind = EventKind::NodeDied { node: "c1".into(), by_plan, cause: "signal 15".into() };
        vec![Event { at_ns: 1, kind }]
    }

    #[test]
    fn a_node_that_dies_just_before_its_batch_is_ended_died_of_that() {
        let interrupted = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(STEP);
                interrupted.store(true, Ordering::Relaxed);
            });
            assert!(is_of_the_batch(&died(false), &interrupted));
        });
    }

    #[test]
    fn a_node_that_dies_by_itself_or_by_the_plan_is_no_end_of_the_batch() {
        let nobody = AtomicBool::new(false);
        assert!(!is_of_the_batch(&died(false), &nobody));
        let begun = Instant::now();
        assert!(!is_of_the_batch(&died(true), &AtomicBool::new(true)));
        assert!(begun.elapsed() < STEP, "nobody waits for nothing");
    }
}
