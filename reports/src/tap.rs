//! The Test Anything Protocol, version 14.

use crate::cases::{Case, CaseStatus, suites};
use crate::subject::{Options, Subject};
use crate::text::clean;
use std::fmt::Write;

/// Renders a document as one flat list of test points.
pub fn render(subject: Subject, options: Options) -> String {
    let suites = suites(subject, options.directory);
    let mut out = String::from("TAP version 14\n");
    let points: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    let _ = writeln!(out, "1..{points}");
    let mut number = 0;
    for suite in &suites {
        let _ = writeln!(out, "# {}", clean(&suite.name));
        for case in &suite.cases {
            number += 1;
            let name = format!("{}: {}", clean(&suite.name), clean(&case.name));
            point(&mut out, number, &name, case);
        }
    }
    out
}

fn point(out: &mut String, number: usize, name: &str, case: &Case) {
    let name = escaped(name);
    match case.status {
        CaseStatus::Passed => {
            let _ = writeln!(out, "ok {number} - {name}");
        }
        CaseStatus::Skipped => {
            let why = escaped(&clean(&case.message));
            let _ = writeln!(out, "ok {number} - {name} # SKIP {why}");
        }
        CaseStatus::Failed | CaseStatus::Error => {
            let _ = writeln!(out, "not ok {number} - {name}");
            diagnostics(out, case);
        }
    }
}

/// A YAML block; JSON strings are YAML.
fn diagnostics(out: &mut String, case: &Case) {
    let quoted = |text: &str| serde_json::Value::from(clean(text)).to_string();
    let severity = if case.status == CaseStatus::Error { "unknown" } else { "fail" };
    let _ = writeln!(out, "  ---\n  severity: {severity}\n  message: {}", quoted(&case.message));
    if !case.detail.is_empty() {
        out.push_str("  detail:\n");
        for line in &case.detail {
            let _ = writeln!(out, "    - {}", quoted(line));
        }
    }
    out.push_str("  ...\n");
}

/// Where a description would end.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('#', "\\#")
}
