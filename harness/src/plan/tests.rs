use super::*;
use crate::kernel::Kernel;
use crate::lock::catalogue::Catalogue;
use crate::scenario::WorkloadSpec;
use crate::scenario::load::{load, load_source};
use crate::scenario::overrides::Overrides;
use crate::units::Nanos;
use proptest::prelude::*;
use rstest::rstest;
use std::path::{Path, PathBuf};

const PROFILE: &str = "\
name: leased
kind: library
summary: a lock with a lifetime
layer: python
start: [python3, adapter.py]
primitive: link
lifetime: {default: 15s, least: 2s}
promises:
  mutual_exclusion: \"it says so\"
options: {depth: 3, colour: blue}
";

const STORY: &str = "\
about: A small story.
site: {clients: 2}
lock: {name: leased, options: {colour: green}}
workload:
  cycles: {time: 20s, refresh: 5s}
faults:
  - when: {entered: {count: 2}}
    strike: {cut: {node: owner}}
    for: 5s
";

fn leased() -> Profile {
    serde_yaml::from_str(PROFILE).unwrap()
}

fn parts() -> Parts<'static> {
    Parts { kernel_key: "k", image_key: "i", kernels: Kernels::default() }
}

/// The plan of a text, or what is said about it.
fn planned(
    text: &str,
    overrides: &Overrides,
    profile: &Profile,
    seed: u64,
) -> Result<Plan, String> {
    let source = Source::from_bytes("story.yaml", text.into()).unwrap();
    let mut loaded = load_source(source, overrides).map_err(|e| e.to_string())?;
    loaded.complete(profile).map_err(|e| e.to_string())?;
    Ok(expand(&loaded.scenario, seed, profile.into(), parts()))
}

fn plan_of(seed: u64) -> Plan {
    planned(STORY, &Overrides::default(), &leased(), seed).unwrap()
}

#[test]
fn a_story_is_told_with_what_another_lock_has() {
    let story = STORY
        .replace("options: {colour: green}", "lifetime: 4s")
        .replace("    for: 5s\n", "    for: 5s\nexpect: {critical_sections: 20}\n");
    let with = |profile: &Profile, lock: Option<&str>, set: &[&str]| {
        let set = set.iter().map(|text| text.to_string()).collect();
        let overrides = Overrides { lock: lock.map(str::to_owned), set };
        planned(&story, &overrides, profile, 1)
    };
    let own = with(&leased(), None, &[]).unwrap();
    assert_eq!(
        (own.lifetime(), own.scenario.expect.critical_sections),
        (Some(Nanos::from_secs(4)), 20)
    );

    let mut slower = leased();
    slower.lifetime.as_mut().unwrap().least = Nanos::from_secs(5);
    let other = with(&slower, Some("leased"), &[]).unwrap();
    assert_eq!(other.lifetime(), Some(Nanos::from_secs(15)), "its own, since 4 s are too short");
    assert_eq!(other.scenario.expect.critical_sections, 5);
    let said = with(&slower, Some("leased"), &["lock.lifetime=4s"]).unwrap_err();
    assert!(said.contains("too short"), "who says so is told: {said}");

    let mut never = leased();
    never.lifetime = None;
    let other = with(&never, Some("leased"), &[]).unwrap();
    let WorkloadSpec::Cycles(cycles) = &other.scenario.workload else { panic!("it has cycles") };
    assert_eq!((other.lifetime(), cycles.refresh), (None, None));
    let said = with(&never, None, &[]).unwrap_err();
    assert!(said.contains("has no lifetime"), "the author's own lock: {said}");
}

#[test]
fn a_plan_spells_everything_out() {
    insta::assert_snapshot!(plan_of(1).to_yaml().unwrap());
}

#[test]
fn only_kernels_that_are_not_the_default_are_in_the_plan() {
    let mut plan = plan_of(1);
    let key = "0123456789abcdef".to_string();
    plan.kernels.server = Some(Kernel { version: "6.1".into(), key });
    let yaml = plan.to_yaml().unwrap();
    let part = &yaml[yaml.find("kernel_key").unwrap()..yaml.find("scenario:").unwrap()];
    insta::assert_snapshot!(part, @r"
    kernel_key: k
    image_key: i
    kernels:
      server:
        version: '6.1'
        key: 0123456789abcdef
    ");
    let read =
        |text: String| Plan::from_source(Source::from_bytes("plan.yaml", text.into()).unwrap());
    assert_eq!(read(yaml.clone()).unwrap(), plan);
    let said = read(yaml.replace("0123456789abcdef", "../../0123456789")).unwrap_err().to_string();
    assert!(said.contains("this is no key") && said.contains("plan.yaml:8:10"), "{said}");
}

#[test]
fn a_script_stays_readable_in_the_plan() {
    let script = "lock: {name: leased}\nworkload:\n  script:\n    - c1: acquire -> ok\n    \
        - at +3s\n    - clock c2 -2s\n    - c1: release -> not held\n";
    let plan = planned(script, &Overrides::default(), &leased(), 1).unwrap();
    let yaml = serde_yaml::to_string(&plan.scenario.workload).unwrap();
    insta::assert_snapshot!(yaml, @r#"
    !script
    - c1: acquire -> ok
    - at +3s
    - clock c2 -2s
    - c1: release -> not held
    "#);
    let text = plan.to_yaml().unwrap();
    let source = Source::from_bytes("plan.yaml", text.into()).unwrap();
    assert_eq!(Plan::from_source(source).unwrap(), plan);
}

#[test]
fn the_locks_own_limits_are_held_against_the_scenario() {
    let said = |text: &str, profile: &Profile| {
        planned(text, &Overrides::default(), profile, 1).unwrap_err()
    };
    let plain = Profile { name: "plain".into(), lifetime: None, ..leased() };
    let with_lifetime = |lifetime: &str| {
        format!("lock:\n  name: leased\n  lifetime: {lifetime}\nworkload: {{cycles: {{}}}}\n")
    };
    insta::assert_snapshot!(said(&with_lifetime("1s"), &leased()), @r#"
    error: a lifetime of 1s is too short for `leased`
      --> story.yaml:3:13
       |
     3 |   lifetime: 1s
       |             ^^
      = help: expected at least 2s
    "#);
    insta::assert_snapshot!(said(&with_lifetime("5s"), &plain), @r#"
    error: a lock of `plain` has no lifetime
      --> story.yaml:3:3
       |
     3 |   lifetime: 5s
       |   ^^^^^^^^
      = help: expected no such key
    "#);
    insta::assert_snapshot!(said(STORY, &plain), @r#"
    error: a lock of `plain` has no lifetime, so nothing to refresh
      --> story.yaml:5:23
       |
     5 |   cycles: {time: 20s, refresh: 5s}
       |                       ^^^^^^^
      = help: expected no refresh
    "#);
    let script = "lock: {name: leased}\nworkload:\n  script:\n    - c1: refresh -> ok\n";
    insta::assert_snapshot!(said(script, &plain), @r#"
    error: a lock of `plain` has no lifetime, so nothing to refresh
      --> story.yaml:4:11
       |
     4 |     - c1: refresh -> ok
       |           ^^^^^^^^^^^^^
      = help: expected no refresh
    "#);
}

#[test]
fn a_lock_that_is_never_renewed_has_no_story_that_refreshes_it() {
    let never = serde_yaml::from_str(&PROFILE.replace("least: 2s", "least: 2s, renewed: never"));
    let never: Profile = never.unwrap();
    let script = "lock: {name: leased}\nworkload:\n  script:\n    - c1: refresh -> ok\n";
    for text in [STORY, script] {
        let said = planned(text, &Overrides::default(), &never, 1).unwrap_err();
        assert!(said.contains("a lock of `leased` is never renewed"), "{said}");
    }
    // With another lock, the story is told without.
    let other = Overrides { lock: Some("leased".into()), set: Vec::new() };
    assert!(planned(STORY, &other, &never, 1).is_ok());
}

#[test]
fn an_option_that_a_lock_does_not_have_is_refused() {
    let set = |set: &str| {
        let overrides = Overrides { lock: None, set: vec![set.into()] };
        planned(STORY, &overrides, &leased(), 1).map(drop)
    };
    set("lock.options.depth=4").unwrap();
    insta::assert_snapshot!(set("lock.options.dept=4").unwrap_err(), @r#"
    error: the lock `leased` has no option `dept`
      --> --set lock.options.dept=4
      = help: did you mean `depth`?
    "#);
    let said = set("lock.options.nosuch=1").unwrap_err();
    assert!(said.contains("its profile has `colour` and `depth`"), "{said}");
}

#[test]
fn another_lock_takes_the_storys_lifetime_only_if_it_has_lifetimes() {
    let text = STORY.replace("leased,", "leased, lifetime: 7s,");
    let other = Overrides { lock: Some("other".into()), set: Vec::new() };
    let plain = Profile { lifetime: None, ..leased() };
    let without = planned(&text, &other, &plain, 1).unwrap().scenario;
    assert_eq!(without.lock.lifetime, None);
    let with = planned(&text, &other, &leased(), 1).unwrap().scenario;
    assert_eq!(with.lock.lifetime.unwrap().to_string(), "7s");
    assert_eq!(with.lock.options["colour"], "blue", "options are not for another lock");
    let asked = Overrides { set: vec!["lock.lifetime=9s".into()], ..other };
    insta::assert_snapshot!(planned(&text, &asked, &plain, 1).unwrap_err(), @r#"
    error: a lock of `leased` has no lifetime
      --> --set lock.lifetime=9s
      = help: expected no such key

    error: a lock of `leased` has no lifetime, so nothing to refresh
      --> story.yaml:5:23
       |
     5 |   cycles: {time: 20s, refresh: 5s}
       |                       ^^^^^^^
      = help: expected no refresh
    "#);
}

#[test]
fn a_lock_that_is_not_there_is_answered_with_those_that_are() {
    let said = |text: &str, lock: Option<&str>| {
        let overrides = Overrides { lock: lock.map(String::from), set: Vec::new() };
        let source = Source::from_bytes("story.yaml", text.into()).unwrap();
        let known = ["fcntl".to_string(), "flufl.lock".to_string()];
        load_source(source, &overrides).unwrap().unknown_lock(&known).to_string()
    };
    insta::assert_snapshot!(said(STORY, None), @r#"
    error: no lock `leased`
      --> story.yaml:3:14
       |
     3 | lock: {name: leased, options: {colour: green}}
       |              ^^^^^^
      = help: there are: fcntl, flufl.lock
    "#);
    insta::assert_snapshot!(said(STORY, Some("fcnlt")), @r#"
    error: no lock `fcnlt`
      --> --lock fcnlt
      = help: did you mean `fcntl`?
    "#);
}

#[test]
fn a_plan_that_was_spoilt_is_shown_where() {
    let good = plan_of(1).to_yaml().unwrap();
    let said = |text: String| {
        let source = Source::from_bytes("plan.yaml", text.into()).unwrap();
        Plan::from_source(source).map(|_| ()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(said(good.replacen("format: 1", "format: 2", 1)), @r#"
    error: a plan of another format
      --> plan.yaml:1:9
       |
     1 | format: 2
       |         ^
      = help: expected 1
    "#);
    insta::assert_snapshot!(said(good.replacen("clients: 2", "clients: 3", 1)), @"
    error: the nodes are not those of the scenario
      --> plan.yaml:86:5
        |
     86 |   - name: server
        |     ^
      = help: expected the server, then its clients in order

    error: a client has no seed
      --> plan.yaml:111:3
         |
     111 |   c1: 6309092423031634648
         |   ^
      = help: expected one for each
    ");
    insta::assert_snapshot!(said(good.replacen("node: owner", "node: c7", 1)), @"
    error: there is no node `c7`
      --> plan.yaml:44:15
        |
     44 |         node: c7
        |               ^^
      = help: the nodes are server, c1, c2, owner
    ");
    insta::assert_snapshot!(said(good.replacen("memory_mib", "memory_mb", 1)), @"
    error: unknown key `memory_mb`
      --> plan.yaml:91:5
        |
     91 |     memory_mb: 44
        |     ^^^^^^^^^
      = help: did you mean `memory_mib`?
    ");
    insta::assert_snapshot!(said("format: 1\n".into()), @r#"
    error: the key `seed` is missing
      --> plan.yaml:1:1
       |
     1 | format: 1
       | ^
      = help: add `seed: ...`
    "#);
}

#[test]
fn a_plan_whose_names_lead_elsewhere_is_refused() {
    let good = plan_of(1);
    let said = |plan: &Plan| {
        let source = Source::from_bytes("plan.yaml", plan.to_yaml().unwrap().into()).unwrap();
        Plan::from_source(source).unwrap_err().to_string()
    };
    let mut plan = good.clone();
    plan.scenario.name = "../../..".into();
    insta::assert_snapshot!(said(&plan), @r#"
    error: `../../..` cannot be a scenario's name, under which results are filed
      --> plan.yaml:6:9
       |
     6 |   name: ../../..
       |         ^^^^^^^^
      = help: write `name: my-story`: letters, digits, `-_.`, at most 64, first a letter or digit
    "#);
    plan.scenario.name.clear();
    assert!(said(&plan).contains("`` cannot be a scenario's name"), "{}", said(&plan));
    let mut plan = good.clone();
    plan.profile.name = "..".into();
    assert!(said(&plan).contains("this is no lock's name"), "{}", said(&plan));
    let mut plan = good;
    plan.lock_image = Some(LockImage { key: "../../secret".into(), from: "mine".into() });
    assert!(said(&plan).contains("this is no key"), "{}", said(&plan));
}

#[test]
fn a_plan_is_known_by_the_hash_of_its_file() {
    let (plan, other) = (plan_of(1), plan_of(2));
    let hash = plan.hash().unwrap();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("plan.yaml");
    std::fs::write(&file, plan.to_yaml().unwrap()).unwrap();
    let said = std::process::Command::new("sha256sum").arg(&file).output().unwrap().stdout;
    assert!(said.starts_with(hash.to_string().as_bytes()), "{hash}");
    assert!(hash.to_string().starts_with(&hash.short()) && hash.short().len() == 16);
    assert_eq!(plan_of(1).hash().unwrap(), hash);
    assert_ne!(other.hash().unwrap(), hash);
}

/// The real profile, where the repository has it, else one with lifetimes.
fn profile_of(lock: &str) -> Profile {
    let locks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../containers/locks");
    let catalogue = Catalogue::open(locks).ok();
    match catalogue.and_then(|catalogue| catalogue.load(lock)) {
        Some(profile) => profile.unwrap(),
        None => leased(),
    }
}

#[rstest]
fn every_shipped_scenario_loads_and_plans(#[files("../scenarios/**/*.yaml")] path: PathBuf) {
    let mut loaded = load(path.to_str().unwrap(), &Overrides::default())
        .unwrap_or_else(|found| panic!("{found}"));
    let profile = profile_of(&loaded.scenario.lock.name);
    loaded.complete(&profile).unwrap_or_else(|found| panic!("{found}"));
    let plan = expand(&loaded.scenario, 1, (&profile).into(), parts());
    let source = Source::from_bytes("plan.yaml", plan.to_yaml().unwrap().into()).unwrap();
    assert_eq!(Plan::from_source(source).unwrap(), plan);
    assert!(!plan.scenario.about.is_empty(), "a shipped scenario says what it is about");
    let catalogue = include_str!("../../../scenarios/README.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let folder = folder.canonicalize().unwrap();
    let file = path.canonicalize().unwrap().strip_prefix(folder).unwrap().display().to_string();
    assert!(catalogue.contains(&format!("]({file})")), "scenarios/README.md has no row for {file}");
}

/// Each would end the harness, or let the checkers judge another site than the one that ran.
#[rstest]
#[case::no_host_has_such_a_disk("size_mib: 64", "size_mib: 4294967295")]
#[case::a_site_needs_a_lookahead("    latency: 50us", "    latency: 0s")]
#[case::the_checkers_go_by_it("grace_s: 30", "grace_s: 90")]
#[case::beyond_all_clocks("wall_start_s: 1767225600", "wall_start_s: 18446744073709551615")]
#[case::no_room_for_a_kernel("memory_mib: 44", "memory_mib: 1")]
fn a_blueprint_that_was_edited_beyond_reason_is_refused(#[case] from: &str, #[case] to: &str) {
    let text = plan_of(1).to_yaml().unwrap();
    let blueprint = text.find("\nblueprint:").unwrap();
    let edited = text[..blueprint].to_owned() + &text[blueprint..].replacen(from, to, 1);
    assert_ne!(text, edited, "{text}");
    let source = Source::from_bytes("plan.yaml", edited.into()).unwrap();
    let said = Plan::from_source(source).unwrap_err().to_string();
    assert!(said.contains("expected"), "{said}");
}

proptest! {
    #[test]
    fn the_same_seed_makes_the_same_bytes_and_another_seed_others(seed: u64, other: u64) {
        let text = plan_of(seed).to_yaml().unwrap();
        prop_assert_eq!(&text, &plan_of(seed).to_yaml().unwrap());
        prop_assert_eq!(seed == other, text == plan_of(other).to_yaml().unwrap());
    }

    #[test]
    fn a_plan_goes_through_yaml_unchanged(
        seed: u64,
        loss in 0.0f64..=1.0,
        hold in 1u64..1_000_000_000,
    ) {
        let set = [
            format!("site.wire.latency={}ns..1s", hold.max(20_000)),
            format!("workload.cycles.hold={hold}ns"),
            format!("faults[0].strike={{impair: {{node: c1, loss: {loss}, duplicate: 0.5}}}}"),
        ];
        let overrides = Overrides { lock: None, set: set.to_vec() };
        let plan = planned(STORY, &overrides, &leased(), seed).unwrap();
        let source = Source::from_bytes("plan.yaml", plan.to_yaml().unwrap().into()).unwrap();
        prop_assert_eq!(Plan::from_source(source).unwrap(), plan);
    }
}
