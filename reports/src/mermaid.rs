//! The NFS calls around a violation as Mermaid, which GitHub and GitLab draw, and which reads as a
//! list of calls where nobody draws it.

use crate::Finding;
use crate::text::{clean, clean_name};
use crate::wire::{Fate, Row, Wire, WireCall, moment, violation_words};
use std::fmt::Write;

/// The diagram, without the fence around it.
pub fn sequence(wire: &Wire, finding: &Finding) -> String {
    let mut out = String::from("sequenceDiagram\n");
    for (index, node) in wire.nodes.iter().enumerate() {
        let _ = writeln!(out, "  participant n{index} as {}", word(&clean_name(node)));
    }
    for row in wire.rows(finding) {
        match row {
            Row::Call(call) => line(&mut out, wire, call),
            Row::Violation => {
                let last = wire.nodes.len().saturating_sub(1);
                let words = violation_words(finding);
                let _ = match last {
                    0 => writeln!(out, "  Note over n0: {words}"),
                    _ => writeln!(out, "  Note over n0,n{last}: {words}"),
                };
            }
        }
    }
    out
}

fn line(out: &mut String, wire: &Wire, call: &WireCall) {
    let (Some(from), Some(to)) = (wire.column(&call.from), wire.column(&call.to)) else {
        return;
    };
    let arrow = if call.fate == Fate::CallLost { "-x" } else { "->>" };
    let words = word(&clean(&call.words()));
    let _ = writeln!(out, "  n{from}{arrow}n{to}: {} {words}", moment(call.at_ns));
    if call.fate == Fate::ReplyLost {
        let _ = writeln!(out, "  n{to}--xn{from}: reply lost");
    }
}

/// Foreign text, with entities for what Mermaid would take for its own or for HTML.
fn word(foreign: &str) -> String {
    let mut out = String::new();
    for c in foreign.chars() {
        match c {
            '#' | ';' | '<' | '>' | '"' | '&' | '`' | '%' | '{' | '}' => {
                let _ = write!(out, "#{};", c as u32);
            }
            c => out.push(c),
        }
    }
    // A participant that is called nothing would end the line.
    if out.is_empty() { "?".into() } else { out }
}
