//! The NFS calls around a violation as a sequence diagram: a column a node, a row a call.
//!
//! It is made of text and boxes: so it can be read out, searched, printed and shown on a telephone.

use super::{name, percent, word};
use crate::Finding;
use crate::wire::{Fate, Row, Wire, WireCall, moment, violation_words};
use maud::{Markup, html};

pub fn figure(finding: &Finding) -> Markup {
    let Some(wire) = &finding.wire else {
        return html! {};
    };
    html! {
        @if let Some(taken) = &wire.taken {
            p.taken { span.tag.bad { "taken" } " " (word(taken)) }
        }
        p.label { "What went over the wire about the lock, from top to bottom:" }
        figure.sequence style={ "--nodes:" (wire.nodes.len()) } {
            div.heads aria-hidden="true" {
                span.time {}
                div.lanes {
                    @for (index, node) in wire.nodes.iter().enumerate() {
                        span.node style={ "left:" (centre(index, wire)) "%" } { (name(node)) }
                    }
                }
                span {}
            }
            ol {
                @for row in wire.rows(finding) {
                    @match row {
                        Row::Call(call) => { (row_of(call, wire)) }
                        Row::Violation => {
                            li.broken {
                                span.time { (moment(finding.at_ns)) }
                                p { (word(&violation_words(finding))) }
                            }
                        }
                    }
                }
            }
            @if let Some(omission) = wire.omission() { figcaption.aside { (omission) } }
        }
    }
}

fn centre(column: usize, wire: &Wire) -> String {
    let columns = wire.nodes.len().max(1) as u64;
    format!("{:.3}", percent(column as u64 * 2 + 1, 0, columns * 2))
}

fn row_of(call: &WireCall, wire: &Wire) -> Markup {
    html! {
        li {
            span.time { (moment(call.at_ns)) }
            div.lanes aria-hidden="true" style=(ends(call, wire)) { (arrows(call, wire)) }
            div.said {
                span.who { (name(&call.from)) " to " (name(&call.to)) ": " }
                b { (word(&call.operations)) }
                @if !call.path.is_empty() { " " span.path { (word(&call.path)) } }
                " " (outcome(call))
                @for oddity in call.oddities() { " " span.tag.doubt { (oddity) } }
                @if !call.lock.is_empty() { " " small { (word(&call.lock)) } }
            }
        }
    }
}

fn outcome(call: &WireCall) -> Markup {
    let class = match call.fate {
        Fate::Answered if call.is_good() => "good",
        Fate::Answered => "quiet",
        _ => "bad",
    };
    html! { span class={ "tag " (class) } { (call.outcome()) } }
}

/// From where to where its arrows go, for the style; the lines of the nodes are its background.
fn ends(call: &WireCall, wire: &Wire) -> String {
    let Some((from, to)) = wire.column(&call.from).zip(wire.column(&call.to)) else {
        return String::new();
    };
    let column = 100.0 / wire.nodes.len().max(1) as f64;
    let left = (from.min(to) as f64 + 0.5) * column;
    format!("--l:{left:.2}%;--w:{:.2}%", from.abs_diff(to) as f64 * column)
}

/// The call, and the reply below it.
fn arrows(call: &WireCall, wire: &Wire) -> Markup {
    let (Some(from), Some(to)) = (wire.column(&call.from), wire.column(&call.to)) else {
        return html! {};
    };
    let (there, back) = if to >= from { ("right", "left") } else { ("left", "right") };
    html! {
        (arrow("call", there, call.fate == Fate::CallLost))
        @match call.fate {
            Fate::Answered => { (arrow("reply", back, false)) }
            Fate::ReplyLost => { (arrow("reply", back, true)) }
            Fate::CallLost | Fate::Unanswered => {}
        }
    }
}

fn arrow(kind: &str, way: &str, is_lost: bool) -> Markup {
    html! { i class={ "arrow " (kind) " " (way) (if is_lost { " lost" } else { "" }) } {} }
}
