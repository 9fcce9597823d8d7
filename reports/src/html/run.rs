//! The page of one run.

use super::{Place, below, command, facts, framed, incident, name, plots, section, timeline, word};
use crate::mounts;
use crate::subject::Options;
use crate::text::{clean_block, clean_name, counted, quoted, seconds};
use crate::{Class, Clock, FaultReport, Report, Status, Verdict};
use maud::{Markup, html};

pub fn page(report: &Report, options: Options, place: &Place) -> Markup {
    let lock = match &report.lock.version {
        Some(version) => format!("{} {}", clean_name(&report.lock.name), clean_name(version)),
        None => clean_name(&report.lock.name),
    };
    let scenario = clean_name(&report.scenario.name);
    let title = format!("{lock} in {scenario}");
    let main = html! {
        h1 { (lock) span.in { " in " } (scenario) }
        @if !report.scenario.about.is_empty() {
            p.about { (word(&report.scenario.about)) }
        }
        (banner(report))
        (head(report, options))
        (doubts(report))
        (timeline::section(report))
        (incident::violations(report, place))
        (steps(report))
        (promises(report))
        (plots::section(report))
        (faults(report))
        (list("notes", "Notes", &report.notes))
        (provenance(report, options, place))
    };
    framed(place, &title, &jumps(report), main)
}

fn jumps(report: &Report) -> Vec<(String, String)> {
    let mut jumps = Vec::new();
    let mut add = |there: bool, id: &str, name: &str| {
        if there {
            jumps.push((id.to_owned(), name.to_owned()));
        }
    };
    add(report.timeline.is_some(), "timeline", "Timeline");
    add(!report.findings.is_empty(), "violations", "Violations");
    add(true, "promises", "Promises");
    add(report.plots.is_some(), "plots", "Waiting and holding");
    add(!report.faults.is_empty(), "faults", "Faults");
    add(true, "provenance", "Provenance");
    jumps
}

/// The verdict, for somebody who has never seen one.
fn banner(report: &Report) -> Markup {
    let (class, icon, word_, sentence) = match (report.verdict, report.class) {
        (Verdict::Valid, _) => (
            "good",
            "✓",
            "Valid",
            "Every promise of the lock that this run put to the test held.".to_owned(),
        ),
        (Verdict::Unknown, _) => (
            "doubt",
            "?",
            "Unknown",
            "This run proves nothing, neither for the lock nor against it.".into(),
        ),
        (Verdict::Violated, Some(Class::BeyondAssumptions)) => (
            "doubt",
            "!",
            "Violated, beyond the lock's assumptions",
            "The lock failed, but only after the run had left what its documentation assumes. \
             It has broken no promise."
                .into(),
        ),
        (Verdict::Violated, Some(Class::ScriptExpectation)) => (
            "bad",
            "✗",
            "Violated: not what the script expects",
            "The lock broke no promise that lockstorm checks, but it answered otherwise than the \
             script says."
                .into(),
        ),
        (Verdict::Violated, _) => (
            "bad",
            "✗",
            "Violated: broken promise",
            "The lock broke a promise of its documentation, while everything was as that assumes."
                .into(),
        ),
    };
    let count = report.violations();
    html! {
        div class={ "banner " (class) } role="group" aria-label="Verdict" {
            span.icon aria-hidden="true" { (icon) }
            div {
                p.verdict { (word_) }
                p {
                    (sentence)
                    @if count > 0 {
                        " "
                        a href="#violation-1" { (counted(count, "violation")) }
                        " in " (counted(report.statistics.critical_sections, "critical section"))
                        "."
                    }
                }
                p.expected {
                    @if report.as_expected { "As expected: the scenario says " }
                    @else { "Not as expected: the scenario says " }
                    (report.expected.words()) "."
                }
            }
        }
    }
}

fn head(report: &Report, options: Options) -> Markup {
    html! {
        (facts(&what_ran(report), false))
        (mounted(report))
        @if let Some(line) = report.reproduce_words(options.directory) {
            p.label {
                "Run it again"
                @if report.provenance.clock == Clock::Virtual { ", to the same history" }
                ":"
            }
            (command(&line))
        }
    }
}

/// Lock, kernel, NFS, and how much of it.
fn what_ran(report: &Report) -> Vec<(&'static str, Markup)> {
    let statistics = &report.statistics;
    let provenance = &report.provenance;
    let mut all = vec![("Lock", lock(report))];
    if let Some(lifetime) = report.lock.lifetime_ns {
        let lifetime = html! {
            (seconds(lifetime))
            br; small { "then others may break the lock" }
        };
        all.push(("Lifetime", lifetime));
    }
    let linux = provenance.linux();
    if let Some(linux) = &linux {
        all.push(("Kernel", html! { "Linux " (name(linux)) }));
    }
    // Without the name of the default kernel, NFS is told with those of the others.
    let nfs = if linux.is_some() { provenance.nfs_version.clone() } else { provenance.spoken() };
    all.push(("NFS", html! { "version " (name(&nfs)) }));
    all.push((
        "Ran",
        html! {
            (seconds(statistics.virtual_ns)) " of " (provenance.clock.words())
            @if let Some(wall) = &report.wall {
                br; small { "in " (seconds(wall.milliseconds.saturating_mul(1_000_000))) " of real time" }
            }
        },
    ));
    all.push((
        "Critical sections",
        html! {
            (statistics.critical_sections)
            br; small { "by " (counted(statistics.clients.len() as u64, "client")) }
        },
    ));
    all.push((
        "Seed",
        html! {
            (report.scenario.seed)
            @if let Some(caveat) = provenance.clock.caveat() { br; small { (caveat) } }
        },
    ));
    all
}

fn lock(report: &Report) -> Markup {
    let lock = &report.lock;
    html! {
        (name(&lock.name))
        @if let Some(version) = &lock.version { " " (name(version)) }
        @if let Some(from) = &lock.from { br; small { "made from " code { (name(from)) } } }
        @if !lock.summary.is_empty() { br; small { (word(&lock.summary)) } }
    }
}

/// The mount options in force, each once.
fn mounted(report: &Report) -> Markup {
    let mounts = mounts::once(&report.provenance.mounts);
    html! {
        @if !mounts.is_empty() {
            dl.facts.mounts {
                @for mount in &mounts {
                    div {
                        dt {
                            "Mounted on "
                            @for (index, client) in mount.clients.iter().enumerate() {
                                @if index > 0 { ", " }
                                (name(client))
                            }
                        }
                        dd { code {
                            // Lines may break between options.
                            @for (index, option) in mount.options.split(',').enumerate() {
                                @if index > 0 { "," wbr; }
                                (word(option))
                            }
                        } }
                    }
                }
            }
        }
    }
}

fn doubts(report: &Report) -> Markup {
    list("doubts", "What keeps this run from proving more", &report.unknown_because)
}

fn list(id: &str, title: &str, items: &[String]) -> Markup {
    if items.is_empty() {
        return html! {};
    }
    section(
        id,
        title,
        html! {
            ul { @for item in items { li { (word(item)) } } }
        },
    )
}

fn steps(report: &Report) -> Markup {
    if report.unmet_steps.is_empty() {
        return html! {};
    }
    section(
        "steps",
        "Steps that did not end as the script expects",
        html! {
            div.wide { table {
                thead { tr { th.number { "Step" } th.number { "Time" } th { "The script says" } th { "Seen" } } }
                tbody {
                    @for step in &report.unmet_steps {
                        tr {
                            td.number { (step.step.saturating_add(1)) }
                            td.number { (seconds(step.at_ns)) }
                            td { code { (word(&step.text)) } }
                            td { (word(&step.saw)) }
                        }
                    }
                }
            } }
        },
    )
}

fn promises(report: &Report) -> Markup {
    let rows = html! {
        @for result in &report.invariants {
            @let (class, word_) = status(result.status);
            tr {
                th scope="row" {
                    (result.invariant.words())
                    small { (result.invariant.meaning()) }
                }
                td { span class={ "tag " (class) } { (word_) } }
                td {
                    (word(&result.note))
                    @for doubt in &result.not_judged { br; small { (word(&doubt.words())) } }
                    @if !result.promise.is_empty() {
                        blockquote { (word(&result.promise)) }
                    }
                }
            }
        }
    };
    section(
        "promises",
        "What the lock promises, and what became of it",
        html! {
            div.wide { table.promises {
                thead { tr { th { "Promise" } th { "Outcome" } th { "Tried, and promised by" } } }
                tbody { (rows) }
            } }
            @if let Some(assumes) = &report.lock.assumes {
                @let assumed = assumes.words();
                p {
                    "The lock assumes "
                    @if assumed.is_empty() { "nothing of clocks or the network" }
                    (word(&assumed.join(", ")))
                    "."
                }
                @if !assumes.because.is_empty() { blockquote { (word(&assumes.because)) } }
            }
        },
    )
}

fn status(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Kept => ("good", "✓ kept"),
        Status::Violated => ("bad", "✗ violated"),
        Status::Vacuous => ("quiet", "not tried"),
        Status::NotPromised => ("quiet", "not promised"),
        Status::Unknown => ("doubt", "? unknown"),
    }
}

fn faults(report: &Report) -> Markup {
    if report.faults.is_empty() {
        return html! {};
    }
    section(
        "faults",
        "Faults: what was done to the site",
        html! {
            div.wide { table {
                thead { tr {
                th { "Fault" } th { "Node" } th.number { "From" } th.number { "Until" } th { "What" }
            } }
                tbody { @for fault in &report.faults { (fault_row(fault)) } }
            } }
        },
    )
}

fn fault_row(fault: &FaultReport) -> Markup {
    html! {
        tr {
            th scope="row" { (name(&fault.kind)) }
            td { (name(&fault.node)) }
            td.number {
                @match fault.struck_ns {
                    Some(at) => { (seconds(at)) }
                    None => { "never" }
                }
            }
            td.number {
                @match (fault.struck_ns, fault.ended_ns) {
                    (_, Some(at)) => { (seconds(at)) }
                    (Some(_), None) => { "the end" }
                    _ => { "–" }
                }
            }
            td {
                @if fault.missed { span.tag.doubt { "missed" } " " }
                (word(&fault.detail))
                @if !fault.detail.is_empty() && !fault.effect.is_empty() { "; " }
                (word(&fault.effect))
            }
        }
    }
}

/// What the run was made with and from, each with its name.
fn parts(report: &Report) -> Vec<(&'static str, Markup)> {
    let provenance = &report.provenance;
    let mut all = Vec::new();
    if let Some(site) = &provenance.site {
        all.push((
            "Server",
            html! {
                (word(&site.server)) ", " (site.threads) " threads, lease " (site.lease_s)
                " s, grace " (site.grace_s) " s"
            },
        ));
        all.push(("Network", html! { (word(&site.latency)) " one way" }));
        all.push(("Server's disk", html! { (word(&site.disk)) }));
    }
    all.push(("lockstorm", html! { (name(&provenance.lockstorm)) }));
    all.push((
        "Kernel, image",
        html! {
            code { (name(&provenance.kernel_keys())) } ", " code { (name(&provenance.image_key)) }
        },
    ));
    all.push(("History", html! { code.hash { (name(&provenance.history_sha256)) } }));
    if let Some(plan) = &provenance.plan_sha256 {
        all.push(("Plan", html! { code.hash { (name(plan)) } }));
    }
    for (what, count) in &report.statistics.site {
        all.push(("Counted", html! { (count) " " (name(&what.replace('_', " "))) }));
    }
    all
}

fn provenance(report: &Report, options: Options, place: &Place) -> Markup {
    section(
        "provenance",
        "Provenance",
        html! {
            (facts(&parts(report), true))
            @if !report.artefacts.is_empty() {
                h3 { "Files of this run" }
                @if let Some(directory) = options.directory {
                    p { "In " code { (word(directory)) } }
                }
                ul.files {
                    @for artefact in &report.artefacts {
                        li {
                            @if (place.has)(&artefact.file) {
                                (below(&artefact.file, name(&artefact.file)))
                            } @else { (name(&artefact.file)) }
                            " – " (word(&artefact.about))
                        }
                    }
                }
            }
            @if !report.plan.is_empty() {
                details {
                    summary { "The plan: everything that the run was made from" }
                    p {
                        @let directory = options.directory.unwrap_or(".");
                        "Saved as " code { (word(directory)) "/plan.yaml" } "; "
                        code { "lockstorm replay " (word(&quoted(directory))) } " runs it again."
                    }
                    pre tabindex="0" { (clean_block(&report.plan)) }
                }
            }
        },
    )
}
