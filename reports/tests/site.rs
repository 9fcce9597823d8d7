//! The site of many results: every link leads somewhere, whatever locks and scenarios are called.

#[allow(dead_code, reason = "each test uses a part of it")]
#[path = "common/chromium.rs"]
mod chromium;
mod common;
#[path = "common/crawl.rs"]
mod crawl;

use chromium::Browser;
use common::{clean, gated, hostile, map, set, violated};
use lockstorm_reports::html::site::{Page, Part, Site};
use lockstorm_reports::set::{ResultSet, RunSummary};
use lockstorm_reports::{Report, html};
use std::fs;
use std::path::Path;

/// Writes a site; of each run that was made, the report that fits to it.
fn write(parts: Vec<Part>, report: impl Fn(&RunSummary) -> Report, to: &Path) {
    let mut site = Site::new(parts);
    let mut keep = |page: Page| {
        let path = to.join(page.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(!path.exists(), "{} is written twice", path.display());
        fs::write(path, page.text).unwrap();
    };
    for part in 0..site.parts().len() {
        for index in 0..site.parts()[part].set.runs.len() {
            let run = site.parts()[part].set.runs[index].clone();
            if run.is_made() {
                site.run(part, index, &report(&run)).into_iter().for_each(&mut keep);
            }
        }
    }
    site.others().into_iter().for_each(keep);
}

fn report(run: &RunSummary) -> Report {
    let mut report = if run.reason().is_empty() { clean() } else { violated() };
    report.lock.name.clone_from(&run.lock);
    report.scenario.name.clone_from(&run.scenario);
    report.scenario.seed = run.seed;
    report
}

fn part(name: &str, set: ResultSet) -> Part {
    Part { name: name.into(), directory: Some(format!("lockstorm-runs/{name}")), set, map: None }
}

fn page(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_link_of_a_site_leads_somewhere() {
    let home = tempfile::tempdir().unwrap();
    let sweep = Part { map: Some(map::map(12, 6)), ..part("sweep", set()) };
    write(vec![part("gate", gated()), part("gate", set()), sweep], report, home.path());
    assert_eq!(crawl::complaints(home.path()), [""; 0]);
    let files = crawl::files(home.path());
    for path in ["index.html", "locks/fcntl.html", "scenarios/crash.html", "sets/gate-2/index.html"]
    {
        assert!(files.contains(Path::new(path)), "{path} in {files:?}");
    }
}

#[test]
fn a_lock_has_its_promises_and_its_findings_with_their_commands() {
    let home = tempfile::tempdir().unwrap();
    write(vec![part("gate", set())], report, home.path());
    let text = page(home.path(), "locks/flufl.lock.html");
    for words in [
        "NFS-safe lock file by link(2)",
        "✗ broken in 2 of 6",
        "the hard link will fail",
        "clocks within 10.000 s of each other",
        "Linux 6.12",
        "lockstorm scenario partition --lock flufl.lock --seed 2",
    ] {
        assert!(text.contains(words), "{words}");
    }
    assert!(page(home.path(), "scenarios/calm.html").contains("Nothing was found."));
}

#[test]
fn a_run_leads_back_to_its_set_and_to_nothing_that_is_not_there() {
    let home = tempfile::tempdir().unwrap();
    write(vec![part("gate", set())], report, home.path());
    let text = page(home.path(), "sets/gate/runs/calm-fcntl-1/report.html");
    assert!(text.contains("href=\"./../../../../sets/gate/index.html\""), "the way back");
    assert!(!text.contains("href=\"./history.jsonl\""), "it is not in the site");
    assert!(!text.contains("<style>"), "a thousand pages have one style");
}

#[test]
fn whatever_names_say_a_site_stays_where_it_is() {
    let home = tempfile::tempdir().unwrap();
    let mut set = set();
    for (index, run) in set.runs.iter_mut().enumerate() {
        run.lock =
            ["../../up", "/etc/passwd", "a b?c#d%e", "\u{202e}\"><script>"][index % 4].into();
        run.directory = Some(["../..", "/tmp", "runs/a b", ""][index % 4].into());
    }
    let hostile: ResultSet = hostile::with_text(&common::set(), &hostile::text());
    let parts = vec![part("../up", set), part("", hostile)];
    write(parts, report, &home.path().join("site"));
    assert_eq!(crawl::complaints(&home.path().join("site")), [""; 0]);
    let outside: Vec<_> = fs::read_dir(home.path()).unwrap().flatten().collect();
    assert_eq!(outside.len(), 1, "{outside:?}");
}

#[test]
fn the_style_and_the_script_of_a_site_are_those_of_its_pages() {
    let home = tempfile::tempdir().unwrap();
    write(vec![part("gate", set())], report, home.path());
    assert_eq!(page(home.path(), "style.css"), html::STYLE);
    assert_eq!(page(home.path(), "script.js"), html::SCRIPT);
}

#[test]
fn a_site_works_from_files_without_a_complaint_of_the_browser() {
    // Beside the pictures of the other pages, for whoever wants to look at it.
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("site");
    fs::remove_dir_all(&home).ok();
    let sweep = Part { map: Some(map::map(12, 6)), ..part("sweep", set()) };
    write(vec![part("gate", gated()), sweep], report, &home);
    let mut browser = Browser::start();
    for path in [
        "index.html",
        "locks/flufl.lock.html",
        "scenarios/partition.html",
        "sets/gate/index.html",
        "sets/gate/runs/partition-flufl.lock-2/report.html",
        "sets/sweep/map.html",
    ] {
        for width in [390, 1280] {
            browser.open(&home.join(path), width);
            let wide = browser.evaluate("document.documentElement.scrollWidth");
            assert_eq!(wide, width, "{path}");
            let styled = "getComputedStyle(document.querySelector('.brand')).fontWeight";
            assert_eq!(browser.evaluate(styled), "700", "{path} has its style");
            assert_eq!(browser.complaints(), [""; 0], "{path} at {width}");
        }
    }
    browser.open(&home.join("index.html"), 1280);
    let shown = "document.querySelector('.chooser .shown').textContent";
    assert_eq!(browser.evaluate(shown), "2 of 2 locks", "the script of the site runs");
}
