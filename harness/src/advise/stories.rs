//! The stories of a site: one in which nothing goes wrong, and one for each thing that fails there.

use super::Site;
use crate::fault::crash::Crash;
use crate::fault::cut::Cut;
use crate::fault::pause::{AfterPause, Pause};
use crate::fault::{FaultSpec, OWNER, Section, Strike, Trigger};
use crate::scenario::{LockSpec, Scenario, WorkloadSpec};
use crate::site::SERVER_NAME;
use crate::units::{MILLISECOND, Nanos, SignedNanos};

/// The story in which nothing goes wrong: its times are the lock's own.
pub const CALM: &str = "calm";

/// What fails, fails with the so manyth critical section: all have had their turn by then.
const NTH: u32 = 4;
/// And so long after that was entered.
const AFTER: Nanos = Nanos(100 * MILLISECOND);
/// What comes of a failure is waited for so long.
const AFTERWARDS: Nanos = Nanos::from_secs(120);

/// All of them, each without its lock.
pub fn stories(site: &Site) -> Vec<Scenario> {
    let base = base(site);
    let skewed = skewed(&base, site.clocks_apart);
    let story = |name: &str, about: String, from: &Scenario, faults: Vec<FaultSpec>| {
        let mut story = Scenario { name: name.into(), about, faults, ..from.clone() };
        outlast(&mut story);
        story
    };
    let mut all = vec![story(CALM, "Nothing goes wrong.".into(), &base, Vec::new())];
    if let Some(apart) = site.clocks_apart {
        all.push(story("clocks", format!("Clocks are {apart} apart."), &skewed, Vec::new()));
    }
    let mut fails = |name: &str, about: String, strike: Strike, lasts: Option<Nanos>| {
        all.push(story(name, about, &skewed, vec![fault(strike, lasts)]));
    };
    let owner = || OWNER.to_owned();
    if site.fails.client {
        let about = "The machine that holds the lock dies, and stays away.".into();
        fails("client", about, Strike::Crash(Crash::of(owner())), None);
    }
    if let Some(away) = site.fails.server {
        let about = format!("The server loses power, and is away for {away}.");
        fails("server", about, Strike::Crash(Crash::of(SERVER_NAME.into())), Some(away));
    }
    if let Some(away) = site.fails.network {
        let about = format!("The client that holds the lock is cut off for {away}.");
        fails("network", about, Strike::Cut(Cut::of(owner())), Some(away));
    }
    if let Some(stands) = site.fails.pause {
        let about = format!("The machine that holds the lock stands still for {stands}.");
        let pause = Pause { node: owner(), clock: AfterPause::Jumps };
        fails("pause", about, Strike::Pause(pause), Some(stands));
    }
    all
}

/// Nothing happens, on their site and with their habits.
fn base(site: &Site) -> Scenario {
    Scenario {
        name: String::new(),
        about: String::new(),
        site: site.site.clone(),
        lock: LockSpec { name: "fcntl".into(), lifetime: None, options: Default::default() },
        workload: site.workload.clone(),
        faults: Vec::new(),
        reseed: None,
        expect: Default::default(),
        known_bug: None,
    }
}

/// Every other client's clock is ahead by as much as clocks are apart, beside what the site says.
fn skewed(base: &Scenario, apart: Option<Nanos>) -> Scenario {
    let mut skewed = base.clone();
    let Some(apart) = apart else { return skewed };
    let step = SignedNanos(i64::try_from(apart.0).unwrap_or(i64::MAX));
    let clients: Vec<String> = base.site.client_ids().map(|client| client.to_string()).collect();
    for client in clients.into_iter().skip(1).step_by(2) {
        let settings = skewed.site.nodes.entry(client).or_default();
        settings.clock = SignedNanos(settings.clock.0.saturating_add(step.0));
    }
    skewed
}

fn fault(strike: Strike, lasts: Option<Nanos>) -> FaultSpec {
    let entered = Section { client: None, count: NTH, after: AFTER };
    FaultSpec { when: Trigger::Entered(entered), strike, lasts, until: None, may_miss: false }
}

/// Goes on until what its fault led to has shown.
fn outlast(story: &mut Scenario) {
    let lasts = story.faults.iter().filter_map(|fault| fault.lasts).map(|lasts| lasts.0).max();
    if let WorkloadSpec::Cycles(cycles) = &mut story.workload
        && !story.faults.is_empty()
    {
        let until = lasts.unwrap_or(0).saturating_add(AFTERWARDS.0);
        cycles.time = Nanos(cycles.time.0.max(until));
    }
}
