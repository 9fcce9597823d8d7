//! What a lock library's own CI copies: every file is well-formed, names only options that there
//! are, and does what it says, run as a CI server would run it.

use crate::common::permit;
use crate::common::templates::{self, ActionJob, at, bash, clean, ended, text, yaml};
use clap::Command as Clap;
use serde_yaml::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const FILES: [&str; 7] = [
    "README.md",
    "action.yml",
    "gate.sh",
    "github-workflow.yml",
    "lockstorm.gitlab-ci.yml",
    "lockstorm.mk",
    "release-checklist.md",
];

// --- What they are made of -----------------------------------------------------------------

#[test]
fn every_script_in_a_template_passes_shellcheck() {
    let mut scripts = templates::action_steps();
    scripts.extend(templates::gitlab_jobs());
    assert!(scripts.len() >= 5, "a script was lost");
    for script in scripts {
        assert_eq!(templates::shellcheck(&script.text), "", "{}", script.place);
    }
    for name in ["github-workflow.yml", "lockstorm.mk"] {
        assert!(!text(name).contains(" run: "), "{name} has a script that nothing checks");
    }
}

#[test]
fn what_a_user_sets_never_becomes_the_text_of_a_script() {
    for script in templates::action_steps() {
        assert!(!script.text.contains("${{"), "{}", script.place);
    }
}

#[test]
fn every_input_of_the_action_reaches_something() {
    let action = yaml("action.yml");
    let inputs = at(&action, &["inputs"]).as_mapping().unwrap();
    let names: BTreeSet<&str> = inputs.keys().map(|name| name.as_str().unwrap()).collect();
    let file = text("action.yml");
    let used = file.match_indices("inputs.").map(|(at, found)| word(&file[at + found.len()..]));
    assert_eq!(used.collect::<BTreeSet<_>>(), names);
    let help = text("gate.sh");
    for script in templates::action_steps() {
        for name in script.env.keys().filter(|name| *name != "GATE_MERGE") {
            assert!(help.contains(&format!("\n  {name} ")), "gate.sh does not tell of {name}");
        }
    }
}

#[test]
fn the_example_workflow_sets_inputs_that_there_are() {
    let (action, workflow) = (yaml("action.yml"), yaml("github-workflow.yml"));
    let inputs = at(&action, &["inputs"]);
    let jobs = at(&workflow, &["jobs"]).as_mapping().unwrap();
    let steps = jobs.values().flat_map(|job| at(job, &["steps"]).as_sequence().unwrap());
    let is_ours = |step: &&Value| {
        let uses = step.get("uses").and_then(Value::as_str);
        uses.is_some_and(|uses| uses.contains("ci/templates"))
    };
    let ours: Vec<&Value> = steps.filter(is_ours).collect();
    assert_eq!(ours.len(), 2, "one for the parts, one for the whole");
    for step in ours {
        for name in at(step, &["with"]).as_mapping().unwrap().keys() {
            assert!(inputs.get(name).is_some(), "{name:?}");
        }
    }
}

#[test]
fn jobs_run_on_the_rust_that_lockstorm_needs() {
    let manifest = fs::read_to_string(templates::repository().join("Cargo.toml")).unwrap();
    let version = manifest.split_once("rust-version = \"").unwrap().1.split_once('"').unwrap().0;
    for name in ["README.md", "github-workflow.yml", "lockstorm.gitlab-ci.yml"] {
        let text = text(name);
        let images = text.match_indices("rust:").map(|(at, _)| &text[at..]);
        let wanted = format!("rust:{version}-bookworm");
        assert!(images.clone().count() > 0, "{name}");
        images.for_each(|image| assert!(image.starts_with(&wanted), "{name}: not {wanted}"));
    }
}

// --- Options -------------------------------------------------------------------------------

/// Options of other programs that the templates name.
const FOREIGN: [&str; 7] =
    ["--detach", "--help", "--locked", "--locks", "--release", "--security-opt", "--shm-size"];

#[test]
fn every_option_that_a_template_names_is_one_of_lockstorms() {
    let lockstorm = lockstorm::cli::command();
    let all: BTreeSet<String> = lockstorm.get_subcommands().flat_map(options).collect();
    for name in FILES {
        for option in named_options(&text(name)) {
            let known = all.contains(&option) || FOREIGN.contains(&option.as_str());
            assert!(known, "{name} names {option}");
        }
    }
}

#[test]
fn every_command_that_a_template_names_has_the_options_beside_it() {
    let lockstorm = lockstorm::cli::command();
    let mut found = 0;
    for name in FILES {
        // What is one command to a reader may be on several lines.
        let text = text(name).replace("\"$lockstorm\"", "`lockstorm").replace("\n      ", " ");
        for (start, _) in text.match_indices("`lockstorm ") {
            let rest = &text[start + "`lockstorm ".len()..];
            let line = &rest[..rest.find(['`', '\n']).unwrap_or(rest.len())];
            let command = lockstorm.find_subcommand(word(line));
            let command = command.unwrap_or_else(|| panic!("{name}: no command in `{line}`"));
            let known = options(command);
            for option in named_options(line) {
                assert!(known.contains(&option), "{name}: {option} in `{line}`");
            }
            found += 1;
        }
    }
    assert!(found >= 12, "only {found} commands were found");
}

/// The long options of a command and of those below it.
fn options(command: &Clap) -> Vec<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_long());
    let own = own.map(|long| format!("--{long}"));
    own.chain(command.get_subcommands().flat_map(options)).collect()
}

fn named_options(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices("--").filter(|(at, _)| !text[..*at].ends_with('-'));
    let names = starts.map(|(at, _)| word(&text[at + 2..]));
    let names = names.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    names.map(|name| format!("--{name}")).collect()
}

/// A word of letters and dashes at the begin of a text.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(text.len());
    &text[..end]
}

// --- The action ----------------------------------------------------------------------------

/// Accepts all that check-then-create breaks in the smoke suite.
fn baseline() -> String {
    let mut text = String::from("accepted:\n");
    for scenario in ["calm", "partition", "crash", "clock-skew", "server-restart", "sweep"] {
        for invariant in ["mutual_exclusion", "no_lost_update"] {
            text.push_str(&format!(
                "- {{scenario: {scenario}, invariant: {invariant}, reason: a control}}\n"
            ));
        }
    }
    text
}

fn action(home: &Path, inputs: &[(&str, &str)]) -> templates::JobEnd {
    ActionJob { home, inputs }.run()
}

#[test]
fn jobs_with_the_action_run_a_suite_in_parts_and_one_judges_the_whole() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for (shard, out) in [("1/2", "parts/first"), ("2/2", "parts/second")] {
        let part = [("lock", "check-then-create"), ("seeds", "1"), ("shard", shard), ("out", out)];
        let end = action(home, &part);
        assert_eq!((end.code, end.outputs["exit-code"].as_str()), (1, "1"), "{}", end.said);
        assert_eq!(end.outputs["out"], out);
        assert!(end.said.contains("::error title=lockstorm gate::refused: "), "{}", end.said);
        assert!(end.summary.contains("REFUSED") && end.summary.contains("| lock |"));
        for file in ["report.html", "report.md", "junit.xml"] {
            assert!(home.join(out).join(file).exists(), "{file}");
        }
    }
    let merge = [("lock", "check-then-create"), ("merge", "parts"), ("out", "whole")];
    let end = action(home, &merge);
    assert_eq!(end.code, 1, "{}", end.said);
    assert!(end.summary.contains("REFUSED: "), "{}", end.summary);
    fs::write(home.join("baseline.yaml"), baseline()).unwrap();
    let more = [("out", "whole-2"), ("baseline", "baseline.yaml"), ("unknown", "pass")];
    let end = action(home, &[&merge[..2], &more].concat());
    assert_eq!(end.code, 0, "{}", end.said);
    assert!(!end.said.contains("::error"), "what is accepted is no error: {}", end.said);
    assert!(end.said.contains("accepted violations in"), "{}", end.said);
}

#[test]
fn hostile_inputs_of_the_action_are_wrong_inputs_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let hostile = "x\"; touch pwned; $(touch pwned) `touch pwned` '; touch pwned\n#";
    for name in ["lock", "suite", "seeds", "budget", "shard", "merge", "unknown", "strict", "keep"]
    {
        let mut inputs = vec![("lock", "fcntl"), (name, hostile)];
        inputs.rotate_left(usize::from(name == "lock"));
        let end = action(home.path(), &inputs);
        assert!(end.code >= 10, "{name}: {}", end.said);
        assert_eq!(end.outputs.get("pwned"), None);
        assert!(!home.path().join("pwned").exists(), "{name}: {}", end.said);
        assert!(!home.path().join("lockstorm-gate").exists(), "{name} ran something");
    }
}

#[test]
fn a_gate_without_a_verdict_is_an_annotation_and_keeps_its_exit_code() {
    let home = tempfile::tempdir().unwrap();
    let end = action(home.path(), &[("lock", "fnctl")]);
    assert_eq!((end.code, end.outputs["exit-code"].as_str()), (10, "10"), "{}", end.said);
    assert!(end.said.contains("::error title=lockstorm gate::no verdict"), "{}", end.said);
    assert!(end.said.contains("did you mean `fcntl`?"), "{}", end.said);
}

#[test]
fn the_baseline_that_the_readme_shows_is_one() {
    let home = tempfile::tempdir().unwrap();
    let readme = text("README.md");
    let example = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    // A lock that the gate does not know would be a mistake of the baseline.
    let example = example.replace("lock: leaselock ", "lock: fcntl ");
    fs::write(home.path().join("baseline.yaml"), example).unwrap();
    let inputs = [("lock", "fcntl"), ("budget", "0s"), ("baseline", "baseline.yaml")];
    let end = action(home.path(), &inputs);
    assert_eq!(end.code, 2, "nothing is run, and nothing is wrong with it: {}", end.said);
}

// --- GitLab --------------------------------------------------------------------------------

/// A repository with the templates as they are now, for the jobs to clone.
fn repository_of_templates(path: &Path) {
    let to = path.join("ci/templates");
    fs::create_dir_all(&to).unwrap();
    for name in FILES {
        fs::copy(templates::directory().join(name), to.join(name)).unwrap();
    }
    let who = "git -c user.name=test -c user.email=test@example.org";
    let commit = format!("git init --quiet && git add . && {who} commit --quiet --message=all");
    let (code, said) = ended(&mut bash(path, &commit));
    assert_eq!(code, 0, "{said}");
}

#[test]
fn the_gitlab_jobs_run_a_suite_in_parts_and_one_judges_the_whole() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    repository_of_templates(&home.path().join("repository"));
    let jobs = templates::gitlab_jobs();
    let run = |job: &templates::Script, index: &str| {
        let mut command = bash(home.path(), &job.text);
        command
            .env("LOCKSTORM_REPOSITORY", home.path().join("repository"))
            .env("LOCKSTORM_REF", "HEAD")
            .env("CI_NODE_INDEX", index)
            .env("CI_NODE_TOTAL", "2")
            .env("GATE_LOCK", "fcntl")
            .env("GATE_SEEDS", "1");
        let (code, said) = ended(&mut command);
        assert_eq!(code, 0, "{}: {said}", job.place);
        said
    };
    run(&jobs[0], "1");
    run(&jobs[0], "2");
    let said = run(&jobs[1], "1");
    assert!(said.contains("PASSED: 43 runs"), "{said}");
    let file = yaml("lockstorm.gitlab-ci.yml");
    let junit = at(&file, &["lock-gate", "artifacts", "reports", "junit"]).as_str().unwrap();
    assert!(home.path().join(junit).exists(), "{junit} is what GitLab is told of");
}

// --- make ----------------------------------------------------------------------------------

fn make(home: &Path, arguments: &[&str]) -> (i32, String) {
    let fragment = templates::directory().join("lockstorm.mk");
    let makefile = format!("GATE_LOCK := fcntl\ninclude {}\n", fragment.display());
    fs::write(home.join("Makefile"), makefile).unwrap();
    let mut command = Command::new("make");
    command.args(arguments).current_dir(home);
    clean(&mut command);
    ended(&mut command)
}

#[test]
fn every_target_of_make_runs_the_script() {
    let home = tempfile::tempdir().unwrap();
    for (target, line) in [
        ("lock-setup", "gate.sh\" setup"),
        ("lock-smoke", "GATE_SUITE=smoke bash"),
        ("lock-gate", "GATE_SUITE=\"standard\" bash"),
        ("lock-full", "GATE_SUITE=full bash"),
        ("lock-report", "gate.sh\" report"),
    ] {
        let (code, said) = make(home.path(), &["-n", target]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains(line), "{target}: {said}");
    }
}

#[test]
fn make_runs_the_smoke_suite_and_writes_its_reports_again() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let (code, said) = make(home.path(), &["lock-smoke", "GATE_SEEDS=1"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("PASSED: 43 runs"), "{said}");
    let set = home.path().join("lockstorm-runs/gate");
    let results = fs::read_to_string(set.join("results.jsonl")).unwrap();
    let kept = results.lines().filter(|line| line.contains("\"directory\""));
    let valid = kept.filter(|line| line.contains("\"verdict\":\"valid\"")).count();
    assert_eq!(valid, 0, "no files of valid runs are kept");
    let page = set.join("report.html");
    fs::remove_file(&page).unwrap();
    let (code, said) = make(home.path(), &["lock-report"]);
    assert_eq!((code, page.exists()), (0, true), "{said}");
}

// --- Set-up --------------------------------------------------------------------------------

/// A tree that looks like lockstorm's, with a set-up and a cargo that note that they were called.
fn stub_tree(home: &Path) {
    let top = home.join("top");
    for name in ["ci/templates", "harness", "reports", "scenarios", "containers", "bin"] {
        fs::create_dir_all(top.join(name)).unwrap();
    }
    for name in ["Cargo.toml", "Cargo.lock", "harness/main.rs", "containers/packages"] {
        fs::write(top.join(name), name).unwrap();
    }
    script(&top.join("ci/setup"), "echo \"set-up $*\" >>called");
    script(
        &top.join("bin/cargo"),
        "echo \"cargo $*\" >>\"$HOME/called\"; [ ! -e \"$HOME/broken\" ] || exit 101\n\
         mkdir -p target/release; echo program >target/release/lockstorm\n\
         chmod +x target/release/lockstorm",
    );
    fs::copy(templates::directory().join("gate.sh"), top.join("ci/templates/gate.sh")).unwrap();
}

fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn stub_gate(home: &Path, verb: &str) -> (i32, String) {
    let mut command = bash(home, &format!("bash top/ci/templates/gate.sh {verb}"));
    let path = format!("{}/top/bin:{}", home.display(), std::env::var("PATH").unwrap());
    command.env("HOME", home).env("PATH", path).env("GATE_LOCK", "fcntl");
    for name in ["LOCKSTORM", "XDG_CACHE_HOME", "CARGO_TARGET_DIR"] {
        command.env_remove(name);
    }
    ended(&mut command)
}

#[test]
fn set_up_builds_lockstorm_once_and_again_when_its_sources_change() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    stub_tree(home);
    let calls = || fs::read_to_string(home.join("called")).unwrap_or_default();
    let (code, said) = stub_gate(home, "gate");
    assert_eq!(code, 11, "{said}");
    assert!(said.contains("run `gate.sh setup`"), "{said}");
    assert_eq!(stub_gate(home, "setup").0, 0);
    assert_eq!(stub_gate(home, "setup").0, 0);
    let built = "set-up --locks python\ncargo build --release --locked\nset-up --locks python\n";
    assert_eq!(calls(), built);
    fs::write(home.join("top/harness/main.rs"), "changed").unwrap();
    fs::write(home.join("broken"), "").unwrap();
    let (code, said) = stub_gate(home, "setup");
    assert_eq!(code, 12, "{said}");
    assert!(said.contains("could not be built"), "{said}");
    fs::remove_file(home.join("broken")).unwrap();
    assert_eq!(stub_gate(home, "setup").0, 0);
    assert_eq!(calls().matches("cargo").count(), 3);
}

#[test]
fn the_keys_of_a_cache_change_with_what_is_cached() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    stub_tree(home);
    let key = |name: &str| {
        let (code, said) = stub_gate(home, "keys");
        assert_eq!(code, 0, "{said}");
        let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {name} in {said}")).to_owned()
    };
    let (setup, program) = (key("setup-key"), key("program-key"));
    fs::write(home.join("top/harness/main.rs"), "changed").unwrap();
    assert_eq!(key("setup-key"), setup, "the node image has no part of the harness");
    assert_ne!(key("program-key"), program);
    fs::write(home.join("top/containers/packages"), "changed").unwrap();
    assert_ne!(key("setup-key"), setup);
}
