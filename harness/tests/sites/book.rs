//! The book, below `docs`: its links and includes lead somewhere, its commands are lockstorm's, and
//! those of the tutorials do what they are said to do.

mod pages;
mod session;

use crate::common::permit;
use crate::common::templates::repository;
use crate::scale::{schema, validate};
use lockstorm::check::CHECKERS;
use pages::Book;
use rstest::rstest;
use serde_yaml::Value;
use session::Session;
use std::fs;

#[rstest]
#[case::maintainer("tutorials/maintainer.md")]
#[case::administrator("tutorials/administrator.md")]
#[case::developer_of_nfs("tutorials/nfs-developer.md")]
fn every_command_of_a_tutorial_does_what_the_page_says(#[case] page: &str) {
    let _permit = permit();
    let book = Book::read();
    let mut session = Session::new();
    std::os::unix::fs::symlink(repository().join("examples"), session.path("examples")).unwrap();
    let consoles = book.blocks(page).into_iter().filter(|block| block.language == "console");
    let mut ran = 0;
    for step in consoles.filter(|block| !block.not_run).flat_map(|block| session::steps(&block)) {
        session.run(&step);
        ran += 1;
    }
    assert!(ran >= 8, "{page} has {ran} commands that can be run");
    if let Ok(history) = fs::read_to_string(session.path("reclaim/history.jsonl")) {
        let events = history.lines().map(|line| serde_yaml::from_str(line).unwrap()).collect();
        fits_the_schema(&mut session, "history", events);
    }
}

#[test]
fn every_shipped_profile_fits_the_schema_of_profiles() {
    let locks = fs::read_dir(repository().join("containers/locks")).unwrap();
    let profiles = locks.map(|lock| lock.unwrap().path().join("profile.yaml"));
    let texts = profiles.filter_map(|profile| fs::read_to_string(profile).ok());
    let profiles: Vec<Value> = texts.map(|text| serde_yaml::from_str(&text).unwrap()).collect();
    assert!(profiles.len() > 60, "{}", profiles.len());
    fits_the_schema(&mut Session::new(), "profile", profiles);
}

/// All that is in such a file is what `lockstorm schema` says.
fn fits_the_schema(session: &mut Session, file: &str, documents: Vec<Value>) {
    let (_, printed, _) = session.bash(&format!("lockstorm schema {file}"));
    let mut one: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let definitions = one.as_object_mut().unwrap().remove("$defs");
    let all = serde_json::json!({"type": "array", "items": one, "$defs": definitions});
    validate(&all, &Value::Sequence(documents)).unwrap_or_else(|error| panic!("{file}: {error}"));
}

/// A step for a lock; for a kernel, there is `ci/bisect-kernel`. What git makes of an exit code:
/// 0 good, 125 skip, from 128 on it stops, all else is bad.
#[rstest]
#[case::valid(0, 0)]
#[case::violated(1, 1)]
#[case::unknown_is_no_bad(2, 125)]
#[case::bad_input(10, 255)]
#[case::trouble_with_the_host(12, 255)]
fn a_step_of_git_bisect_tells_a_verdict_from_trouble(#[case] verdict: i32, #[case] step: i32) {
    let mut session = Session::new();
    let blocks = Book::read().blocks("tutorials/nfs-developer.md");
    let steps: Vec<_> = blocks.iter().flat_map(session::steps).collect();
    let mut of_a_lock =
        steps.iter().filter_map(|step| step.command.strip_prefix("git bisect run "));
    let of_a_lock = of_a_lock.find(|step| step.starts_with("sh -c ")).expect("it is there");
    let stand_in = format!(
        "mkdir bin && printf '#!/bin/sh\\nexit {verdict}\\n' > bin/lockstorm && \
         chmod +x bin/lockstorm"
    );
    assert_eq!(session.bash(&stand_in).0, 0);
    assert_eq!(session.bash(&format!("PATH=$PWD/bin:$PATH {of_a_lock}")).0, step);
}

#[test]
fn every_page_is_in_the_summary_and_every_link_leads_somewhere() {
    let wrong = Book::read().dead_links();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_of_the_repository_that_the_book_names_is_there() {
    let wrong = Book::read().missing_files();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_command_in_the_book_is_one_of_lockstorm() {
    let book = Book::read();
    let commands = book.commands();
    assert!(commands.len() > 30, "{commands:?}");
    for (page, words) in commands {
        if let Err(error) = lockstorm::cli::command().try_get_matches_from(&words) {
            panic!("{page}: {words:?}: {error}");
        }
    }
}

#[test]
fn the_workflow_that_shows_the_book_is_valid_by_its_schema() {
    let text = fs::read_to_string(repository().join("docs/workflow.yml")).unwrap();
    let workflow = serde_yaml::from_str(&text).unwrap();
    validate(&schema("github-workflow-0.39.json"), &workflow).unwrap();
}

#[test]
fn the_suites_are_those_of_the_gate() {
    let page = Book::read().text("reference/gate.md").to_owned();
    let command = lockstorm::cli::command();
    let gate = command.find_subcommand("gate").unwrap();
    let suite = gate.get_arguments().find(|option| option.get_id() == "suite").unwrap();
    for value in suite.get_possible_values() {
        let row = format!("| {} |", value.get_help().unwrap());
        let begin = format!("| `{}`", value.get_name());
        let found = page.lines().any(|line| line.starts_with(&begin) && line.ends_with(&row));
        assert!(found, "reference/gate.md lacks: {begin} ... {row}");
    }
}

#[test]
fn the_promises_are_those_that_are_checked() {
    let page = Book::read().text("concepts/verdicts.md").to_owned();
    for checker in CHECKERS {
        let name = serde_json::to_value(checker.invariant).unwrap();
        let (name, meaning) = (name.as_str().unwrap(), checker.invariant.meaning());
        let row = format!("| `{name}` | {meaning} |");
        assert!(page.contains(&row), "concepts/verdicts.md lacks: {row}");
    }
}
