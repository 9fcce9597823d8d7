//! The page of a comparison: what changed, how sure that is, and the command that shows it.

use super::{command, name, page as frame, word};
use crate::compare::{Change, Comparison, Kind};
use crate::text::{counted, span};
use maud::{Markup, html};

pub fn page(comparison: &Comparison) -> Markup {
    let conclusion = comparison.conclusion();
    let (class, icon) = match (comparison.regressions().next(), comparison.doubts().next()) {
        (Some(_), _) => ("bad", "✗"),
        (None, Some(_)) => ("doubt", "?"),
        (None, None) => ("good", "✓"),
    };
    let sections = comparison.sections();
    let main = html! {
        h1 { "What has changed" }
        div class={ "banner " (class) } role="group" aria-label="Conclusion" {
            span.icon aria-hidden="true" { (icon) }
            div {
                p.verdict { (conclusion) }
                @if comparison.unchanged > 0 {
                    p {
                        (counted(comparison.unchanged, "combination"))
                        " of lock and scenario without a change."
                    }
                }
            }
        }
        (sides(comparison))
        @for (index, (title, changes)) in sections.iter().enumerate() {
            @if !changes.is_empty() {
                (super::section(&format!("part-{index}"), title, html! {
                    @for change in changes { (card(change)) }
                }))
            }
        }
        (super::section("sure", "What \u{201c}sure\u{201d} means", html! { p { (Change::sure_words()) } }))
    };
    let jumps = sections.iter().enumerate().filter(|(_, (_, changes))| !changes.is_empty());
    let jumps: Vec<(String, String)> = jumps
        .map(|(index, (title, changes))| {
            (format!("part-{index}"), format!("{title} ({})", changes.len()))
        })
        .collect();
    frame(&conclusion, &jumps, main)
}

fn sides(comparison: &Comparison) -> Markup {
    html! {
        div.wide { table {
            thead { tr { th {} th { "Base" } th { "New" } } }
            tbody {
                tr {
                    th scope="row" { "Set" }
                    @for side in [&comparison.base, &comparison.new] {
                        td {
                            @if !side.about.is_empty() { (word(&side.about)) br; }
                            (counted(side.runs, "run")) ", lockstorm " (name(&side.lockstorm))
                        }
                    }
                }
                @let locks: std::collections::BTreeSet<&String> =
                    comparison.base.locks.keys().chain(comparison.new.locks.keys()).collect();
                @for lock in locks {
                    tr {
                        th scope="row" { (name(lock)) }
                        @for side in [&comparison.base, &comparison.new] {
                            td {
                                @match side.locks.get(lock) {
                                    Some(versions) => {
                                        @for (index, version) in versions.iter().enumerate() {
                                            @if index > 0 { ", " }
                                            (name(version))
                                        }
                                    }
                                    None => { "not run" }
                                }
                            }
                        }
                    }
                }
            }
        } }
        @if !comparison.notes.is_empty() {
            ul { @for note in &comparison.notes { li { (word(note)) } } }
        }
    }
}

fn card(change: &Change) -> Markup {
    let class = match (change.kind, change.sure) {
        (Kind::New | Kind::Gone, _) | (_, false) => "quiet",
        (kind, _) if kind.is_worse() => "bad",
        _ => "good",
    };
    html! {
        article.change {
            h3 {
                span class={ "tag " (class) } { (change.kind.words()) }
                " " (name(&change.lock)) span.in { " in " } (name(&change.scenario))
            }
            @if !change.about.is_empty() { p.aside { (word(&change.about)) } }
            p.lead { (word(&change.text)) }
            (bars(change))
            @if change.base_version != change.new_version {
                p {
                    "Version " (name(&change.base_version)) " before, "
                    (name(&change.new_version)) " now."
                }
            }
            @if let Some(chance) = change.chance() { p.aside { (chance) } }
            @if !change.example.is_empty() {
                p.label { "In a run of the " (change.shown_by()) " set:" }
                blockquote { (word(&change.example)) }
            }
            @if !change.reproduce.is_empty() { (command(&change.reproduce)) }
        }
    }
}

/// Before and now, as two bars.
fn bars(change: &Change) -> Markup {
    let row = |what: &str, share: f64, words: String| {
        html! {
            tr {
                th scope="row" { (what) }
                td { i style={ "width:" (format!("{:.2}", share * 70.0)) "%" } {} span { (words) } }
            }
        }
    };
    html! {
        @if let Some(frequency) = change.frequency {
            @let share = |count: u64, of: u64| count as f64 / of.max(1) as f64;
            table.bars { tbody {
                (row("before", share(frequency.base, frequency.base_of),
                     format!("{} of {}", frequency.base, counted(frequency.base_of, "run"))))
                (row("now", share(frequency.new, frequency.new_of),
                     format!("{} of {}", frequency.new, counted(frequency.new_of, "run"))))
            } }
        }
        @if let Some(waited) = change.waiting {
            @let most = waited.base_ns.max(waited.new_ns).max(1) as f64;
            table.bars { tbody {
                (row("before", waited.base_ns as f64 / most, span(waited.base_ns)))
                (row("now", waited.new_ns as f64 / most, span(waited.new_ns)))
            } }
        }
    }
}
