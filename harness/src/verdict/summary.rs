//! What a run was like: notes, versions, mounts, numbers.

use super::told;
use crate::check::Evidence;
use crate::check::holds::Hold;
use crate::check::spans::Span;
use crate::history::{Event, What};
use crate::lock::adapter::Answer;
use crate::plan::Plan;
use crate::site::blueprint::Role;
use lockstorm_reports::text::{seconds, span};
use lockstorm_reports::{ClientStatistics, Mount, Statistics, Waiting};
use std::collections::{BTreeMap, BTreeSet};

/// What is worth knowing and is no violation.
pub(super) fn notes(evidence: &Evidence) -> Vec<String> {
    let mut notes = told(evidence.holds.iter().filter_map(|hold| overstayed(evidence, hold)));
    let pinned = evidence.plan.profile.version.as_deref();
    let ran = version(evidence.plan, evidence.history);
    if let (Some(pinned), Some(ran)) = (pinned, ran)
        && pinned != ran
    {
        notes.push(format!("the profile pins version {pinned}, and {ran} ran"));
    }
    notes
}

/// An owner that was inside without a claim. The end of a claim is a lower bound, so that this
/// is the most that it can have been.
fn overstayed(evidence: &Evidence, hold: &Hold) -> Option<String> {
    evidence.lifetime_ns?;
    let end_ns = |at_ns: u64| at_ns.min(evidence.end_ns);
    let length = |span: Span| end_ns(span.until.at_ns).saturating_sub(span.from.at_ns);
    let inside = hold.inside();
    let claimed: u64 = hold.exclusive().map(length).sum();
    let over = length(inside).saturating_sub(claimed);
    // Whoever waited for longer than a lifetime may be without a claim from the first moment, by
    // that lower bound: nothing is known against it.
    let had_claim = hold.lifetime_over() > hold.entered;
    (over > 0 && had_claim).then(|| {
        format!(
            "{} overstayed its claim by up to {}: inside from {} to {}, with a claim until {}",
            hold.client,
            span(over),
            seconds(inside.from.at_ns),
            seconds(end_ns(inside.until.at_ns)),
            seconds(hold.lifetime_over().at_ns),
        )
    })
}

/// The version that really ran, as the adapters reported it.
pub(super) fn version(plan: &Plan, history: &[Event]) -> Option<String> {
    let reported = history.iter().filter_map(|event| match &event.what {
        What::AdapterReady { library, version, .. } if *library == plan.profile.name => {
            Some(version.clone())
        }
        What::AdapterReady { library, version, .. } => Some(format!("{library} {version}")),
        _ => None,
    });
    let reported: BTreeSet<String> = reported.collect();
    let reported = Vec::from_iter(reported).join(", ");
    (!reported.is_empty()).then_some(reported)
}

fn clients(plan: &Plan) -> impl Iterator<Item = &str> {
    let nodes = plan.blueprint.nodes.iter();
    let clients = nodes.filter(|node| node.role == Role::Client);
    clients.map(|node| node.name.as_str())
}

/// The mount options that were in force.
pub(super) fn mounts(plan: &Plan, history: &[Event]) -> Vec<Mount> {
    let mut mounts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let known: BTreeSet<&str> = clients(plan).collect();
    for event in history {
        if let What::NodeReady { node, options } = &event.what
            && known.contains(node.as_str())
        {
            mounts.entry(options).or_default().insert(node);
        }
    }
    let mounts = mounts.into_iter().map(|(options, clients)| Mount {
        options: options.to_owned(),
        clients: clients.into_iter().map(str::to_owned).collect(),
    });
    mounts.collect()
}

/// The run in numbers.
pub(super) fn statistics(evidence: &Evidence) -> Statistics {
    let mut waits: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for call in evidence.calls.iter().filter(|call| call.is_acquire()) {
        if let Some(Answer::Ok { .. }) = call.answer() {
            let waited = call.over().at_ns.saturating_sub(call.called.at_ns);
            waits.entry(&call.client).or_default().push(waited);
        }
    }
    let mut sections: BTreeMap<&str, u64> = BTreeMap::new();
    for hold in &evidence.holds {
        *sections.entry(&hold.client).or_default() += 1;
    }
    let clients = clients(evidence.plan).map(|client| ClientStatistics {
        client: client.to_owned(),
        critical_sections: sections.get(client).copied().unwrap_or(0),
        waiting: waits.remove(client).and_then(waiting),
    });
    Statistics {
        virtual_ns: evidence.end_ns,
        critical_sections: evidence.holds.len() as u64,
        clients: clients.collect(),
        site: BTreeMap::new(),
    }
}

/// By nearest rank: every figure is a time that really was waited.
fn waiting(mut waits: Vec<u64>) -> Option<Waiting> {
    waits.sort_unstable();
    let rank = |percent: usize| {
        let rank = (waits.len() * percent).div_ceil(100);
        waits.get(rank.saturating_sub(1)).copied()
    };
    Some(Waiting {
        min_ns: *waits.first()?,
        median_ns: rank(50)?,
        p99_ns: rank(99)?,
        max_ns: *waits.last()?,
    })
}
