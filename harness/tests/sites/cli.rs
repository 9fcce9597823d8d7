//! The command line as a person meets it: exit codes, messages, pipes. No site is run here.

use crate::common::without_sites::{
    empty_cache, full_cache, kept_report, lockstorm, run, write_set,
};
use lockstorm::assets::{Assets, KernelFiles};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn wrong_arguments_are_bad_input_and_help_is_not() {
    let cache = empty_cache();
    assert_eq!(run(cache.path(), &["--nonsense"]).0, 10);
    assert_eq!(run(cache.path(), &[]).0, 10);
    assert_eq!(run(cache.path(), &["scenario"]).0, 10);
    assert_eq!(run(cache.path(), &["scenario", "calm", "--timeout", "0"]).0, 10);
    assert_eq!(run(cache.path(), &["scenario", "calm", "--seed", "-1"]).0, 10);
    assert_eq!(run(cache.path(), &["--help"]).0, 0);
    assert_eq!(run(cache.path(), &["--version"]).0, 0);
}

#[test]
fn bad_input_is_reported_before_missing_set_up() {
    let cache = empty_cache();
    fs::write(cache.path().join("garbage.yaml"), vec![b'\x91'; 10_000_000]).unwrap();
    fs::write(cache.path().join("empty.yaml"), "").unwrap();
    fs::write(cache.path().join("bytes.yaml"), b"lock: \xff\n").unwrap();
    fs::create_dir(cache.path().join("folder.yaml")).unwrap();
    for name in ["garbage.yaml", "empty.yaml", "bytes.yaml", "folder.yaml", "nowhere.yaml"] {
        let (code, stdout, stderr) = run(cache.path(), &["scenario", name]);
        assert_eq!((code, stdout.as_str()), (10, ""), "{name}");
        assert!(stderr.starts_with("error: ") && stderr.contains(name), "{stderr}");
        assert!(stderr.len() < 1000, "one message, not the file: {stderr}");
    }
}

#[test]
fn missing_set_up_is_one_line_with_the_command_that_brings_it() {
    let cache = empty_cache();
    for command in [["scenario", "calm"], ["plan", "calm"], ["list", "locks"]] {
        let (code, _, stderr) = run(cache.path(), &command);
        assert_eq!(code, 11);
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains("`ci/setup`"), "{stderr}");
    }
    let (code, stdout, _) = run(cache.path(), &["doctor"]);
    assert_eq!(code, 11);
    assert!(stdout.contains("mend: run `ci/setup`") || stdout.contains("whole source tree"));
}

#[test]
fn what_needs_no_set_up_works_without() {
    let cache = empty_cache();
    let (code, stdout, stderr) = run(cache.path(), &["list", "scenarios"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("partition.yaml"));
    let (code, stdout, _) = run(cache.path(), &["schema"]);
    assert_eq!(code, 0);
    assert!(stdout.starts_with('{'));
}

#[test]
fn a_plan_is_printed_twice_the_same_and_reads_back() {
    let cache = full_cache();
    let arguments = ["plan", "partition", "--seed", "7", "--set", "site.clients=2"];
    let (code, first, stderr) = run(cache.path(), &arguments);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(first, run(cache.path(), &arguments).1);
    assert!(first.contains("seed: 7\n") && first.contains("clients: 2\n"));
}

#[test]
fn an_unknown_lock_is_named_where_it_was_asked_for() {
    let cache = full_cache();
    let (code, _, stderr) = run(cache.path(), &["scenario", "calm", "--lock", "flufl.lok"]);
    assert_eq!(code, 10);
    assert!(stderr.contains("--> --lock flufl.lok"), "{stderr}");
    assert!(stderr.contains("did you mean `flufl.lock`?"), "{stderr}");
}

#[test]
fn a_directory_without_a_plan_cannot_be_replayed() {
    let cache = full_cache();
    for command in ["replay", "recheck"] {
        let (code, _, stderr) = run(cache.path(), &[command, "."]);
        assert_eq!(code, 10);
        assert!(stderr.contains("plan.yaml"), "{stderr}");
    }
}

#[test]
fn a_plan_of_other_parts_is_not_replayed() {
    let cache = full_cache();
    let plan = run(cache.path(), &["plan", "calm"]).1;
    let other = plan.replacen("kernel_key: ", "kernel_key: x", 1);
    fs::write(cache.path().join("plan.yaml"), other).unwrap();
    let (code, _, stderr) = run(cache.path(), &["replay", "."]);
    assert_eq!(code, 11);
    assert!(stderr.contains("was made for the kernel x"), "{stderr}");
}

/// A kernel that `ci/setup --kernels` builds.
fn built(cache: &Path, version: &str) {
    let mut shipped = lockstorm::kernel::shipped().into_iter();
    let kernel = shipped.find(|kernel| kernel.version == version).unwrap();
    let files = KernelFiles::below(&cache.join("lockstorm"), &kernel.key);
    fs::create_dir_all(files.linux.parent().unwrap()).unwrap();
    fs::write(files.linux, "").unwrap();
    fs::write(files.seeded_random, "").unwrap();
    fs::write(files.provenance, "linux sha256: 0\nsource: linux-source-7.2 7.2.12-1\n").unwrap();
}

#[test]
fn an_unknown_kernel_is_bad_input_and_one_that_is_not_built_is_missing_set_up() {
    let cache = full_cache();
    let layers = Assets::below(&cache.path().join("lockstorm")).layers;
    fs::write(layers, "python\n").unwrap();
    let (code, _, said) = run(cache.path(), &["scenario", "calm", "--kernel", "7.3"]);
    assert_eq!(code, 10);
    assert!(said.contains("--kernel 7.3: no such kernel; did you mean `7.2`?"), "{said}");
    assert!(said.contains("there are `6.1`, `6.12`, ") && said.contains(" and `7.2`"), "{said}");
    let (code, _, said) = run(cache.path(), &["scenario", "calm", "--kernel", "sever=7.2"]);
    assert_eq!(code, 10);
    assert!(said.contains("no role `sever`") && said.contains("server=6.1,clients=7.2"), "{said}");
    for kernels in ["7.2", "server=7.2", "clients=7.2,server=6.12"] {
        for command in [&["scenario", "calm"][..], &["lock", "check", "flufl.lock"]] {
            let (code, _, said) = run(cache.path(), &[command, &["--kernel", kernels]].concat());
            assert_eq!(code, 11, "{said}");
            assert!(said.contains("kernel 7.2 is not built; `ci/setup --kernels 7.2`"), "{said}");
        }
    }
}

#[test]
fn the_plan_names_the_kernels_that_are_not_the_default() {
    let cache = full_cache();
    let plain = run(cache.path(), &["plan", "calm"]).1;
    assert!(!plain.contains("kernels:"));
    assert_eq!(run(cache.path(), &["plan", "calm", "--kernel", "6.12"]).1, plain);
    let (code, mixed, _) = run(cache.path(), &["plan", "calm", "--kernel", "server=6.1"]);
    assert_eq!(code, 0);
    let key = &lockstorm::kernel::shipped()[0].key;
    let part = format!("kernels:\n  server:\n    version: '6.1'\n    key: {key}\n");
    assert_eq!(mixed.replacen(&part, "", 1), plain);
    let other = mixed.replacen(key, "../../0123456789", 1);
    fs::write(cache.path().join("plan.yaml"), other).unwrap();
    let (code, _, said) = run(cache.path(), &["replay", "."]);
    assert!(code == 10 && said.contains("this is no key"), "{said}");
}

#[test]
fn what_is_no_kernel_is_not_run() {
    let cache = full_cache();
    for (path, why) in
        [("./nowhere", "No such file"), ("./", "directory"), ("./text", "executable")]
    {
        fs::write(cache.path().join("text"), "#!/bin/sh\n").unwrap();
        let (code, _, said) = run(cache.path(), &["plan", "calm", "--kernel", path]);
        assert!(code == 10 && said.contains(why) && said.contains("--kernel ./"), "{said}");
    }
}

#[test]
fn the_kernels_are_listed_with_the_command_that_builds_them() {
    let cache = full_cache();
    built(cache.path(), "7.2");
    let (code, stdout, _) = run(cache.path(), &["list", "kernels"]);
    assert_eq!(code, 0);
    let rows: Vec<&str> = stdout.lines().skip(1).collect();
    let [first, default, .., last, host] = rows[..] else { panic!("{stdout}") };
    assert!(host.starts_with("host ") && host.contains("for clients"), "{stdout}");
    assert!(first.starts_with("6.1 ") && first.contains("`ci/setup --kernels 6.1`"), "{stdout}");
    assert!(default.starts_with("6.12 ") && default.ends_with("the default"), "{stdout}");
    assert!(rows[2].starts_with("6.12.107 ") && rows[2].contains("not built"), "{stdout}");
    assert!(last.contains("linux-source-7.2 7.2.12-1") && !last.contains("not built"));
    assert_eq!(run(empty_cache().path(), &["list", "kernels"]).0, 0);
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let cache = full_cache();
    let mut child = lockstorm(cache.path(), &["plan", "partition"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_full_disk_under_standard_output_is_trouble_with_the_host() {
    let cache = empty_cache();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = lockstorm(cache.path(), &["schema"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(12));
    assert!(String::from_utf8(output.stderr).unwrap().contains("failed to print"));
}

/// Runs a line of the shell on a terminal of its own; answers what is shown there.
fn on_a_terminal(home: &Path, line: &str) -> String {
    let line = format!("'{}' {line}", env!("CARGO_BIN_EXE_lockstorm"));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(home).env_remove("NO_COLOR");
    let output = command.stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_goes_to_a_file_has_no_colours_while_the_other_output_is_a_terminal() {
    let home = empty_cache();
    kept_report(home.path());
    let shown = on_a_terminal(home.path(), "report run 2>said.txt");
    assert!(shown.contains("\x1b[1;31mVIOLATED"), "{shown}");
    on_a_terminal(home.path(), "report run >report.txt");
    let report = fs::read_to_string(home.path().join("report.txt")).unwrap();
    assert!(report.contains("VIOLATED") && !report.contains('\x1b'), "{report}");
    let shown = on_a_terminal(home.path(), "report nowhere >report.txt");
    assert!(shown.contains("\x1b[1;31merror"), "{shown}");
    on_a_terminal(home.path(), "report nowhere 2>said.txt");
    let said = fs::read_to_string(home.path().join("said.txt")).unwrap();
    assert!(said.contains("nowhere") && !said.contains('\x1b'), "{said}");
}

#[test]
fn colours_are_only_there_when_asked_for() {
    let cache = empty_cache();
    let plain = run(cache.path(), &["scenario", "nowhere"]).2;
    let painted = run(cache.path(), &["scenario", "nowhere", "--color", "always"]).2;
    assert!(!plain.contains('\x1b') && painted.contains('\x1b'));
}

#[test]
fn a_history_that_is_spoilt_is_bad_input_with_its_line() {
    let cache = full_cache();
    fs::write(cache.path().join("plan.yaml"), run(cache.path(), &["plan", "calm"]).1).unwrap();
    for (history, words) in [("{\"at_ns\"\n", "history.jsonl:1:"), ("{\"at", "cut short")] {
        fs::write(cache.path().join("history.jsonl"), history).unwrap();
        for command in ["recheck", "report"] {
            let (code, _, said) = run(cache.path(), &[command, "."]);
            assert_eq!(code, 10, "{said}");
            assert!(said.contains(words), "{said}");
        }
    }
}

#[test]
fn a_saved_run_is_reported_in_any_format() {
    let home = empty_cache();
    kept_report(home.path());
    let (code, text, _) = run(home.path(), &["report", "run"]);
    assert_eq!(code, 0);
    assert!(text.contains("VIOLATED: broken promise"), "{text}");
    let (_, tap, _) = run(home.path(), &["report", "run", "--format", "tap"]);
    assert!(tap.starts_with("TAP version 14"), "{tap}");
    let (code, files, _) = run(home.path(), &["report", "run", "--to", "html,junit"]);
    assert_eq!((code, &*files), (0, "run/report.html\nrun/junit.xml\n"));
    let page = fs::read_to_string(home.path().join("run/report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"));
    let elsewhere = ["report", "run", "--to", "markdown", "--out", "there/and/there"];
    assert_eq!(run(home.path(), &elsewhere).0, 0);
    assert!(home.path().join("there/and/there/report.md").exists());
}

#[test]
fn what_cannot_be_reported_is_told() {
    let home = empty_cache();
    let (code, _, said) = run(home.path(), &["report", "nowhere"]);
    assert_eq!(code, 10);
    assert!(said.contains("nowhere: there is no such file or directory"), "{said}");
    let (code, _, said) = run(home.path(), &["report", "."]);
    assert_eq!(code, 10);
    assert!(said.contains("expected the directory of a run or of a result set"), "{said}");
    kept_report(home.path());
    let (code, _, said) = run(home.path(), &["report", "run", "--to", "pdf"]);
    assert_eq!(code, 10);
    assert!(said.contains("there are: text, html, markdown"), "{said}");
}

#[test]
fn the_page_of_a_set_leads_to_those_of_its_runs() {
    let home = empty_cache();
    kept_report(home.path());
    fs::create_dir(home.path().join("runs")).unwrap();
    fs::rename(home.path().join("run"), home.path().join("runs/one")).unwrap();
    let text = fs::read_to_string(home.path().join("runs/one/report.json")).unwrap();
    let report = lockstorm_reports::json::read(&text).unwrap();
    write_set(home.path(), &report, "runs/one");
    assert_eq!(run(home.path(), &["report", ".", "--to", "html"]).0, 0);
    let page = fs::read_to_string(home.path().join("report.html")).unwrap();
    assert!(page.contains("href=\"./runs/one/report.html\""));
    assert!(home.path().join("runs/one/report.html").exists());
}
