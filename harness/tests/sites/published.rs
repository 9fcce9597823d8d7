//! Pages with the ways between them: `lockstorm report --site`, and a set's page with its runs'.

#[path = "../../../reports/tests/common/crawl.rs"]
mod crawl;

use crate::common::without_sites::run;
use std::fs;
use std::path::Path;

/// Two sets and three lone runs, which were kept.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/samples");

/// The samples in a directory of results, with the run that the set has a report of.
fn results(home: &Path) {
    let to = home.join("results");
    for name in ["set", "comparison/base", "comparison/new"] {
        fs::create_dir_all(to.join(name)).unwrap();
        for file in ["set.json", "results.jsonl"] {
            fs::copy(Path::new(SAMPLES).join(name).join(file), to.join(name).join(file)).unwrap();
        }
    }
    for (from, name) in [
        ("valid", "valid"),
        ("violated", "violated"),
        ("violated", "set/runs/check-then-create/calm/1"),
    ] {
        fs::create_dir_all(to.join(name)).unwrap();
        let from = Path::new(SAMPLES).join(from).join("report.json");
        fs::copy(from, to.join(name).join("report.json")).unwrap();
    }
}

#[test]
fn a_directory_of_results_is_a_site_without_a_dead_link() {
    let home = tempfile::tempdir().unwrap();
    results(home.path());
    let (code, said, notes) = run(home.path(), &["report", "--site", "site", "results"]);
    assert_eq!((code, &*said), (0, "site/index.html\n"), "{notes}");
    let site = home.path().join("site");
    assert_eq!(crawl::complaints(&site), [""; 0]);
    let files = crawl::files(&site);
    for path in [
        "locks/check-then-create.html",
        "scenarios/partition.html",
        "sets/set/runs/check-then-create/calm/1/report.html",
        "sets/runs/results/violated/report.html",
    ] {
        assert!(files.contains(Path::new(path)), "{path} in {files:?}");
    }
}

#[test]
fn a_site_replaces_a_site_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    results(home.path());
    let site = home.path().join("site");
    fs::create_dir(&site).unwrap();
    fs::write(site.join("thesis"), "years of work").unwrap();
    let (code, _, said) = run(home.path(), &["report", "--site", "site", "results"]);
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("--site site: other things are there"), "{said}");
    assert!(!site.join("index.html").exists());
    fs::remove_file(site.join("thesis")).unwrap();
    assert_eq!(run(home.path(), &["report", "--site", "site", "results"]).0, 0);
    fs::write(site.join("CNAME"), "locks.example.org").unwrap();
    assert_eq!(run(home.path(), &["report", "--site", "site", "results/violated"]).0, 0);
    assert_eq!(fs::read_to_string(site.join("CNAME")).unwrap(), "locks.example.org");
    assert!(!site.join("sets/set").exists(), "what was of the site before");
    let (code, _, said) = run(home.path(), &["report", "--site", "other", "site"]);
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("site: there is no run and no result set in it"), "{said}");
}

#[test]
fn a_set_and_its_runs_lead_to_each_other_wherever_they_are() {
    let home = tempfile::tempdir().unwrap();
    results(home.path());
    for (out, linked) in [("results/set", true), ("elsewhere", false)] {
        let (code, _, said) =
            run(home.path(), &["report", "results/set", "--to", "html", "--out", out]);
        assert_eq!(code, 0, "{said}");
        let read = |name: &str| fs::read_to_string(home.path().join(out).join(name)).unwrap();
        let set = read("report.html");
        let pages = set.matches("/report.html\"").count();
        assert_eq!(pages, 1, "one of its runs was kept");
        let run = read("runs/check-then-create/calm/1/report.html");
        assert!(run.contains("href=\"./../../../../report.html\""), "the way back");
        assert_eq!(run.contains("href=\"./report.json\""), linked, "{out}");
        assert!(!run.contains("href=\"./history.jsonl\""), "it was not kept");
    }
}
