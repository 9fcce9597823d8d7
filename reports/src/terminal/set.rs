//! A result set: the table lock by scenario, what did not end as expected, the totals.

use super::{Page, Paint};
use crate::set::gate::GateVerdict;
use crate::set::{Cell, Counts, Gate, Outcome, ResultSet, Table};
use crate::text::{clean, clean_name, counted, wrap};

/// How wide a name may be in the table.
const NAME_CHARS_MAX: usize = 24;
/// Cells that did not end as expected and are told one by one.
const TOLD_MAX: usize = 20;

/// What the caller knows about the terminal and the set does not.
#[derive(Clone, Copy, Debug)]
pub struct SetOptions<'a> {
    /// Use ANSI colours.
    pub colour: bool,
    /// How wide the terminal is; 40 at least are used.
    pub columns: usize,
    /// The set's directory, as the reader can name it.
    pub directory: Option<&'a str>,
}

impl Default for SetOptions<'_> {
    fn default() -> Self {
        SetOptions { colour: false, columns: super::COLUMNS, directory: None }
    }
}

/// Renders a set for a terminal.
pub fn render_set(set: &ResultSet, options: SetOptions) -> String {
    let mut page = Page::new(options.colour, options.columns.max(40));
    let table = Table::of(set);
    if !set.header.about.is_empty() {
        for line in wrap(&clean(&set.header.about), page.columns) {
            let line = page.paint(Paint::Bold, &line);
            page.line(&line);
        }
    }
    grid(&mut page, &table);
    legend(&mut page, &table.totals);
    unexpected(&mut page, &table, options.directory);
    totals(&mut page, set, &table);
    if let Some(gate) = &set.gate {
        gate_page(&mut page, gate);
    }
    page.out
}

/// The letter of an outcome in a cell.
fn letter(outcome: Outcome) -> char {
    match outcome {
        Outcome::BrokenPromise => 'B',
        Outcome::ScriptExpectation => 'S',
        Outcome::BeyondAssumptions => 'a',
        Outcome::Unknown => 'u',
        Outcome::Failed => 'x',
        Outcome::Valid => 'v',
    }
}

fn paint(outcome: Outcome) -> Paint {
    match outcome {
        Outcome::BrokenPromise | Outcome::ScriptExpectation => Paint::Bad,
        Outcome::BeyondAssumptions | Outcome::Unknown | Outcome::Failed => Paint::Doubt,
        Outcome::Valid => Paint::Good,
    }
}

/// `3B 17v`, with a star when something in it was not expected.
fn cell_text(counts: &Counts) -> String {
    if counts.total() == 0 {
        return "-".into();
    }
    let parts: Vec<String> =
        counts.present().map(|(outcome, count)| format!("{count}{}", letter(outcome))).collect();
    parts.join(" ") + if counts.unexpected > 0 { "*" } else { "" }
}

fn name(text: &str) -> String {
    let text = clean_name(text);
    match text.char_indices().nth(NAME_CHARS_MAX) {
        Some(_) => text.chars().take(NAME_CHARS_MAX - 1).chain(['…']).collect(),
        None => text,
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// As many scenarios side by side as fit; then the next ones, with the locks again.
fn grid(page: &mut Page, table: &Table) {
    let locks: Vec<String> = table.rows.iter().map(|row| name(row.lock)).collect();
    let first = locks.iter().map(|lock| width(lock)).max().unwrap_or(0).max(4);
    let column = |index: usize| {
        let cells = table.rows.iter().map(|row| width(&cell_text(&row.cells[index].counts)));
        cells.max().unwrap_or(0).max(width(&name(table.scenarios[index])))
    };
    let widths: Vec<usize> = (0..table.scenarios.len()).map(column).collect();
    let mut from = 0;
    while from < widths.len() {
        let mut until = from + 1;
        let mut total = first + 2 + widths[from];
        while until < widths.len() && total + 2 + widths[until] <= page.columns {
            total += 2 + widths[until];
            until += 1;
        }
        page.out.push('\n');
        let heads = (from..until).map(|i| format!("  {:<1$}", name(table.scenarios[i]), widths[i]));
        let heads = format!("{:first$}{}", "lock", heads.collect::<String>());
        let heads = page.paint(Paint::Bold, heads.trim_end());
        page.line(&heads);
        for (row, lock) in table.rows.iter().zip(&locks) {
            let cells = (from..until).map(|i| cell(page, &row.cells[i], widths[i]));
            let cells: String = cells.collect();
            page.line(&format!("{lock:first$}{cells}"));
        }
        from = until;
    }
}

fn cell(page: &Page, cell: &Cell, width_max: usize) -> String {
    let text = cell_text(&cell.counts);
    let blanks = " ".repeat(width_max.saturating_sub(width(&text)));
    let text = match cell.counts.gravest() {
        Some(outcome) => page.paint(paint(outcome), &text),
        None => text,
    };
    format!("  {text}{blanks}")
}

/// The letters that occur.
fn legend(page: &mut Page, totals: &Counts) {
    page.out.push('\n');
    for (outcome, _) in totals.present() {
        page.row(&format!("  {}  ", letter(outcome)), outcome.meaning());
    }
    if totals.unexpected > 0 {
        page.row("  *  ", "some of them did not end as the scenario says");
    }
    page.row("  -  ", "not run");
}

/// One line a cell that did not end as expected, with the command that shows it.
fn unexpected(page: &mut Page, table: &Table, directory: Option<&str>) {
    let cells = table.unexpected();
    if cells.is_empty() {
        return;
    }
    page.title("Not as expected");
    let (told, rest) = cells.split_at(cells.len().min(TOLD_MAX));
    for (cell, run) in told.iter().filter_map(|cell| Some((cell, cell.gravest_unexpected()?))) {
        let (lock, scenario) = (clean_name(cell.lock), clean_name(cell.scenario));
        page.row("  - ", &format!("{lock} in {scenario}: {}", cell.unexpected_words()));
        let reason = run.reason();
        if !reason.is_empty() {
            page.row("    ", &clean(&reason));
        }
        page.command(&run.reproduce_from(directory));
    }
    if !rest.is_empty() {
        let more = format!("... and {} more: runs that ended ", rest.len());
        page.row("  ", &(more + &Table::rest_words(rest)));
    }
}

fn totals(page: &mut Page, set: &ResultSet, table: &Table) {
    page.out.push('\n');
    page.line(&counted(table.totals.total() as u64, "run"));
    for (outcome, count) in table.totals.present() {
        let line = format!("{count:>6} {}", outcome.words());
        let line = page.paint(paint(outcome), &line);
        page.line(&line);
    }
    if set.cut_short {
        page.row("", "The job was killed while it wrote a result; that run is not counted.");
    }
}

/// Renders what a gate says alone.
pub fn render_gate(gate: &Gate, options: SetOptions) -> String {
    let mut page = Page::new(options.colour, options.columns.max(40));
    gate_page(&mut page, gate);
    page.out
}

fn gate_page(page: &mut Page, gate: &Gate) {
    page.title("Gate");
    for line in gate.lines() {
        page.row(&format!("  {:<10}", line.label), &clean(&line.text));
        line.commands.iter().for_each(|command| page.command(command));
    }
    let paint = match gate.verdict {
        GateVerdict::Passed => Paint::Good,
        GateVerdict::Refused => Paint::Bad,
        GateVerdict::Unknown => Paint::Doubt,
    };
    let words = page.paint(paint, &clean(&gate.words));
    page.out.push('\n');
    page.line(&words);
}
