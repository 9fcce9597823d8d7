//! Markdown for pull requests and job summaries: short, with the rest folded away.

use crate::compare::{Change, Comparison};
use crate::mermaid;
use crate::set::gate::GateVerdict;
use crate::set::{Cell, Counts, Gate, Outcome, ResultSet, Table};
use crate::subject::{Options, Subject};
use crate::text::{clean, clean_name, counted, seconds};
use crate::{Class, Finding, NotJudged, Report, Status, StoryKind, Verdict};
use std::fmt::Write;

/// Findings told in full: a comment has an end.
const FINDINGS_MAX: usize = 3;
const CHANGES_MAX: usize = 30;

/// Renders a document.
pub fn render(subject: Subject, options: Options) -> String {
    let mut out = String::new();
    match subject {
        Subject::Run(report) => run(&mut out, report, options),
        Subject::Set(set) => set_page(&mut out, set, options.directory),
        Subject::Comparison(comparison) => comparison_page(&mut out, comparison),
    }
    out
}

/// Foreign text as Markdown that says just that.
pub(crate) fn text(foreign: &str) -> String {
    escaped(&clean(foreign))
}

fn name(foreign: &str) -> String {
    escaped(&clean_name(foreign))
}

fn escaped(foreign: &str) -> String {
    let mut out = String::new();
    for c in foreign.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A backslash does not keep GitHub from calling the person.
            '@' => out.push_str("@<!-- -->"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    // What would begin a list or an underline only does so at the begin of a line.
    if out.starts_with(['-', '+', '=']) {
        out.insert(0, '\\');
    }
    out
}

/// A block of code, fenced by more backticks than it has.
pub(crate) fn code(out: &mut String, language: &str, code: &str) {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(out, "{fence}{language}\n{}\n{fence}", clean(code));
}

// --- A run ---------------------------------------------------------------------------------

fn run(out: &mut String, report: &Report, options: Options) {
    let (icon, words) = conclusion(report);
    let lock = match &report.lock.version {
        Some(version) => format!("{} {}", name(&report.lock.name), name(version)),
        None => name(&report.lock.name),
    };
    let _ = writeln!(out, "## {icon} {lock} in {}: {words}\n", name(&report.scenario.name));
    if !report.scenario.about.is_empty() {
        let _ = writeln!(out, "{}\n", text(&report.scenario.about));
    }
    let statistics = &report.statistics;
    let _ = writeln!(
        out,
        "{} of {} on NFS {}, {} on {}, seed {}{}.\n",
        seconds(statistics.virtual_ns),
        report.provenance.clock.words(),
        name(&report.provenance.spoken()),
        counted(statistics.critical_sections, "critical section"),
        counted(statistics.clients.len() as u64, "client"),
        report.scenario.seed,
        report.provenance.clock.caveat().map(|caveat| format!(" ({caveat})")).unwrap_or_default(),
    );
    list(out, "**What keeps this run from proving more**", &report.unknown_because);
    for (index, finding) in report.findings.iter().take(FINDINGS_MAX).enumerate() {
        violation(out, index + 1, report, finding);
    }
    if report.findings.len() > FINDINGS_MAX {
        let more = report.findings.len() - FINDINGS_MAX;
        let _ = writeln!(out, "... and {} in report.json.\n", counted(more as u64, "more finding"));
    }
    let steps: Vec<String> = report
        .unmet_steps
        .iter()
        .map(|step| format!("{} at {}: saw {}", step.text, seconds(step.at_ns), step.saw))
        .collect();
    list(out, "**Steps that did not end as the script expects**", &steps);
    promises(out, report);
    list(out, "**Notes**", &report.notes);
    if let Some(command) = report.reproduce_words(options.directory) {
        out.push_str("Run it again:\n\n");
        code(out, "sh", &command);
    }
    if let Some(directory) = options.directory {
        let _ = writeln!(out, "\nFiles in {}", text(directory));
    }
}

fn conclusion(report: &Report) -> (&'static str, String) {
    match (report.verdict, report.class) {
        (Verdict::Valid, _) => ("✅", "every promise that was tried held".into()),
        (Verdict::Unknown, _) => ("❔", "this run proves nothing".into()),
        (Verdict::Violated, Some(Class::BeyondAssumptions)) => {
            ("⚠️", "violated, beyond the lock's assumptions".into())
        }
        (Verdict::Violated, class) => ("❌", class.map_or("violated", Class::words).into()),
    }
}

fn violation(out: &mut String, number: usize, report: &Report, finding: &Finding) {
    let _ = writeln!(
        out,
        "### Violation {number}: {} at {} ({})\n\n{}\n",
        finding.invariant.words(),
        seconds(finding.at_ns),
        finding.class.words(),
        text(&finding.explanation)
    );
    let promise = report.invariants.iter().find(|r| r.invariant == finding.invariant);
    if let Some(promise) = promise.filter(|result| !result.promise.is_empty()) {
        let _ = writeln!(out, "> {}\n", text(&promise.promise));
    }
    let beyond = finding.beyond.iter().map(|beyond| ("beyond", beyond));
    for (what, words) in beyond.chain(finding.faults.iter().map(|fault| ("fault", fault))) {
        let _ = writeln!(out, "- {what}: {}", text(words));
    }
    if !finding.beyond.is_empty() || !finding.faults.is_empty() {
        out.push('\n');
    }
    sequence(out, finding);
    if finding.story.is_empty() {
        return;
    }
    out.push_str("<details><summary>How it came to that</summary>\n\n");
    out.push_str("| time | who | what |\n| ---: | --- | --- |\n");
    for line in &finding.story {
        let what = match line.kind {
            StoryKind::Violation => format!("**{}**", text(&line.text)),
            StoryKind::Omission => format!("*{}*", text(&line.text)),
            _ => text(&line.text),
        };
        let _ = writeln!(out, "| {} | {} | {what} |", seconds(line.at_ns), name(&line.node));
    }
    out.push_str("\n</details>\n\n");
}

/// The calls around it, drawn by whoever shows Markdown.
fn sequence(out: &mut String, finding: &Finding) {
    let Some(wire) = &finding.wire else {
        return;
    };
    if let Some(taken) = &wire.taken {
        let _ = writeln!(out, "**{}**\n", text(taken));
    }
    out.push_str("<details><summary>What went over the wire about the lock</summary>\n\n");
    let _ = writeln!(out, "```mermaid\n{}```", mermaid::sequence(wire, finding));
    if let Some(omission) = wire.omission() {
        let _ = writeln!(out, "\n{omission}");
    }
    out.push_str("\n</details>\n\n");
}

fn promises(out: &mut String, report: &Report) {
    out.push_str("| promise | | |\n| --- | --- | --- |\n");
    for result in &report.invariants {
        let status = match result.status {
            Status::Kept => "✅ kept",
            Status::Violated => "❌ **violated**",
            Status::Vacuous => "– not tried",
            Status::NotPromised => "– not promised",
            Status::Unknown => "❔ unknown",
        };
        let doubts = result.not_judged.iter().map(NotJudged::words);
        let notes: Vec<String> = [result.note.clone()].into_iter().chain(doubts).collect();
        let notes = text(&notes.join("; "));
        let _ = writeln!(out, "| {} | {status} | {notes} |", result.invariant.words());
    }
    out.push('\n');
}

fn list(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "{title}\n");
    for item in items {
        let _ = writeln!(out, "- {}", text(item));
    }
    out.push('\n');
}

// --- A set ---------------------------------------------------------------------------------

fn icon(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::BrokenPromise => "❌",
        Outcome::ScriptExpectation => "✖️",
        Outcome::BeyondAssumptions => "⚠️",
        Outcome::Unknown => "❔",
        Outcome::Failed => "🚫",
        Outcome::Valid => "✅",
    }
}

fn counts(counts: &Counts) -> String {
    let parts: Vec<String> = counts
        .present()
        .map(|(outcome, count)| format!("{}&nbsp;{count}", icon(outcome)))
        .collect();
    if parts.is_empty() { "–".into() } else { parts.join(" ") }
}

fn set_page(out: &mut String, set: &ResultSet, directory: Option<&str>) {
    let table = Table::of(set);
    let about = match set.header.about.is_empty() {
        true => "Locks and scenarios".into(),
        false => text(&set.header.about),
    };
    let _ = writeln!(out, "## {about}\n");
    if let Some(gate) = &set.gate {
        gate_part(out, gate);
    }
    let heads: Vec<String> = table.scenarios.iter().map(|scenario| name(scenario)).collect();
    let _ = writeln!(out, "| lock | {} |", heads.join(" | "));
    let _ = writeln!(out, "| --- |{}", " --- |".repeat(heads.len()));
    for row in &table.rows {
        let cells: Vec<String> = row.cells.iter().map(|cell| counts(&cell.counts)).collect();
        let versions: Vec<String> = row.versions.iter().map(|version| name(version)).collect();
        let lock = format!("{} {}", name(row.lock), versions.join(", "));
        let _ = writeln!(out, "| {} | {} |", lock.trim_end(), cells.join(" | "));
    }
    out.push('\n');
    for (outcome, count) in table.totals.present() {
        let runs = counted(count as u64, "run");
        let _ = writeln!(
            out,
            "- {} {runs} **{}**: {}",
            icon(outcome),
            outcome.words(),
            outcome.meaning()
        );
    }
    if set.cut_short {
        out.push_str("- The job was killed while it wrote a result; that run is not counted.\n");
    }
    let cells = table.unexpected();
    if cells.is_empty() {
        return;
    }
    out.push_str("\n### Not as expected\n\n");
    let (told, rest) = cells.split_at(cells.len().min(CHANGES_MAX));
    for cell in told {
        unexpected(out, cell, directory);
    }
    if !rest.is_empty() {
        let ended = Table::rest_words(rest);
        let _ = writeln!(out, "... and {} more: runs that ended {ended}.", rest.len());
    }
}

fn unexpected(out: &mut String, cell: &Cell, directory: Option<&str>) {
    let Some(run) = cell.gravest_unexpected() else {
        return;
    };
    let _ = writeln!(
        out,
        "<details><summary>{} <b>{}</b> in <b>{}</b>: {}</summary>\n\n{}\n",
        icon(run.outcome()),
        name(cell.lock),
        name(cell.scenario),
        cell.unexpected_words(),
        text(&run.reason())
    );
    code(out, "sh", &run.reproduce_from(directory));
    out.push_str("\n</details>\n\n");
}

fn gate_part(out: &mut String, gate: &Gate) {
    let icon = match gate.verdict {
        GateVerdict::Passed => "✅",
        GateVerdict::Refused => "❌",
        GateVerdict::Unknown => "❔",
    };
    let _ = writeln!(out, "{icon} **{}**\n", text(&gate.words));
    for line in gate.lines() {
        let _ = writeln!(out, "- {}: {}", line.label, text(&line.text));
        for command in &line.commands {
            out.push('\n');
            code(out, "sh", command);
            out.push('\n');
        }
    }
    out.push('\n');
}

// --- A comparison --------------------------------------------------------------------------

fn comparison_page(out: &mut String, comparison: &Comparison) {
    let _ = writeln!(out, "## {}\n", comparison.conclusion());
    for versions in comparison.versions() {
        let _ = writeln!(out, "- {}", text(&versions));
    }
    for note in &comparison.notes {
        let _ = writeln!(out, "- ⚠️ {}", text(note));
    }
    for (title, changes) in comparison.sections() {
        if changes.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n### {title}\n");
        for change in changes.iter().take(CHANGES_MAX) {
            change_lines(out, change);
        }
        if changes.len() > CHANGES_MAX {
            let _ = writeln!(out, "... and {} more.", changes.len() - CHANGES_MAX);
        }
    }
    if comparison.unchanged > 0 {
        let unchanged = counted(comparison.unchanged, "combination");
        let _ = writeln!(out, "\n{unchanged} of lock and scenario without a change.");
    }
}

fn change_lines(out: &mut String, change: &Change) {
    let _ = writeln!(
        out,
        "- **{}** in **{}**: {}. {}.",
        name(&change.lock),
        name(&change.scenario),
        change.kind.words(),
        text(&change.text)
    );
    if !change.about.is_empty() {
        let _ = writeln!(out, "  *{}*", text(&change.about));
    }
    if let Some(chance) = change.chance() {
        let _ = writeln!(out, "  {}", text(&chance));
    }
    if !change.example.is_empty() {
        let _ =
            writeln!(out, "  In a run of the {} set: {}", change.shown_by(), text(&change.example));
    }
    if !change.reproduce.is_empty() {
        let mut block = String::new();
        code(&mut block, "sh", &change.reproduce);
        for line in block.lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
}
