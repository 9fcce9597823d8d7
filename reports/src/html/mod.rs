//! HTML: a page that stands alone. No request leaves it, and without its script it still says
//! everything; the script zooms, follows the pointer and copies commands.

mod advice;
mod comparison;
mod conformance;
mod explanation;
mod incident;
mod map;
mod outcome;
mod place;
mod plots;
mod run;
mod sequence;
mod set;
pub mod site;
mod timeline;
mod violation;

pub use place::{Crumb, Place};

use crate::Report;
use crate::set::ResultSet;
use crate::subject::{Options, Subject};
use crate::text::{clean, clean_name};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// How all pages look.
pub const STYLE: &str = include_str!("style.css");
/// What all pages do, each by what it has.
pub const SCRIPT: &str = include_str!("script.js");
/// A page without an icon of its own asks the server for one.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 \
                    16 16'%3E%3Cpath d='M9 0 3 9h4l-1 7 7-9H8z' fill='%232f6fde'/%3E%3C/svg%3E";

/// Renders a document as a page.
pub fn render(subject: Subject, options: Options) -> String {
    match subject {
        Subject::Run(report) => run(report, options, &Place::default()),
        Subject::Set(set) => {
            self::set(set, &Place { directory: options.directory, ..Place::default() })
        }
        Subject::Comparison(comparison) => comparison::page(comparison).into_string(),
    }
}

/// Renders a run as a page of this place.
pub fn run(report: &Report, options: Options, place: &Place) -> String {
    run::page(report, options, place).into_string()
}

/// Renders a set as a page of this place.
pub fn set(set: &ResultSet, place: &Place) -> String {
    set::page(set, place).into_string()
}

/// What a set is called, in a title or a link.
pub fn title_of(set: &ResultSet) -> String {
    set::title(set)
}

/// Renders a table of probes as a page.
pub fn conformance(table: &crate::conformance::Table) -> String {
    conformance::conformance(table).into_string()
}

/// Renders the map of a sweep as a page; `file` is the one in a run's directory that tells of it.
pub fn map(map: &crate::map::Map, file: &str) -> String {
    map::page(map, file, &Place::default()).into_string()
}

/// The page of an advice, whole.
pub fn advice(advice: &crate::advice::Advice) -> String {
    advice::advice(advice).into_string()
}

/// Renders what a violation depends on as a page.
pub fn explanation(explanation: &crate::explanation::Explanation) -> String {
    explanation::explanation(explanation).into_string()
}

/// The frame of a page that stands alone. `jumps` lead to the parts of it: an id, and what it is
/// called.
fn page(title: &str, jumps: &[(String, String)], main: Markup) -> Markup {
    framed(&Place::default(), title, jumps, main)
}

/// The frame of every page.
fn framed(place: &Place, title: &str, jumps: &[(String, String)], main: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta http-equiv="Content-Security-Policy" content=(place.policy());
                link rel="icon" href=(PreEscaped(ICON));
                title { (title) " · lockstorm" }
                (place.style())
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                header.top {
                    (place.way_back())
                    @if !jumps.is_empty() {
                        nav aria-label="Parts of this page" {
                            @for (id, name) in jumps {
                                a href={ "#" (id) } { (name) }
                            }
                        }
                    }
                }
                main #main { (main) }
                footer {
                    p {
                        "Made by lockstorm, which runs lock implementations on simulated NFS \
                         clients, breaks network, machines and clocks under them, and judges \
                         what happened. Times are virtual: seconds since the site was switched \
                         on, by one clock that no fault touches."
                    }
                }
                div #tip role="status" hidden {}
                (place.script())
            }
        }
    }
}

/// A command with a button that copies it.
fn command(line: &str) -> Markup {
    html! {
        div.command {
            code { span.prompt aria-hidden="true" { "$ " } span.line { (clean(line)) } }
            button.copy type="button" hidden { "Copy" }
        }
    }
}

/// A titled part of a page.
fn section(id: &str, title: &str, body: Markup) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 #(id) { (title) }
            (body)
        }
    }
}

/// A list of facts: what, and its value; in broad columns where values are long.
fn facts(facts: &[(&str, Markup)], broad: bool) -> Markup {
    html! {
        dl.facts.broad[broad] {
            @for (what, value) in facts {
                div { dt { (what) } dd { (value) } }
            }
        }
    }
}

/// Foreign text in a page.
fn word(text: &str) -> Markup {
    html! { (clean(text)) }
}

/// A foreign name in a page.
fn name(text: &str) -> Markup {
    html! { (clean_name(text)) }
}

/// The longest path that is linked to; file systems take no longer names.
const PATH_BYTES_MAX: usize = 255;

/// A link to a file below the page's own directory; what leads elsewhere is no link.
fn below(path: &str, text: Markup) -> Markup {
    let inside = path.split('/').all(|part| !part.is_empty() && part != "..");
    if !inside || path.len() > PATH_BYTES_MAX || path.contains(char::is_control) {
        return text;
    }
    html! { a href=(address(path)) { (text) } }
}

/// A relative path as the address of a link.
fn address(path: &str) -> String {
    let mut link = String::from("./");
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                link.push(byte.into());
            }
            _ => link.push_str(&format!("%{byte:02X}")),
        }
    }
    link
}

/// Where a time stands between two others, in percent.
fn percent(at: u64, from: u64, until: u64) -> f64 {
    let length = until.saturating_sub(from).max(1) as f64;
    (at.clamp(from, until.max(from)) - from) as f64 / length * 100.0
}

/// `left` and `width` of a span of time between two others, as a style.
fn place(span: (u64, u64), within: (u64, u64)) -> String {
    let left = percent(span.0, within.0, within.1);
    let right = percent(span.1.max(span.0), within.0, within.1);
    format!("left:{}%;width:{}%", short(left), short(right - left))
}

/// A number with four digits behind the point at most: a page has thousands of them.
fn short(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
