//! Which lock for a site: the good ones first, and what the others failed in.

use crate::common::{lockstorm, permit};
use std::fs;
use std::path::Path;

fn run(home: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = lockstorm(home, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const SITE: &str = "\
site: {clients: 3, nfs: {version: '4.1'}, wire: {latency: 10ms}}
workload: {cycles: {time: 20s, hold: 50ms..200ms, think: 0s..50ms}}
fails: {client: true}
";

#[test]
fn the_lock_that_kept_its_promises_comes_before_the_one_that_did_not() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("site.yaml"), SITE).unwrap();
    let locks = "check-then-create,flock,create";
    let arguments = ["advise", "site.yaml", "--locks", locks, "--seeds", "1", "--out", "out"];
    let (code, printed, said) = run(home.path(), &arguments);
    assert_eq!(code, Some(0), "{printed}{said}");
    let place = |words: &str| printed.find(words).unwrap_or_else(|| panic!("{words}: {printed}"));
    assert!(place("\nflock ") < place("\ncheck-then-create "), "{printed}");
    assert!(printed.contains("Do not rely on it here: mutual exclusion broke"), "{printed}");
    // Whoever dies with a file that is the lock leaves it for ever.
    assert!(printed.contains("somebody has to remove it by hand"), "{printed}");
    let command = printed.lines().find_map(|line| line.trim().strip_prefix("$ lockstorm scenario"));
    let arguments: Vec<&str> = command.unwrap().split_whitespace().collect();
    let (code, shown, said) = run(home.path(), &[&["scenario"], &arguments[..]].concat());
    assert_eq!(code, Some(1), "{shown}{said}");
    let page = fs::read_to_string(home.path().join("out/advice.html")).unwrap();
    assert!(page.contains("check-then-create"));
    let (again, same, _) = run(
        home.path(),
        &[
            "advise",
            "site.yaml",
            "--locks",
            locks,
            "--seeds",
            "1",
            "--out",
            "out",
            "--format",
            "markdown",
        ],
    );
    assert_eq!(again, Some(0));
    assert!(same.contains("| flock | kept its promises |"), "{same}");
}

#[test]
fn a_site_that_makes_no_sense_is_told_where() {
    let home = tempfile::tempdir().unwrap();
    for (text, words) in [
        ("fails: {sever: 3s}\n", "did you mean `server`?"),
        ("site: {clients: 99}\n", "expected 1 to 16"),
    ] {
        fs::write(home.path().join("site.yaml"), text).unwrap();
        let (code, _, said) = run(home.path(), &["advise", "site.yaml"]);
        assert_eq!(code, Some(10), "{said}");
        assert!(said.contains(words) && said.contains("site.yaml:1:"), "{said}");
    }
}
