//! What is in `ci/templates`, and its scripts as a CI server would run them.

use serde_yaml::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub fn repository() -> PathBuf {
    fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap()
}

pub fn directory() -> PathBuf {
    repository().join("ci/templates")
}

pub fn text(name: &str) -> String {
    fs::read_to_string(directory().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn yaml(name: &str) -> Value {
    serde_yaml::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The value at a path of keys, which must be there.
pub fn at<'a>(value: &'a Value, keys: &[&str]) -> &'a Value {
    keys.iter().fold(value, |value, key| {
        value.get(*key).unwrap_or_else(|| panic!("no {key} of {keys:?} in {value:?}"))
    })
}

pub fn strings(list: &Value) -> Vec<String> {
    let items = list.as_sequence().expect("a list").iter();
    items.map(|item| item.as_str().expect("a list of strings").to_owned()).collect()
}

/// A script of a template.
pub struct Script {
    pub place: String,
    pub text: String,
    /// Its variables, as they stand there.
    pub env: BTreeMap<String, String>,
}

/// The `run:` steps of the action, in their order.
pub fn action_steps() -> Vec<Script> {
    let action = yaml("action.yml");
    let steps = at(&action, &["runs", "steps"]).as_sequence().unwrap();
    let scripts = steps.iter().filter_map(|step| {
        let env = step.get("env").and_then(Value::as_mapping);
        let env = env.into_iter().flatten().map(|(name, value)| {
            (name.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned())
        });
        Some(Script {
            place: format!("action.yml, {}", step.get("name")?.as_str()?),
            text: step.get("run")?.as_str()?.to_owned(),
            env: env.collect(),
        })
    });
    scripts.collect()
}

/// The scripts of the GitLab jobs: each with what its base does before.
pub fn gitlab_jobs() -> Vec<Script> {
    let file = yaml("lockstorm.gitlab-ci.yml");
    let before = strings(at(&file, &[".lockstorm", "before_script"]));
    let job = |name: &str| {
        let lines = [before.clone(), strings(at(&file, &[name, "script"]))].concat();
        let place = format!("lockstorm.gitlab-ci.yml, {name}");
        Script { place, text: lines.join("\n"), env: BTreeMap::new() }
    };
    vec![job("lock-gate-part"), job("lock-gate")]
}

/// What shellcheck says of a script; empty where it finds nothing.
pub fn shellcheck(script: &str) -> String {
    let mut child = Command::new("shellcheck")
        .args(["--shell=bash", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`ci/setup --tests` brings shellcheck");
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

/// A command as CI servers start it: bash that ends at the first failure, in a home of its own, and
/// with the lockstorm that is tested.
pub fn bash(home: &Path, script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(home);
    clean(&mut command);
    command
}

/// Nothing of the CI that runs this test reaches what is tested.
pub fn clean(command: &mut Command) {
    for (name, _) in std::env::vars() {
        let foreign = ["GATE_", "GITHUB_", "CI_", "MAKE", "MFLAGS"];
        if foreign.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
        .env("LOCKSTORM", env!("CARGO_BIN_EXE_lockstorm"))
        // The tests run side by side already.
        .env("GATE_JOBS", "1")
        .stdin(Stdio::null());
}

/// How a script ended, and what it said.
pub fn ended(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    let code = output.status.code().expect("it ends by itself, not by a signal");
    let said = [output.stdout, output.stderr].concat();
    (code, format!("exit code {code}\n{}", String::from_utf8_lossy(&said)))
}

/// A job of GitHub Actions that has the action for its only step.
pub struct ActionJob<'a> {
    /// Where the job works.
    pub home: &'a Path,
    pub inputs: &'a [(&'a str, &'a str)],
}

pub struct JobEnd {
    pub code: i32,
    pub said: String,
    pub outputs: BTreeMap<String, String>,
    pub summary: String,
}

impl ActionJob<'_> {
    /// Runs the action's scripts up to the first that fails.
    pub fn run(&self) -> JobEnd {
        let runner = tempfile::tempdir().unwrap();
        let file = |name: &str| runner.path().join(name);
        for name in ["output", "summary"] {
            fs::write(file(name), "").unwrap();
        }
        let (mut code, mut said) = (0, String::new());
        for step in action_steps() {
            let mut command = bash(self.home, &step.text);
            for (name, value) in &step.env {
                command.env(name, self.value_of(value));
            }
            command
                .env("GITHUB_ACTIONS", "true")
                .env("GITHUB_ACTION_PATH", directory())
                .env("GITHUB_OUTPUT", file("output"))
                .env("GITHUB_STEP_SUMMARY", file("summary"));
            let (step_code, step_said) = ended(&mut command);
            (code, said) = (step_code, said + &step_said);
            if code != 0 {
                break;
            }
        }
        let read = |name: &str| fs::read_to_string(file(name)).unwrap();
        let outputs = read("output");
        let outputs = outputs.lines().filter_map(|line| line.split_once('='));
        let outputs = outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        JobEnd { code, said, outputs, summary: read("summary") }
    }

    /// `${{ inputs.NAME }}`: what the job says, or else the default.
    fn value_of(&self, expression: &str) -> String {
        let name = expression.strip_prefix("${{ inputs.").and_then(|e| e.strip_suffix(" }}"));
        let name = name.unwrap_or_else(|| panic!("{expression} is no input"));
        match self.inputs.iter().find(|(input, _)| *input == name) {
            Some((_, value)) => (*value).to_owned(),
            None => {
                let action = yaml("action.yml");
                at(&action, &["inputs", name, "default"]).as_str().unwrap().to_owned()
            }
        }
    }
}
