//! An advice, for the tests of the renderers.

use super::*;

pub(crate) fn advice() -> Advice {
    let story = |name: &str, about: &str| Story { name: name.into(), about: about.into() };
    let waits = |median_ns| Waiting { min_ns: 1, median_ns, p99_ns: 9_000_000_000, max_ns: 0 };
    let row = |lock: &str, standing, median_ns| Row {
        lock: lock.into(),
        about: String::new(),
        standing,
        runs: 6,
        unknown: 0,
        fell: Vec::new(),
        sections_per_minute: Some(41.25),
        waiting: Some(waits(median_ns)),
        outages: vec![Outage { story: "client".into(), longest_ns: Some(12_000_000_000) }],
        reproduce: format!("lockstorm advise site.yaml --locks {lock}"),
    };
    let fall = |class, story: &str, assumption: &str| Fall {
        class,
        story: story.into(),
        invariant: "mutual exclusion".into(),
        seen: 2,
        of: 3,
        assumption: assumption.into(),
        text: "c2 was inside when c1 entered.".into(),
        reproduce: format!("lockstorm scenario out/stories/{story}.yaml --seed 1"),
    };
    let beyond = fall(Class::BeyondAssumptions, "clocks", "clocks within 10 s");
    Advice {
        format: FORMAT,
        lockstorm: "0.1.0".into(),
        site: "site.yaml".into(),
        stories: vec![
            story("calm", "Nothing goes wrong."),
            story("clocks", "Clocks are up to 60 s apart."),
            story("client", "The owner's machine dies, and stays off."),
        ],
        locks: vec![
            row("flock", Standing::Kept, 800_000_000),
            Row {
                outages: vec![Outage { story: "client".into(), longest_ns: None }],
                ..row("link", Standing::Kept, 900_000_000)
            },
            Row {
                fell: vec![beyond],
                ..row("flufl.lock", Standing::BeyondAssumptions, 1_000_000_000)
            },
            Row {
                fell: vec![fall(Class::BrokenPromise, "client", "")],
                ..row("mylock", Standing::Broken, 2_000_000_000)
            },
        ],
        left_out: vec![LeftOut { what: "git in `calm`".into(), why: "it has no refresh".into() }],
    }
}
