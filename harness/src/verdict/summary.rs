//! What a run was like: notes, versions, mounts, numbers.

use super::hung::hung;
use super::told;
use crate::check::Evidence;
use crate::check::calls::Call;
use crate::check::holds::{Exit, Hold};
use crate::check::names::clients;
use crate::check::no_lost_update::stale_reads;
use crate::history::{Event, EventKind};
use crate::lock::adapter::Answer;
use crate::plan::Plan;
use crate::site::blueprint::Implementation;
use crate::site::clock::Clock;
use lockstorm_reports::text::{seconds, span};
use lockstorm_reports::{Assumes, ClientStatistics, Invariant, Mount, Site, Statistics, Waiting};
use std::collections::{BTreeMap, BTreeSet};

/// What is worth knowing and is no violation.
pub(super) fn notes(evidence: &Evidence) -> Vec<String> {
    let mut notes = told(evidence.holds.iter().filter_map(|hold| overstayed(evidence, hold)));
    notes.extend(told(hung(evidence)));
    notes.extend(told(stale_reads(evidence).into_iter()));
    notes.extend(told(failed_in_calm(evidence)));
    let pinned = evidence.plan.profile.version.as_deref();
    let ran = version(evidence.plan, evidence.history);
    if let (Some(pinned), Some(ran)) = (pinned, ran)
        && pinned != ran
    {
        notes.push(format!("the profile pins version {pinned}, and {ran} ran"));
    }
    if let Some(hold) = stands_for_ever(evidence) {
        notes.push(format!(
            "{} died with the lock, and nothing promises that such a lock is ever broken: those who \
             wait for it wait for ever",
            hold.client
        ));
    }
    let arguments = &evidence.plan.kernels.arguments;
    if !arguments.is_empty() {
        let words = arguments.join(" ");
        notes.push(format!("the kernels had on their command lines, besides: {words}"));
    }
    notes
}

/// The last hold, if its owner died and its lock stands by right until a person removes it. That a
/// story then comes to a halt is the lock's way, and no reason to doubt what was seen before.
pub(super) fn stands_for_ever<'a>(evidence: &'a Evidence) -> Option<&'a Hold> {
    let profile = &evidence.plan.profile;
    let is_freed = profile.primitive.is_kernel_managed()
        || profile.promises.contains_key(&Invariant::BreakAfterLifetime);
    let last = evidence.holds.last()?;
    (!is_freed && matches!(last.exit, Exit::Died(_))).then_some(last)
}

/// An owner that was inside when its claim was over, however late it was obtained and renewed.
fn overstayed(evidence: &Evidence, hold: &Hold) -> Option<String> {
    let entered_ns = hold.entered.at_ns;
    let until_ns = hold.inside().until.at_ns.min(evidence.end_ns);
    let claim_ns = claim_over(evidence, hold)?;
    (until_ns > claim_ns).then(|| {
        format!(
            "{} overstayed its claim by {}: inside from {} to {}, with a claim until {}",
            hold.client,
            span(until_ns - claim_ns),
            seconds(entered_ns),
            seconds(until_ns),
            seconds(claim_ns),
        )
    })
}

/// When the lifetime of a hold's lock was over, at the latest; `None` for one without.
pub(super) fn claim_over(evidence: &Evidence, hold: &Hold) -> Option<u64> {
    evidence.lifetime_ns.map(|_| hold.claim.possibly_until.at_ns)
}

/// Calls that failed although nobody disturbed the client or the server, by what and how.
fn failed_in_calm(evidence: &Evidence) -> impl Iterator<Item = String> + use<> {
    struct Failed<'a> {
        count: u64,
        first: &'a Call,
    }
    let mut failed: BTreeMap<(&str, String), Failed> = BTreeMap::new();
    for call in evidence.calls.iter() {
        if let Some(Answer::Error { errno, class, .. }) = call.answer()
            && evidence.is_quiet(call)
        {
            let error = errno.as_ref().unwrap_or(class).clone();
            let kind = failed.entry((call.operation.name(), error));
            kind.or_insert(Failed { count: 0, first: call }).count += 1;
        }
    }
    let told = failed.iter().map(|((operation, error), Failed { count, first })| {
        let calls = match *count {
            1 => format!("1 call of {operation}"),
            count => format!("{count} calls of {operation}"),
        };
        format!(
            "{calls} failed with {error} although nothing was disturbed, {}'s at {} first",
            first.client,
            seconds(first.over().at_ns),
        )
    });
    told.collect::<Vec<_>>().into_iter()
}

/// The version that really ran, as the adapters reported it.
pub(super) fn version(plan: &Plan, history: &[Event]) -> Option<String> {
    let reported = history.iter().filter_map(|event| match &event.kind {
        EventKind::AdapterReady { library, version, .. } if *library == plan.profile.name => {
            Some(version.clone())
        }
        EventKind::AdapterReady { library, version, .. } => Some(format!("{library} {version}")),
        _ => None,
    });
    let reported: BTreeSet<String> = reported.collect();
    let reported = Vec::from_iter(reported).join(", ");
    (!reported.is_empty()).then_some(reported)
}

/// What the lock assumes.
pub(super) fn assumes(plan: &Plan) -> Assumes {
    let assumes = &plan.profile.assumes;
    let lifetime_ns = plan.lifetime().map(|lifetime| lifetime.0);
    Assumes {
        clock_skew_ns: assumes.clock_skew.map(|skew| skew.0),
        clock_rate_ppm: plan.profile.clock_rate().map(|rate| rate.0),
        pause_ns: assumes.pause.and_then(|pause| pause.longest_ns(lifetime_ns)),
        nfs: assumes.nfs.clone(),
        lease_kept: assumes.lease.is_some(),
        no_network: !assumes.network,
        because: assumes.because.clone(),
    }
}

/// The mount options that were in force.
pub(super) fn mounts(plan: &Plan, history: &[Event]) -> Vec<Mount> {
    let mut mounts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let known: BTreeSet<&str> = clients(plan).collect();
    for event in history {
        if let EventKind::NodeReady { node, options } = &event.kind
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

/// How long each acquire took that got the lock, with its client.
pub(super) fn waits<'a>(evidence: &'a Evidence) -> impl Iterator<Item = (&'a str, u64)> {
    evidence.calls.acquires().filter_map(|call| match call.answer() {
        Some(Answer::Ok { .. }) => {
            Some((call.client.as_str(), call.over().at_ns.saturating_sub(call.called.at_ns)))
        }
        _ => None,
    })
}

/// What time the nodes lived by.
pub(super) fn clock(plan: &Plan) -> lockstorm_reports::Clock {
    match plan.blueprint.clock {
        Clock::Virtual => lockstorm_reports::Clock::Virtual,
        Clock::Real => lockstorm_reports::Clock::Real,
    }
}

/// What a person would ask about the site.
pub(super) fn site(plan: &Plan) -> Site {
    let blueprint = &plan.blueprint;
    let (server, disk) = (&blueprint.server, &blueprint.disk);
    Site {
        server: match server.implementation {
            Implementation::Knfsd => "knfsd, the NFS server of the Linux kernel".into(),
            Implementation::Ganesha => "nfs-ganesha, an NFS server that is a program".into(),
        },
        lease_s: server.lease_s,
        grace_s: server.grace_s,
        threads: server.threads.into(),
        latency: blueprint.wire.latency.to_string(),
        wall_start_s: blueprint.wall_start_s,
        disk: format!(
            "{} MiB with a write cache; {} a request, {} a flush",
            disk.size_mib, disk.latency, disk.flush
        ),
    }
}

/// The run in numbers.
pub(super) fn statistics(evidence: &Evidence) -> Statistics {
    let mut waits_of: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (client, waited) in waits(evidence) {
        waits_of.entry(client).or_default().push(waited);
    }
    let all = waits(evidence).map(|(_, waited)| waited).collect();
    let mut sections: BTreeMap<&str, u64> = BTreeMap::new();
    for hold in &evidence.holds {
        *sections.entry(&hold.client).or_default() += 1;
    }
    let clients = clients(evidence.plan).map(|client| ClientStatistics {
        client: client.to_owned(),
        critical_sections: sections.get(client).copied().unwrap_or(0),
        waiting: waits_of.remove(client).and_then(waiting),
    });
    let clients = clients.collect();
    Statistics {
        virtual_ns: evidence.end_ns,
        critical_sections: evidence.holds.len() as u64,
        clients,
        waiting: waiting(all),
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
