//! The page of a sweep: the map, each cell opening its run, and what was found.

use super::{Place, below, command, facts, framed, name, word};
use crate::Class;
use crate::map::groups::{Group, groups, label};
use crate::map::outcome::{Outcome, Shown};
use crate::map::words::{self, Told};
use crate::map::{Cell, Finding, Made, Map};
use crate::text::{clean, clean_name, counted, seconds};
use maud::{Markup, html};

pub fn page(map: &Map, file: &str, place: &Place) -> Markup {
    let title = format!("{}, swept", words::lock(map));
    let left: Vec<(&str, Vec<Told>)> = [
        ("Alike points that did not end alike", words::disagreeing(map)),
        ("Without a verdict", words::unknown(map)),
        ("Not tried", words::not_made(map)),
    ]
    .into_iter()
    .filter(|(_, told)| !told.is_empty())
    .collect();
    let main = html! {
        h1 { (title) }
        p.about { (words::about(map)) }
        (totals(map))
        section aria-labelledby="map" {
            h2 #map { "Every fault at every point" }
            (filters(map))
            (grid(map, file))
            (legend(map))
        }
        @if !map.findings.is_empty() {
            section aria-labelledby="findings" {
                h2 #findings { "Findings" }
                @for finding in &map.findings { (of_finding(map, finding, file)) }
            }
        }
        section aria-labelledby="sums" {
            h2 #sums { "How much that says" }
            ul.sums { @for sum in words::sums(map) { li { (sum) } } }
            @for (title, told) in &left { (list(map, title, told)) }
        }
        section aria-labelledby="provenance" {
            h2 #provenance { "Provenance" }
            (facts(&[
                ("Lock", name(&words::lock(map))),
                ("Story", name(&map.story)),
                ("Seed", html! { (map.seed) }),
            ], false))
            @if let Some(line) = &map.command { (command(line)) }
        }
    };
    let mut jumps = vec![("map", "Map"), ("findings", "Findings"), ("sums", "Sums")];
    jumps.push(("provenance", "Provenance"));
    jumps.retain(|(id, _)| *id != "findings" || !map.findings.is_empty());
    let jumps: Vec<(String, String)> =
        jumps.into_iter().map(|(id, name)| (id.into(), name.into())).collect();
    framed(place, &title, &jumps, main)
}

fn icon(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Broken => "✗",
        Outcome::Beyond => "!",
        Outcome::Unknown => "?",
        Outcome::Missed => "○",
        Outcome::Valid => "✓",
    }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Broken => "bad",
        Outcome::Beyond => "doubt",
        Outcome::Unknown | Outcome::Missed => "quiet",
        Outcome::Valid => "good",
    }
}

fn totals(map: &Map) -> Markup {
    let runs = map.rows.iter().flat_map(|row| &row.cells).filter_map(Cell::made);
    let outcomes: Vec<Outcome> = runs.map(Made::outcome).collect();
    html! {
        p.totals {
            span { (counted(outcomes.len() as u64, "run")) ":" }
            @for outcome in Outcome::ALL {
                @let count = outcomes.iter().filter(|one| **one == outcome).count();
                @if count > 0 {
                    " " span class={ "tag " (class(outcome)) } {
                        (icon(outcome)) " " (count) " " (outcome.words())
                    }
                }
            }
        }
    }
}

/// Buttons that leave those points which have such a cell. They need the script, which shows them.
fn filters(map: &Map) -> Markup {
    let cells = map.rows.iter().flat_map(|row| &row.cells).filter_map(Cell::made);
    let outcomes: Vec<Outcome> = cells.map(Made::outcome).collect();
    let count = |is: fn(Outcome) -> bool| outcomes.iter().filter(|one| is(**one)).count();
    let violated = count(Outcome::is_violated);
    let unknown = count(|one| one == Outcome::Unknown);
    html! {
        div.tools role="group" aria-label="Points to show" hidden {
            button type="button" data-want="" aria-pressed="true" { "All" }
            button type="button" data-want="violated" aria-pressed="false" disabled[violated == 0] {
                "Violated"
            }
            button type="button" data-want="unknown" aria-pressed="false" disabled[unknown == 0] {
                "Unknown"
            }
            span.shown role="status" {}
            span.hint { "Arrow keys go from cell to cell; Enter opens its run." }
        }
    }
}

fn grid(map: &Map, file: &str) -> Markup {
    html! {
        div.map tabindex="0" role="region" aria-label="Map of points and faults" {
            table {
                thead { tr {
                    th { span { "Point" } }
                    @for column in &map.columns {
                        th scope="col" title=(told(&[&column.name, &column.about])) {
                            span { (name(&column.name)) }
                        }
                    }
                } }
                @for group in groups(map) { (rows(map, &group, file)) }
            }
        }
    }
}

/// Foreign texts, a line each.
fn told(texts: &[&str]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| clean(text)).collect();
    texts.join("\n")
}

fn rows(map: &Map, group: &Group, file: &str) -> Markup {
    html! {
        tbody {
            tr.group {
                th scope="rowgroup" colspan=(map.columns.len() + 1) {
                    span { b { (name(group.client)) } " " (group.what) }
                }
            }
            @for index in &group.rows {
                @let row = &map.rows[*index];
                @let when = format!("at {}", seconds(row.at_ns));
                tr {
                    th scope="row" title=(told(&[&row.name, &row.about, &when])) {
                        (point(&label(row)))
                    }
                    @for column in 0..map.columns.len() { (cell(map, (*index, column), file)) }
                }
            }
        }
    }
}

/// A point's name. Where room is short it is the operation that is cut, and not whether its call
/// is meant or its reply.
fn point(label: &str) -> Markup {
    let (first, rest) = label.split_once(' ').unwrap_or((label, ""));
    html! { span { b { (first) } @if !rest.is_empty() { i { (rest) } } } }
}

fn cell(map: &Map, at: (usize, usize), file: &str) -> Markup {
    let shown = Shown::of(map, at.0, at.1);
    let Some(outcome) = shown.outcome() else {
        return match shown {
            Shown::NotMade => html! { td.left { span title=(title(map, at)) { "–" } } },
            _ => html! { td {} },
        };
    };
    let own = map.rows[at.0].cells.get(at.1);
    let is_odd = matches!(own, Some(Cell::Proof { agrees: false, .. }));
    let made = map.run(at.0, at.1);
    let directory = made.and_then(|made| made.directory.as_deref());
    let found = made.map_or(String::new(), |made| clean(&made.fingerprints.join(" ")));
    let mut class = class(outcome).to_owned();
    class.push_str(if matches!(shown, Shown::Alike(_)) { " alike" } else { "" });
    class.push_str(if is_odd { " odd" } else { "" });
    let look = html! { span title=(title(map, at)) { (icon(outcome)) } };
    html! {
        td class=(class) data-is=[kind(outcome)] data-of=[(!found.is_empty()).then_some(found)] {
            @match directory {
                Some(directory) => (below(&format!("{directory}/{file}"), look)),
                None => (look),
            }
        }
    }
}

/// What a button asks for.
fn kind(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Broken | Outcome::Beyond => Some("violated"),
        Outcome::Unknown => Some("unknown"),
        Outcome::Missed | Outcome::Valid => None,
    }
}

/// Point, fault, and what came of it.
fn title(map: &Map, at: (usize, usize)) -> String {
    let place = words::cell(map, at);
    let cell = map.rows.get(at.0).and_then(|row| row.cells.get(at.1));
    let outcome = |made: &Made| match made.reason.is_empty() {
        true => made.outcome().words().to_owned(),
        false => format!("{}: {}", made.outcome().words(), clean(&made.reason)),
    };
    let end = match cell {
        None | Some(Cell::NotApplicable) => "does not apply".to_owned(),
        Some(Cell::NotMade { why }) => format!("not tried: {}", clean(why)),
        Some(Cell::Made(made)) => outcome(made),
        Some(Cell::Proof { row, agrees, made }) => {
            let other = words::cell(map, (*row, at.1));
            let word = if *agrees { "as" } else { "OTHERWISE than" };
            format!("{}\ntried as a proof: it ended {word} {other}", outcome(made))
        }
        Some(Cell::Alike { row }) => {
            let other = words::cell(map, (*row, at.1));
            match map.run(at.0, at.1) {
                Some(made) => format!("{}\nnot tried: alike to {other}", outcome(made)),
                None => format!("not tried: alike to {other}, which was not made"),
            }
        }
    };
    format!("{place}: {end}")
}

fn legend(map: &Map) -> Markup {
    let all = Shown::all(map);
    let odd = map.counts.disagreeing > 0;
    let is_there =
        |outcome| all.contains(&Shown::Own(outcome)) || all.contains(&Shown::Alike(outcome));
    html! {
        ul.legend.of-map aria-label="Legend" {
            @for outcome in Outcome::ALL.into_iter().filter(|one| is_there(*one)) {
                li { i class=(class(outcome)) { (icon(outcome)) } (outcome.words()) }
            }
            @if all.iter().any(|shown| matches!(shown, Shown::Alike(_))) {
                li { i.good.alike { "✓" } "pale: the run of another point, which is alike" }
            }
            @if odd { li { i.good.odd { "✓" } "alike to another point, and ended otherwise" } }
            @if all.contains(&Shown::NotMade) { li { i.left { "–" } "not tried" } }
            @if all.contains(&Shown::NotHere) { li { i {} "empty: does not apply" } }
        }
    }
}

fn of_finding(map: &Map, finding: &Finding, file: &str) -> Markup {
    let tag = if finding.class == Class::BeyondAssumptions { "doubt" } else { "bad" };
    let fingerprint = clean_name(&finding.fingerprint);
    let first = html! { (words::cell(map, finding.first)) };
    let first = match &finding.directory {
        Some(directory) => below(&format!("{directory}/{file}"), first),
        None => first,
    };
    html! {
        article class={ "violation " (tag) } id={ "finding-" (fingerprint) } {
            h3 {
                (finding.invariant.words())
                " " span class={ "tag " (tag) } { (finding.class.words()) }
                @if finding.known.is_some() { " " span.tag.quiet { "known" } }
            }
            p.lead { (word(&finding.explanation)) }
            dl.told {
                dt { "Fingerprint" } dd { code { (fingerprint) } }
                dt { "Seen in" }
                dd {
                    (counted(finding.seen, "cell")) ", the first: " (first) " "
                    button.where type="button" data-finding=(clean(&finding.fingerprint)) hidden {
                        "Show in the map"
                    }
                }
                dt { "Situation" } dd { (word(&finding.situation)) }
                @if let Some(known) = &finding.known { dt { "Known" } dd { (word(known)) } }
            }
            (command(&finding.reproduce))
        }
    }
}

/// Reasons that are told; the map has all.
const TOLD_MAX: usize = 40;

fn list(map: &Map, title: &str, told: &[Told]) -> Markup {
    html! {
        h3 { (title) }
        ul {
            @for one in told.iter().take(TOLD_MAX) {
                li {
                    @if one.cells > 1 { (one.cells) " cells, the first " }
                    (words::cell(map, one.first)) ": " (one.text)
                }
            }
            @if told.len() > TOLD_MAX { li { "... and " (told.len() - TOLD_MAX) " more" } }
        }
    }
}
