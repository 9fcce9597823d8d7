use super::*;
use crate::lock::catalogue::Catalogue;

/// What is said about a profile in the directory `good`.
fn said(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("good");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("profile.yaml"), text).unwrap();
    match Profile::load(&directory) {
        Ok(_) => "nothing\n".into(),
        Err(found) => found.to_string().replace(&folder.path().display().to_string(), "FOLDER"),
    }
}

const GOOD: &str = "\
name: good
kind: library
summary: a lock
layer: python
start: [python3, adapter.py]
primitive: link
lifetime: {default: 15s, least: 1s}
promises:
  mutual_exclusion: \"it says so\"
  break_after_lifetime: \"it says so\"
break_bound: {slop: 10s, within: 5s}
";

#[test]
fn a_good_profile_loads() {
    assert_eq!(said(GOOD), "nothing\n");
}

#[test]
fn a_locks_name_is_no_way_to_anywhere_else() {
    for name in ["..", ".", "a/b", "two words", &"x".repeat(65)] {
        let said = said(&GOOD.replace("name: good", &format!("name: {name}")));
        assert!(said.contains("a lock's name is part of file names"), "{name}: {said}");
    }
}

#[test]
fn a_bad_profile_is_shown_where_it_is_bad() {
    insta::assert_snapshot!(said(&GOOD.replace("name: good", "name: better")), @r#"
    error: `better` lies in the directory `good`
      --> FOLDER/good/profile.yaml:1:7
       |
     1 | name: better
       |       ^^^^^^
      = help: expected the same name
    "#);
    insta::assert_snapshot!(said(&GOOD.replace("kind: library", "kind: libary")), @r#"
    error: `libary` is not one of the choices here
      --> FOLDER/good/profile.yaml:2:7
       |
     2 | kind: libary
       |       ^^^^^^
      = help: did you mean `library`?
    "#);
    insta::assert_snapshot!(said(&GOOD.replace("mutual_exclusion", "mutual_exclusoin")), @r#"
    error: `mutual_exclusoin` is not one of the choices here
      --> FOLDER/good/profile.yaml:9:3
       |
     9 |   mutual_exclusoin: "it says so"
       |   ^
      = help: did you mean `mutual_exclusion`?
    "#);
    insta::assert_snapshot!(said(&GOOD.replace("break_bound: {slop: 10s, within: 5s}\n", "")), @r#"
    error: this is promised without a bound
      --> FOLDER/good/profile.yaml:10:25
        |
     10 |   break_after_lifetime: "it says so"
        |                         ^^^^^^^^^^^^
      = help: expected `break_bound: {slop: 10s, within: 5s}` too
    "#);
    insta::assert_snapshot!(said(&GOOD.replace("  break_after_lifetime: \"it says so\"\n", "")), @r#"
    error: a bound for a break that is not promised
      --> FOLDER/good/profile.yaml:10:14
        |
     10 | break_bound: {slop: 10s, within: 5s}
        |              ^
      = help: expected `break_after_lifetime` among the promises
    "#);
    insta::assert_snapshot!(said(&GOOD.replace("lifetime: {default: 15s, least: 1s}\n", "")), @r#"
    error: a lock without lifetimes is not broken
      --> FOLDER/good/profile.yaml:9:25
       |
     9 |   break_after_lifetime: "it says so"
       |                         ^^^^^^^^^^^^
      = help: expected `lifetime:` too
    "#);
    insta::assert_snapshot!(said(&GOOD.replace("default: 15s", "default: 1ms")), @r#"
    error: `default` is below `least`
      --> FOLDER/good/profile.yaml:7:21
       |
     7 | lifetime: {default: 1ms, least: 1s}
       |                     ^^^
      = help: expected no less
    "#);
    insta::assert_snapshot!(said(&GOOD.replace("[python3, adapter.py]", "[]")), @r#"
    error: no command
      --> FOLDER/good/profile.yaml:5:8
       |
     5 | start: []
       |        ^
      = help: expected such as `[python3, adapter.py]`
    "#);
    insta::assert_snapshot!(said(&format!("{GOOD}breaks: no_lost_update\n")), @r#"
    error: only a control is known to break something
      --> FOLDER/good/profile.yaml:12:9
        |
     12 | breaks: no_lost_update
        |         ^^^^^^^^^^^^^^
      = help: expected `kind: control`

    error: what it breaks is not among its promises, so nobody would look
      --> FOLDER/good/profile.yaml:12:9
        |
     12 | breaks: no_lost_update
        |         ^^^^^^^^^^^^^^
      = help: expected it there
    "#);
    insta::assert_snapshot!(said(&format!("{GOOD}assumes: {{nfs: [\"5\"]}}\n")), @r#"
    error: no NFS version `5`
      --> FOLDER/good/profile.yaml:12:16
        |
     12 | assumes: {nfs: ["5"]}
        |                ^
      = help: expected of 3, 4.0, 4.1, 4.2
    "#);
}

#[test]
fn what_a_lock_assumes_of_clocks_and_pauses_is_read_and_written_as_people_say_it() {
    let assumes = |text: &str| -> Assumptions { serde_yaml::from_str(text).unwrap() };
    let some = assumes("{clock_skew: 10s, clock_rate: 200 ppm, pause: lifetime}");
    assert_eq!((some.clock_rate, some.pause), (Some(Ppm(200)), Some(Pause::Lifetime)));
    assert_eq!(some.pause.unwrap().longest_ns(Some(7)), Some(7));
    let other = assumes("{clock_rate: 0ppm, pause: 1500ms}");
    assert_eq!(other.pause, Some(Pause::Within(Nanos::from_millis(1_500))));
    assert_eq!(other.pause.unwrap().longest_ns(None), Some(1_500_000_000));
    for one in [some, other, Assumptions::default()] {
        let text = serde_yaml::to_string(&one).unwrap();
        assert_eq!(assumes(&text), one, "{text}");
    }
    let text = serde_yaml::to_string(&assumes("{clock_rate: 500ppm, pause: 90s}")).unwrap();
    assert_eq!(text, "clock_rate: 500ppm\npause: 90s\n");
}

#[test]
fn a_lock_with_a_lifetime_measures_it_by_a_clock_that_may_be_slewed() {
    let profile = |text: &str| -> Profile { serde_yaml::from_str(text).unwrap() };
    assert_eq!(profile(GOOD).clock_rate(), Some(Ppm(500)));
    let exact = profile(&format!("{GOOD}assumes: {{clock_rate: 20ppm}}\n"));
    assert_eq!(exact.clock_rate(), Some(Ppm(20)));
    let (before, _) = GOOD.split_once("lifetime:").unwrap();
    assert_eq!(profile(before).clock_rate(), None);
}

#[test]
fn a_bad_assumption_is_shown_where_it_is_bad() {
    let assuming = |what: &str| said(&format!("{GOOD}assumes: {{{what}}}\n"));
    insta::assert_snapshot!(assuming("clock_rate: 500"), @"
    error: `500` has no unit
      --> FOLDER/good/profile.yaml:12:23
        |
     12 | assumes: {clock_rate: 500}
        |                       ^^^
      = help: did you mean `500ppm`?
    ");
    insta::assert_snapshot!(assuming("clock_rate: -500ppm"), @"
    error: `-500ppm` is no rate of a clock
      --> FOLDER/good/profile.yaml:12:23
        |
     12 | assumes: {clock_rate: -500ppm}
        |                       ^^^^^^^
      = help: expected such as 500ppm
    ");
    insta::assert_snapshot!(assuming("pause: 15"), @"
    error: `15` has no unit
      --> FOLDER/good/profile.yaml:12:18
        |
     12 | assumes: {pause: 15}
        |                  ^^
      = help: expected such as `15s`
    ");
    insta::assert_snapshot!(assuming("pause: lifetimes"), @"
    error: `lifetimes` is no time
      --> FOLDER/good/profile.yaml:12:18
        |
     12 | assumes: {pause: lifetimes}
        |                  ^^^^^^^^^
      = help: expected a duration such as 15s, or `lifetime`
    ");
    insta::assert_snapshot!(assuming("pause: [1s]"), @"
    error: expected a duration such as 15s, or `lifetime`, found a list
      --> FOLDER/good/profile.yaml:12:18
        |
     12 | assumes: {pause: [1s]}
        |                  ^
    ");
    let (before, _) = GOOD.split_once("lifetime:").unwrap();
    insta::assert_snapshot!(said(&format!("{before}assumes: {{pause: lifetime}}\n")), @"
    error: a lock without lifetimes has none to compare a pause with
      --> FOLDER/good/profile.yaml:7:18
       |
     7 | assumes: {pause: lifetime}
       |                  ^^^^^^^^
      = help: expected a duration such as 15s
    ");
}

#[test]
fn every_profile_of_the_repository_loads() {
    let locks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../containers/locks");
    let Ok(catalogue) = Catalogue::open(locks) else {
        return; // a source tree without recipes can still be built and tested
    };
    for name in catalogue.names() {
        if let Some(Err(found)) = catalogue.load(name) {
            panic!("{found}");
        }
    }
}
