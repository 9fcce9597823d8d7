//! The page of an explanation: what it depends on, and the change that each part of that rests on.

use super::{below, page, section, word};
use crate::explanation::{Effect, Explanation, Row};
use crate::text::{clean, clean_name};
use maud::{Markup, html};

pub fn explanation(explanation: &Explanation) -> Markup {
    let (lock, scenario) = (clean_name(&explanation.lock), clean_name(&explanation.scenario));
    let title = format!("What it depends on: {lock} in {scenario}");
    let jumps = [("conclusion", "Conclusion"), ("changes", "Changes"), ("left-out", "Not tried")];
    let jumps = jumps.map(|(id, name)| (id.to_owned(), name.to_owned()));
    let has_left_out = !explanation.left_out.is_empty();
    let main = html! {
        h1 { (lock) span.in { " in " (scenario) } }
        p.about {
            (clean(&explanation.invariant)) " " span.tag.bad { (explanation.class.words()) }
        }
        p.lead { (word(&explanation.violation)) }
        p.aside { "Situation: " (word(&explanation.situation)) }
        (section("conclusion", "What it depends on", html! {
            @for sentence in &explanation.conclusion { p.lead { (word(sentence)) } }
        }))
        (section("changes", "One change at a time", changes(explanation)))
        @if has_left_out {
            (section("left-out", "Not tried", html! {
                ul { @for left in &explanation.left_out {
                    li { strong { (word(&left.what)) } ": " (word(&left.why)) }
                } }
            }))
        }
    };
    page(&title, if has_left_out { &jumps } else { &jumps[..2] }, main)
}

fn changes(explanation: &Explanation) -> Markup {
    html! {
        p.aside {
            "Each row is the same scenario with one thing changed, run with several seeds. A row \
             leads to its first run."
        }
        div.wide { table {
            thead { tr {
                th scope="col" { "change" }
                th scope="col" { "seen in" }
                th scope="col" { "effect" }
            } }
            tbody {
                tr {
                    th scope="row" { "none" }
                    td { (explanation.unchanged.words()) }
                    td {}
                }
                @for row in &explanation.rows { (change(row)) }
            }
        } }
    }
}

fn change(row: &Row) -> Markup {
    let class = match row.effect {
        Effect::Gone => "good",
        Effect::Rarer | Effect::Unknown => "doubt",
        Effect::None => "quiet",
    };
    html! {
        tr {
            th scope="row" {
                @match &row.run {
                    Some(run) => (below(&format!("{run}/report.json"), word(&row.change))),
                    None => (word(&row.change)),
                }
            }
            td { (row.tally.words()) }
            td {
                @if row.effect != Effect::None {
                    span class={ "tag " (class) } { (row.effect.words()) }
                }
                @if !row.because.is_empty() { " " small { (word(&row.because)) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::explanation::samples;

    #[test]
    fn a_change_leads_to_its_run_and_tells_its_effect() {
        let page = super::explanation(&samples::explanation()).into_string();
        for part in [
            "It depends on fault 1 (cut).",
            "takes it away",
            "fault 1 (lose) never struck",
            "href=\"./runs/flufl.lock/explain-1/1/report.json\"",
            "none is built",
        ] {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn foreign_text_does_no_harm() {
        let mut explanation = samples::explanation();
        explanation.violation = "<script>x</script>\u{202e}".into();
        let page = super::explanation(&explanation).into_string();
        assert!(!page.contains("<script>x") && !page.contains('\u{202e}'));
    }
}
