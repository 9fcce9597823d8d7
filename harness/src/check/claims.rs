//! Until when a hold stands by right.
//!
//! A lock with a lifetime does not protect its owner for ever. When it was obtained the harness
//! cannot see (between the call of acquire and its answer), nor when it was renewed, nor by whose
//! clock its lifetime is measured. So there are two ends: *surely until*, at the earliest, and
//! *possibly until*, at the latest. Whoever accuses somebody of having come too early goes by the
//! first, and of having stayed too long by the second.
//!
//! Surely:
//! - the lock was obtained after the call, so the claim lasts at least for a lifetime from then,
//!   measured by the fastest clock that the lock must put up with;
//! - it was not obtained within another's claim, but after that claim's end; unless it may have
//!   been obtained so long before that claim began that it had rightly been broken by then
//!   (the answer took longer than a lifetime). Without this rule the claim of a client that had
//!   waited for longer would be over before it began, and nothing that happens to it would count;
//! - a refresh that was answered `ok` moves the end to its *call* and its lifetime, and counts
//!   from its *answer*: between the old end and the answer the owner could not know.
//!   A refresh in flight can only shorten the claim (it may ask for less time than is left);
//! - a heartbeat renews, too; how often is not known, but as long as its owner lives and knows of
//!   no loss, and nothing disturbs it or the server, often enough.
//!
//! That end can hide an overlap by the time an answer took; it cannot invent one. One overlap
//! must not be hidden: whoever cannot have obtained the lock outside of a claim that still lasts
//! when it enters holds against that claim, whenever it was. Its own claim may be over on paper,
//! but it counts for the instant of the entry.
//!
//! Possibly:
//! - the lock was obtained as late as it was entered, and renewed as late as any call that may have
//!   renewed it could take effect, whatever its answer; its lifetime is measured by the slowest
//!   clock, and looked at by one that stands as far off as clocks did;
//! - a heartbeat renews it until for a whole lifetime none can have reached the server;
//! - it is over when the lock itself says so.
//!
//! A lock without a lifetime stands until it is released. One that is the kernel's ends with its
//! owner's process; if that goes with its whole node, when the server has given the node up.

use super::bounds::Bounds;
use super::calls::{Call, Calls};
use super::clocks::{Clocks, Rates};
use super::contact::Contacts;
use super::holds::{Gone, Hold};
use super::recovery::Recovery;
use super::spans::{Moment, Span};
use crate::history::Operation;
use crate::lock::adapter::Answer;
use crate::lock::profile::Renewed;
use crate::plan::Plan;
use std::collections::BTreeMap;

/// The time in which a hold stands by right.
#[derive(Clone, Debug, Default)]
pub struct Claim {
    /// When it surely does, in order, whether or not its owner is still inside. Never empty.
    pub surely: Vec<Span>,
    /// It does not after this.
    pub possibly_until: Moment,
}

impl Claim {
    /// Its end, at the earliest.
    pub fn surely_until(&self) -> Moment {
        self.surely.last().map_or(Moment::NEVER, |claim| claim.until)
    }
}

/// What a claim follows from.
pub struct Inputs<'a> {
    pub lifetime_ns: Option<u64>,
    renewed: Renewed,
    /// The kernel frees the lock when its owner's process ends.
    kernel_managed: bool,
    assumed_skew_ns: u64,
    rates: Rates,
    clocks: &'a Clocks,
    bounds: &'a Bounds,
    recovery: &'a Recovery,
    contacts: &'a Contacts,
    calls: &'a Calls,
}

impl<'a> Inputs<'a> {
    pub fn of(
        plan: &Plan,
        (bounds, recovery): (&'a Bounds, &'a Recovery),
        (contacts, clocks, rates): (&'a Contacts, &'a Clocks, Rates),
        calls: &'a Calls,
    ) -> Inputs<'a> {
        let profile = &plan.profile;
        Inputs {
            lifetime_ns: plan.lifetime().map(|lifetime| lifetime.0),
            renewed: profile.lifetime.map_or(Renewed::ByCalls, |known| known.renewed),
            kernel_managed: profile.primitive.is_kernel_managed(),
            assumed_skew_ns: profile.assumes.clock_skew.map_or(0, |skew| skew.0),
            rates,
            clocks,
            bounds,
            recovery,
            contacts,
            calls,
        }
    }
}

/// Derives the claims of holds that are in the order in which they were entered.
pub fn derive(holds: &mut [Hold], inputs: &Inputs) {
    let mut by_client: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for index in 0..holds.len() {
        // A claim follows from those of the holds before it.
        let surely = surely(&holds[..index], &holds[index], &by_client, inputs);
        let hold = &mut holds[index];
        hold.claim = Claim { surely, possibly_until: possibly_until(hold, inputs) };
        by_client.entry(hold.client.clone()).or_default().push(index);
    }
}

// --- Surely ---------------------------------------------------------------------------------

fn surely(
    before: &[Hold],
    hold: &Hold,
    by_client: &BTreeMap<String, Vec<usize>>,
    inputs: &Inputs,
) -> Vec<Span> {
    let Some(lifetime_ns) = inputs.lifetime_ns else {
        return vec![Span::new(hold.entered, surely_without_lifetime(hold, inputs))];
    };
    let others = claims_since(before, hold, by_client);
    let until = surely_until(hold, &others, inputs.rates.at_least(lifetime_ns), inputs);
    if inputs.renewed == Renewed::Itself && until > hold.entered {
        return vec![Span::new(hold.entered, until.max(beats_until(hold, inputs)))];
    }
    let mut claims = vec![Span::new(hold.entered, until)];
    for (now, refresh) in refreshes(hold, inputs) {
        let until = Moment::at(refresh.from.at_ns.saturating_add(refresh.lifetime_ns));
        match claims.last_mut() {
            Some(last) if refresh.in_flight => last.until = last.until.min(until),
            Some(last) if last.until >= now => last.until = until,
            _ => claims.push(Span::new(now, until)),
        }
    }
    claims
}

fn surely_without_lifetime(hold: &Hold, inputs: &Inputs) -> Moment {
    let Some(Gone { at: died, lost_power }) = hold.gone else {
        return Moment::NEVER;
    };
    match (inputs.kernel_managed, lost_power) {
        (false, _) => Moment::NEVER,
        (true, false) => died,
        (true, true) => {
            let contact = inputs.contacts.of_client(&hold.client);
            let kept_ns = inputs.recovery.kept_at_least_ns();
            let kept_ns = kept_ns.saturating_sub(contact.lag_ns(died.at_ns));
            let kept = died.at_ns.saturating_add(kept_ns);
            // The next kernel of that name tells the server that it knows of no lock.
            let booted = contact.booted_after(died.at_ns);
            Moment::at(booted.map_or(kept, |booted| booted.min(kept)))
        }
    }
}

/// Until when a hold's heartbeat surely goes on, if it has begun at all.
fn beats_until(hold: &Hold, inputs: &Inputs) -> Moment {
    let died = hold.gone.map_or(Moment::NEVER, |gone| gone.at);
    let known = hold.told_lost.into_iter().chain(hold.dying);
    let ended = known.fold(died, Moment::min);
    let contact = inputs.contacts.of_client(&hold.client);
    let (called, entered) = (hold.acquire_called.at_ns, hold.entered);
    match contact.well(called, u64::MAX).first() {
        Some((from, until)) if *from <= called && *until > entered.at_ns => {
            ended.min(Moment::at(*until))
        }
        _ => entered,
    }
}

/// The end of the claim that a hold begins with.
fn surely_until(hold: &Hold, others: &[Span], lifetime_ns: u64, inputs: &Inputs) -> Moment {
    let over = |obtained: Moment| Moment::at(obtained.at_ns.saturating_add(lifetime_ns));
    let (called, now) = (hold.acquire_called, hold.entered);
    // The earliest moment at which it can have been obtained.
    let effect = inputs.contacts.of_client(&hold.client).earliest_effect(called);
    let mut obtained = if effect <= now { effect } else { called };
    for claim in others {
        if claim.until <= obtained {
            continue;
        }
        if over(obtained) <= claim.from {
            // Obtained then, it was over before this claim began.
            break;
        }
        if claim.contains(now) {
            return over(obtained).max(now.next());
        }
        obtained = claim.until;
    }
    over(obtained)
}

/// The claims of others that lasted after a hold's acquire was called, and began before it entered,
/// by their begin.
fn claims_since(
    before: &[Hold],
    hold: &Hold,
    by_client: &BTreeMap<String, Vec<usize>>,
) -> Vec<Span> {
    let called = hold.acquire_called;
    // Of each client, only its last hold can have stood when that was called.
    let standing = by_client.values().filter_map(|own| {
        let entered = own.partition_point(|index| before[*index].entered < called);
        entered.checked_sub(1).map(|last| own[last])
    });
    let later = before.partition_point(|hold| hold.entered < called)..before.len();
    let others = standing.chain(later).map(|index| &before[index]);
    let others = others.filter(|other| other.client != hold.client);
    let mut claims: Vec<Span> = others.flat_map(Hold::claimed).collect();
    claims.retain(|claim| claim.until > called && claim.from <= hold.entered);
    claims.sort_by_key(|claim| claim.from);
    claims
}

/// A refresh that was called, or one that was answered `ok`.
struct Refresh {
    from: Moment,
    lifetime_ns: u64,
    in_flight: bool,
}

/// What became of a hold's refreshes while it was inside and did not know better, by time.
fn refreshes(hold: &Hold, inputs: &Inputs) -> Vec<(Moment, Refresh)> {
    let mut inside = hold.inside();
    inside.until = inside.until.min(hold.told_lost.unwrap_or(Moment::NEVER));
    let mut refreshes = Vec::new();
    for call in hold.own_calls(inputs.calls) {
        let Operation::Refresh { lifetime } = call.operation else {
            continue;
        };
        let lifetime_ns = inputs.rates.at_least(lifetime.0);
        let refresh = |in_flight| Refresh { from: call.called, lifetime_ns, in_flight };
        if inside.contains(call.called) {
            refreshes.push((call.called, refresh(true)));
            if call.is_ok() && inside.contains(call.over()) {
                refreshes.push((call.over(), refresh(false)));
            }
        }
    }
    refreshes.sort_by_key(|(at, _)| *at);
    refreshes
}

// --- Possibly -------------------------------------------------------------------------------

fn possibly_until(hold: &Hold, inputs: &Inputs) -> Moment {
    let by_right = match inputs.lifetime_ns {
        None => possibly_without_lifetime(hold, inputs),
        Some(lifetime_ns) => {
            let until = match inputs.renewed {
                Renewed::ByCalls | Renewed::Never => possibly_by_calls(hold, lifetime_ns, inputs),
                Renewed::Itself => possibly_by_heartbeat(hold, lifetime_ns, inputs),
            };
            with_skew(hold, until, inputs)
        }
    };
    let said_over = hold.said_over(inputs.calls).map_or(Moment::NEVER, Call::over);
    by_right.min(said_over)
}

/// However late whoever looks believes that it is.
fn with_skew(hold: &Hold, until: Moment, inputs: &Inputs) -> Moment {
    if inputs.assumed_skew_ns == 0 || until == Moment::NEVER {
        return until;
    }
    let skew_ns = inputs.clocks.largest_skew(hold.acquire_called.at_ns, until.at_ns);
    Moment::after(until.at_ns.saturating_add(skew_ns.min(inputs.assumed_skew_ns)))
}

fn possibly_without_lifetime(hold: &Hold, inputs: &Inputs) -> Moment {
    let Some(Gone { at: died, lost_power }) = hold.gone else {
        return Moment::NEVER;
    };
    let contact = inputs.contacts.of_client(&hold.client);
    let until = match (inputs.kernel_managed, lost_power) {
        (false, _) => return Moment::NEVER,
        (true, false) => contact.settled(died.at_ns),
        (true, true) => died.at_ns.saturating_add(inputs.recovery.gives_way_within_ns()),
    };
    Moment::after(until.saturating_add(inputs.bounds.in_flight_ns()))
}

fn possibly_by_calls(hold: &Hold, lifetime_ns: u64, inputs: &Inputs) -> Moment {
    let contact = inputs.contacts.of_client(&hold.client);
    let over = |renewed: Moment, lifetime_ns: u64| {
        Moment::after(renewed.at_ns.saturating_add(inputs.rates.at_most(lifetime_ns)))
    };
    let own = hold.own_calls(inputs.calls).filter(|call| may_renew(call));
    own.fold(over(hold.entered, lifetime_ns), |until, call| {
        // What was over is renewed only by what says so.
        if call.called > until && !call.is_ok() {
            return until;
        }
        let lifetime_ns = match call.operation {
            Operation::Refresh { lifetime } => lifetime.0.max(lifetime_ns),
            _ => lifetime_ns,
        };
        until.max(over(contact.latest_effect(call, inputs.bounds), lifetime_ns))
    })
}

/// Whether a call may have renewed the hold. (A lock that is renewed by being asked whether it is
/// held lets nobody else in then, and nobody asks about the end of a claim before somebody is.)
fn may_renew(call: &Call) -> bool {
    match (&call.operation, call.answer()) {
        (_, Some(Answer::NotHeld | Answer::Unsupported)) | (Operation::IsHeld, _) => false,
        (Operation::Refresh { .. }, _) => true,
        // Granted once more; or who knows.
        (Operation::Acquire { .. }, _) => call.is_ok() || call.is_indeterminate(),
        // One that failed may have touched the lock.
        (Operation::Release, _) => call.is_indeterminate(),
    }
}

fn possibly_by_heartbeat(hold: &Hold, lifetime_ns: u64, inputs: &Inputs) -> Moment {
    let contact = inputs.contacts.of_client(&hold.client);
    let died = hold.gone.map(|gone| gone.at.at_ns.saturating_add(inputs.bounds.in_flight_ns()));
    let silent = contact.silent().iter().copied().chain(died.map(|died| (died, u64::MAX)));
    let lifetime_ns = inputs.rates.at_most(lifetime_ns);
    let ends = silent.filter_map(|(from, until)| {
        let from = from.max(hold.entered.at_ns);
        let end = from.saturating_add(lifetime_ns);
        (end < until).then_some(Moment::after(end))
    });
    ends.min().unwrap_or(Moment::NEVER)
}
