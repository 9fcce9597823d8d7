//! `lockstorm sweep`: every fault at every point of a run.

use crate::common::{lockstorm, permit};
use lockstorm_reports::map::{self, Map};
use std::fs;
use std::path::Path;

const PLANTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../containers/planted");

fn sweep(home: &Path, arguments: &[&str]) -> (i32, String) {
    let all = [&["sweep", "--quiet", "--discard-valid"], arguments].concat();
    let output = lockstorm(home, &all).output().unwrap();
    let code = output.status.code().expect("it ends by itself, not by a signal");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (code, format!("exit code {code}\n{}{}", text(&output.stdout), text(&output.stderr)))
}

fn map(directory: &Path) -> Map {
    map::read(&fs::read_to_string(directory.join("map.json")).unwrap()).unwrap()
}

#[test]
fn a_defect_that_shows_at_one_point_alone_is_found_and_its_sound_twin_is_not_accused() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let few = ["--faults", "hold", "--set", "site.clients=2"];
    let planted = format!("{PLANTED}/excl-empty-is-stale.yaml");
    let (code, said) =
        sweep(home.path(), &[&[&*planted], &few[..], &["--out", "planted"]].concat());
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("mutual exclusion"), "{said}");
    let found = map(&home.path().join("planted"));
    assert!(found.findings.iter().all(|finding| finding.seen > 0), "{said}");
    let place = found.findings[0].first.0;
    assert!(found.rows[place].name.contains("OPEN-lock"), "{}", found.rows[place].name);

    let sound = format!("{PLANTED}/base-excl.yaml");
    let (code, said) = sweep(home.path(), &[&[&*sound], &few[..], &["--out", "sound"]].concat());
    assert_eq!(code, 0, "{said}");
    let sound = map(&home.path().join("sound"));
    assert!(sound.findings.is_empty() && sound.counts.struck > 0, "{said}");
}

#[test]
fn every_message_that_is_to_be_lost_is_lost_and_parts_make_the_same_map() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let few = ["fcntl", "--faults", "lose", "--set", "site.clients=2"];
    let (code, said) = sweep(home.path(), &[&few[..], &["--out", "whole"]].concat());
    assert_eq!(code, 0, "{said}");
    let whole = map(&home.path().join("whole"));
    assert!(whole.counts.runs() > 8 && whole.counts.struck == whole.counts.runs(), "{said}");
    assert_eq!((whole.counts.unknown, whole.counts.not_made), (0, 0), "{said}");

    for part in ["1/2", "2/2"] {
        let out = format!("part-{}", &part[..1]);
        sweep(home.path(), &[&few[..], &["--shard", part, "--out", &out]].concat());
        assert!(map(&home.path().join(out)).counts.not_made > 0);
    }
    let merge = ["merge", "part-1", "part-2", "--out", "parts"];
    assert!(lockstorm(home.path(), &merge).output().unwrap().status.success());
    let (_, said) = sweep(home.path(), &[&few[..], &["--out", "parts"]].concat());
    let parts = map(&home.path().join("parts"));
    assert_eq!((&parts.rows, parts.counts), (&whole.rows, whole.counts), "{said}");
}

#[test]
fn what_cannot_be_swept_is_refused_with_the_reason() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let (code, said) = sweep(home.path(), &["link", "--faults", "loose"]);
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("did you mean `lose`?"), "{said}");
    let (code, said) = sweep(home.path(), &["lnik"]);
    assert_eq!(code, 10, "{said}");
    let (code, said) = sweep(home.path(), &["link", "fcntl", "--out", "here"]);
    assert_eq!(code, 10, "{said}");
    assert!(!home.path().join("here").exists());

    let (code, said) = sweep(home.path(), &["check-then-create", "--story", "calm"]);
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("fails when nothing happens to it"), "{said}");
}
