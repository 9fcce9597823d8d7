//! What is in `scale/`: the files are what Kubernetes and GitHub understand, and what is in them
//! runs every part of a batch, and puts the parts together.

use crate::common::parts::{called_for, expect_each_run_once, short_matrix, stub, with_lockstorm};
use crate::common::templates::{at, bash, ended, repository, shellcheck, strings};
use crate::common::{eventually, permit, size};
use lockstorm::assets::cache_dir;
use serde_yaml::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const SEEDS: u64 = 2;

fn text(name: &str) -> String {
    let path = repository().join("scale").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn yaml(name: &str) -> Value {
    serde_yaml::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A schema that `ci/setup --tests` has brought.
pub fn schema(name: &str) -> serde_json::Value {
    let path = cache_dir().unwrap().join("schemas").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    // References into the same file, by its address and without.
    serde_json::from_str(&text.replace("/api/_definitions.json#", "#")).unwrap()
}

/// Validates with Debian's jsonschema.
pub fn validate(schema: &serde_json::Value, document: &Value) -> Result<(), String> {
    let script = "import json, sys, jsonschema\n\
                  schema, document = json.load(sys.stdin)\n\
                  jsonschema.validators.validator_for(schema)(schema).validate(document)";
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let both = serde_json::json!([schema, document]).to_string();
    child.stdin.take().unwrap().write_all(both.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

// --- The page ------------------------------------------------------------------------------

#[test]
fn every_command_of_the_page_is_one() {
    let text = text("README.md");
    let lines = text.lines().filter_map(|line| line.strip_prefix("    lockstorm "));
    let mut found = 0;
    for line in lines {
        let words = line.split('#').next().unwrap().split_whitespace();
        let parsed =
            lockstorm::cli::command().try_get_matches_from(["lockstorm"].into_iter().chain(words));
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        found += 1;
    }
    assert!(found >= 4, "only {found} commands were found");
}

// --- Kubernetes ----------------------------------------------------------------------------

const MANIFESTS: [(&str, &str); 3] = [
    ("kubernetes/results.yaml", "io.k8s.api.core.v1.PersistentVolumeClaim"),
    ("kubernetes/parts.yaml", "io.k8s.api.batch.v1.Job"),
    ("kubernetes/merge.yaml", "io.k8s.api.batch.v1.Job"),
];

/// The only container of a job's pods.
fn container(job: &Value) -> &Value {
    let containers = at(job, &["spec", "template", "spec", "containers"]).as_sequence().unwrap();
    assert_eq!(containers.len(), 1);
    &containers[0]
}

fn variable<'a>(container: &'a Value, name: &str) -> &'a str {
    let all = at(container, &["env"]).as_sequence().unwrap().iter();
    let mut values = all.filter(|entry| at(entry, &["name"]) == name);
    at(values.next().unwrap(), &["value"]).as_str().unwrap()
}

/// A container as a node would start it, in another directory, and with other arguments.
fn contained(job: &Value, home: &Path, arguments: &[String], bin: Option<&Path>) -> Command {
    let words = strings(at(container(job), &["command"]));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(arguments).current_dir(home);
    with_lockstorm(&mut command, bin);
    command
}

#[test]
fn the_manifests_are_valid_by_the_schema_of_kubernetes() {
    let mut api = schema("kubernetes-1.37.json");
    for (name, kind) in MANIFESTS {
        api["$ref"] = format!("#/$defs/{kind}").into();
        let manifest = yaml(name);
        validate(&api, &manifest).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut wrong = manifest;
        at(&wrong, &["spec"]);
        wrong["spec"]["completion"] = 1.into();
        assert!(validate(&api, &wrong).is_err(), "{name}: a key that there is not is not found");
    }
}

#[test]
fn pods_have_no_privilege() {
    for name in ["kubernetes/parts.yaml", "kubernetes/merge.yaml"] {
        let job = yaml(name);
        let pod = at(&job, &["spec", "template", "spec"]);
        assert_eq!(*at(pod, &["automountServiceAccountToken"]), false, "{name}");
        let context = at(pod, &["securityContext"]);
        assert_eq!(*at(context, &["runAsNonRoot"]), true, "{name}");
        assert_ne!(*at(context, &["runAsUser"]), 0, "{name}");
        let profile = at(context, &["seccompProfile", "type"]).as_str().unwrap();
        assert!(["Localhost", "RuntimeDefault"].contains(&profile), "{name}");
        for key in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(pod.get(key).is_none(), "{name}");
        }
        let own = at(container(&job), &["securityContext"]);
        assert_eq!(*at(own, &["allowPrivilegeEscalation"]), false, "{name}");
        assert_eq!(*at(own, &["readOnlyRootFilesystem"]), true, "{name}");
        assert_eq!(strings(at(own, &["capabilities", "drop"])), ["ALL"], "{name}");
        assert!(own.get("privileged").is_none(), "{name}");
        for volume in at(pod, &["volumes"]).as_sequence().unwrap() {
            assert!(volume.get("hostPath").is_none(), "{name}");
        }
    }
}

#[test]
fn every_index_of_the_job_is_a_part_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let job = yaml("kubernetes/parts.yaml");
    let parts = variable(container(&job), "PARTS");
    assert_eq!(at(&job, &["spec", "completionMode"]), "Indexed");
    for key in ["completions", "parallelism"] {
        assert_eq!(at(&job, &["spec", key]).as_u64().unwrap().to_string(), parts);
    }
    assert_eq!(variable(container(&yaml("kubernetes/merge.yaml")), "PARTS"), parts);
    let bin = stub(home.path());
    let arguments = strings(at(container(&job), &["args"]));
    for index in 0..parts.parse::<u64>().unwrap() {
        let mut command = contained(&job, home.path(), &arguments, Some(&bin));
        command.env("PARTS", parts).env("JOB_COMPLETION_INDEX", index.to_string());
        let (code, said) = ended(&mut command);
        assert_eq!(code, 0, "{said}");
        assert_eq!(called_for(home.path()), format!("{}/{parts}", index + 1));
    }
}

#[test]
fn pods_run_a_matrix_in_parts_one_goes_on_after_a_kill_and_a_pod_merges_them() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let job = yaml("kubernetes/parts.yaml");
    let arguments = [short_matrix(SEEDS), vec!["--jobs=1".into()]].concat();
    let part = |index: &str| {
        let mut command = contained(&job, home.path(), &arguments, None);
        command.env("PARTS", "2").env("JOB_COMPLETION_INDEX", index);
        command
    };
    // As a node does that is out of memory, or shut down: the whole container is killed.
    use std::os::unix::process::CommandExt;
    let mut pod = part("0").process_group(0).spawn().unwrap();
    let results = home.path().join("part-1/results.jsonl");
    eventually("a run has ended", || size(&results) > 0);
    let group = nix::unistd::Pid::from_raw(pod.id() as i32);
    nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL).unwrap();
    pod.wait().unwrap();
    let before = fs::read_to_string(&results).unwrap();
    for index in ["0", "1"] {
        let (code, said) = ended(&mut part(index));
        assert_eq!(code, 0, "{said}");
    }
    assert!(fs::read_to_string(&results).unwrap().starts_with(&before));
    let merge = yaml("kubernetes/merge.yaml");
    // Once more, as after a pod that was killed while it merged.
    for _ in 0..2 {
        let mut command = contained(&merge, home.path(), &[], None);
        let (code, said) = ended(command.env("PARTS", "2"));
        assert_eq!(code, 0, "{said}");
    }
    expect_each_run_once(&home.path().join("whole"), SEEDS);
    assert!(home.path().join("whole/report.html").exists());
    let mut command = contained(&merge, home.path(), &[], None);
    let (code, said) = ended(command.env("PARTS", "3"));
    assert_eq!(code, 10, "a part that is not there: {said}");
}

#[test]
fn a_pod_whose_part_has_no_verdict_fails() {
    let home = tempfile::tempdir().unwrap();
    let job = yaml("kubernetes/parts.yaml");
    let wrong = ["matrix".to_owned(), "--locks=fnctl".to_owned()];
    let mut command = contained(&job, home.path(), &wrong, None);
    let (code, said) = ended(command.env("PARTS", "2").env("JOB_COMPLETION_INDEX", "1"));
    assert_eq!(code, 10, "{said}");
}

// --- GitHub --------------------------------------------------------------------------------

const FILES: [(&str, &str); 2] = [
    ("github/workflow.yml", "github-workflow-0.39.json"),
    ("github/action.yml", "github-action-0.39.json"),
];

/// The scripts of a job, or of the action, in their order.
fn scripts(steps: &Value) -> Vec<String> {
    let steps = steps.as_sequence().unwrap().iter();
    steps.filter_map(|step| Some(step.get("run")?.as_str()?.to_owned())).collect()
}

fn job_scripts(job: &str) -> Vec<String> {
    scripts(at(&yaml("github/workflow.yml"), &["jobs", job, "steps"]))
}

fn parts_of_the_workflow() -> usize {
    let matrix = ["jobs", "part", "strategy", "matrix", "part"];
    let workflow = yaml("github/workflow.yml");
    let parts = at(&workflow, &matrix).as_sequence().unwrap();
    let numbers: Vec<u64> = parts.iter().map(|part| part.as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=parts.len() as u64).collect::<Vec<_>>());
    parts.len()
}

#[test]
fn the_workflow_is_valid_by_its_schema_and_its_scripts_pass_shellcheck() {
    for (name, of) in FILES {
        validate(&schema(of), &yaml(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let mut all = scripts(at(&yaml("github/action.yml"), &["runs", "steps"]));
    all.extend(["part", "whole"].into_iter().flat_map(job_scripts));
    assert_eq!(all.len(), 5);
    for script in all {
        assert!(!script.contains("${{"), "what a user sets is no text of a script: {script}");
        assert_eq!(shellcheck(&script), "", "{script}");
    }
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let version = manifest.split_once("rust-version = \"").unwrap().1.split_once('"').unwrap().0;
    let workflow = text("github/workflow.yml");
    assert_eq!(workflow.matches("rust:").count(), 3);
    assert_eq!(workflow.matches(&format!("rust:{version}-bookworm")).count(), 3);
}

#[test]
fn every_job_of_the_workflow_is_a_part_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let bin = stub(home.path());
    let parts = parts_of_the_workflow();
    let workflow = yaml("github/workflow.yml");
    let arguments = ["on", "workflow_dispatch", "inputs", "arguments", "default"];
    let arguments = at(&workflow, &arguments).as_str().unwrap();
    assert!(at(&workflow, &["env", "ARGUMENTS"]).as_str().unwrap().contains(arguments));
    for part in 1..=parts {
        let shard = format!("{part}/{parts}");
        let mut command = bash(home.path(), &job_scripts("part")[0]);
        with_lockstorm(&mut command, Some(&bin));
        let (code, said) = ended(command.env("ARGUMENTS", arguments).env("SHARD", &shard));
        assert_eq!(code, 0, "{said}");
        assert_eq!(called_for(home.path()), shard);
    }
}

#[test]
fn jobs_run_a_matrix_in_parts_and_the_last_one_merges_and_judges_them() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let arguments = short_matrix(SEEDS)[1..].join(" ") + " --jobs 1";
    for part in ["1", "2"] {
        // Each on a machine of its own; what is uploaded there is downloaded here.
        let machine = home.path().join(format!("parts/lock-matrix-part-{part}"));
        fs::create_dir_all(&machine).unwrap();
        let mut command = bash(&machine, &job_scripts("part")[0]);
        with_lockstorm(&mut command, None);
        command.env("ARGUMENTS", &arguments).env("SHARD", format!("{part}/2"));
        let (code, said) = ended(&mut command);
        assert_eq!(code, 0, "{said}");
        let uploaded = home.path().join("uploaded");
        fs::rename(machine.join("part"), &uploaded).unwrap();
        fs::remove_dir(&machine).unwrap();
        fs::rename(uploaded, machine).unwrap();
    }
    let summary = home.path().join("summary");
    let whole = |home: &Path| {
        let mut codes = Vec::new();
        for script in job_scripts("whole") {
            let mut command = bash(home, &script);
            with_lockstorm(&mut command, None);
            codes.push(ended(command.env("GITHUB_STEP_SUMMARY", &summary)));
        }
        codes
    };
    let said = whole(home.path());
    assert!(said.iter().all(|(code, _)| *code == 0), "{said:?}");
    expect_each_run_once(&home.path().join("whole"), SEEDS);
    assert!(fs::read_to_string(&summary).unwrap().contains("| fcntl"));
    // A part that was lost is missed.
    fs::remove_dir_all(home.path().join("parts/lock-matrix-part-2")).unwrap();
    fs::remove_dir_all(home.path().join("whole")).unwrap();
    let said = whole(home.path());
    assert_eq!(said.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [0, 2], "{said:?}");
    assert!(said[1].1.contains("2 of 4 runs are there"), "{said:?}");
}
