//! Rules that faults lay over the wire, and how the effects of several add up.

use super::Frame;
use crate::rpc::Flow;

/// A frame of which more copies than this would arrive: the latest are lost. A rule that doubles
/// frames is no reason to fill the memory, nor are ten of them.
const COPIES_MAX: usize = 64;

/// What becomes of one frame: how much later than otherwise each of its copies arrives (ns), the
/// earliest first. Without a copy the frame is lost, or the rule keeps it and sends it later.
///
/// The fates that several rules decide on add up, whatever their order: lost is lost, delays are
/// added, and copies are multiplied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    delays: Vec<u64>,
    held: bool,
}

impl Fate {
    /// It arrives, as if there were no rule.
    pub fn pass() -> Fate {
        Fate::copies(vec![0])
    }

    pub fn lost() -> Fate {
        Fate::copies(Vec::new())
    }

    /// The rule has kept it, and will send it, or another in its place.
    pub fn held() -> Fate {
        Fate { held: true, ..Fate::lost() }
    }

    /// It arrives this much later (ns). Later frames may overtake it.
    pub fn delayed(by_ns: u64) -> Fate {
        Fate::copies(vec![by_ns])
    }

    /// A copy arrives after each of these delays (ns).
    pub fn copies(mut delays_ns: Vec<u64>) -> Fate {
        delays_ns.sort_unstable();
        delays_ns.truncate(COPIES_MAX);
        Fate { delays: delays_ns, held: false }
    }

    pub fn is_pass(&self) -> bool {
        self.delays == [0]
    }

    /// No copy of it arrives.
    pub fn is_lost(&self) -> bool {
        self.delays.is_empty()
    }

    /// A rule has kept it, and no other has lost it.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The delays after which its copies arrive (ns).
    pub fn delays(&self) -> &[u64] {
        &self.delays
    }

    /// What becomes of a frame that has both fates.
    pub fn and(&self, other: &Fate) -> Fate {
        if self.is_pass() {
            return other.clone();
        }
        let sums = self.delays.iter().flat_map(|one| {
            let others = other.delays.iter();
            others.map(|two| one.saturating_add(*two))
        });
        let held = (self.held && !other.is_lost()) || (other.held && !self.is_lost());
        Fate { held, ..Fate::copies(sums.collect()) }
    }
}

/// A frame that passes the switch.
#[derive(Clone, Copy)]
pub struct Passing<'a> {
    /// The harness's clock (ns).
    pub now: u64,
    pub frame: &'a Frame,
}

impl Passing<'_> {
    /// Which conversation the frame belongs to; none for what is neither TCP nor UDP.
    pub fn flow(&self) -> Option<Flow> {
        Flow::of(&self.frame.bytes)
    }
}

/// A rule that a fault lays over the wire until it is lifted. What it draws at random it draws
/// from a generator of its own, so that no other rule changes what it does.
pub trait Rule {
    /// Decides about one frame. A rule that means to hold the frame back keeps it, and says
    /// [`Fate::held`].
    fn on_frame(&mut self, passing: &Passing) -> Fate;

    /// Whether it is asked after all others, and only about the frames that these let pass.
    fn comes_last(&self) -> bool {
        false
    }

    /// What it has to tell whoever laid it, in numbers that they agreed on.
    fn signals(&mut self) -> Vec<u64> {
        Vec::new()
    }

    /// When it next has something to send by itself (ns of the harness's clock), if it has.
    fn next_at(&self) -> Option<u64> {
        None
    }

    /// Sends what is due: frames that it has held back, and frames of its own. They pass the other
    /// rules, and take the time of the link.
    fn due(&mut self, _now: u64) -> Vec<Frame> {
        Vec::new()
    }

    /// It is lifted: the frames that it still holds back and now lets go.
    fn let_go(&mut self) -> Vec<Frame> {
        Vec::new()
    }
}
