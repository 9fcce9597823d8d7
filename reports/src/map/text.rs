//! The map for a terminal: a character a cell.

use super::groups::{Group, groups, label};
use super::outcome::{Outcome, Shown};
use super::words::{self, Told};
use super::{Finding, Map};
use crate::terminal::{Page, Paint, SetOptions};
use crate::text::{clean, clean_name, counted, wrap};
use std::collections::BTreeSet;

/// The characters of a column's name that are shown above it, one below the other.
const HEAD_CHARS_MAX: usize = 12;
/// A point's name is not cut to less.
const LABEL_CHARS_MIN: usize = 12;
/// Findings, and reasons, that are told.
const TOLD_MAX: usize = 40;

/// Renders a map for a terminal.
pub fn text(map: &Map, options: SetOptions) -> String {
    let mut page = Page::new(options.colour, options.columns.max(40));
    for line in wrap(&format!("{}: {}", words::lock(map), words::about(map)), page.columns) {
        let line = page.paint(Paint::Bold, &line);
        page.line(&line);
    }
    grid(&mut page, map);
    legend(&mut page, map);
    findings(&mut page, map, options.directory);
    list(&mut page, map, "Alike points that did not end alike", words::disagreeing(map));
    list(&mut page, map, "Without a verdict", words::unknown(map));
    list(&mut page, map, "Not tried", words::not_made(map));
    page.title("Sums");
    for sum in words::sums(map) {
        page.row("  ", &sum);
    }
    page.out
}

/// Cells and their legend alone, as wide as they come.
pub(super) fn wide(map: &Map) -> String {
    let mut page = Page::new(false, usize::MAX);
    grid(&mut page, map);
    legend(&mut page, map);
    page.out.trim_start_matches('\n').to_owned()
}

/// How the cells are laid out.
struct Layout {
    label: usize,
    /// A cell with the blanks before it.
    stride: usize,
    /// Columns side by side.
    abreast: usize,
}

impl Layout {
    /// Blanks between cells if they fit, else none; point names are cut before columns are broken.
    fn of(map: &Map, width: usize) -> Layout {
        let labels = map.rows.iter().map(|row| label(row).chars().count());
        let longest = labels.max().unwrap_or(0).max(LABEL_CHARS_MIN);
        let columns = map.columns.len().max(1);
        let fits = |label: usize, stride: usize| 2 + label + 1 + stride * columns <= width;
        let stride = if fits(longest, 2) { 2 } else { 1 };
        let room = width.saturating_sub(3 + stride * columns).max(LABEL_CHARS_MIN);
        let label = longest.min(room);
        let abreast = (width.saturating_sub(3 + label) / stride).clamp(1, columns);
        Layout { label, stride, abreast }
    }

    fn line(&self, first: &str, cells: impl Iterator<Item = String>) -> String {
        let blanks = " ".repeat(self.stride - 1);
        let cells: String = cells.map(|cell| format!("{blanks}{cell}")).collect();
        format!("  {first:0$} {cells}", self.label)
    }
}

/// The points of each client below the names of the faults, as many of these as fit.
fn grid(page: &mut Page, map: &Map) {
    let layout = Layout::of(map, page.columns);
    let columns: Vec<usize> = (0..map.columns.len()).collect();
    let groups = groups(map);
    for columns in columns.chunks(layout.abreast) {
        let mut client = None;
        for group in &groups {
            if client != Some(group.client) {
                page.out.push('\n');
                heads(page, map, &layout, columns);
                client = Some(group.client);
            }
            group_rows(page, map, &layout, (group, columns));
        }
    }
}

fn heads(page: &mut Page, map: &Map, layout: &Layout, columns: &[usize]) {
    let name = |column: &usize| -> Vec<char> {
        clean_name(&map.columns[*column].name).chars().take(HEAD_CHARS_MAX).collect()
    };
    let names: Vec<Vec<char>> = columns.iter().map(name).collect();
    let height = names.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..height {
        // They end just above their cells.
        let letter = |name: &Vec<char>| {
            let at = (line + name.len()).checked_sub(height);
            at.and_then(|at| name.get(at)).unwrap_or(&' ').to_string()
        };
        let line = layout.line("", names.iter().map(letter));
        page.line(&line);
    }
}

fn group_rows(page: &mut Page, map: &Map, layout: &Layout, (group, columns): (&Group, &[usize])) {
    let title = format!("{}, {}", clean_name(group.client), group.what);
    let title = page.paint(Paint::Bold, &title);
    page.line(&title);
    for index in &group.rows {
        let label = cut(&label(&map.rows[*index]), layout.label);
        let shown = columns.iter().map(|column| {
            let shown = Shown::of(map, *index, *column);
            page.paint(paint(shown), letter(shown))
        });
        let line = layout.line(&label, shown);
        page.line(&line);
    }
}

/// The begin and the end of a name: the end tells call and reply apart.
fn cut(name: &str, width: usize) -> String {
    let chars: Vec<char> = name.chars().collect();
    if chars.len() <= width {
        return name.to_owned();
    }
    let kept = width.saturating_sub(1);
    let end = kept / 2;
    let (begin, end) = (&chars[..kept - end], &chars[chars.len() - end..]);
    begin.iter().chain(['…'].iter()).chain(end).collect()
}

fn letter(shown: Shown) -> &'static str {
    match shown {
        Shown::Own(Outcome::Broken) => "X",
        Shown::Alike(Outcome::Broken) => "x",
        Shown::Own(Outcome::Beyond) | Shown::Alike(Outcome::Beyond) => "b",
        Shown::Own(Outcome::Unknown) | Shown::Alike(Outcome::Unknown) => "?",
        Shown::Own(Outcome::Missed) | Shown::Alike(Outcome::Missed) => "o",
        Shown::Own(Outcome::Valid) => ".",
        Shown::Alike(Outcome::Valid) => "·",
        Shown::NotMade => "_",
        Shown::NotHere => "-",
    }
}

fn paint(shown: Shown) -> Paint {
    match shown {
        Shown::Own(Outcome::Broken) => Paint::Bad,
        Shown::Own(Outcome::Beyond | Outcome::Unknown) | Shown::NotMade => Paint::Doubt,
        Shown::Own(Outcome::Valid) => Paint::Good,
        Shown::Alike(Outcome::Broken) => Paint::FaintBad,
        Shown::Alike(Outcome::Beyond | Outcome::Unknown) => Paint::FaintDoubt,
        Shown::Own(Outcome::Missed) | Shown::Alike(_) | Shown::NotHere => Paint::Faint,
    }
}

/// The characters that occur.
fn legend(page: &mut Page, map: &Map) {
    page.out.push('\n');
    let all = Shown::all(map);
    for outcome in Outcome::ALL {
        entry(page, &all, &[Shown::Own(outcome)], outcome.words());
    }
    let alike = Outcome::ALL.map(Shown::Alike);
    entry(page, &all, &alike, "the same, of another point's run: the two are alike");
    entry(page, &all, &[Shown::NotMade], "not tried");
    entry(page, &all, &[Shown::NotHere], "does not apply");
}

/// What those of some characters that occur mean.
fn entry(page: &mut Page, all: &BTreeSet<Shown>, some: &[Shown], words: &str) {
    let some: Vec<Shown> = some.iter().copied().filter(|one| all.contains(one)).collect();
    if some.is_empty() {
        return;
    }
    let letters: Vec<String> =
        some.iter().map(|one| page.paint(paint(*one), letter(*one))).collect();
    let indent = 2 * some.len() + 3;
    let mut first = format!("  {}  ", letters.join(" "));
    for part in wrap(words, page.columns.saturating_sub(indent)) {
        page.line(&format!("{first}{part}"));
        first = " ".repeat(indent);
    }
}

fn findings(page: &mut Page, map: &Map, directory: Option<&str>) {
    if map.findings.is_empty() {
        return;
    }
    page.title("Findings");
    for finding in map.findings.iter().take(TOLD_MAX) {
        finding_lines(page, map, finding, directory);
    }
    if map.findings.len() > TOLD_MAX {
        page.line(&format!("  ... and {} more", map.findings.len() - TOLD_MAX));
    }
}

fn finding_lines(page: &mut Page, map: &Map, finding: &Finding, directory: Option<&str>) {
    let fingerprint = clean_name(&finding.fingerprint);
    let (invariant, class) = (finding.invariant.words(), finding.class.words());
    let seen = counted(finding.seen, "cell");
    page.row("  - ", &format!("{fingerprint}: {invariant}, {class}, in {seen}"));
    for (what, told) in [
        ("situation", Some(clean(&finding.situation))),
        ("known", finding.known.as_deref().map(clean)),
        ("first at", Some(words::cell(map, finding.first))),
        ("files", finding.directory.as_deref().map(|own| path(directory, own))),
    ] {
        if let Some(told) = told.filter(|told| !told.is_empty()) {
            page.row("    ", &format!("{what}: {told}"));
        }
    }
    page.row("    ", &clean(&finding.explanation));
    page.command(&finding.reproduce);
}

fn path(directory: Option<&str>, own: &str) -> String {
    clean(&directory.map_or(own.to_owned(), |directory| format!("{directory}/{own}")))
}

fn list(page: &mut Page, map: &Map, title: &str, told: Vec<Told>) {
    if told.is_empty() {
        return;
    }
    page.title(title);
    for one in told.iter().take(TOLD_MAX) {
        let first = words::cell(map, one.first);
        let line = match one.cells {
            1 => format!("{first}: {}", one.text),
            cells => format!("{cells} cells, the first {first}: {}", one.text),
        };
        page.row("  - ", &line);
    }
    if told.len() > TOLD_MAX {
        page.line(&format!("  ... and {} more", told.len() - TOLD_MAX));
    }
}
