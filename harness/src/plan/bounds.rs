//! Bounds that follow from a plan's own numbers.

use super::Plan;
use crate::fault::Strike;

impl Plan {
    /// The longest that a frame of this plan can be under way (ns) while no fault is in force: the
    /// wire's latency, and the time that a full queue takes to send.
    pub fn undisturbed_delay_ns(&self) -> u64 {
        let wire = &self.blueprint.wire;
        let queue = wire.bandwidth.map_or(0, |bandwidth| bandwidth.time_of(wire.queue.0));
        wire.latency.most.0.saturating_add(queue)
    }

    /// The same whatever faults are in force together.
    pub fn largest_delay_ns(&self) -> u64 {
        let late = self.strikes().map(Strike::late_ns);
        late.fold(self.undisturbed_delay_ns(), u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use crate::fault::impair::Impair;
    use crate::fault::{FaultSpec, Strike, Trigger};
    use crate::scenario::WorkloadSpec;
    use crate::scenario::script::Step;
    use crate::units::{Bytes, Nanos, Rate, SECOND};

    #[test]
    fn the_delays_of_all_that_may_hold_a_frame_up_are_added() {
        let mut plan = crate::check::tests::story::plan();
        assert_eq!(plan.largest_delay_ns(), 100_000);
        plan.blueprint.wire.bandwidth = Some(Rate(8_000_000));
        plan.blueprint.wire.queue = Bytes(1_000_000);
        let delay = "1s..3s".parse().unwrap();
        let strike = Strike::Impair(Impair { node: "c1".into(), delay, ..Impair::default() });
        plan.scenario.workload = WorkloadSpec::Script(vec![Step::Strike(strike.clone())]);
        let when = Trigger::At(Nanos::ZERO);
        plan.scenario.faults.push(FaultSpec {
            when,
            strike,
            lasts: None,
            until: None,
            may_miss: false,
        });
        assert_eq!(plan.largest_delay_ns(), 7 * SECOND + 100_000);
    }
}
