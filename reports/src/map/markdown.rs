//! The map as Markdown: what was found, and the cells folded away.

use super::words::{self, Told};
use super::{Finding, Map, text};
use crate::Class;
use crate::markdown::{code, text as foreign};
use crate::text::counted;
use std::fmt::Write;

/// Findings, and reasons, that are told: a comment has an end.
const TOLD_MAX: usize = 30;

/// Renders a map for a pull request or a job's summary.
pub fn markdown(map: &Map) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "## {} {}, swept\n", icon(map), foreign(&words::lock(map)));
    let _ = writeln!(out, "{}\n", foreign(&words::about(map)));
    for sum in words::sums(map) {
        let _ = writeln!(out, "- {}", foreign(&sum));
    }
    out.push('\n');
    if !map.findings.is_empty() {
        out.push_str("### Findings\n\n");
    }
    for finding in map.findings.iter().take(TOLD_MAX) {
        finding_lines(&mut out, map, finding);
    }
    if map.findings.len() > TOLD_MAX {
        let _ = writeln!(out, "... and {} more.\n", map.findings.len() - TOLD_MAX);
    }
    list(&mut out, map, "Alike points that did not end alike", words::disagreeing(map));
    list(&mut out, map, "Without a verdict", words::unknown(map));
    list(&mut out, map, "Not tried", words::not_made(map));
    // Its names are clean already; what they have of backticks must not end the block.
    let cells = text::wide(map).replace("```", "'''");
    let _ = writeln!(out, "<details><summary>The map</summary>\n\n```text\n{cells}```\n");
    out.push_str("</details>\n");
    if let Some(command) = &map.command {
        out.push('\n');
        code(&mut out, "sh", command);
    }
    out
}

fn icon(map: &Map) -> &'static str {
    match (map.counts.violated, map.counts.beyond, map.counts.unknown) {
        (1.., _, _) => "❌",
        (0, 0, 0) => "✅",
        _ => "⚠️",
    }
}

fn finding_lines(out: &mut String, map: &Map, finding: &Finding) {
    let icon = if finding.class == Class::BeyondAssumptions { "⚠️" } else { "❌" };
    let _ = writeln!(
        out,
        "<details><summary>{icon} <b>{}</b>, {}, in {} ({})</summary>\n\n{}\n",
        finding.invariant.words(),
        finding.class.words(),
        counted(finding.seen, "cell"),
        foreign(&finding.fingerprint),
        foreign(&finding.explanation)
    );
    for (what, told) in [
        ("Situation", Some(foreign(&finding.situation))),
        ("Known", finding.known.as_deref().map(foreign)),
        ("First at", Some(foreign(&words::cell(map, finding.first)))),
    ] {
        if let Some(told) = told.filter(|told| !told.is_empty()) {
            let _ = writeln!(out, "- {what}: {told}");
        }
    }
    out.push('\n');
    code(out, "sh", &finding.reproduce);
    out.push_str("\n</details>\n\n");
}

fn list(out: &mut String, map: &Map, title: &str, told: Vec<Told>) {
    if told.is_empty() {
        return;
    }
    let _ = writeln!(out, "### {title}\n");
    for one in told.iter().take(TOLD_MAX) {
        let first = foreign(&words::cell(map, one.first));
        let text = foreign(&one.text);
        let _ = match one.cells {
            1 => writeln!(out, "- {first}: {text}"),
            cells => writeln!(out, "- {cells} cells, the first {first}: {text}"),
        };
    }
    if told.len() > TOLD_MAX {
        let _ = writeln!(out, "- ... and {} more", told.len() - TOLD_MAX);
    }
    out.push('\n');
}
