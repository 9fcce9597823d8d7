use super::{Effect, Fault, on_client};
use crate::history::Consequence;
use crate::site::NodeId;
use crate::units::{MILLISECOND, Nanos};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Let a client's process, and what it has started, run but for a short while now and then, as on a
/// machine that has other work. Its kernel is as fast as ever.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// A client, or `owner`.
    pub node: String,
    /// How long it stands each time: 1ms to 10s.
    pub stands: Nanos,
    /// How long it runs in between: 1ms to 10s. Computing takes no time here; what it is
    /// told meanwhile, it hears.
    #[serde(default = "briefly", skip_serializing_if = "is_brief")]
    pub runs: Nanos,
}

const LEAST: Nanos = Nanos(MILLISECOND);
const MOST: Nanos = Nanos::from_secs(10);

fn briefly() -> Nanos {
    Nanos::from_millis(10)
}

fn is_brief(runs: &Nanos) -> bool {
    *runs == briefly()
}

impl Fault for Slow {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        vec![Effect::ProcessStands { runs: Some((self.runs, self.stands)) }]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        vec![Consequence::Stop { node: node.to_owned() }]
    }

    fn describe(&self) -> String {
        format!("has its process run for {} and stand for {}, in turns", self.runs, self.stands)
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        let mut problems: Vec<_> = on_client(&self.node, "be slow").into_iter().collect();
        for (key, time) in [("stands", self.stands), ("runs", self.runs)] {
            if !(LEAST..=MOST).contains(&time) {
                let message = format!("`{key}` is {time}; expected {LEAST} to {MOST}");
                problems.push((Some(key), message));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        let keys = |yaml: &str| {
            let slow: Slow = serde_yaml::from_str(yaml).unwrap();
            slow.problems().into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert_eq!(keys("{node: c1, stands: 500ms}"), []);
        assert_eq!(keys("{node: owner, stands: 500ms, runs: 1ms}"), []);
        assert_eq!(keys("{node: server, stands: 500ms}"), [Some("node")]);
        assert_eq!(keys("{node: c1, stands: 0s, runs: 11s}"), [Some("stands"), Some("runs")]);
    }
}
