use super::{Effect, Fault, Named, OWNER};
use crate::history::Consequence;
use crate::history::consequence::{Frames, Pass};
use crate::seeds;
use crate::site::wire::{Fate, Passing, Rule};
use crate::site::{NodeId, SERVER_NAME};
use crate::units::{MILLISECOND, Nanos};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Part two groups of nodes: no frame passes from the one to the other. Within a group, and to
/// nodes of neither, all is well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// The first group.
    pub between: Vec<String>,
    /// The second group.
    pub and: Vec<String>,
    /// Only what the first group sends to the second is lost; what comes back passes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_way: bool,
    /// It comes and goes; default: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapping: Option<Flapping>,
}

/// How long the groups are in contact, and how long they are parted, in turns; they begin parted.
/// Each time is drawn anew, from a half of this to one and a half.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flapping {
    pub up: Nanos,
    pub down: Nanos,
}

/// Sooner, no frame would have gone there and back.
const PHASE_LEAST: Nanos = Nanos::from_millis(10);
const PHASE_MOST: Nanos = Nanos::from_secs(3600);

impl Partition {
    /// A group's nodes, where `node` is the one that the fault hits.
    fn of<'a>(&'a self, group: &'a [String], node: &'a str) -> impl Iterator<Item = &'a str> {
        let first = self.target();
        group.iter().map(move |name| if name == first { node } else { name.as_str() })
    }

    fn pass(&self) -> Pass {
        if self.flapping.is_some() { Pass::Some } else { Pass::None }
    }
}

impl Fault for Partition {
    fn target(&self) -> &str {
        let mut all = self.between.iter().chain(&self.and);
        match all.any(|name| name == OWNER) {
            true => OWNER,
            false => self.between.first().map_or("", String::as_str),
        }
    }

    fn named(&self) -> Vec<Named<'_>> {
        let groups = [("between", &self.between), ("and", &self.and)];
        let named = groups.into_iter().flat_map(|(key, group)| {
            (0..).zip(group).map(move |(index, node)| Named { key, index: Some(index), node })
        });
        named.collect()
    }

    fn effects(&self, node: NodeId, seed: u64) -> Vec<Effect> {
        let first = self.target();
        let ids = |group: &[String]| -> Vec<NodeId> {
            let id = |name: &String| if name == first { Some(node) } else { NodeId::named(name) };
            group.iter().filter_map(id).collect()
        };
        let parted = Parted {
            one: ids(&self.between),
            two: ids(&self.and),
            one_way: self.one_way,
            flaps: self.flapping.map(|times| Flaps::new(times, seed)),
        };
        vec![Effect::Wire(Box::new(parted))]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        let group = |group| self.of(group, node).map(str::to_owned).collect::<Vec<_>>();
        let (one, two) = (group(&self.between), group(&self.and));
        let frames = |from: &[String], to: &[String]| {
            let (from, to) = (Some(from.to_vec().into()), Some(to.to_vec().into()));
            Consequence::Frames(Frames { from, to, pass: self.pass(), late_ns: 0 })
        };
        let back = (!self.one_way).then(|| frames(&two, &one));
        std::iter::once(frames(&one, &two)).chain(back).collect()
    }

    fn describe(&self) -> String {
        let (one, two) = (self.between.join(", "), self.and.join(", "));
        let how = match self.one_way {
            true => format!("is parted one way: nothing from {one} reaches {two}"),
            false => format!("is parted: {one} from {two}"),
        };
        match self.flapping {
            None => how,
            Some(Flapping { up, down }) => {
                format!("{how}, in turns for about {down}, with about {up} between")
            }
        }
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        let mut problems = Vec::new();
        for (key, group) in [("between", &self.between), ("and", &self.and)] {
            if group.is_empty() {
                let message = format!("`{key}` names nobody; expected a list such as [c1, c2]");
                problems.push((Some(key), message));
            }
            let mut sorted = group.clone();
            sorted.sort();
            if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                problems.push((Some(key), format!("`{key}` names {} twice", pair[0])));
            }
        }
        if let Some(both) = self.and.iter().find(|name| self.between.contains(name)) {
            let message = format!(
                "{both} cannot be parted from itself; expected each node in one group at most"
            );
            problems.push((Some("and"), message));
        }
        let has_server = self.between.iter().chain(&self.and).any(|name| name == SERVER_NAME);
        if !has_server && problems.is_empty() {
            let message = "clients send each other nothing that could be lost; expected the server \
                in one group";
            problems.push((None, message.into()));
        }
        if let Some(Flapping { up, down }) = self.flapping {
            for (name, time) in [("up", up), ("down", down)] {
                if !(PHASE_LEAST..=PHASE_MOST).contains(&time) {
                    let message =
                        format!("`{name}` is {time}; expected {PHASE_LEAST} to {PHASE_MOST}");
                    problems.push((Some("flapping"), message));
                }
            }
        }
        problems
    }
}

struct Parted {
    one: Vec<NodeId>,
    two: Vec<NodeId>,
    one_way: bool,
    flaps: Option<Flaps>,
}

impl Rule for Parted {
    fn on_frame(&mut self, passing: &Passing) -> Fate {
        let is_down = self.flaps.as_mut().is_none_or(|flaps| flaps.is_down(passing.now));
        let frame = passing.frame;
        let crosses = |from: &[NodeId], to: &[NodeId]| {
            frame.from != frame.to && from.contains(&frame.from) && to.contains(&frame.to)
        };
        let parts =
            crosses(&self.one, &self.two) || (!self.one_way && crosses(&self.two, &self.one));
        if is_down && parts { Fate::lost() } else { Fate::pass() }
    }
}

/// The turns of contact and none.
struct Flaps {
    times: Flapping,
    rng: ChaCha8Rng,
    is_down: bool,
    /// When the turn ends (ns); none before the first frame.
    until: Option<u64>,
}

impl Flaps {
    fn new(times: Flapping, seed: u64) -> Flaps {
        Flaps { times, rng: seeds::generator(seed), is_down: true, until: None }
    }

    fn draw(&mut self) -> u64 {
        let Flapping { up, down } = self.times;
        let about = if self.is_down { down.0 } else { up.0 };
        self.rng.random_range(about / 2..=about + about / 2).max(MILLISECOND)
    }

    fn is_down(&mut self, now: u64) -> bool {
        let mut until = match self.until {
            Some(until) => until,
            None => now.saturating_add(self.draw()),
        };
        while until <= now {
            self.is_down = !self.is_down;
            until = until.saturating_add(self.draw());
        }
        self.until = Some(until);
        self.is_down
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::wire::Frame;
    use crate::units::SECOND;

    const SERVER: NodeId = NodeId::SERVER;
    const C1: NodeId = NodeId::at(1);
    const C2: NodeId = NodeId::at(2);
    const C3: NodeId = NodeId::at(3);

    fn partition(yaml: &str) -> Partition {
        serde_yaml::from_str(yaml).unwrap()
    }

    /// All pairs of a server and three clients.
    fn pairs() -> impl Iterator<Item = (NodeId, NodeId)> {
        NodeId::all(4).flat_map(|from| NodeId::all(4).map(move |to| (from, to)))
    }

    /// Which of the pairs of nodes a fault that hits `node` parts.
    fn parted(yaml: &str, node: NodeId) -> Vec<(NodeId, NodeId)> {
        let mut effects = partition(yaml).effects(node, 1);
        let Some(Effect::Wire(rule)) = effects.first_mut() else { panic!("no rule") };
        let lost = pairs().filter(|&(from, to)| {
            let frame = Frame { from, to, bytes: [0; 14].into() };
            !rule.on_frame(&Passing { now: 0, frame: &frame }).is_pass()
        });
        lost.collect()
    }

    #[test]
    fn frames_between_the_groups_are_lost_and_those_within_one_pass() {
        let lost = parted("{between: [c1, c2], and: [server]}", C1);
        assert_eq!(lost, [(SERVER, C1), (SERVER, C2), (C1, SERVER), (C2, SERVER)]);
    }

    #[test]
    fn one_way_loses_what_the_first_group_sends_to_the_second() {
        assert_eq!(
            parted("{between: [c1], and: [server, c2], one_way: true}", C1),
            [(C1, SERVER), (C1, C2)]
        );
        assert_eq!(parted("{between: [server], and: [c1], one_way: true}", SERVER), [(SERVER, C1)]);
    }

    #[test]
    fn the_owner_is_whoever_is_hit_in_whichever_group_it_stands() {
        assert_eq!(parted("{between: [server], and: [owner], one_way: true}", C3), [(SERVER, C3)]);
        let consequences =
            partition("{between: [server], and: [owner], one_way: true}").consequences("c3");
        let frames: Vec<_> = consequences.iter().filter_map(Consequence::frames).collect();
        assert!(frames[0].go("server", "c3") && !frames[0].go("c3", "server"));
        assert_eq!(frames.len(), 1);
    }

    #[test]
    fn the_consequences_are_what_the_rule_does() {
        for yaml in [
            "{between: [c1, c2], and: [server]}",
            "{between: [c1], and: [server, c3], one_way: true}",
            "{between: [server, c3], and: [c2, c1]}",
        ] {
            let fault = partition(yaml);
            let node = NodeId::named(fault.target()).unwrap();
            let consequences = fault.consequences(fault.target());
            let told = pairs().filter(|(from, to)| {
                let mut frames = consequences.iter().filter_map(Consequence::frames);
                frames.any(|frames| frames.go(&from.to_string(), &to.to_string()))
            });
            assert_eq!(told.collect::<Vec<_>>(), parted(yaml, node), "{yaml}");
        }
    }

    #[test]
    fn a_flapping_partition_is_down_for_its_share_of_the_time_and_no_turn_is_too_long() {
        let times = Flapping { up: Nanos::from_secs(2), down: Nanos::from_secs(3) };
        let mut flaps = Flaps::new(times, 7);
        let step = 10 * MILLISECOND;
        let states: Vec<bool> = (0..100_000).map(|tick| flaps.is_down(5 + tick * step)).collect();
        assert!(states[0], "it begins parted");
        let down = states.iter().filter(|down| **down).count();
        assert!((55_000..65_000).contains(&down), "{down}");
        let mut turns = states.chunk_by(|one, two| one == two);
        let longest = |down| if down { 4 * SECOND + SECOND / 2 } else { 3 * SECOND };
        assert!(turns.all(|turn| turn.len() as u64 * step <= longest(turn[0]) + step));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_key_that_is_to_blame() {
        let told = |yaml: &str| {
            let problems = partition(yaml).problems();
            problems.into_iter().map(|(key, why)| format!("{key:?}: {why}")).collect::<Vec<_>>()
        };
        assert_eq!(told("{between: [c1], and: [server]}"), [""; 0]);
        insta::assert_snapshot!(
            [
                told("{between: [c1, c2], and: [server, c1]}"),
                told("{between: [], and: [server]}"),
                told("{between: [c1, c1], and: [server]}"),
                told("{between: [c1], and: [c2]}"),
                told("{between: [c1], and: [server], flapping: {up: 0s, down: 2h}}"),
            ]
            .concat()
            .join("\n"),
            @r#"
        Some("and"): c1 cannot be parted from itself; expected each node in one group at most
        Some("between"): `between` names nobody; expected a list such as [c1, c2]
        Some("between"): `between` names c1 twice
        None: clients send each other nothing that could be lost; expected the server in one group
        Some("flapping"): `up` is 0s; expected 10ms to 3600s
        Some("flapping"): `down` is 7200s; expected 10ms to 3600s
        "#
        );
    }
}
