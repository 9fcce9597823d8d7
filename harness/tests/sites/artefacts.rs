//! What a run leaves behind: it can be judged and run again, and other tools can read it.

use crate::common::{lockstorm, permit, read_report, scenario, tshark};
use lockstorm::plan::Plan;
use lockstorm::source::Source;
use lockstorm::verdict::recheck::recheck;
use lockstorm_reports::json;
use rstest::rstest;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const SHORT: [&str; 2] = ["--set", "workload.cycles.time=15s"];

#[test]
fn a_saved_run_is_judged_the_same_again() {
    let run = scenario("calm", &SHORT);
    let saved = fs::read_to_string(run.directory.join("report.json")).unwrap();
    assert_eq!(json::render(&recheck(&run.directory).unwrap()), saved);
    let again = lockstorm(&run.directory, &["recheck", "."]).output().unwrap();
    assert_eq!(again.status.code(), Some(run.code));
    let verdict = |text: &str| text[..text.find("files in").unwrap()].to_owned();
    assert_eq!(verdict(&String::from_utf8(again.stdout).unwrap()), verdict(&run.stdout));
}

/// Every file of a run, and what is in it.
fn files(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let here = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().path();
    let consoles = fs::read_dir(run.join("console")).unwrap().map(here);
    let all = fs::read_dir(run).unwrap().map(here).chain(consoles).filter(|path| path.is_file());
    all.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// With faults, since they draw too.
#[test]
fn a_saved_plan_is_run_again_to_the_same_history_and_the_run_stays_as_it_was() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let output = lockstorm(home.path(), arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let (code, stdout, stderr) = said(&["scenario", "partition", "--seed", "3"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let run = fs::read_dir(home.path().join("lockstorm-runs")).unwrap().next().unwrap().unwrap();
    let run = format!("lockstorm-runs/{}", run.file_name().to_string_lossy());
    assert!(stdout.contains(&format!("files in {run}")), "{stdout}");
    let (saved, replay) = (home.path().join(&run), home.path().join(format!("{run}-replay")));
    let before = files(&saved);

    let (code, stdout, stderr) = said(&["replay", &run]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let report = read_report(&saved).unwrap();
    let same = format!("The same history as in {run}: {}", &report.provenance.history_sha256[..16]);
    assert!(stdout.contains(&same), "{stdout}");
    assert_eq!(files(&saved), before);
    let plan = fs::read(replay.join("plan.yaml")).unwrap();
    assert_eq!(plan, before[&saved.join("plan.yaml")]);
    assert_eq!(read_report(&replay).unwrap().provenance.plan_sha256, report.provenance.plan_sha256);

    let history = String::from_utf8(before[&saved.join("history.jsonl")].clone()).unwrap();
    let edited = history.replacen("\"c1\"", "\"c9\"", 1);
    let line = history.lines().position(|line| line.contains("\"c1\"")).unwrap() + 1;
    fs::write(saved.join("history.jsonl"), edited).unwrap();
    let (code, _, stderr) = said(&["replay", &run]);
    assert_eq!(code, 13, "{stderr}");
    let differs = format!("{run}-replay-2, has another history than {run}, from line {line} on:");
    assert!(stderr.contains(&differs), "{stderr}");
    assert!(stderr.contains("\n  saved   {") && stderr.contains("\n  replay  {"), "{stderr}");
}

#[test]
fn wireshark_reads_the_capture_and_decodes_the_nfs_calls_in_it() {
    const LINK: &str = "nfs.opcode == 11 && rpc.msgtyp == 0";
    let run = scenario("calm", &SHORT);
    let capture = run.directory.join("wire.pcapng");
    let sections = crate::common::entered(&run.history());
    let links = tshark::frames(&capture, LINK, &["ip.src", "frame.interface_name"]);
    assert!(links.len() >= sections, "flufl.lock links at least once for each of {sections}");
    for client in [["10.0.0.2", "c1"], ["10.0.0.3", "c2"], ["10.0.0.4", "c3"]] {
        assert!(links.iter().any(|link| *link == client), "no LINK of {client:?}");
    }
    let malformed = tshark::frames(&capture, "_ws.malformed", &["frame.number"]);
    assert!(malformed.is_empty(), "{malformed:?}");
}

#[test]
fn wireshark_shows_what_happened_and_which_node_is_which() {
    let run = scenario("calm", &["--lock", "check-then-create"]);
    assert_eq!(run.code, 1, "{}", run.said());
    let capture = run.directory.join("wire.pcapng");
    let comments = tshark::frames(&capture, "frame.comment", &["frame.comment"]).concat();
    let comments = comments.join("\n");
    assert_eq!(comments.matches(" enters").count(), crate::common::entered(&run.history()));
    let first = run.report().findings[0].explanation.clone();
    let violation = format!("violation of mutual exclusion (broken promise): {first}");
    assert!(comments.contains(&violation), "{comments}");
    let hosts = std::process::Command::new("tshark")
        .args(["-q", "-z", "hosts", "-r"])
        .arg(&capture)
        .output()
        .unwrap();
    let hosts = String::from_utf8_lossy(&hosts.stdout).into_owned();
    assert!(hosts.contains("10.0.0.1\tserver") && hosts.contains("10.0.0.4\tc3"), "{hosts}");
}

#[test]
fn each_line_of_a_console_has_the_time_at_which_it_was_written() {
    let run = scenario("calm", &SHORT);
    for node in ["server", "c1", "c3"] {
        let console = run.console(node);
        let time = |line: &str| {
            let time = line.strip_prefix('[')?.split_once("] ")?.0;
            time.trim_start().parse::<f64>().ok()
        };
        let times: Option<Vec<f64>> = console.lines().map(time).collect();
        assert!(times.is_some_and(|times| times.is_sorted() && times.len() > 10), "{console}");
        assert!(console.contains("] Linux version "), "{console}");
    }
}

/// `/dev/full` stands for each file, so that it needs no full disk and no rights to make one.
#[rstest]
fn a_full_disk_of_the_host_is_an_error_message(
    #[values("history.jsonl", "wire.pcapng", "report.json")] file: &str,
) {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let plan = lockstorm(home.path(), &[&["plan", "calm"], &SHORT[..]].concat()).output().unwrap();
    let plan = Plan::from_source(Source::from_bytes("plan.yaml", plan.stdout).unwrap()).unwrap();
    let hash = &plan.hash().unwrap().short()[..8];
    let directory = home.path().join(format!("lockstorm-runs/calm-flufl.lock-1-{hash}"));
    fs::create_dir_all(&directory).unwrap();
    symlink("/dev/full", directory.join(file)).unwrap();
    let mut arguments = vec!["scenario", "calm"];
    arguments.extend(SHORT);
    let child = lockstorm(home.path(), &arguments)
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let harness = child.id();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(12), "{stderr}");
    let last = stderr.lines().last().unwrap();
    assert!(last.starts_with("error: ") && last.contains(file), "{stderr}");
    assert!(last.contains("No space left on device"), "{stderr}");
    assert!(!stderr.contains("died by itself"), "it is no node's fault: {stderr}");
    crate::common::processes::assert_none_of_harness(harness);
}

#[test]
fn a_host_without_a_place_for_short_lived_files_is_an_error_message() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let nowhere = home.path().join("nowhere");
    let output =
        lockstorm(home.path(), &["scenario", "calm"]).env("TMPDIR", &nowhere).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(12), "{stderr}");
    assert!(stderr.contains(nowhere.to_str().unwrap()), "{stderr}");
}
