//! The report document, version 2.
//!
//! Times are nanoseconds of the harness's clock unless a name says otherwise. Everything in
//! the document follows from the plan and the history, except [`Report::wall`].

use crate::assumes::Assumes;
use crate::text::quoted;
use crate::timeline::{Plots, Timeline};
use crate::wire::Wire;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the document's format. Old versions stay readable.
pub const FORMAT: u32 = 2;

/// All that is known about one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    pub scenario: ScenarioPart,
    pub lock: LockPart,
    /// The command that makes the run again. Empty: only `lockstorm replay DIR` does, of a
    /// scenario that is not shipped or was changed (and in format 1).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reproduce: String,
    pub provenance: Provenance,
    pub verdict: Verdict,
    /// Of a violated run: whose fault it is, by the gravest finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// How the scenario expects to end.
    pub expected: Expected,
    /// Whether it did end so.
    pub as_expected: bool,
    /// One line an invariant, in the order of the checkers.
    pub invariants: Vec<InvariantResult>,
    /// The violations with their evidence; at most a few an invariant, see
    /// [`InvariantResult::violations`] for how many there were.
    pub findings: Vec<Finding>,
    /// Steps of a script whose answer was not the expected one.
    pub unmet_steps: Vec<UnmetStep>,
    /// Why the run proves less than it should, in words. Never empty when the verdict is unknown;
    /// a violated run may carry reasons too.
    pub unknown_because: Vec<String>,
    /// What is worth knowing and is no violation: an owner that overstayed, say.
    pub notes: Vec<String>,
    pub statistics: Statistics,
    /// What was done to the site.
    pub faults: Vec<FaultReport>,
    /// When what happened; absent in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Timeline>,
    /// What plots are drawn from; absent in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plots: Option<Plots>,
    /// The plan, as YAML: saved as plan.yaml, `lockstorm replay` runs it again. Empty in format 1.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan: String,
    /// The files of the run, relative to its directory.
    pub artefacts: Vec<Artefact>,
    /// The only part that differs between two runs of one plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall: Option<Wall>,
}

impl Report {
    /// How many violations there were; [`Report::findings`] holds the first of them.
    pub fn violations(&self) -> u64 {
        let all = self.invariants.iter().map(|result| result.violations);
        all.fold(0, u64::saturating_add)
    }

    /// The command that makes the run again, if there is any. Without the name of the run's
    /// directory, as it is given in there.
    pub fn reproduce_words(&self, directory: Option<&str>) -> Option<String> {
        match (self.reproduce.is_empty(), self.plan.is_empty()) {
            (false, _) => Some(self.reproduce.clone()),
            (true, false) => Some(format!("lockstorm replay {}", quoted(directory.unwrap_or(".")))),
            (true, true) => None,
        }
    }
}

/// The story that was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioPart {
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    pub seed: u64,
}

/// The lock under test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LockPart {
    /// The profile's name.
    pub name: String,
    /// As the adapter reported it; several when the clients disagree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it was made from, where it is not the release in the node image: a release of its own,
    /// or a tree of sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_ns: Option<u64>,
    /// What it is, in a sentence of its profile.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumes: Option<Assumes>,
}

/// What the run was made with: enough to make it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The version of lockstorm that judged.
    pub lockstorm: String,
    /// Of the default kernel.
    pub kernel_key: String,
    /// What people call it: `6.12`. Empty where that is not known any more, and in reports that are
    /// older than it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kernel_version: String,
    pub image_key: String,
    /// The kernels of all nodes; empty: they have the default one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernels: Vec<NodeKernel>,
    pub nfs_version: String,
    /// What time the nodes lived by; absent means virtual.
    #[serde(default)]
    pub clock: Clock,
    /// The site; absent in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// Mount options in force, each with the clients that have them.
    pub mounts: Vec<Mount>,
    /// SHA-256 of history.jsonl.
    pub history_sha256: String,
    /// SHA-256 of plan.yaml, by which a run is known; absent in reports that are older than it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_sha256: Option<String>,
}

/// What time the nodes lived by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The harness's own: the same seed gives the same run.
    #[default]
    Virtual,
    /// The host's: the nodes ran side by side, and no run is like another.
    Real,
}

impl Clock {
    /// What passed during a run, for people.
    pub fn words(self) -> &'static str {
        match self {
            Clock::Virtual => "virtual time",
            Clock::Real => "real time",
        }
    }

    /// What a seed is good for, where that is not the whole run.
    pub fn caveat(self) -> Option<&'static str> {
        match self {
            Clock::Virtual => None,
            Clock::Real => Some("of the plan; on the real clock no run is like another"),
        }
    }
}

/// The kernel of some nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeKernel {
    /// `server` or `clients`.
    pub nodes: String,
    /// `7.2`; of a user's own kernel, `own:` and the name of its file.
    pub version: String,
    /// Its name in the cache.
    pub key: String,
}

impl Provenance {
    /// What tells these kernels from all others.
    pub fn kernel_keys(&self) -> String {
        if self.kernels.is_empty() {
            return self.kernel_key.clone();
        }
        self.each_kernel(|kernel| &kernel.key)
    }

    /// What people call the kernels of the nodes, if that is known: `6.12`,
    /// `7.2 on the server, 6.12 on the clients`.
    pub fn linux(&self) -> Option<String> {
        match (self.kernels.is_empty(), self.kernel_version.is_empty()) {
            (false, _) => Some(self.each_kernel(|kernel| &kernel.version)),
            (true, false) => Some(self.kernel_version.clone()),
            (true, true) => None,
        }
    }

    /// NFS version and, if it is not the default kernel that speaks it, which one does.
    pub fn spoken(&self) -> String {
        match self.kernels.is_empty() {
            true => self.nfs_version.clone(),
            false => {
                let kernels = self.each_kernel(|kernel| &kernel.version);
                format!("{}, Linux {kernels}", self.nfs_version)
            }
        }
    }

    /// Once, if all nodes have the same.
    fn each_kernel(&self, what: impl Fn(&NodeKernel) -> &str) -> String {
        match &self.kernels[..] {
            [first, rest @ ..] if rest.iter().all(|kernel| what(kernel) == what(first)) => {
                what(first).to_owned()
            }
            all => {
                let each = all.iter().map(|one| format!("{} on the {}", what(one), one.nodes));
                each.collect::<Vec<_>>().join(", ")
            }
        }
    }
}

/// The simulated place: what a person would ask about server, network and disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Site {
    /// What serves, in words.
    pub server: String,
    pub lease_s: u32,
    pub grace_s: u32,
    pub threads: u32,
    /// One-way delay of a frame.
    pub latency: String,
    /// The server's disk, in words.
    pub disk: String,
    /// What the nodes' clocks say at time 0, in seconds since 1970: the capture's times count
    /// from there.
    #[serde(default)]
    pub wall_start_s: u64,
}

/// Mount options in force on some clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mount {
    pub options: String,
    pub clients: Vec<String>,
}

/// What a lock promises, and a checker checks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Invariant {
    MutualExclusion,
    NoEarlyBreak,
    BreakAfterLifetime,
    OwnerOnlyRelease,
    NoLostUpdate,
    HonestIsHeld,
    ReleaseFrees,
    NoDescriptorLeak,
    HonestRefusal,
    Cleanliness,
}

impl Invariant {
    /// Its name for people: `mutual exclusion`.
    pub fn words(self) -> &'static str {
        match self {
            Invariant::MutualExclusion => "mutual exclusion",
            Invariant::NoEarlyBreak => "no early break",
            Invariant::BreakAfterLifetime => "break after lifetime",
            Invariant::OwnerOnlyRelease => "owner-only release",
            Invariant::NoLostUpdate => "no lost update",
            Invariant::HonestIsHeld => "honest is_held",
            Invariant::ReleaseFrees => "release frees",
            Invariant::NoDescriptorLeak => "no descriptor leak",
            Invariant::HonestRefusal => "honest refusal",
            Invariant::Cleanliness => "cleanliness",
        }
    }

    /// What it asks, for somebody who has never heard of it.
    pub fn meaning(self) -> &'static str {
        match self {
            Invariant::MutualExclusion => "Never are two clients inside at once.",
            Invariant::NoEarlyBreak => "Nobody takes the lock before its owner's lifetime is over.",
            Invariant::BreakAfterLifetime => {
                "A lock that its owner left behind can be had again after its lifetime."
            }
            Invariant::OwnerOnlyRelease => {
                "A former owner's late release does not take the lock from the next one."
            }
            Invariant::NoLostUpdate => "What is written inside the lock is not lost.",
            Invariant::HonestIsHeld => "Asked whether it holds the lock, it answers what is true.",
            Invariant::ReleaseFrees => "A lock that was released can be had by the next one.",
            Invariant::NoDescriptorLeak => "Using the lock leaves no file descriptors open.",
            Invariant::HonestRefusal => "Nobody is refused a lock that nobody else has.",
            Invariant::Cleanliness => "When all have given the lock up, nothing of it is left.",
        }
    }
}

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every promise that was tried held.
    Valid,
    Violated,
    /// The run does not allow a verdict.
    Unknown,
}

impl Verdict {
    /// In one word.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Valid => "valid",
            Verdict::Violated => "violated",
            Verdict::Unknown => "unknown",
        }
    }
}

/// Whose fault a violation is, the gravest first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Within everything that the lock assumes.
    BrokenPromise,
    /// No promise is broken, but a script's author expected another answer.
    ScriptExpectation,
    /// The run left the lock's stated assumptions.
    BeyondAssumptions,
}

impl Class {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Class::BrokenPromise => "broken promise",
            Class::ScriptExpectation => "not what the script expects",
            Class::BeyondAssumptions => "beyond the lock's assumptions",
        }
    }
}

/// How a scenario says that it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    Valid,
    BrokenPromise,
    BeyondAssumptions,
}

impl Expected {
    /// In words that follow "the scenario says".
    pub fn words(self) -> &'static str {
        match self {
            Expected::Valid => "that the lock keeps its promises",
            Expected::BrokenPromise => "that the lock breaks a promise",
            Expected::BeyondAssumptions => "that the lock fails beyond its assumptions",
        }
    }
}

/// What became of one invariant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InvariantResult {
    pub invariant: Invariant,
    pub status: Status,
    /// How many cases were judged.
    pub judged: u64,
    /// How many of them were violations.
    pub violations: u64,
    /// What was judged, or why nothing was.
    pub note: String,
    /// What could not be judged, since it rests on something that nobody can know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_judged: Vec<NotJudged>,
    /// The sentence of the lock's documentation that promises it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub promise: String,
}

/// Cases that were not judged, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotJudged {
    pub count: u64,
    /// In words that follow "4 not judged:".
    pub reason: String,
}

impl NotJudged {
    /// `4 not judged: an acquire was disturbed`.
    pub fn words(&self) -> String {
        format!("{} not judged: {}", self.count, self.reason)
    }
}

/// The status of one invariant in one run.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Kept,
    Violated,
    /// Nothing in this run put it to the test: it holds vacuously.
    #[serde(rename = "not_tried")]
    Vacuous,
    /// The lock does not promise it.
    NotPromised,
    /// The checker itself failed.
    Unknown,
}

/// A violation, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    pub invariant: Invariant,
    pub class: Class,
    /// When it showed, in nanoseconds of the harness's clock.
    pub at_ns: u64,
    /// What happened, in one or two sentences.
    pub explanation: String,
    /// Of what lies beyond the lock's assumptions: which of them did not hold, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beyond: Vec<String>,
    /// Who held, or believed to hold, and when.
    pub holds: Vec<Hold>,
    /// The faults since the first of these holders asked, in words; one may have ended before.
    pub faults: Vec<String>,
    /// How it came to that, by time; empty in format 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub story: Vec<StoryLine>,
    /// What those who are part of it were about, and in what state they and the server were,
    /// without names and times: violations that have it in common are told as one. Empty in reports
    /// that are older than it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub situation: String,
    /// The NFS calls around it; of the first few findings of each promise, and only where the
    /// run's frames were kept. Absent in reports that are older than it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<Wire>,
}

/// One thing that happened on the way to a violation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoryLine {
    pub at_ns: u64,
    /// The node that it happened on; empty for a remark.
    pub node: String,
    pub kind: StoryKind,
    pub text: String,
}

/// What a line of a story is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoryKind {
    /// A call of the lock, or its answer.
    Lock,
    /// The critical section: entered, left.
    Section,
    /// A fault, a clock, a node that dies or comes back.
    Site,
    /// An NFS call or its reply, as seen on the wire.
    Wire,
    /// The violation itself.
    Violation,
    /// How many lines were left out.
    Omission,
}

/// One client's stay in its critical section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    pub client: String,
    pub from_ns: u64,
    /// `None`: it never left.
    pub until_ns: Option<u64>,
    /// It did not leave but died then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub died: bool,
    /// Until when it surely had a claim, by the lock's lifetime.
    pub claim_until_ns: Option<u64>,
}

impl Hold {
    /// When both counted: inside, and within the claim.
    pub fn overlap(&self, other: &Hold) -> Option<(u64, u64)> {
        let end = |hold: &Hold| {
            let until = hold.until_ns.unwrap_or(u64::MAX);
            until.min(hold.claim_until_ns.unwrap_or(u64::MAX))
        };
        let from = self.from_ns.max(other.from_ns);
        let until = end(self).min(end(other));
        (from <= until && until < u64::MAX).then_some((from, until))
    }
}

/// A script step whose answer was not the expected one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnmetStep {
    /// Counted from 0.
    pub step: usize,
    pub text: String,
    pub saw: String,
    pub at_ns: u64,
}

/// What the run was like, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Statistics {
    /// From power-on to the last event.
    pub virtual_ns: u64,
    pub critical_sections: u64,
    pub clients: Vec<ClientStatistics>,
    /// The waiting times of all clients together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Counts of the site's own: frames, NFS calls, disk writes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub site: BTreeMap<String, u64>,
}

/// One client's part in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClientStatistics {
    pub client: String,
    pub critical_sections: u64,
    /// From the call of acquire to its `ok`; absent when it never got one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

/// Waiting times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    pub min_ns: u64,
    pub median_ns: u64,
    pub p99_ns: u64,
    pub max_ns: u64,
}

/// What became of one fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultReport {
    /// Its index in the plan, or the step's in a script.
    pub fault: usize,
    pub kind: String,
    pub node: String,
    pub detail: String,
    /// `None`: it never struck.
    pub struck_ns: Option<u64>,
    /// `None`: it lasted until the run ended.
    pub ended_ns: Option<u64>,
    /// What it did; or, of a fault that missed, why.
    pub effect: String,
    pub missed: bool,
}

/// A file of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artefact {
    pub file: String,
    pub about: String,
}

/// Figures of the host's clock: they differ from run to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wall {
    pub milliseconds: u64,
    /// How long processors worked for the run: lockstorm's own thread, and the nodes with all that
    /// ran on them. Left out where nobody can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processors_milliseconds: Option<u64>,
}
