//! Everything that reads what a guest, a lock or a person wrote, fed with whatever bytes.
//!
//! One function a target. None may panic, run away or print without bound. libFuzzer calls them
//! through fuzz_targets/; `cargo test` calls them through harness/tests/sites/fuzz.rs, which
//! includes this file.

mod bundle;
mod messages;
mod rings;
mod saved;
mod wire;

pub use bundle::bundle;
pub use messages::{time_travel, vhost_user};
pub use rings::{blk, console, net};
pub use saved::{corpus, known, map, strike, table as conformance};
pub use wire::wire;

use lockstorm::history::reader;
use lockstorm::kernel::Kernels;
use lockstorm::lock::adapter::Reply;
use lockstorm::lock::profile::Profile;
use lockstorm::plan::{Parts, Plan, expand};
use lockstorm::scenario::load::load_source;
use lockstorm::scenario::overrides::Overrides;
use lockstorm::source::{Document, Source};
use lockstorm::verdict::{Circumstances, judge};
use lockstorm_agent::{Message, Numbered};
use lockstorm_reports::{Status, json, terminal};
use std::path::Path;
use std::sync::LazyLock;

/// A message to people longer than this is no message (bytes).
const WORDS_MAX: usize = 16 * 1024;

/// A target with its name, and inputs to begin from.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target, for those who call them all.
pub fn all() -> impl Iterator<Item = &'static Target> {
    TARGETS.iter().chain(&saved::TARGETS)
}

const TARGETS: [Target; 12] = [
    Target {
        name: "bundle",
        run: |data| {
            bundle(data);
        },
        seeds: bundle::seeds,
    },
    Target {
        name: "time_travel",
        run: |data| {
            time_travel(data);
        },
        seeds: messages::of_clocks,
    },
    Target {
        name: "vhost_user",
        run: |data| {
            vhost_user(data);
        },
        seeds: messages::of_drivers,
    },
    Target {
        name: "blk",
        run: |data| {
            blk(data);
        },
        seeds: rings::seeds,
    },
    Target {
        name: "net",
        run: |data| {
            net(data);
        },
        seeds: rings::seeds,
    },
    Target {
        name: "console",
        run: |data| {
            console(data);
        },
        seeds: rings::seeds,
    },
    Target {
        name: "wire",
        run: |data| {
            wire(data);
        },
        seeds: wire::seeds,
    },
    Target { name: "agent", run: agent, seeds: || lines(include_bytes!("../seeds/agent.jsonl")) },
    Target {
        name: "adapter",
        run: adapter,
        seeds: || lines(include_bytes!("../seeds/adapter.jsonl")),
    },
    Target {
        name: "scenario",
        run: scenario,
        seeds: || SCENARIOS.iter().map(|text| text.as_bytes().to_vec()).collect(),
    },
    Target {
        name: "plan",
        run: plan,
        seeds: || PLANS.iter().map(|plan| plan.to_yaml().unwrap().into_bytes()).collect(),
    },
    Target {
        name: "history",
        run: history,
        seeds: || vec![include_bytes!("../seeds/history.jsonl").to_vec()],
    },
];

const SCENARIOS: [&str; 3] = [
    include_str!("../../scenarios/handover.yaml"),
    include_str!("../../scenarios/partition.yaml"),
    include_str!("../../scenarios/clock-skew.yaml"),
];

static PROFILE: LazyLock<Profile> = LazyLock::new(|| {
    let text = include_str!("../../containers/locks/flufl.lock/profile.yaml");
    let source = Source::from_bytes("profile.yaml", text.into()).unwrap();
    Document::parse(source).unwrap().read().unwrap()
});

static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    let plan = |text: &&str| {
        let source = Source::from_bytes("story.yaml", (*text).into()).unwrap();
        let mut loaded = load_source(source, &Overrides::default()).unwrap();
        loaded.complete(&PROFILE).unwrap();
        expand(&loaded.scenario, 1, (&*PROFILE).into(), Parts::ours(Kernels::default()))
    };
    SCENARIOS.iter().map(plan).collect()
});

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// The control channel: what a node's agent says, and what it is told.
pub fn agent(data: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<Message>(data) {
        let again = serde_json::to_vec(&message).unwrap();
        assert_eq!(serde_json::from_slice::<Message>(&again).unwrap(), message);
    }
    if let Ok(command) = serde_json::from_slice::<Numbered>(data) {
        let again = serde_json::to_vec(&command).unwrap();
        assert_eq!(serde_json::from_slice::<Numbered>(&again).unwrap(), command);
    }
}

/// A line of an adapter.
pub fn adapter(data: &[u8]) {
    if let Err(what) = Reply::parse(&String::from_utf8_lossy(data)) {
        is_for_people(&what);
    }
}

/// A scenario file; after a NUL byte, one `--set` a line.
pub fn scenario(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let text = parts.next().unwrap_or_default().to_vec();
    let set = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let overrides = Overrides { lock: None, set: set.lines().map(str::to_owned).collect() };
    let source = match Source::from_bytes("story.yaml", text) {
        Ok(source) => source,
        Err(found) => return is_for_people(&found.to_string()),
    };
    let mut loaded = match load_source(source, &overrides) {
        Ok(loaded) => loaded,
        Err(found) => return is_for_people(&found.to_string()),
    };
    if let Err(found) = loaded.complete(&PROFILE) {
        return is_for_people(&found.to_string());
    }
    reads_back(&expand(&loaded.scenario, 1, (&*PROFILE).into(), Parts::ours(Kernels::default())));
}

/// A plan that somebody has edited.
pub fn plan(data: &[u8]) {
    let Ok(source) = Source::from_bytes("plan.yaml", data.to_vec()) else { return };
    match Plan::from_source(source) {
        Ok(plan) => reads_back(&plan),
        Err(found) => is_for_people(&found.to_string()),
    }
}

/// A saved history, judged under the plan that its first byte chooses.
pub fn history(data: &[u8]) {
    let saved = match reader::parse(data, Path::new("history.jsonl")) {
        Ok(saved) => saved,
        Err(error) => return is_for_people(&error.to_string()),
    };
    for plan in PLANS.iter() {
        let report = judge(plan, &saved.events, Circumstances::default());
        // The judge catches what its parts panic with, and says so.
        assert!(!report.invariants.iter().any(|result| result.status == Status::Unknown));
        assert!(!report.unknown_because.iter().any(|why| why.contains("which is a bug")));
        json::render(&report);
        let options = terminal::Options { colour: false, directory: None };
        has_no_controls(&terminal::render(&report, options));
    }
}

fn reads_back(plan: &Plan) {
    let text = plan.to_yaml().unwrap();
    let source = Source::from_bytes("plan.yaml", text.into()).unwrap();
    assert_eq!(&Plan::from_source(source).unwrap(), plan);
}

fn is_for_people(words: &str) {
    assert!(!words.is_empty());
    assert!(words.len() <= WORDS_MAX, "a message of {} bytes", words.len());
    has_no_controls(words);
}

/// What others wrote must not steer the terminal that shows it.
fn has_no_controls(words: &str) {
    let control = words.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "{words:?}");
}
