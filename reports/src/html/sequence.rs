//! The NFS calls around a violation as a sequence diagram: a column a node, a row a call.
//!
//! It is made of text and boxes: so it can be read out, searched, printed and shown on a telephone.

use super::{name, percent, word};
use crate::Finding;
use crate::wire::{Fate, Row, Wire, WireCall, moment, violation_words};
use maud::{Markup, html};

/// How far what is lost gets (%).
const LOST_AT: f64 = 0.55;

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
            div.lanes aria-hidden="true" {
                @for index in 0..wire.nodes.len() {
                    i.life style={ "left:" (centre(index, wire)) "%" } {}
                }
                (arrows(call, wire))
            }
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

/// The call, and the reply below it.
fn arrows(call: &WireCall, wire: &Wire) -> Markup {
    let (Some(from), Some(to)) = (wire.column(&call.from), wire.column(&call.to)) else {
        return html! {};
    };
    html! {
        (arrow("call", (from, to), call.fate == Fate::CallLost, wire))
        @match call.fate {
            Fate::Answered => { (arrow("reply", (to, from), false, wire)) }
            Fate::ReplyLost => { (arrow("reply", (to, from), true, wire)) }
            Fate::CallLost | Fate::Unanswered => {}
        }
    }
}

fn arrow(kind: &str, (from, to): (usize, usize), is_lost: bool, wire: &Wire) -> Markup {
    let column = 100.0 / wire.nodes.len().max(1) as f64;
    let part = if is_lost { LOST_AT } else { 1.0 };
    let width = from.abs_diff(to) as f64 * column * part;
    let begin = (from as f64 + 0.5) * column;
    let (left, way) = if to >= from { (begin, "right") } else { (begin - width, "left") };
    let lost = if is_lost { " lost" } else { "" };
    html! {
        i class={ "arrow " (kind) " " (way) (lost) }
            style={ "left:" (format!("{left:.3}")) "%;width:" (format!("{width:.3}")) "%" } {}
    }
}
