//! Stories: synthetic histories, one line an event, as a person would tell them.
//!
//! ```text
//! 1s   c1 acquires          asks and enters
//! 2s   c2 asks              calls acquire; `asks for 2s` with a time limit, `tries` without
//! 3s   c1 leaves            leaves the critical section and calls release
//! 4s   c1 is told ok        the answer to its open call: ok, not_held, error, held, lost ...
//! 5s   c2 enters            its acquire is answered ok, and it enters
//! 6s   c2 releases          leaves, calls release, and is told ok
//! ```

use crate::fault::FaultId;
use crate::history::consequence::{Frames, Pass};
use crate::history::{Consequence, Event, EventKind, Operation};
use crate::lock::adapter::Answer;
use crate::lock::layer::{Install, Layer};
use crate::lock::profile::{Assumptions, BreakBound, Kind, Lifetime, Primitive, Profile, Renewed};
use crate::plan::{FORMAT, Plan};
use crate::scenario::{CyclesSpec, Expect, LockSpec, Scenario, SiteSpec, WorkloadSpec};
use crate::site::blueprint::*;
use crate::site::clock::Clock;
use crate::units::{Nanos, SECOND, SignedNanos};
use lockstorm_reports::Invariant;
use std::collections::BTreeMap;

/// A plan with a lock like flufl.lock: lifetime 15 s, slop 10 s, within 5 s, and a clock skew
/// of 10 s assumed; three clients that think for half a second.
pub fn plan() -> Plan {
    Plan {
        format: FORMAT,
        seed: 7,
        kernel_key: "kernel".into(),
        image_key: "image".into(),
        kernels: Default::default(),
        scenario: scenario(),
        profile: profile(),
        lock_image: None,
        blueprint: blueprint(),
        workload_seeds: BTreeMap::new(),
    }
}

/// [`plan`] with a lock like fcntl: no lifetime, and the kernel frees it.
pub fn kernel_plan() -> Plan {
    let mut plan = plan();
    plan.profile.name = "fcntl".into();
    plan.profile.primitive = Primitive::Posix;
    plan.profile.lifetime = None;
    plan.profile.break_bound = None;
    plan.profile.assumes.clock_skew = None;
    plan.profile.version = None;
    plan
}

fn scenario() -> Scenario {
    Scenario {
        name: "story".into(),
        about: "What the clients live through.".into(),
        site: SiteSpec::default(),
        lock: LockSpec { name: "flufl.lock".into(), lifetime: None, options: BTreeMap::new() },
        workload: WorkloadSpec::Cycles(CyclesSpec::default()),
        faults: Vec::new(),
        expect: Expect::default(),
        reseed: None,
        known_bug: None,
    }
}

fn profile() -> Profile {
    let promises = [
        Invariant::MutualExclusion,
        Invariant::NoEarlyBreak,
        Invariant::BreakAfterLifetime,
        Invariant::OwnerOnlyRelease,
        Invariant::NoLostUpdate,
        Invariant::HonestIsHeld,
        Invariant::ReleaseFrees,
        Invariant::NoDescriptorLeak,
        Invariant::HonestRefusal,
        Invariant::Cleanliness,
    ];
    Profile {
        name: "flufl.lock".into(),
        kind: Kind::Library,
        summary: String::new(),
        version: Some("10.0.0".into()),
        layer: Layer::Python,
        install: Install::Pip,
        package: None,
        memory: None,
        start: vec!["adapter".into()],
        primitive: Primitive::Link,
        lifetime: Some(Lifetime {
            default: Nanos::from_secs(15),
            least: Nanos::from_secs(1),
            renewed: Renewed::ByCalls,
        }),
        promises: promises.map(|promise| (promise, String::new())).into(),
        stays: Vec::new(),
        break_bound: Some(BreakBound {
            slop: Nanos::from_secs(10),
            within: Nanos::from_secs(5),
            watched: false,
        }),
        assumes: Assumptions {
            clock_skew: Some(Nanos::from_secs(10)),
            nfs: vec!["4.2".into()],
            ..Assumptions::default()
        },
        breaks: None,
        options: BTreeMap::new(),
    }
}

fn blueprint() -> Blueprint {
    let latency = Nanos(100_000);
    let node = |(index, name): (usize, &str)| NodeBlueprint {
        name: name.into(),
        role: if index == 0 { Role::Server } else { Role::Client },
        mac: format!("02:00:00:00:00:{index:02x}"),
        ip: [10, 0, 0, index as u8 + 1].into(),
        seed: index as u64,
        memory_mib: 64,
        power_on: Nanos::ZERO,
        settings: Default::default(),
        pids_used: 0,
    };
    Blueprint {
        clock: Clock::Virtual,
        wall_start_s: 1_700_000_000,
        wire: WireBlueprint::even(latency, 1),
        disk: DiskBlueprint { size_mib: 64, latency: Nanos(50_000), flush: Nanos(250_000) },
        server: ServerBlueprint::new(30, 30, 4),
        mount: MountBlueprint::plain("4.2"),
        nodes: ["server", "c1", "c2", "c3"].into_iter().enumerate().map(node).collect(),
    }
}

/// Reads a story. Panics with the line that it does not understand.
pub fn story(text: &str) -> Vec<Event> {
    let mut teller = Teller::default();
    for line in text.lines().map(str::trim) {
        let line = line.split("//").next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        let mut words = line.split_whitespace();
        let at: Nanos = words.next().unwrap().parse().unwrap();
        let who = words.next().expect(line);
        let rest: Vec<&str> = words.collect();
        teller.now = at.0;
        assert!(teller.tell(who, &rest), "a story cannot say `{line}`");
    }
    teller.events
}

/// Writes events; the property tests use its verbs as functions.
#[derive(Default)]
pub struct Teller {
    pub now: u64,
    pub events: Vec<Event>,
    open: BTreeMap<String, u64>,
    calls: u64,
    faults: usize,
    cuts: BTreeMap<String, FaultId>,
}

impl Teller {
    /// Numbers its calls from `calls` on.
    pub fn from_call(calls: u64) -> Teller {
        Teller { calls, ..Teller::default() }
    }

    pub fn write(&mut self, kind: EventKind) {
        self.events.push(Event { at_ns: self.now, kind });
    }

    pub fn call(&mut self, client: &str, operation: Operation) {
        self.calls += 1;
        self.open.insert(client.into(), self.calls);
        self.write(EventKind::Called { client: client.into(), call: self.calls, operation });
    }

    pub fn answer(&mut self, client: &str, answer: Answer) {
        let call = self.open.remove(client).expect("an answer needs a call");
        self.write(EventKind::Answered { client: client.into(), call, answer });
    }

    pub fn ask(&mut self, client: &str) {
        self.call(client, Operation::Acquire { timeout: None });
    }

    pub fn enter(&mut self, client: &str) {
        self.answer(client, Answer::Ok { held: None });
        self.write(EventKind::Entered { client: client.into() });
    }

    pub fn leave(&mut self, client: &str) {
        self.write(EventKind::Left { client: client.into() });
        self.call(client, Operation::Release);
    }

    /// A fault strikes the link of a node.
    pub fn strike(&mut self, kind: &str, node: &str, pass: Pass) {
        self.strike_with(kind, node, Consequence::of_link(node, pass, 0));
    }

    fn strike_with(&mut self, kind: &str, node: &str, consequences: Vec<Consequence>) {
        let fault = FaultId::at(self.faults);
        self.cuts.insert(node.into(), fault);
        self.write(EventKind::FaultStruck {
            fault,
            kind: kind.into(),
            node: node.into(),
            detail: String::new(),
            consequences,
        });
        self.faults += 1;
    }

    pub fn heal(&mut self, node: &str) {
        let fault = self.cuts.remove(node).expect("a heal needs a cut");
        self.write(EventKind::FaultEnded { fault, effect: "frames were lost".into() });
    }

    pub fn die(&mut self, node: &str, by_plan: bool) {
        self.open.remove(node);
        self.write(EventKind::NodeDied { node: node.into(), by_plan, cause: "power cut".into() });
    }

    pub fn boot(&mut self, node: &str) {
        let node = String::from(node);
        self.write(EventKind::NodeBooted { node: node.clone() });
        self.write(EventKind::NodeReady { node: node.clone(), options: "vers=4.2".into() });
        if node != "server" {
            let (library, version) = ("flufl.lock".into(), "10.0.0".into());
            self.write(EventKind::AdapterReady { client: node, library, version });
        }
    }

    fn tell(&mut self, who: &str, words: &[&str]) -> bool {
        let client = String::from(who);
        let ok = Answer::Ok { held: None };
        let refresh = |lifetime: &str| Operation::Refresh { lifetime: lifetime.parse().unwrap() };
        match words {
            ["asks"] => self.ask(who),
            ["asks", "for", limit] => {
                let timeout = Some(limit.parse().unwrap());
                self.call(who, Operation::Acquire { timeout });
            }
            ["tries"] => self.call(who, Operation::Acquire { timeout: Some(Nanos::ZERO) }),
            ["enters"] => self.enter(who),
            ["acquires"] => {
                self.ask(who);
                self.enter(who);
            }
            ["leaves"] => self.leave(who),
            ["leaves", "without", "release"] => self.write(EventKind::Left { client }),
            ["releases"] => {
                self.leave(who);
                self.answer(who, ok);
            }
            ["calls", "release"] => self.call(who, Operation::Release),
            ["calls", "is_held"] => self.call(who, Operation::IsHeld),
            ["calls", "refresh", lifetime] => self.call(who, refresh(lifetime)),
            ["refreshes", lifetime] => {
                self.call(who, refresh(lifetime));
                self.answer(who, ok);
            }
            ["is", "told", answer] => self.answer(who, answer_of(answer)),
            ["dies"] => self.die(who, true),
            ["dies", "unplanned"] => self.die(who, false),
            ["is", "killed"] => {
                let node = who.to_owned();
                self.strike_with("kill", who, vec![Consequence::Kill { node }]);
            }
            ["is", "paused"] => {
                let mut consequences = Consequence::of_link(who, Pass::None, 0);
                consequences.push(Consequence::Pause { node: client });
                self.strike_with("pause", who, consequences);
            }
            ["is", "stopped"] => {
                self.strike_with("stop", who, vec![Consequence::Stop { node: client }]);
            }
            ["crashes"] => {
                self.strike_with("crash", who, vec![Consequence::Power { node: client }]);
                self.die(who, true);
            }
            ["has", "a", "bad", "disk"] => self.strike_with("disk", who, disk(0, true)),
            ["has", "a", "forgetful", "disk"] => {
                let disk =
                    Consequence::Disk { late_ns: 0, flush_late_ns: 0, fails: false, forgets: true };
                self.strike_with("disk", who, vec![disk]);
            }
            ["gets", "falsified", "frames"] => {
                self.strike_with("impair", who, vec![Consequence::Corruption]);
            }
            ["has", "a", "slow", "disk"] => self.strike_with("disk", who, disk(SECOND, false)),
            ["adapter", "is", "killed"] => self.write(EventKind::AdapterKilled { client }),
            ["adapter", "fails"] => {
                self.write(EventKind::AdapterFailed { client, cause: "it ended".into() })
            }
            ["boots"] => self.boot(who),
            ["is", "cut"] => self.strike("cut", who, Pass::None),
            ["is", "impaired"] => self.strike("impair", who, Pass::Some),
            ["has", "a", "call", "refused"] => {
                let node = client.clone();
                self.strike_with("refuse", who, vec![Consequence::Refusal { node, op: None }]);
            }
            ["has", op, "refused"] => {
                let refusal = Consequence::Refusal { node: client, op: Some((*op).into()) };
                self.strike_with("refuse", who, vec![refusal]);
            }
            ["has", call, "fail", "of", path] => self.write(EventKind::CallFailed {
                client,
                fault: FaultId::at(self.faults - 1),
                call: serde_yaml::from_str(call).unwrap(),
                path: (*path).into(),
            }),
            ["has", "system", "calls", "fail"] => {
                let node = client.clone();
                self.strike_with("errno", who, vec![Consequence::CallsFail { node }]);
            }
            ["is", "slow"] => self.strike("impair", who, Pass::All),
            ["sends", "in", "vain"] => self.strike_with("deafen", who, sends(who, Pass::None)),
            ["is", "healed"] => self.heal(who),
            ["clock", step] => self.clock(who, step, 0),
            ["clock", step, "drifts", ppm] => self.clock(who, step, ppm.parse().unwrap()),
            ["has", open, "descriptors"] => {
                let open = open.parse().unwrap();
                self.write(EventKind::Descriptors { client, open });
            }
            _ => return self.tell_count(client, words),
        }
        true
    }

    fn tell_count(&mut self, client: String, words: &[&str]) -> bool {
        match words {
            ["counts", read] => {
                let read = read.parse().unwrap();
                self.write(EventKind::CountBegan { client: client.clone() });
                self.write(EventKind::Counted { client, read });
            }
            ["begins", "to", "count"] => self.write(EventKind::CountBegan { client }),
            ["drops", "its", "count"] => {
                self.write(EventKind::CountDropped { client, why: "the lock is lost".into() })
            }
            ["counted", read] => {
                let read = read.parse().unwrap();
                self.write(EventKind::Counted { client, read });
            }
            ["fails", "to", "count"] => {
                self.write(EventKind::CountFailed { client, error: "EIO".into() })
            }
            ["is", value] if client == "counter" => {
                self.write(EventKind::CounterRead { value: value.parse().unwrap() })
            }
            ["has", "nothing", "left"] if client == "export" => self.left(&[], 0),
            ["has", locks, "locks"] if client == "export" => self.left(&[], locks.parse().unwrap()),
            ["has", names @ ..] if client == "export" => self.left(names, 0),
            ["ends"] if client == "workload" => self.write(EventKind::WorkloadEnded {
                completed: true,
                why: "every client is done".into(),
            }),
            _ => return false,
        }
        true
    }

    fn left(&mut self, names: &[&str], locks: u64) {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.write(EventKind::LeftBehind { names, more: 0, locks });
    }

    pub fn clock(&mut self, node: &str, step: &str, drift_ppm: i64) {
        let step: SignedNanos = step.parse().unwrap();
        self.write(EventKind::ClockSet { node: node.into(), offset_ns: step.0, drift_ppm });
    }
}

/// Something happens to what a node sends, and to nothing that it receives.
fn sends(node: &str, pass: Pass) -> Vec<Consequence> {
    let from = Some(vec![node.to_owned()].into());
    vec![Consequence::Frames(Frames { from, to: None, pass, late_ns: 0 })]
}

/// The server's disk is late with each request, or fails.
fn disk(late_ns: u64, fails: bool) -> Vec<Consequence> {
    vec![Consequence::Disk { late_ns, flush_late_ns: 0, fails, forgets: false }]
}

fn answer_of(word: &str) -> Answer {
    match word {
        "ok" => Answer::Ok { held: None },
        "held" => Answer::Ok { held: Some(true) },
        "lost" => Answer::Ok { held: Some(false) },
        "not_held" => Answer::NotHeld,
        "timeout" => Answer::Timeout,
        "busy" => Answer::Busy,
        "error" => Answer::Error {
            errno: Some("EIO".into()),
            class: "OSError".into(),
            message: "it broke".into(),
        },
        _ => panic!("a story knows no answer `{word}`"),
    }
}
