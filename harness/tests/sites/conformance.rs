//! What the file system itself gives: probes that must be kept, and the same where they must break.

use crate::common::{eventually, lockstorm, permit, processes};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::process::{Output, Stdio};

/// A few of each kind: on a shared site and alone, with and without a network.
const SOME: [&str; 7] = [
    "lock-exclusive",
    "flock-exclusive",
    "create-excl-race",
    "rename-lost-reply",
    "lock-lost-reply",
    "crashed-client-back",
    "nlm-crashed-client-back",
];

fn probed(home: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        lockstorm(home, &["conformance", "--quiet"]).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn what_is_kept_is_kept_on_every_server_and_the_table_is_the_same_again() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let columns = ["--server", "knfsd,ganesha", "--vers", "3,4.1", "--local", "--format", "json"];
    let arguments = [&SOME[..], &columns].concat();
    let (code, first, errors) = probed(home.path(), &arguments);
    assert_eq!(code, Some(0), "{first}{errors}");
    assert!(first.matches("\"kept\"").count() > 20, "{first}");
    let (_, second, _) = probed(home.path(), &[&arguments[..], &["--out", "again"]].concat());
    assert!(first == second, "another table:\n{first}\n{second}");
}

#[test]
fn locks_that_are_kept_to_one_client_break_what_others_rest_on() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let locks = ["lock-exclusive", "flock-exclusive", "--vers", "3"];
    let local = [&locks[..], &["--mount", "local_lock=all", "--out", "local"]].concat();
    let (code, table, errors) = probed(home.path(), &local);
    assert_eq!(code, Some(1), "{table}{errors}");
    assert_eq!(table.matches("BROKEN").count(), 2, "{table}");

    let (code, table, errors) = probed(home.path(), &[&locks[..], &["--out", "usual"]].concat());
    assert_eq!(code, Some(0), "{table}{errors}");
    let (code, told, _) = probed(home.path(), &["--compare", "usual", "local"]);
    assert_eq!((code, told.contains("2 differences")), (Some(1), true), "{told}");
    let (code, ..) = probed(home.path(), &["--compare", "usual", "usual"]);
    assert_eq!(code, Some(0));
}

#[test]
fn what_cannot_be_probed_is_refused_with_the_reason() {
    let home = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str]| {
        let (code, _, errors) = probed(home.path(), arguments);
        assert_eq!(code, Some(10), "{errors}");
        errors
    };
    assert!(refused(&["lock-exclusiv"]).contains("did you mean `lock-exclusive`?"));
    assert!(refused(&["--vers", "5"]).contains("no NFS version `5`"));
    assert!(refused(&["--mount", "vers=4"]).contains("the harness's to set"));
    assert!(refused(&["--server", "nobody"]).contains("knfsd, ganesha"));
    assert!(refused(&["--compare", "here", "there"]).contains("here/conformance.json"));
    assert!(!home.path().join("lockstorm-runs").exists());
}

#[test]
fn a_foreign_program_runs_on_the_mount_and_ends_as_it_ends() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let suite = |script: &str, arguments: &[&str]| {
        use std::os::unix::fs::PermissionsExt;
        let path = home.path().join("program");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let suite = ["suite", path.to_str().unwrap()];
        let output = lockstorm(home.path(), &suite).args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, said, notes) = suite("pwd; echo x >f && ln f g && ls; exit 3", &[]);
    assert_eq!((code, said.as_str()), (Some(1), "/mnt/nfs/suite\nf\ng\n"), "{notes}");
    assert!(notes.contains("exit status: 3"), "{notes}");
    let (code, _, notes) = suite("sleep 600", &["--within", "5s"]);
    assert_eq!((code, notes.contains("did not end within 5s")), (Some(2), true), "{notes}");
    // The write waits until its client is back.
    let cut = ["--strike", "{cut: {node: c1}} at 1s for 30s"];
    let (code, _, notes) = suite("sleep 2; echo x >f; sync f", &cut);
    assert_eq!(code, Some(0), "{notes}");
    let seconds = notes.split("after ").nth(1).and_then(|after| after.split(' ').next());
    let seconds: f64 = seconds.unwrap().parse().unwrap();
    assert!((30.0..100.0).contains(&seconds), "{notes}");
}

#[test]
fn an_interrupt_ends_all_sites_and_leaves_nothing_running() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let mut child = lockstorm(home.path(), &["conformance", "--quiet", "--out", "table"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let sites = home.path().join("table/sites");
    let begun = || std::fs::read_dir(&sites).is_ok_and(|entries| entries.count() >= 2);
    eventually("two sites have begun", begun);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    processes::assert_none_of_harness(child.id());
}
