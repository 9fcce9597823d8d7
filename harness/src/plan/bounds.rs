//! What a plan bounds: how slow its wire can be at the worst.

use super::Plan;
use crate::fault::Fault;
use crate::history::Consequence;

impl Plan {
    /// The longest that any frame of this plan can be under way (ns): the wire's latency, and the
    /// delays of all the plan's faults at once, whether or not they are ever in force together.
    pub fn largest_delay_ns(&self) -> u64 {
        let faults = self.scenario.faults.iter().map(|spec| late_ns(spec.strike.fault()));
        faults.fold(self.blueprint.wire.latency.most.0, u64::saturating_add)
    }
}

/// How much later a frame may arrive for this fault. (No step of a script delays any.)
fn late_ns(fault: &dyn Fault) -> u64 {
    let consequences = fault.consequences(fault.target());
    let frames = consequences.iter().filter_map(Consequence::frames);
    frames.map(|frames| frames.late_ns).max().unwrap_or(0)
}
