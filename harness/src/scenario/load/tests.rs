use super::*;
use proptest::prelude::*;

/// What is said about a scenario, and about nothing else.
fn said(text: &str, overrides: &[&str]) -> String {
    let overrides =
        Overrides { lock: None, set: overrides.iter().map(|set| set.to_string()).collect() };
    let source = Source::from_bytes("story.yaml", text.into());
    match source.map_err(Diagnostics::from).and_then(|source| load_source(source, &overrides)) {
        Ok(_) => "nothing\n".into(),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

const GOOD: &str = "\
lock: {name: fcntl}
workload:
  cycles:
    time: 20s
";

#[test]
fn null_unsets_and_the_place_behind_the_last_adds() {
    const CUT: &str = "{when: {at: 1s}, strike: {cut: {node: c1}}, for: 1s}";
    let set = |text: &str, set: &[&str]| {
        let set = set.iter().map(|set| set.to_string()).collect();
        let source = Source::from_bytes("story.yaml", text.into()).unwrap();
        load_source(source, &Overrides { lock: None, set }).unwrap().scenario
    };
    let plain = set(GOOD, &[]);
    let clients = format!("{GOOD}site: {{clients: 5}}\n");
    assert_eq!(set(&clients, &["site.clients=null"]), plain);
    assert_eq!(set(GOOD, &["site.nfs.options=null", "faults[0]=null", "expect=null"]), plain);
    let script = ["workload.cycles=null", "workload.script=[{c1: acquire}]"];
    assert!(matches!(set(GOOD, &script).workload, WorkloadSpec::Script(_)));
    let (one, two) = (format!("faults[0]={CUT}"), format!("faults[1]={CUT}"));
    let both = set(GOOD, &[&one, &two]);
    assert_eq!(both.faults.len(), 2);
    assert_eq!(set(GOOD, &[&one, &two, "faults[0]=null"]).faults, both.faults[..1]);
    assert_eq!(set(GOOD, &["site.nfs.options[0]=soft"]).site.nfs.options, ["soft"]);
    insta::assert_snapshot!(said(GOOD, &[&one, &format!("faults[3]={CUT}")]), @r#"
    error: `faults` has 1 item, counted from 0
      --> --set faults[3]={when: {at: 1s}, strike: {cut: {node: c1}}, for: 1s}
      = help: expected `faults[1]` to add one
    "#);
}

#[test]
fn a_number_that_no_computer_counts_to_is_told_as_one() {
    insta::assert_snapshot!(said(GOOD, &["site.clients=100000000000000000000"]), @r#"
    error: 100000000000000000000 is too large a number
      --> --set site.clients=100000000000000000000
    "#);
}

#[test]
fn an_unknown_key_is_named_with_the_one_that_is_meant() {
    insta::assert_snapshot!(said(&format!("{GOOD}site:\n  clinets: 5\n"), &[]), @r#"
    error: unknown key `clinets`
      --> story.yaml:6:3
       |
     6 |   clinets: 5
       |   ^^^^^^^
      = help: did you mean `clients`?
    "#);
    insta::assert_snapshot!(said(&format!("{GOOD}colour: blue\n"), &[]));
    insta::assert_snapshot!(said("lock: {name: fcntl}\nworkload:\n  cycels: {}\n", &[]), @r#"
    error: `cycels` is not one of the choices here
      --> story.yaml:3:3
       |
     3 |   cycels: {}
       |   ^^^^^^
      = help: did you mean `cycles`?
    "#);
    let fault = "faults:\n- when: {at: 3s}\n  strike:\n    cutt: {node: c1}\n";
    insta::assert_snapshot!(said(&format!("{GOOD}{fault}"), &[]), @r#"
    error: `cutt` is not one of the choices here
      --> story.yaml:8:5
       |
     8 |     cutt: {node: c1}
       |     ^^^^
      = help: did you mean `cut`?
    "#);
    let fault = "faults:\n- when: {at: 3s}\n  strike:\n    cut: {nod: c1}\n";
    insta::assert_snapshot!(said(&format!("{GOOD}{fault}"), &[]), @r#"
    error: unknown key `nod`
      --> story.yaml:8:11
       |
     8 |     cut: {nod: c1}
       |           ^^^
      = help: did you mean `node`?
    "#);
}

#[test]
fn a_missing_key_is_named() {
    insta::assert_snapshot!(said("about: nothing\n", &[]), @r#"
    error: the key `lock` is missing
      --> story.yaml:1:1
       |
     1 | about: nothing
       | ^
      = help: add `lock: ...`
    "#);
    let fault = "faults:\n- when: {at: 3s}\n  strike:\n    cut: {}\n";
    insta::assert_snapshot!(said(&format!("{GOOD}{fault}"), &[]), @r#"
    error: the key `node` is missing in `faults[0].strike.cut`
      --> story.yaml:8:5
       |
     8 |     cut: {}
       |     ^^^
      = help: add `node: ...`
    "#);
}

#[test]
fn an_nfs_version_may_be_written_as_a_number() {
    assert_eq!(said(&format!("{GOOD}site: {{nfs: {{version: 4.1}}}}\n"), &[]), "nothing\n");
}

#[test]
fn a_value_of_the_wrong_kind_is_shown() {
    insta::assert_snapshot!(said(&format!("{GOOD}site: {{clients: many}}\n"), &[]), @r#"
    error: expected a whole number from 0 to 255, found the text "many"
      --> story.yaml:5:17
       |
     5 | site: {clients: many}
       |                 ^^^^
    "#);
    insta::assert_snapshot!(said(&format!("{GOOD}site: {{clients: 300}}\n"), &[]), @r#"
    error: expected a whole number from 0 to 255, found the number `300`
      --> story.yaml:5:17
       |
     5 | site: {clients: 300}
       |                 ^^^
    "#);
    insta::assert_snapshot!(said(&format!("{GOOD}site: 3\n"), &[]), @r#"
    error: expected keys with values, found the number `3`
      --> story.yaml:5:7
       |
     5 | site: 3
       |       ^
    "#);
    insta::assert_snapshot!(said(&format!("{GOOD}about: 4.2\n"), &[]), @r#"
    error: expected a text, found the number `4.2`
      --> story.yaml:5:8
       |
     5 | about: 4.2
       |        ^^^
      = help: put it in quotes
    "#);
    insta::assert_snapshot!(said(&format!("{GOOD}faults: none\n"), &[]), @r#"
    error: expected a list, found the text "none"
      --> story.yaml:5:9
       |
     5 | faults: none
       |         ^^^^
    "#);
    insta::assert_snapshot!(said(&format!("{GOOD}expect: {{verdict: vaild}}\n"), &[]), @r#"
    error: `vaild` is not one of the choices here
      --> story.yaml:5:19
       |
     5 | expect: {verdict: vaild}
       |                   ^^^^^
      = help: did you mean `valid`?
    "#);
    insta::assert_snapshot!(said("- lock\n- workload\n", &[]), @r#"
    error: this is not a scenario
      --> story.yaml:1:1
       |
     1 | - lock
       | ^
      = help: expected keys such as `lock:` and `workload:`
    "#);
    insta::assert_snapshot!(said("just a thought\n", &[]), @r#"
    error: this is not a scenario
      --> story.yaml:1:1
       |
     1 | just a thought
       | ^^^^^^^^^^^^^^
      = help: expected keys such as `lock:` and `workload:`
    "#);
    let two = "lock: {name: fcntl}\nworkload:\n  cycles: {}\n  script: []\n";
    insta::assert_snapshot!(said(two, &[]), @r#"
    error: more than one key stands here
      --> story.yaml:3:3
       |
     3 |   cycles: {}
       |   ^
      = help: expected one alone
    "#);
}

#[test]
fn a_wrong_time_is_shown_with_what_was_meant() {
    let with_time = |time: &str| said(&GOOD.replace("20s", time), &[]);
    insta::assert_snapshot!(with_time("20"), @r#"
    error: `20` has no unit
      --> story.yaml:4:11
       |
     4 |     time: 20
       |           ^^
      = help: expected such as `20ms` or `20s`
    "#);
    insta::assert_snapshot!(with_time("-5s"), @r#"
    error: `-5s` is negative
      --> story.yaml:4:11
       |
     4 |     time: -5s
       |           ^^^
      = help: did you mean `5s`?
    "#);
    insta::assert_snapshot!(with_time("-5"), @r#"
    error: `-5` is negative
      --> story.yaml:4:11
       |
     4 |     time: -5
       |           ^^
      = help: did you mean `5s`?
    "#);
    insta::assert_snapshot!(with_time("20 parsecs"), @r#"
    error: `parsecs` is not a unit of time
      --> story.yaml:4:11
       |
     4 |     time: 20 parsecs
       |           ^^^^^^^^^^
      = help: expected a number and a unit (ns, us, ms, s, m, h), such as 1.5s
    "#);
    insta::assert_snapshot!(with_time("soon"), @r#"
    error: `soon` is not a duration
      --> story.yaml:4:11
       |
     4 |     time: soon
       |           ^^^^
      = help: expected a number and a unit (ns, us, ms, s, m, h), such as 1.5s
    "#);
    insta::assert_snapshot!(said(&format!("{GOOD}    hold: 5s..1s\n"), &[]), @r#"
    error: `5s..1s` runs backward
      --> story.yaml:5:11
       |
     5 |     hold: 5s..1s
       |           ^^^^^^
      = help: did you mean `1s..5s`?
    "#);
}

#[test]
fn a_wrong_step_is_shown_at_its_line() {
    let script = |step: &str| {
        said(&format!("lock: {{name: fcntl}}\nworkload:\n  script:\n    - {step}\n"), &[])
    };
    insta::assert_snapshot!(script("c1: aquire -> ok"), @r#"
    error: `aquire` is not a call
      --> story.yaml:4:11
       |
     4 |     - c1: aquire -> ok
       |           ^^^^^^^^^^^^
      = help: did you mean `acquire`?
    "#);
    insta::assert_snapshot!(script("c1 acquire -> ok"), @r#"
    error: `c1 acquire -> ok` names a client without a colon
      --> story.yaml:4:7
       |
     4 |     - c1 acquire -> ok
       |       ^^^^^^^^^^^^^^^^
      = help: did you mean `c1: acquire -> ok`?
    "#);
    insta::assert_snapshot!(script("{c1: acquire, c2: acquire}"), @"
    error: a step has one client or one fault, here `c2` is a second one
      --> story.yaml:4:7
       |
     4 |     - {c1: acquire, c2: acquire}
       |       ^
      = help: expected a list item (`- `) for each step
    ");
    insta::assert_snapshot!(script("c1:"), @r#"
    error: `c1:` asks for nothing
      --> story.yaml:4:9
       |
     4 |     - c1:
       |         ^
      = help: expected a call (`acquire`, `release`, `refresh` or `is_held`) or `-> ANSWER`
    "#);
    insta::assert_snapshot!(script("3"), @r#"
    error: expected a step such as `c1: acquire -> ok` or `at +15s`, found the number `3`
      --> story.yaml:4:7
       |
     4 |     - 3
       |       ^
    "#);
    insta::assert_snapshot!(script("[c1, acquire]"), @r#"
    error: expected a step such as `c1: acquire -> ok` or `at +15s`, found a list
      --> story.yaml:4:7
       |
     4 |     - [c1, acquire]
       |       ^
    "#);
}

#[test]
fn an_override_changes_what_the_file_says() {
    let set = ["site.clients=5", "workload.cycles.hold=1s..2s", "site.nfs.options=[noac]"];
    let overrides =
        Overrides { lock: Some("flufl.lock".into()), set: set.map(String::from).to_vec() };
    let source = Source::from_bytes("folder/story.yaml", GOOD.into()).unwrap();
    let scenario = load_source(source, &overrides).unwrap().scenario;
    assert_eq!(scenario.name, "story");
    assert_eq!(scenario.lock.name, "flufl.lock");
    assert_eq!(scenario.site.clients, 5);
    assert_eq!(scenario.site.nfs.options, ["noac"]);
    let WorkloadSpec::Cycles(cycles) = scenario.workload else {
        panic!("the workload has changed its kind");
    };
    assert_eq!(cycles.hold.to_string(), "1s..2s");
    assert_eq!(cycles.time.to_string(), "20s");
}

#[test]
fn a_bad_override_is_named_as_the_argument_it_is() {
    insta::assert_snapshot!(said(GOOD, &["site.clinets=5"]), @r#"
    error: unknown key `clinets`
      --> --set site.clinets=5
      = help: did you mean `clients`?
    "#);
    insta::assert_snapshot!(said(GOOD, &["sit.clients=5"]), @r#"
    error: unknown key `sit`
      --> --set sit.clients=5
      = help: did you mean `site`?
    "#);
    insta::assert_snapshot!(said(GOOD, &["site.clients=17"]), @r#"
    error: `clients` is 17
      --> --set site.clients=17
      = help: expected 1 to 16
    "#);
    insta::assert_snapshot!(said(GOOD, &["workload.cycles.time=20"]), @r#"
    error: `20` has no unit
      --> --set workload.cycles.time=20
      = help: expected such as `20ms` or `20s`
    "#);
    insta::assert_snapshot!(said(GOOD, &["lock.name.first=x"]), @r#"
    error: `lock.name` has no keys in it, so no `first` either
      --> --set lock.name.first=x
    "#);
    insta::assert_snapshot!(said(GOOD, &["faults[0].for=5s"]), @r#"
    error: the key `when` is missing in `faults[0]`
      --> --set faults[0].for=5s
      = help: add `when: ...`
    "#);
    insta::assert_snapshot!(said(GOOD, &["faults=[{when: {at: 1s}, strike: {cut: {node: c9}}}]"]), @r#"
    error: there is no node `c9`
      --> --set faults=[{when: {at: 1s}, strike: {cut: {node: c9}}}]
      = help: the nodes are server, c1, c2, c3, owner
    "#);
    insta::assert_snapshot!(said(GOOD, &["site.clients"]), @r#"
    error: this has no `=`
      --> --set site.clients
      = help: expected such as `--set site.clients=5`
    "#);
    insta::assert_snapshot!(said(GOOD, &["=5"]), @r#"
    error: this does not name a key
      --> --set =5
      = help: expected such as `--set site.clients=5`
    "#);
    insta::assert_snapshot!(said(GOOD, &["site.clients="]), @r#"
    error: this has no value
      --> --set site.clients=
      = help: write `null` to unset a key
    "#);
    insta::assert_snapshot!(said(GOOD, &["site.clients=[3"]), @r#"
    error: not YAML: while parsing a flow sequence, expected ',' or ']'
      --> --set site.clients=[3
    "#);
}

#[test]
fn a_name_that_no_scenario_has_is_answered_with_the_nearest() {
    let said = |name: &str| load(name, &Overrides::default()).unwrap_err().to_string();
    insta::assert_snapshot!(said("partitoin.yaml"), @r#"
    error: no scenario `partitoin.yaml`, as a file or among those shipped
      --> partitoin.yaml
      = help: did you mean `partition.yaml`?
    "#);
    insta::assert_snapshot!(said("clam"), @r#"
    error: no scenario `clam`, as a file or among those shipped
      --> clam
      = help: did you mean `calm.yaml`?
    "#);
    assert!(said("/nowhere/at/all.yaml").contains("no scenario"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_loader_panic(bytes: Vec<u8>) {
        if let Ok(source) = Source::from_bytes("story.yaml", bytes) {
            let _ = load_source(source, &Overrides::default());
        }
    }

    #[test]
    fn no_change_of_a_good_scenario_makes_the_loader_panic(
        at in 0usize..600, cut in 0usize..8, put in "[-:{}\\[\\] \n0-9a-z.~]{0,8}",
    ) {
        let good = shipped::text("partition.yaml").unwrap_or(GOOD);
        let chars: Vec<char> = good.chars().filter(char::is_ascii).collect();
        let at = chars.len().saturating_sub(at);
        let (before, after) = (chars[..at].iter(), chars[at..].iter().skip(cut));
        let text: String = before.copied().chain(put.chars()).chain(after.copied()).collect();
        said(&text, &[]);
    }

    #[test]
    fn no_override_makes_the_loader_panic(key in "[a-z.\\[\\]0-9]{0,12}|(site|lock|workload)\\.[a-z]{1,4}", value: String) {
        said(GOOD, &[&format!("{key}={value}")]);
    }
}
