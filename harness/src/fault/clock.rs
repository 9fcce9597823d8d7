use super::{Effect, Fault};
use crate::history::Consequence;
use crate::site::NodeId;
use crate::units::{Nanos, SignedNanos};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Step a node's wall clock, let it drift or stand still, or step it besides. The end of `for`
/// takes back the step and all that it drifted meanwhile. A node that boots meanwhile gets the
/// wrong clock again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    pub node: String,
    /// How far to step: `8s` ahead, `-2m` back.
    #[serde(default)]
    pub step: SignedNanos,
    /// How fast it runs from then on, in parts per million: 1000 gains a millisecond a second.
    /// Within +-100000, the limit of adjtimex(2)'s tick.
    #[serde(default)]
    pub drift_ppm: i64,
    /// It stands still, while the node runs: only its monotonic clock goes on. Programs see it jump
    /// back every few milliseconds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stands: bool,
}

/// The limit of adjtimex(2)'s tick: ten per cent.
pub const DRIFT_MAX_PPM: i64 = 100_000;
/// The rate of a clock that shows no time at all.
const STANDS_PPM: i64 = -1_000_000;
/// Further from the truth, a clock would leave what file systems can write down.
pub const STEP_MAX: Nanos = Nanos::from_secs(365 * 24 * 3600);

impl Fault for Clock {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        let drift_ppm = if self.stands { STANDS_PPM } else { self.drift_ppm };
        vec![Effect::WallClock { step_ns: self.step.0, drift_ppm }]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        vec![Consequence::WallClock { node: node.to_owned() }]
    }

    fn describe(&self) -> String {
        match (self.step.0, self.drift_ppm) {
            (0, _) if self.stands => "has its clock stand still".into(),
            _ if self.stands => format!("has its clock stepped by {}, and stand still", self.step),
            (_, 0) => format!("has its clock stepped by {}", self.step),
            (0, ppm) => format!("has its clock drift by {ppm} ppm"),
            (_, ppm) => format!("has its clock stepped by {} and drift by {ppm} ppm", self.step),
        }
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        let mut problems = Vec::new();
        if self.step.0 == 0 && self.drift_ppm == 0 && !self.stands {
            let message = "this clock neither steps nor drifts; expected `step: 8s`, \
                `drift_ppm: 1000` or `stands: true`";
            problems.push((None, message.into()));
        }
        if self.stands && self.drift_ppm != 0 {
            let message = "a clock that stands still has no other rate; expected one of `stands` and \
                `drift_ppm`";
            problems.push((Some("drift_ppm"), message.into()));
        }
        if !(-DRIFT_MAX_PPM..=DRIFT_MAX_PPM).contains(&self.drift_ppm) {
            let message = format!(
                "`drift_ppm` is {}; expected -{DRIFT_MAX_PPM} to {DRIFT_MAX_PPM}",
                self.drift_ppm
            );
            problems.push((Some("drift_ppm"), message));
        }
        if Nanos(self.step.0.unsigned_abs()) > STEP_MAX {
            let message = format!("`step` is {}; expected at most a year", self.step);
            problems.push((Some("step"), message));
        }
        problems
    }
}
