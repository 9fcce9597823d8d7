//! The pages as a person meets them: in a browser, at three widths, by keyboard alone.

#[path = "common/chromium.rs"]
mod chromium;
mod common;

use chromium::Browser;
use common::{clean, comparison, set, unknown, violated};
use lockstorm_reports::format::{Options, Subject};
use lockstorm_reports::{Finding, Report, html};
use std::path::{Path, PathBuf};

/// A phone, a tablet, a laptop.
const WIDTHS: [u32; 3] = [360, 800, 1280];

/// The page of a document, where the pictures go, too.
fn page(name: &str, subject: Subject) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join(format!("{name}.html"));
    std::fs::write(&path, html::render(subject, Options::default())).unwrap();
    path
}

/// A lock that breaks its promises often enough for the page to be long.
fn often_violated() -> Report {
    let mut report = violated();
    let first = report.findings[0].clone();
    let later =
        |index: u64| Finding { at_ns: first.at_ns + index * 1_700_000_000, ..first.clone() };
    report.findings = (0..8).map(later).collect();
    report
}

/// Opens a page at every width, takes its picture, and holds that it is well behaved.
fn looks_right(name: &str, subject: Subject) {
    let file = page(name, subject);
    let mut browser = Browser::start();
    for width in WIDTHS {
        browser.open(&file, width);
        let wide = browser.evaluate("document.documentElement.scrollWidth");
        assert!(wide.as_u64().unwrap() <= u64::from(width), "{name} at {width} is {wide} wide");
        let height = browser.evaluate("document.documentElement.scrollHeight");
        browser.resize(width, height.as_u64().unwrap().min(6_000) as u32);
        let picture = browser.screenshot();
        // An empty page is a few kB.
        assert!(picture.len() > 15_000, "{name} at {width}: {} bytes", picture.len());
        std::fs::write(file.with_extension(format!("{width}.png")), picture).unwrap();
        assert_eq!(browser.complaints(), [""; 0], "{name} at {width}");
    }
}

#[test]
fn a_clean_run_looks_right_at_every_width() {
    looks_right("clean", Subject::Run(&clean()));
}

#[test]
fn a_violated_run_looks_right_at_every_width() {
    looks_right("violated", Subject::Run(&often_violated()));
}

#[test]
fn an_unknown_run_looks_right_at_every_width() {
    looks_right("unknown", Subject::Run(&unknown()));
}

#[test]
fn a_result_set_looks_right_at_every_width() {
    looks_right("set", Subject::Set(&set()));
}

#[test]
fn a_comparison_looks_right_at_every_width() {
    looks_right("comparison", Subject::Comparison(&comparison()));
}

/// Presses Tab through the whole page: what had the focus, by link or by id.
fn tabbed(browser: &mut Browser) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..400 {
        browser.press("Tab");
        let focus = browser.evaluate(
            "(() => { const e = document.activeElement; \
             return e === document.body ? 'body' : e.getAttribute('href') \
             || '#' + (e.id || e.parentElement.id) })()",
        );
        let focus = focus.as_str().unwrap_or_default().to_owned();
        if focus == "body" {
            return seen;
        }
        seen.push(focus);
    }
    seen
}

#[test]
fn the_keyboard_reaches_every_finding_and_unfolds_it() {
    let report = often_violated();
    let file = page("keyboard", Subject::Run(&report));
    let mut browser = Browser::start();
    browser.open(&file, 1280);
    let seen = tabbed(&mut browser);
    for number in 1..=report.findings.len() {
        let reached = seen.iter().filter(|focus| **focus == format!("#violation-{number}"));
        // Its mark on the timeline, and the violation itself.
        assert!(reached.count() >= 2, "violation {number} in {seen:?}");
    }
    browser.evaluate("document.querySelector('a.mark[href=\"#violation-7\"]').focus()");
    browser.press("Enter");
    let open = browser.evaluate(
        "new Promise((done) => setTimeout(() => \
         done(document.getElementById('violation-7').open), 200))",
    );
    assert_eq!(open, true, "a mark opens what it marks");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_timeline_zooms_by_keyboard() {
    let file = page("zoom", Subject::Run(&violated()));
    let mut browser = Browser::start();
    browser.open(&file, 1280);
    let width = "document.querySelector('.tl-inner').clientWidth";
    let before = browser.evaluate(width).as_f64().unwrap();
    browser.evaluate("document.querySelector('.tl-scroll').focus()");
    for _ in 0..3 {
        browser.press("+");
    }
    let zoomed = browser.evaluate(width).as_f64().unwrap();
    assert!((zoomed / before - 8.0).abs() < 0.1, "{before} {zoomed}");
    browser.press("0");
    assert_eq!(browser.evaluate(width).as_f64(), Some(before));
    browser.evaluate("document.querySelector('a.show').click()");
    assert!(browser.evaluate(width).as_f64().unwrap() > before, "it shows the violation near by");
    let bars = "document.querySelectorAll('.tl-inner .s').length";
    assert!(browser.evaluate(bars).as_u64().unwrap() > 5);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_hostile_run_does_nothing_in_a_browser() {
    let mut report = violated();
    let hostile = "\"'><script>alert(1)</script><img src=http://localhost/x onerror=alert(2)>";
    for text in [
        &mut report.scenario.name,
        &mut report.scenario.about,
        &mut report.lock.name,
        &mut report.findings[0].explanation,
        &mut report.findings[0].holds[0].client,
        &mut report.findings[0].story[0].text,
        &mut report.faults[0].detail,
        &mut report.artefacts[0].file,
        &mut report.plan,
    ] {
        *text = hostile.into();
    }
    report.timeline.as_mut().unwrap().clients[0].client = hostile.into();
    let file = page("hostile", Subject::Run(&report));
    let mut browser = Browser::start();
    browser.open(&file, 800);
    assert_eq!(browser.evaluate("document.querySelectorAll('script').length"), 1);
    assert_eq!(browser.evaluate("document.querySelectorAll('img').length"), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}
