//! The map of a sweep: its document, what renderers make of it, and its page in a browser.

#[allow(dead_code, reason = "each test uses a part of it")]
#[path = "common/chromium.rs"]
mod chromium;
mod common;

use chromium::Browser;
use common::hostile;
use common::map::map;
use lockstorm_reports::html;
use lockstorm_reports::map::{Cell, Counts, Map, json, markdown, read, text};
use lockstorm_reports::terminal::SetOptions;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn plain(columns: usize) -> SetOptions<'static> {
    SetOptions { columns, ..SetOptions::default() }
}

// --- The document --------------------------------------------------------------------------

#[test]
fn a_map_comes_out_of_json_as_it_went_in() {
    let map = map(60, 25);
    assert_eq!(read(&json(&map)), Ok(map));
}

/// What `read` says of a map that was changed by hand.
fn refused(change: impl Fn(&mut Value)) -> String {
    let mut value = serde_json::to_value(map(20, 8)).unwrap();
    change(&mut value);
    read(&value.to_string()).unwrap_err()
}

#[test]
fn a_map_that_does_not_fit_together_is_told_with_the_place() {
    let refused = [
        refused(|map| map["format"] = 2.into()),
        refused(|map| map["colour"] = "red".into()),
        refused(|map| map["rows"][3]["cells"][0]["is"] = "lost".into()),
        refused(|map| map["rows"][3]["cells"].as_array_mut().unwrap().truncate(7)),
        refused(|map| map["rows"][3]["cells"][0] = json!({"is": "alike", "row": 99})),
        refused(|map| map["findings"][0]["first"] = json!([4, 8])),
        refused(|map| map["counts"]["struck"] = 1.into()),
    ];
    insta::assert_snapshot!(refused.join("\n"));
}

#[test]
fn a_map_tells_of_cells_for_which_no_run_was_made() {
    let mut map = map(40, 12);
    let before = map.counts;
    let first = map.rows[0].cells[3].clone();
    map.rows[0].cells[3] = Cell::NotMade { why: "it failed".into() };
    let alike = map.rows.iter().filter(|row| row.cells[3] == Cell::Alike { row: 0 }).count();
    map.counts = Counts::of(&map.rows);
    assert!(first.made().is_some() && alike > 0);
    // With it goes all that it stands for.
    assert_eq!(map.counts.not_made, before.not_made + 1 + alike as u64);
    assert!(text(&map, plain(80)).contains("the run that was to stand for it was not made"));
}

// --- Text and Markdown ---------------------------------------------------------------------

#[test]
fn a_map_as_text() {
    insta::assert_snapshot!("map_as_text", text(&map(30, 14), plain(80)));
}

#[test]
fn a_map_as_markdown() {
    insta::assert_snapshot!("map_as_markdown", markdown(&map(30, 14)));
}

#[test]
fn a_map_without_a_violation_says_how_much_that_says() {
    let mut map = map(4, 4);
    assert_eq!((map.counts.violated, map.findings.len()), (0, 0));
    let told = text(&map, plain(200));
    let runs = map.counts.struck;
    assert!(told.contains(&format!("No promise was broken in {runs} runs")), "{told}");
    map.rows.clear();
    map.counts = Counts::of(&[]);
    assert!(text(&map, plain(80)).contains("no run was made"));
}

#[test]
fn a_map_of_25_columns_fits_into_a_terminal_of_80() {
    let map = map(60, 25);
    for columns in [40, 80, 120] {
        let told = text(&map, plain(columns));
        // A command is in one line, since it could not be pasted otherwise.
        for line in told.lines().filter(|line| !line.starts_with("    $ ")) {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
    }
    // Side by side, with a blank between them.
    let told = text(&map, plain(80));
    let whole = |line: &&str| line.matches(" .").count() + line.matches(" -").count() > 15;
    assert!(told.lines().any(|line| whole(&line)), "{told}");
}

#[test]
fn colours_add_nothing_to_a_map_but_colour() {
    let map = map(60, 25);
    let colour = text(&map, SetOptions { colour: true, ..SetOptions::default() });
    let mut bare = String::new();
    let mut parts = colour.split('\x1b');
    bare.push_str(parts.next().unwrap());
    parts.for_each(|part| bare.push_str(part.split_once('m').unwrap().1));
    assert!(colour.len() > bare.len());
    assert_eq!(bare, text(&map, SetOptions::default()));
}

// --- The page ------------------------------------------------------------------------------

fn page(name: &str, map: &Map) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join(format!("{name}.html"));
    std::fs::write(&path, html::map(map, "report.html")).unwrap();
    path
}

#[test]
fn a_map_as_a_page() {
    let page = html::map(&map(6, 4), "report.json");
    // The style and the script are files of their own, and are reviewed there.
    let (from, until) = (page.find("<main").unwrap(), page.find("</main>").unwrap());
    insta::assert_snapshot!("map_as_html", &page[from..until]);
}

#[test]
fn the_page_of_a_map_looks_right_at_every_width() {
    let file = page("map", &map(60, 25));
    let mut browser = Browser::start();
    for scheme in ["light", "dark"] {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.call("Emulation.setEmulatedMedia", media);
        for width in [390, 800, 1280] {
            browser.open(&file, width);
            let wide = browser.evaluate("document.documentElement.scrollWidth");
            assert!(wide.as_u64().unwrap() <= u64::from(width), "at {width} it is {wide} wide");
            let picture = browser.screenshot();
            assert!(picture.len() > 15_000, "{scheme} at {width}: {} bytes", picture.len());
            std::fs::write(file.with_extension(format!("{scheme}.{width}.png")), picture).unwrap();
            assert_eq!(browser.complaints(), [""; 0], "{scheme} at {width}");
        }
    }
}

#[test]
fn the_heads_of_a_map_stay_where_its_cells_scroll() {
    let file = page("map-scrolled", &map(60, 25));
    let mut browser = Browser::start();
    browser.open(&file, 390);
    browser.evaluate("document.querySelector('.map').scrollTo(300, 500)");
    std::fs::write(file.with_extension("png"), browser.screenshot()).unwrap();
    let place = "(selector) => { const box = document.querySelector('.map').\
                 getBoundingClientRect(); const one = document.querySelector(selector).\
                 getBoundingClientRect(); return [one.left - box.left, one.top - box.top]; }";
    let head = browser.evaluate(&format!("({place})('.map thead th:nth-child(9)')[1]"));
    assert!(head.as_f64().unwrap().abs() < 2.0, "{head}");
    let name = browser.evaluate(&format!("({place})('.map tbody th[scope=row]')[0]"));
    assert!(name.as_f64().unwrap().abs() < 2.0, "{name}");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_buttons_of_a_map_leave_the_points_that_they_name() {
    let map = map(60, 25);
    let file = page("map-chosen", &map);
    let mut browser = Browser::start();
    browser.open(&file, 1280);
    let shown = "[...document.querySelectorAll('.map tbody tr:not(.group)')]\
                 .filter((row) => row.checkVisibility()).length";
    assert_eq!(browser.evaluate(shown), 60);
    for want in ["violated", "unknown"] {
        browser.evaluate(&format!("document.querySelector('[data-want={want}]').click()"));
        let left = browser.evaluate(shown).as_u64().unwrap();
        assert!((1..60).contains(&left), "{want}: {left}");
        let told = browser.evaluate("document.querySelector('.shown').textContent");
        assert_eq!(told, format!("{left} of 60 points"));
    }
    browser.evaluate("document.querySelector('button.where').click()");
    let left = browser.evaluate(shown).as_u64().unwrap();
    assert!((1..60).contains(&left), "{left}");
    std::fs::write(file.with_extension("png"), browser.screenshot()).unwrap();
    browser.evaluate("document.querySelector('[data-want=\"\"]').click()");
    assert_eq!(browser.evaluate(shown), 60);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_keyboard_goes_from_cell_to_cell_of_a_map() {
    let file = page("map-keyboard", &map(60, 25));
    let mut browser = Browser::start();
    browser.open(&file, 1280);
    let at = "document.activeElement.getAttribute('href')";
    // In without a thousand stops, and out again.
    for _ in 0..40 {
        browser.press("Tab");
        if browser.evaluate(at).as_str().is_some_and(|link| link.starts_with("./runs/")) {
            break;
        }
    }
    assert_eq!(browser.evaluate(at), "./runs/0-3/report.html");
    browser.press("ArrowRight");
    assert_eq!(browser.evaluate(at), "./runs/0-4/report.html");
    browser.press("ArrowDown");
    assert_eq!(browser.evaluate(at), "./runs/1-4/report.html");
    let said = browser.evaluate(
        "new Promise((done) => setTimeout(() => \
         done([...document.querySelectorAll('#tip:not([hidden])')].map((one) => \
         one.textContent).join()), 200))",
    );
    std::fs::write(file.with_extension("png"), browser.screenshot()).unwrap();
    assert_eq!(said, "c1.acquire1.OPEN-lock.call1, crash: valid");
    browser.press("Tab");
    assert_eq!(browser.evaluate("Boolean(document.activeElement.closest('td'))"), false);
    assert_eq!(browser.complaints(), [""; 0]);
}

// --- Hostile documents ---------------------------------------------------------------------

#[test]
fn hostile_maps_do_nobody_harm() {
    let hostile: Map = hostile::with_text(&map(20, 8), &hostile::text());
    for told in [text(&hostile, plain(80)), markdown(&hostile), html::map(&hostile, "a")] {
        let harmful = ['\0', '\x1b', '\r', '\u{202e}', '\u{2028}', '\u{fffe}'];
        assert!(!told.contains(harmful), "a harmful character");
        assert!(!told.contains(&"x".repeat(1_000)), "a name without an end");
    }
    let numbers: Map = hostile::with_number(&map(20, 8), u64::MAX.into());
    text(&numbers, plain(80));
    markdown(&numbers);
    let file = page("map-hostile", &hostile);
    html::map(&numbers, "report.html");
    let mut browser = Browser::start();
    browser.open(&file, 360);
    assert_eq!(browser.evaluate("document.querySelectorAll('script').length"), 1);
    assert_eq!(browser.evaluate("document.querySelectorAll('img').length"), 0);
    assert_eq!(browser.evaluate("document.documentElement.scrollWidth"), 360);
    assert_eq!(browser.complaints(), [""; 0]);
}
