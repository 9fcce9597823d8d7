//! What a gate made of a set: its verdict, and what that rests on.

use super::{command, word};
use crate::set::Gate;
use crate::set::gate::GateVerdict;
use maud::{Markup, html};

pub fn gate(gate: &Gate) -> Markup {
    let (class, icon) = match gate.verdict {
        GateVerdict::Passed => ("good", "✓"),
        GateVerdict::Refused => ("bad", "✗"),
        GateVerdict::Unknown => ("doubt", "?"),
    };
    html! {
        div class={ "banner " (class) } role="group" aria-label="Gate" {
            span.icon aria-hidden="true" { (icon) }
            div {
                p.verdict { (word(&gate.words)) }
                @if let Some(baseline) = &gate.baseline {
                    p { "What is accepted, " code { (word(baseline)) } " says." }
                }
            }
        }
        ul {
            @for line in gate.lines() {
                li {
                    b { (line.label) } ": " (word(&line.text))
                    @for line in &line.commands { (command(line)) }
                }
            }
        }
    }
}
