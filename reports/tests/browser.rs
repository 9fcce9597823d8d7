//! The pages as a person meets them: in a browser, at three widths, by keyboard alone.

#[allow(dead_code, reason = "each test uses a part of it")]
#[path = "common/chromium.rs"]
mod chromium;
mod common;

use chromium::Browser;
use common::{clean, comparison, hostile, set, unknown, violated};
use lockstorm_reports::format::{Options, Subject};
use lockstorm_reports::set::{Outcome, ResultSet, RunSummary};
use lockstorm_reports::timeline::ActivitySpan;
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

/// How many runs are shown, and how many there are.
const SHOWN: &str = "document.querySelector('.chooser .shown').textContent";

/// Types into the field that has the focus.
fn type_text(browser: &mut Browser, text: &str) {
    for letter in text.chars() {
        browser.press(&letter.to_string());
    }
}

#[test]
fn a_set_is_filtered_and_sorted_by_keyboard_alone() {
    let file = page("chooser", Subject::Set(&set()));
    let mut browser = Browser::start();
    browser.open(&file, 1280);
    assert_eq!(browser.evaluate(SHOWN), "11 of 11 runs");
    browser.press("/");
    type_text(&mut browser, "FLUFL");
    assert_eq!(browser.evaluate(SHOWN), "6 of 11 runs");
    browser.press("Tab");
    type_text(&mut browser, "part");
    assert_eq!(browser.evaluate(SHOWN), "3 of 11 runs");
    // The first of the buttons is that of the gravest outcome.
    browser.press("Tab");
    browser.press("Enter");
    assert_eq!(browser.evaluate(SHOWN), "2 of 11 runs");
    browser.evaluate("document.querySelector('button[data-all]').focus()");
    browser.press("Enter");
    assert_eq!(browser.evaluate(SHOWN), "11 of 11 runs");
    let first = "document.querySelector('.cells > .cell').dataset.lock";
    assert_eq!(browser.evaluate(first), "flufl.lock", "the gravest first");
    browser.evaluate("document.querySelector('select[data-order]').focus()");
    type_text(&mut browser, "by l");
    assert_eq!(browser.evaluate(first), "fcntl");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn arrows_go_from_cell_to_cell_and_enter_opens_its_runs() {
    let file = page("cells", Subject::Set(&set()));
    let mut browser = Browser::start();
    browser.open(&file, 1280);
    let stops = "document.querySelectorAll('.matrix td a[tabindex=\"0\"]').length";
    assert_eq!(browser.evaluate(stops), 1, "one stop for the Tab key");
    browser.evaluate("document.querySelector('.matrix td a').focus()");
    let focus = "document.activeElement.getAttribute('href')";
    // The second lock was not run in the second scenario.
    for (key, cell) in [("ArrowDown", "#cell-1-0"), ("ArrowRight", "#cell-1-2")] {
        browser.press(key);
        assert_eq!(browser.evaluate(focus), cell);
    }
    browser.press("Enter");
    let open = browser.evaluate(
        "new Promise((done) => setTimeout(() => \
         done(document.querySelector(location.hash).open), 200))",
    );
    assert_eq!(open, true);
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Forty locks in twenty-five scenarios, every tenth of them violated.
fn thousand() -> ResultSet {
    let few = set();
    let valid = few.runs.iter().find(|run| run.reason().is_empty()).unwrap();
    let violated = few.runs.iter().find(|run| run.outcome() == Outcome::BrokenPromise).unwrap();
    let run = |index: u64| {
        let (lock, scenario) = (index / 25, index % 25);
        let run = if index % 10 == 3 { violated } else { valid };
        RunSummary {
            lock: format!("some-lock-{lock}"),
            scenario: format!("scenario-{scenario}"),
            directory: Some(format!("runs/{index}")),
            ..run.clone()
        }
    };
    ResultSet { header: Default::default(), runs: (0..1_000).map(run).collect(), ..few }
}

#[test]
fn a_set_of_a_thousand_runs_opens_in_a_second() {
    let file = page("thousand", Subject::Set(&thousand()));
    let mut browser = Browser::start();
    browser.open(&file, 1280);
    let took = "(() => { const n = performance.getEntriesByType('navigation')[0]; \
                return n.loadEventEnd || n.domComplete; })()";
    let took = browser.evaluate(took).as_f64().unwrap();
    println!("opened in {took} ms");
    // Other tests have the processors, too: this is what would not be noticed otherwise.
    assert!(took < 5_000.0, "{took} ms");
    assert_eq!(browser.evaluate(SHOWN), "1000 of 1000 runs");
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

/// As many spans as the harness puts into a timeline of a hundred thousand events.
fn crowded() -> Report {
    let mut report = violated();
    let timeline = report.timeline.as_mut().unwrap();
    let template = timeline.clients[1].activity[1].clone();
    let step = timeline.until_ns / 2_100;
    for lane in &mut timeline.clients[1..] {
        let span = |i: u64| ActivitySpan {
            from_ns: i * step,
            until_ns: i * step + step / 2,
            count: 25,
            ..template.clone()
        };
        lane.activity = (0..2_000).map(span).collect();
    }
    report
}

#[test]
fn a_crowded_timeline_is_no_burden() {
    let file = page("crowded", Subject::Run(&crowded()));
    let size = std::fs::metadata(&file).unwrap().len();
    assert!(size < 2_000_000, "{size} bytes");
    let mut browser = Browser::start();
    browser.open(&file, 1280);
    browser.evaluate("document.querySelector('.tl-scroll').focus()");
    for _ in 0..10 {
        browser.press("+");
    }
    let ticks = browser.evaluate("document.querySelectorAll('.tick').length");
    assert!(ticks.as_u64().unwrap() < 100, "{ticks} ticks, where some twenty can be seen");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn hostile_documents_do_nothing_in_a_browser() {
    let text = hostile::text().replace('x', "http://localhost/x ");
    let pages = [
        page("hostile-run", Subject::Run(&hostile::with_text(&violated(), &text))),
        page("hostile-set", Subject::Set(&hostile::with_text(&set(), &text))),
        page("hostile-comparison", Subject::Comparison(&hostile::with_text(&comparison(), &text))),
    ];
    let mut browser = Browser::start();
    for file in pages {
        browser.open(&file, 360);
        assert_eq!(browser.evaluate("document.querySelectorAll('script').length"), 1);
        assert_eq!(browser.evaluate("document.querySelectorAll('img').length"), 0);
        let wide = browser.evaluate("document.documentElement.scrollWidth");
        assert_eq!(wide, 360, "{}", file.display());
        assert_eq!(browser.complaints(), [""; 0], "{}", file.display());
    }
}
