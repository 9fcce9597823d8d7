use super::{CALLER, Caught, Effect, Fault};
use crate::history::Consequence;
use crate::history::consequence::Pass;
use crate::rpc::Place;
use crate::site::NodeId;
use crate::site::wire::tcp::{self, Segment};
use crate::site::wire::{Fate, Frame, Passing, Rule};
use crate::units::{MILLISECOND, Nanos};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lose the message that was waited for, for good: nothing of it arrives, however often it is
/// retransmitted, and a moment later the connection breaks. The client connects anew, and sends the
/// call again: as another (NFSv4.0), or in the same slot (RFC 8881, section 2.10.6.2).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lose {}

/// From the loss to the end of the connection: as if a router had gone down and told so.
const BREAKS_AFTER: Nanos = Nanos(10 * MILLISECOND);
/// The connection is gone, and nothing of the message can come any more.
const LASTS: Nanos = Nanos(20 * MILLISECOND);

impl Fault for Lose {
    fn target(&self) -> &str {
        CALLER
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        Vec::new()
    }

    fn effects_on(&self, caught: &Caught) -> Vec<Effect> {
        let (place, frame) = (caught.message.place, caught.frame.clone());
        let Some((place, segment)) = place.zip(Segment::of(&frame.bytes)) else {
            return Vec::new();
        };
        let answers_from = segment.expects;
        let rule = LoseMessage { frame, place, answers_from, state: State::Waits };
        vec![Effect::Wire(Box::new(rule))]
    }

    fn needs_message(&self) -> bool {
        true
    }

    fn lasts(&self) -> Option<Nanos> {
        Some(LASTS)
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        Consequence::of_link(node, Pass::Some, 0)
    }

    fn describe(&self) -> String {
        "loses a message and its connection".into()
    }
}

struct LoseMessage {
    /// The one that brought the message.
    frame: Frame,
    place: Place,
    /// What the receiver of the message says next, as far as has passed.
    answers_from: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Waits,
    /// Both ends are told then that the connection is gone (ns).
    Breaks(u64),
    Broken,
}

impl Rule for LoseMessage {
    fn on_frame(&mut self, passing: &Passing) -> Fate {
        let message = Segment::of(&self.frame.bytes);
        let Some((message, here)) = message.zip(Segment::of(&passing.frame.bytes)) else {
            return Fate::pass();
        };
        if here.flow == message.flow.back() {
            self.answers_from = here.next();
        }
        if here.flow != message.flow || !self.place.overlaps(here.sequence, here.length) {
            return Fate::pass();
        }
        if self.state == State::Waits {
            self.state = State::Breaks(passing.now.saturating_add(BREAKS_AFTER.0));
        }
        Fate::lost()
    }

    fn next_at(&self) -> Option<u64> {
        match self.state {
            State::Breaks(at) => Some(at),
            _ => None,
        }
    }

    fn due(&mut self, _: u64) -> Vec<Frame> {
        self.state = State::Broken;
        let (bytes, from) = (&self.frame.bytes, self.answers_from);
        let Some(message) = Segment::of(bytes) else {
            return Vec::new();
        };
        let Frame { from: sender, to: receiver, .. } = self.frame;
        let there = tcp::reset(bytes, message.sequence, from);
        let back = tcp::reset_back(bytes, from, message.sequence);
        let there = there.map(|bytes| Frame { from: sender, to: receiver, bytes: bytes.into() });
        let back = back.map(|bytes| Frame { from: receiver, to: sender, bytes: bytes.into() });
        there.into_iter().chain(back).collect()
    }
}
