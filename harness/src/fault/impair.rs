use super::{Effect, Fault};
use crate::history::Consequence;
use crate::history::consequence::Pass;
use crate::seeds;
use crate::site::NodeId;
use crate::site::wire::{Fate, Passing, Rule};
use crate::units::{Nanos, NanosRange};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Impair a node's link, in both directions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Impair {
    pub node: String,
    /// Share of frames that are lost: 0 to 1.
    #[serde(default)]
    pub loss: f64,
    /// Share of frames that arrive twice: 0 to 1.
    #[serde(default)]
    pub duplicate: f64,
    /// Added to every frame's delay; frames may overtake each other.
    #[serde(default)]
    pub delay: NanosRange,
}

impl Fault for Impair {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, node: NodeId, seed: u64) -> Vec<Effect> {
        vec![Effect::Wire(Box::new(Bad { node, spec: self.clone(), rng: seeds::generator(seed) }))]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        let pass = match self.loss {
            0.0 => Pass::All,
            1.0 => Pass::None,
            _ => Pass::Some,
        };
        Consequence::of_link(node, pass, self.delay.most.0)
    }

    fn describe(&self) -> String {
        let percent = |share: f64| share * 100.0;
        format!(
            "has a bad link: {}% of frames lost, {}% doubled, {} late",
            percent(self.loss),
            percent(self.duplicate),
            self.delay
        )
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        let mut problems = Vec::new();
        for (key, share) in [("loss", self.loss), ("duplicate", self.duplicate)] {
            // Not `<`: a share may be "not a number" too.
            if !(0.0..=1.0).contains(&share) {
                let message = format!("`{key}` is {share}; expected a share from 0 to 1");
                problems.push((Some(key), message));
            }
        }
        if self.delay.most > DELAY_MAX {
            let message = format!("`delay` is {}; expected 0s to {DELAY_MAX}", self.delay.most);
            problems.push((Some("delay"), message));
        }
        if self.loss == 0.0 && self.duplicate == 0.0 && self.delay.most == Nanos::ZERO {
            let message = "this impairs nothing; expected `loss`, `duplicate` or `delay`";
            problems.push((None, message.into()));
        }
        problems
    }
}

/// Nothing on the wire takes longer.
const DELAY_MAX: Nanos = Nanos::from_secs(10);

struct Bad {
    node: NodeId,
    spec: Impair,
    rng: ChaCha8Rng,
}

impl Rule for Bad {
    fn on_frame(&mut self, passing: &Passing) -> Fate {
        if !passing.frame.concerns(self.node) {
            return Fate::pass();
        }
        // Every draw is made for every frame, so that one share never shifts another's draws.
        let lost = self.rng.random::<f64>() < self.spec.loss;
        let doubled = self.rng.random::<f64>() < self.spec.duplicate;
        let delay = self.spec.delay;
        let mut draw = || self.rng.random_range(delay.least.0..=delay.most.0);
        let delays = [draw(), draw()];
        match (lost, doubled) {
            (true, _) => Fate::lost(),
            (_, true) => Fate::copies(delays.to_vec()),
            _ => Fate::delayed(delays[0]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::wire::Frame;

    fn fates(spec: Impair, from: NodeId) -> Vec<Fate> {
        let mut rule = Bad { node: 1, spec, rng: seeds::generator(3) };
        let frame = Frame { from, to: 0, bytes: [0; 14].into() };
        (0..1000).map(|now| rule.on_frame(&Passing { now, frame: &frame })).collect()
    }

    fn spec(loss: f64, duplicate: f64, delay: &str) -> Impair {
        Impair { node: "c1".into(), loss, duplicate, delay: delay.parse().unwrap() }
    }

    #[test]
    fn every_copy_of_a_doubled_frame_is_delayed() {
        let fates = fates(spec(0.0, 0.5, "5ms..9ms"), 1);
        let doubled = fates.iter().filter(|fate| fate.delays().len() == 2).count();
        assert!((400..600).contains(&doubled), "{doubled}");
        let late = |delay: &u64| (5_000_000..=9_000_000).contains(delay);
        assert!(fates.iter().all(|fate| fate.delays().iter().all(late)));
    }

    #[test]
    fn its_share_of_frames_is_lost_and_others_links_are_left_alone() {
        let lost = fates(spec(0.3, 0.0, "0s"), 1).iter().filter(|f| **f == Fate::lost()).count();
        assert!((250..350).contains(&lost), "{lost}");
        assert!(fates(spec(0.3, 0.9, "1s"), 2).iter().all(Fate::is_pass));
    }
}
