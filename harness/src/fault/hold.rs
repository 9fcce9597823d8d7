use super::{CALLER, Caught, Effect, Fault};
use crate::history::Consequence;
use crate::history::consequence::Pass;
use crate::rpc::Place;
use crate::site::NodeId;
use crate::site::wire::tcp::Segment;
use crate::site::wire::{Fate, Frame, Passing, Rule};
use crate::units::{Nanos, SECOND};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Hold the message that was waited for: it arrives late, and with it all that its sender says
/// after it on that connection. Retransmissions of it are lost meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// How much later than otherwise it arrives.
    pub late: Nanos,
}

/// Linux gives a connection up that is silent for longer (60 s by default: `timeo` of nfs(5)), and
/// what is held then arrives never.
const LATE_MOST: Nanos = Nanos(300 * SECOND);

impl Fault for Hold {
    fn target(&self) -> &str {
        CALLER
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        Vec::new()
    }

    fn effects_on(&self, caught: &Caught) -> Vec<Effect> {
        let Some(place) = caught.message.place else {
            return Vec::new();
        };
        let message = caught.frame.clone();
        vec![Effect::Wire(Box::new(HoldMessage { message, place, held: Vec::new() }))]
    }

    fn needs_message(&self) -> bool {
        true
    }

    fn lasts(&self) -> Option<Nanos> {
        Some(self.late)
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        Consequence::of_link(node, Pass::Some, self.late.0)
    }

    fn describe(&self) -> String {
        format!("has a message held for {}", self.late)
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        let fits = Nanos::ZERO < self.late && self.late <= LATE_MOST;
        let message =
            format!("`late` is {}; expected more than 0s, and {LATE_MOST} at most", self.late);
        if fits { Vec::new() } else { vec![(Some("late"), message)] }
    }
}

struct HoldMessage {
    /// The frame that brought the message.
    message: Frame,
    place: Place,
    held: Vec<Frame>,
}

impl Rule for HoldMessage {
    fn on_frame(&mut self, passing: &Passing) -> Fate {
        let message = Segment::of(&self.message.bytes);
        let Some((message, here)) = message.zip(Segment::of(&passing.frame.bytes)) else {
            return Fate::pass();
        };
        if here.flow != message.flow || !self.place.overlaps(here.sequence, here.length) {
            return Fate::pass();
        }
        // The last retransmission is as good as the first.
        self.held = vec![passing.frame.clone()];
        Fate::held()
    }

    fn let_go(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.held)
    }
}
