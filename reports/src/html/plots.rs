//! Waiting times, and holds over time. The bars are a table's, so that they read as numbers too.

use super::{name, place};
use crate::text::{counted, seconds, span};
use crate::timeline::{Bucket, Plots};
use crate::{Report, Waiting};
use maud::{Markup, html};

pub fn section(report: &Report) -> Markup {
    if report.plots.is_none() && report.statistics.clients.is_empty() {
        return html! {};
    }
    super::section(
        "plots",
        "Waiting and holding",
        html! {
            @if let Some(plots) = &report.plots {
                div.plots { (waiting(plots)) (holds(plots, report)) }
            }
            (clients(report))
        },
    )
}

fn waiting(plots: &Plots) -> Markup {
    let most = plots.waiting.iter().map(|bucket| bucket.count).max().unwrap_or(0).max(1);
    html! {
        div.plot {
            h3 { "How long acquire took" }
            @if plots.waiting.is_empty() { p { "Nobody got the lock." } }
            table.bars {
                thead.unseen { tr { th { "Time" } th { "Calls" } } }
                tbody {
                    @for bucket in &plots.waiting {
                        tr {
                            th scope="row" { (bucket_words(bucket)) }
                            td {
                                i style={ "width:" (width(bucket.count, most)) "%" } {}
                                span { (bucket.count) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn bucket_words(bucket: &Bucket) -> String {
    format!("{} – {}", unit(bucket.from_ns), unit(bucket.until_ns))
}

/// Edges are 1, 2 or 5 of a power of ten: short in their own unit.
fn unit(ns: u64) -> String {
    match ns {
        0 => "0".into(),
        1..1_000_000 => format!("{} µs", ns / 1_000),
        1_000_000..1_000_000_000 => format!("{} ms", ns / 1_000_000),
        _ => format!("{} s", ns / 1_000_000_000),
    }
}

fn width(count: u64, most: u64) -> String {
    // Room for the number beside the longest.
    format!("{:.2}", count as f64 / most as f64 * 82.0)
}

fn holds(plots: &Plots, report: &Report) -> Markup {
    let (Some(first), Some(last)) = (plots.holds.first(), plots.holds.last()) else {
        return html! {};
    };
    let within = (first.from_ns, last.until_ns);
    let most = plots.holds.iter().map(|bucket| bucket.count).max().unwrap_or(0).max(1);
    let all = plots.holds.iter().fold(0_u64, |sum, bucket| sum.saturating_add(bucket.count));
    let each = first.until_ns.saturating_sub(first.from_ns);
    let words = format!(
        "{} entered over {}; at most {most} in {}",
        counted(all, "critical section"),
        span(within.1.saturating_sub(within.0)),
        span(each)
    );
    html! {
        div.plot {
            h3 { "Critical sections entered per " (span(each)) }
            div.columns role="img" aria-label=(words) {
                @for fault in report.faults.iter().filter(|fault| fault.struck_ns.is_some()) {
                    @let from = fault.struck_ns.unwrap_or(0);
                    @let until = fault.ended_ns.unwrap_or(within.1);
                    i.band style=(place((from.min(within.1), until.min(within.1)), within)) {}
                }
                @for bucket in plots.holds.iter().filter(|bucket| bucket.count > 0) {
                    i.column
                        style={
                            (place((bucket.from_ns, bucket.until_ns), within)) ";height:"
                            (format!("{:.2}", bucket.count as f64 / most as f64 * 100.0)) "%"
                        }
                        title={
                            (counted(bucket.count, "critical section")) " from "
                            (seconds(bucket.from_ns)) " to " (seconds(bucket.until_ns))
                        } {}
                }
                span.most { (most) }
            }
            div.scale {
                span { (seconds(within.0)) }
                @if !report.faults.is_empty() { span { "shaded: a fault in force" } }
                span { (seconds(within.1)) }
            }
        }
    }
}

fn clients(report: &Report) -> Markup {
    let row = |who: Markup, sections: u64, waiting: Option<Waiting>| {
        html! {
            tr { th scope="row" { (who) } td.number { (sections) } (waiting_cells(waiting)) }
        }
    };
    let statistics = &report.statistics;
    html! {
        div.wide { table {
            thead {
                tr {
                    th { "Client" } th.number { "Critical sections" }
                    th.number { "Waited at least" } th.number { "Median" }
                    th.number { "99 %" } th.number { "At most" }
                }
            }
            tbody {
                @for client in &statistics.clients {
                    (row(name(&client.client), client.critical_sections, client.waiting))
                }
                @if statistics.waiting.is_some() {
                    (row(html! { "all" }, statistics.critical_sections, statistics.waiting))
                }
            }
        } }
    }
}

/// How long one waited, in four figures.
pub(super) fn waiting_cells(waiting: Option<crate::Waiting>) -> Markup {
    html! {
        @match waiting {
            Some(waiting) => {
                @for ns in [waiting.min_ns, waiting.median_ns, waiting.p99_ns, waiting.max_ns] {
                    td.number { (span(ns)) }
                }
            }
            None => { td colspan="4" { "never got the lock" } }
        }
    }
}
