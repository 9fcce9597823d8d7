//! One run, in plain words and at most 80 columns.

use super::sequence::sequence;
use super::{COLUMNS, Page, Paint};
use crate::text::{clean, clean_name, counted, seconds, span, wrap};
use crate::{Class, Expected, Finding, Hold, InvariantResult, Report, Status, Verdict};
use std::fmt::Write;

/// Diagrams of calls in one text; the page of the run has the others.
const DRAWN_MAX: usize = 2;

/// What the caller knows about the terminal and the report does not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Use ANSI colours.
    pub colour: bool,
    /// The run's directory, where the artefacts are.
    pub directory: Option<&'a str>,
}

/// Renders the report for a terminal.
pub fn render(report: &Report, options: Options) -> String {
    let mut page = Page::new(options.colour, COLUMNS);
    head(&mut page, report);
    invariants(&mut page, report);
    let mut drawn = Vec::new();
    for (index, finding) in in_full(report).enumerate() {
        violation(&mut page, index + 1, finding);
        // The same instant often breaks several promises: one diagram shows them all.
        if finding.wire.is_some() && drawn.len() < DRAWN_MAX && !drawn.contains(&finding.at_ns) {
            drawn.push(finding.at_ns);
            sequence(&mut page, finding);
        }
    }
    more_findings(&mut page, report);
    unmet_steps(&mut page, report);
    faults(&mut page, report);
    list(&mut page, "Notes", &report.notes);
    list(&mut page, "What keeps this run from proving more", &report.unknown_because);
    conclusion(&mut page, report);
    artefacts(&mut page, report, options.directory);
    page.out
}

fn head(page: &mut Page, report: &Report) {
    let name = page.paint(Paint::Bold, &clean_name(&report.scenario.name));
    page.line(&name);
    if !report.scenario.about.is_empty() {
        page.row("  ", &clean(&report.scenario.about));
    }
    let mut lock = clean_name(&report.lock.name);
    if let Some(version) = &report.lock.version {
        let _ = write!(lock, " {}", clean_name(version));
    }
    if let Some(lifetime) = report.lock.lifetime_ns {
        let _ = write!(lock, ", lifetime {}", seconds(lifetime));
    }
    page.row("  lock  ", &lock);
    let provenance = &report.provenance;
    page.row("  on    ", &format!("NFS {}", clean_name(&provenance.spoken())));
    let seed = match provenance.clock.caveat() {
        None => report.scenario.seed.to_string(),
        Some(caveat) => format!("{} ({caveat})", report.scenario.seed),
    };
    page.row("  seed  ", &seed);
    let statistics = &report.statistics;
    let ran = format!(
        "{} of {}, {} on {}",
        seconds(statistics.virtual_ns),
        provenance.clock.words(),
        counted(statistics.critical_sections, "critical section"),
        counted(statistics.clients.len() as u64, "client"),
    );
    page.row("  ran   ", &ran);
}

fn invariants(page: &mut Page, report: &Report) {
    page.title("Invariants");
    for result in &report.invariants {
        let (word, paint) = match result.status {
            Status::Kept => ("kept", Some(Paint::Good)),
            Status::Violated => ("VIOLATED", Some(Paint::Bad)),
            Status::Vacuous => ("not tried", None),
            Status::NotPromised => ("not promised", None),
            Status::Unknown => ("unknown", Some(Paint::Doubt)),
        };
        let plain = format!("  {:<22}{word:<14}", result.invariant.words());
        let indent = plain.chars().count();
        for (index, part) in wrap(&clean(&result.note), COLUMNS - indent).iter().enumerate() {
            match (index, paint) {
                (0, None) => page.line(&format!("{plain}{part}")),
                (0, Some(paint)) => {
                    let word = page.paint(paint, word) + &" ".repeat(14 - word.len());
                    page.line(&format!("  {:<22}{word}{part}", result.invariant.words()));
                }
                _ => page.line(&format!("{}{part}", " ".repeat(indent))),
            }
        }
        for doubt in &result.not_judged {
            page.row(&" ".repeat(indent), &clean(&doubt.words()));
        }
    }
}

fn violation(page: &mut Page, number: usize, finding: &Finding) {
    page.title(&format!(
        "Violation {number}: {} at {} ({})",
        finding.invariant.words(),
        seconds(finding.at_ns),
        finding.class.words(),
    ));
    page.row("  ", &clean(&finding.explanation));
    for beyond in &finding.beyond {
        page.row("  beyond: ", &clean(beyond));
    }
    let width = finding
        .holds
        .iter()
        .map(|hold| clean_name(&hold.client).chars().count())
        .max()
        .unwrap_or(0)
        .clamp(5, 20);
    for hold in &finding.holds {
        page.row(&format!("    {:<width$}  ", clean_name(&hold.client)), &hold_words(hold));
    }
    let both = match &finding.holds[..] {
        [first, second, ..] => first.overlap(second),
        _ => None,
    };
    if let Some((from, until)) = both {
        page.row(
            &format!("    {:<width$}  ", "both"),
            &format!("{} to {}, for {}", seconds(from), seconds(until), span(until - from)),
        );
    }
    for fault in &finding.faults {
        page.row(&format!("    {:<width$}  ", "fault"), &clean(fault));
    }
}

fn hold_words(hold: &Hold) -> String {
    let mut words = format!("inside from {}", seconds(hold.from_ns));
    match hold.until_ns {
        Some(until) if hold.died => {
            let _ = write!(words, " until it died at {}", seconds(until));
        }
        Some(until) => {
            let _ = write!(words, " to {}", seconds(until));
        }
        None => words.push_str(" to the end of the run"),
    }
    if let Some(claim) = hold.claim_until_ns {
        let _ = write!(words, ", claim at least until {}", seconds(claim));
    }
    words
}

/// The findings that are told in full: the first few of each invariant. Those that follow are
/// mostly the same story again, and report.json has them all.
fn in_full(report: &Report) -> impl Iterator<Item = &Finding> {
    const EACH_MAX: usize = 3;
    let invariants = report.invariants.iter();
    invariants.flat_map(|result| {
        let own = report.findings.iter().filter(|found| found.invariant == result.invariant);
        own.take(EACH_MAX)
    })
}

/// How many there were besides.
fn more_findings(page: &mut Page, report: &Report) {
    for result in &report.invariants {
        let shown = in_full(report).filter(|found| found.invariant == result.invariant).count();
        let more = result.violations.saturating_sub(shown as u64);
        if more > 0 {
            page.title(&format!(
                "... and {more} more of {} in report.json",
                result.invariant.words()
            ));
        }
    }
}

fn unmet_steps(page: &mut Page, report: &Report) {
    if report.unmet_steps.is_empty() {
        return;
    }
    page.title("Steps that did not end as the script expects");
    for step in &report.unmet_steps {
        page.row(
            &format!("  {:>3}. ", step.step.saturating_add(1)),
            &format!(
                "`{}` at {}: saw {}",
                clean(&step.text),
                seconds(step.at_ns),
                clean(&step.saw)
            ),
        );
    }
}

fn faults(page: &mut Page, report: &Report) {
    if report.faults.is_empty() {
        return;
    }
    page.title("Faults");
    for fault in &report.faults {
        let mut words = match fault.struck_ns {
            Some(from) => format!("from {}", seconds(from)),
            None => "never struck".into(),
        };
        if let Some(until) = fault.ended_ns {
            let _ = write!(words, " to {}", seconds(until));
        }
        for more in [&fault.detail, &fault.effect] {
            if !more.is_empty() {
                let _ = write!(words, "; {}", clean(more));
            }
        }
        if fault.missed {
            words.push_str(" (missed)");
        }
        let name = format!("{} {}", clean_name(&fault.kind), clean_name(&fault.node));
        page.row(&format!("  {name:<16}  "), &words);
    }
}

fn list(page: &mut Page, title: &str, items: &[String]) {
    const SHOWN_MAX: usize = 12;
    if items.is_empty() {
        return;
    }
    page.title(title);
    for item in items.iter().take(SHOWN_MAX) {
        page.row("  - ", &clean(item));
    }
    if items.len() > SHOWN_MAX {
        page.line(&format!("  ... and {} more in report.json", items.len() - SHOWN_MAX));
    }
}

fn conclusion(page: &mut Page, report: &Report) {
    let (word, paint) = match report.verdict {
        Verdict::Valid => ("VALID", Paint::Good),
        Verdict::Violated => ("VIOLATED", Paint::Bad),
        Verdict::Unknown => ("UNKNOWN", Paint::Doubt),
    };
    let words = match (report.verdict, report.class) {
        (Verdict::Valid, _) => {
            let kept = |result: &&InvariantResult| result.status == Status::Kept;
            let kept = report.invariants.iter().filter(kept).count() as u64;
            format!("{} tried and kept", counted(kept, "invariant"))
        }
        (Verdict::Violated, class) => class.map_or("", Class::words).to_owned(),
        (Verdict::Unknown, _) => "this run proves nothing, for the reasons above".to_owned(),
    };
    page.out.push('\n');
    let plain = format!("{word}: {words}");
    let painted = plain.replacen(word, &page.paint(paint, word), 1);
    page.line(&painted);
    let expected = report.expected.words();
    if report.as_expected {
        if report.expected != Expected::Valid {
            page.row("", &format!("As expected: the scenario says {expected}."));
        }
    } else {
        page.row("", &format!("Not as expected: the scenario says {expected}."));
    }
}

fn artefacts(page: &mut Page, report: &Report, directory: Option<&str>) {
    page.out.push('\n');
    page.line(&format!("history {}", clean_name(&report.provenance.history_sha256)));
    if report.artefacts.is_empty() {
        return;
    }
    match directory {
        Some(directory) => page.row("files in ", &clean(directory)),
        None => page.line("files"),
    }
    let width = report
        .artefacts
        .iter()
        .map(|artefact| clean_name(&artefact.file).chars().count())
        .max()
        .unwrap_or(0)
        .min(30);
    for artefact in &report.artefacts {
        page.row(&format!("  {:<width$}  ", clean_name(&artefact.file)), &clean(&artefact.about));
    }
}
