//! The NFS calls of a run: those of its capture, and the command that shows them.

use crate::common::{calls, entered, lockstorm, scenario};
use lockstorm::rpc::capture::Call;
use rstest::rstest;
use std::fs;
use std::path::Path;

/// With locks of several kinds: by link(2), by the server, by rename(2) and what is in a directory.
#[rstest]
fn the_calls_of_every_version_are_those_that_wireshark_sees(
    #[values("4.0", "4.1", "4.2")] version: &str,
    #[values("flufl.lock", "fcntl", "filelock-soft-rw")] lock: &str,
) {
    let version = format!("site.nfs.version=\"{version}\"");
    let short = "workload.cycles.time=15s";
    let run = scenario("calm", &["--lock", lock, "--set", &version, "--set", short]);
    let told = calls::assert_told_as_by_wireshark(&run.directory.join("wire.pcapng"));
    assert!(told > 100, "only {told} frames: {}", run.said());
}

fn wire(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = lockstorm(directory, &[&["wire", "."], arguments].concat()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_calls_of_a_run_are_shown_with_what_was_lost_and_what_the_lock_was_doing() {
    let run = scenario("partition", &[]);
    let (code, table, said) = wire(&run.directory, &["--op", "link", "--path", "lock"]);
    assert_eq!(code, 0, "{said}");
    let links: Vec<&str> = table.lines().skip(1).collect();
    let made = links.iter().filter(|line| line.contains("  ok  ")).count();
    assert!(made >= entered(&run.history()), "{table}");
    assert!(
        links.iter().all(|line| line.contains(" LINK ") && line.contains("/lock = ")),
        "{table}"
    );
    assert!(links.iter().all(|line| line.ends_with("in acquire")), "{table}");

    let (_, table, _) = wire(&run.directory, &["--jsonl"]);
    assert!(table.lines().any(|line| line.contains("sent again") && line.ends_with("inside")));
    let lines = fs::read_to_string(run.directory.join("calls.jsonl")).unwrap();
    let calls: Vec<Call> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(table.lines().count(), 1 + calls.len());
    assert!(calls.is_sorted_by_key(Call::at_ns));
    let lost = calls.iter().filter(|call| call.call.lost > 0).count();
    assert!(lost > 0 && calls.iter().any(|call| call.call.sent_again >= call.call.lost));

    let (_, near, _) = wire(&run.directory, &["--around", "20s", "--within", "1s"]);
    assert!(near.lines().count() < table.lines().count());
}

#[test]
fn what_cannot_be_shown_is_told_with_the_mend() {
    let run = scenario("calm", &["--set", "workload.cycles.time=5s"]);
    for (arguments, words) in [
        (&["--client", "c9"][..], "it has `server`, `c1`, `c2` or `c3`"),
        (&["--op", "LNIK"], "did you mean LINK?"),
        (&["--around", "12"], "expected such as `12ms` or `12s`"),
    ] {
        let (code, _, said) = wire(&run.directory, arguments);
        assert_eq!(code, 10, "{said}");
        assert!(said.contains(words), "{said}");
    }
    let capture = run.directory.join("wire.pcapng");
    let bytes = fs::read(&capture).unwrap();
    fs::write(&capture, &bytes[..bytes.len() - 9]).unwrap();
    let (code, _, said) = wire(&run.directory, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("it ends in the middle of a frame"), "{said}");
    fs::write(&capture, "no capture").unwrap();
    let (code, _, said) = wire(&run.directory, &[]);
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("wire.pcapng"), "{said}");
    fs::remove_file(&capture).unwrap();
    let (code, _, said) = wire(&run.directory, &[]);
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("`lockstorm replay .` makes the run again"), "{said}");
}
