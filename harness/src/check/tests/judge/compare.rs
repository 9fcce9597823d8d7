//! Judge and checkers, side by side.

use super::garble::{garble, is_well_formed};
use super::parameters::{Parameters, Tick};
use super::pen;
use super::search::{Opinion, judge};
use super::setup::setup;
use super::simulate::{DEFECTS, Defect, simulate};
use super::steps::Deed;
use super::wrongs::{PROMISES, Wrongs};
use crate::check::{Evidence, check};
use crate::fault::impair::Impair;
use crate::fault::{FaultSpec, Strike, Trigger};
use crate::history::{Consequence, Event, EventKind};
use crate::plan::Plan;
use crate::units::{Nanos, NanosRange};
use lockstorm_reports::{Class, Finding};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt::Write;

/// How a history was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Made {
    Ideal,
    Defective(Defect),
    Garbled,
}

pub struct Case {
    pub plan: Plan,
    pub history: Vec<Event>,
    pub made: Made,
}

/// The random history of a seed.
pub fn case(seed: u64) -> Case {
    let mut rng = ChaCha8Rng::from_seed(std::array::from_fn(|i| (seed >> (8 * (i % 8))) as u8));
    let setup = setup(&mut rng);
    let made = match rng.random_range(0..10) {
        0..4 => Made::Ideal,
        4..7 => Made::Defective(DEFECTS[rng.random_range(0..DEFECTS.len())]),
        _ => Made::Garbled,
    };
    let defect = if let Made::Defective(defect) = made { defect } else { Defect::None };
    let mut history = simulate(&setup, defect, &mut rng);
    if made == Made::Garbled {
        let mut garbled = history.clone();
        garble(&mut garbled, &mut rng);
        // Half of what is changed blindly is no history at all.
        for _ in 0..20 {
            if garbled != history && is_well_formed(&garbled) {
                break;
            }
            garbled.clone_from(&history);
            garble(&mut garbled, &mut rng);
        }
        if is_well_formed(&garbled) {
            history = garbled;
        }
    }
    let mut plan = setup.plan;
    plan.scenario.faults = history.iter().filter_map(planned).collect();
    Case { plan, history, made }
}

/// The fault of the plan that delays as long as the one that struck.
fn planned(event: &Event) -> Option<FaultSpec> {
    let EventKind::FaultStruck { node, consequences, .. } = &event.kind else {
        return None;
    };
    let frames = consequences.iter().find_map(Consequence::frames)?;
    let late = Nanos(frames.late_ns);
    let delay = NanosRange { least: Nanos::ZERO, most: late };
    let impair = Impair { node: node.clone(), loss: 0.5, delay, ..Impair::default() };
    (late > Nanos::ZERO).then_some(FaultSpec {
        until: None,
        may_miss: false,
        when: Trigger::At(Nanos::ZERO),
        strike: Strike::Impair(impair),
        lasts: None,
    })
}

/// What the checkers call a broken promise; nothing when they find that the history contradicts
/// itself.
pub fn accused(plan: &Plan, history: &[Event]) -> Option<(Wrongs, Vec<Finding>)> {
    let evidence = Evidence::of(plan, history);
    if !evidence.contradictions.is_empty() {
        return None;
    }
    let (_, mut findings) = check(&evidence);
    findings.retain(|finding| finding.class == Class::BrokenPromise);
    let wrongs = findings.iter().fold(Wrongs::NONE, |all, one| all.with(one.invariant));
    Some((wrongs, findings))
}

/// A history that both have judged.
#[derive(Debug, PartialEq)]
pub enum Both {
    /// Not to be compared: it contradicts itself, or no lock can have had it.
    Neither,
    Agree,
    /// The checkers accuse a lock for which there is a legal story.
    FalseAlarm,
    /// They accuse it of what no story that breaks as little as it must has broken.
    Misattributed,
    /// They accuse it of nothing, and something is broken.
    Missed,
    /// They accuse it of nothing, and it may be that it has broken nothing that it promises.
    Strange,
}

pub fn compare(plan: &Plan, history: &[Event]) -> (Both, Opinion, Option<Wrongs>) {
    let opinion = judge(plan, history);
    let accused = accused(plan, history).map(|(wrongs, _)| wrongs);
    let both = match (&opinion, accused) {
        (_, None) | (Opinion::Impossible | Opinion::TooLong, _) => Both::Neither,
        (Opinion::Legal(_), Some(Wrongs::NONE)) => Both::Agree,
        (Opinion::Legal(_), Some(_)) => Both::FalseAlarm,
        (Opinion::Wrong { possible, strange, .. }, Some(accused)) => match () {
            () if !accused.is_within(*possible) => Both::Misattributed,
            () if accused == Wrongs::NONE && *strange => Both::Strange,
            () if accused == Wrongs::NONE => Both::Missed,
            () => Both::Agree,
        },
    };
    (both, opinion, accused)
}

/// Leaves out what a disagreement does not need.
pub fn least(plan: &Plan, history: &[Event], as_before: impl Fn(&[Event]) -> bool) -> Vec<Event> {
    let _ = plan;
    let mut least = history.to_vec();
    let mut size = (least.len() / 2).max(1);
    loop {
        let mut from = 0;
        let mut smaller = false;
        while from < least.len() {
            let mut fewer = least.clone();
            fewer.drain(from..(from + size).min(least.len()));
            if is_well_formed(&fewer) && as_before(&fewer) {
                (least, smaller) = (fewer, true);
            } else {
                from += 1;
            }
        }
        if size == 1 && !smaller {
            return least;
        }
        size = (size / 2).max(1);
    }
}

/// The history as a story, with what the judge thinks has happened unseen, and what the checkers
/// found.
pub fn tell(plan: &Plan, history: &[Event]) -> String {
    let parameters = Parameters::of(plan, history);
    let opinion = judge(plan, history);
    let mut text = format!(
        "lifetime {:?}, bound {:?}, skew {:?}, {:?}, lease {} s, grace {} s\n",
        plan.profile.lifetime,
        plan.profile.break_bound,
        plan.profile.assumes.clock_skew,
        plan.profile.primitive,
        plan.blueprint.server.lease_s,
        plan.blueprint.server.grace_s
    );
    let deed_line = |at: Tick, deed: &Deed| {
        format!("      ({} s: {} {})\n", parameters.seconds(at), deed.client, deed.what)
    };
    let mut unseen = match &opinion {
        Opinion::Legal(story) => story.iter().peekable(),
        _ => [].iter().peekable(),
    };
    for event in history {
        let at = (event.at_ns / parameters.tick_ns) as Tick;
        while let Some((at, deed)) = unseen.next_if(|(when, _)| *when < at) {
            text.push_str(&deed_line(*at, deed));
        }
        let _ = writeln!(text, "    {}", pen::tell(event));
    }
    for (at, deed) in unseen {
        text.push_str(&deed_line(*at, deed));
    }
    match &opinion {
        Opinion::Legal(_) => text.push_str("  judge: legal\n"),
        other => {
            let _ = writeln!(text, "  judge: {other:?}");
        }
    }
    let Some((_, findings)) = accused(plan, history) else {
        text.push_str("  checkers: the history contradicts itself\n");
        return text;
    };
    if findings.is_empty() {
        text.push_str("  checkers: nothing is broken\n");
    }
    for finding in findings {
        let _ = writeln!(
            text,
            "  checkers: {} at {} ns: {}",
            finding.invariant.words(),
            finding.at_ns,
            finding.explanation
        );
    }
    text
}

/// How often what was seen.
#[derive(Default)]
pub struct Tally {
    pub runs: u64,
    pub legal: u64,
    pub wrong: u64,
    pub impossible: u64,
    pub too_long: u64,
    pub contradicting: u64,
    pub false_alarms: u64,
    pub misattributed: u64,
    pub missed: u64,
    pub strange: u64,
    /// Of each promise: how often it surely was broken, and how often no checker said so.
    pub sure: [(u64, u64); PROMISES.len()],
}

impl Tally {
    pub fn add(&mut self, both: &Both, opinion: &Opinion, accused: Option<Wrongs>) {
        self.runs += 1;
        self.contradicting += u64::from(accused.is_none());
        match opinion {
            Opinion::Legal(_) => self.legal += 1,
            Opinion::Impossible => self.impossible += 1,
            Opinion::TooLong => self.too_long += 1,
            Opinion::Wrong { sure, .. } => {
                self.wrong += 1;
                for (promise, (broken, missed)) in PROMISES.iter().zip(&mut self.sure) {
                    if sure.contains(*promise)
                        && let Some(accused) = accused
                    {
                        *broken += 1;
                        *missed += u64::from(!accused.contains(*promise));
                    }
                }
            }
        }
        match both {
            Both::FalseAlarm => self.false_alarms += 1,
            Both::Misattributed => self.misattributed += 1,
            Both::Missed => self.missed += 1,
            Both::Strange => self.strange += 1,
            Both::Neither | Both::Agree => {}
        }
    }
}
