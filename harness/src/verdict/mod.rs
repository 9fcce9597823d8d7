//! The verdict: what the findings and the run itself add up to.
//!
//! - A violation that was seen is a violation, even if the run went wrong later; the report
//!   then says both. Only a history that contradicts itself is no evidence of anything.
//! - A run that went wrong (a fault that missed, a node that died by itself, an adapter that
//!   failed, too few critical sections) is unknown, never valid; each reason is told.
//! - A script states the answers that its author expects. They are no promises of the lock, so
//!   an unmet step violates in a class of its own, and only in a run that went right.

pub mod activity;
pub mod comments;
mod hung;
pub mod last_words;
mod plots;
pub mod recheck;
mod reproduce;
pub mod situation;
mod story;
mod summary;
#[cfg(test)]
mod tests;
mod timeline;
pub mod wire;

pub use recheck::{RecheckError, recheck};

use crate::check::{self, Evidence};
use crate::fault::FaultId;
use crate::history::{Event, EventKind};
use crate::kernel::{self, Kernel};
use crate::plan::Plan;
use crate::scenario::ExpectedVerdict;
use crate::site::blueprint::Role;
use lockstorm_reports::text::seconds;
use lockstorm_reports::{
    Artefact, Class, Expected, FORMAT, FaultReport, Finding, InvariantResult, LockPart, NodeKernel,
    Plots, Provenance, Report, ScenarioPart, Statistics, Status, Timeline, UnmetStep, Verdict,
    Wall,
};
use situation::Situations;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Notes and reasons of one kind that are told one by one.
const TOLD_MAX: usize = 20;

/// What a report needs and the history does not hold.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// As the history's writer or reader computed it.
    pub history_sha256: String,
    pub artefacts: Vec<Artefact>,
    /// Counts of the site: frames, NFS calls ... Deterministic ones only.
    pub site: BTreeMap<String, u64>,
    pub wall: Option<Wall>,
}

/// Judges a run.
pub fn judge(plan: &Plan, history: &[Event], circumstances: Circumstances) -> Report {
    // The evidence is derived from what a file says, perhaps a damaged one. Should that ever
    // panic, it is a bug, but the verdict stays honest.
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let evidence = Evidence::of(plan, history);
        let (mut invariants, mut findings) = check::check(&evidence);
        for result in &mut invariants {
            let promise = plan.profile.promises.get(&result.invariant);
            result.promise = promise.cloned().unwrap_or_default();
        }
        for finding in &mut findings {
            finding.story = story::story(&evidence, finding);
            finding.situation = Situations::before(plan, history, finding);
        }
        let timeline = timeline::timeline(&evidence, &findings);
        let waits: Vec<u64> = summary::waits(&evidence).map(|(_, waited)| waited).collect();
        Judged {
            plots: Some(plots::plots(&evidence, &waits, timeline.began_ns)),
            timeline: Some(timeline),
            unknown_because: unknown_because(&evidence, &invariants),
            contradictory: !evidence.contradictions.is_empty(),
            notes: summary::notes(&evidence),
            statistics: summary::statistics(&evidence),
            faults: evidence.faults.into_iter().map(|fault| fault.report).collect(),
            invariants,
            findings,
        }
    }));
    let judged = judged.unwrap_or_else(|panic| Judged::failed(&check::message(&*panic)));
    report(plan, history, circumstances, judged)
}

/// What the checkers and the run itself say.
#[derive(Default)]
struct Judged {
    invariants: Vec<InvariantResult>,
    findings: Vec<Finding>,
    contradictory: bool,
    unknown_because: Vec<String>,
    notes: Vec<String>,
    statistics: Statistics,
    faults: Vec<FaultReport>,
    timeline: Option<Timeline>,
    plots: Option<Plots>,
}

impl Judged {
    fn failed(message: &str) -> Judged {
        let result = |checker: &check::Checker| InvariantResult {
            invariant: checker.invariant,
            status: Status::Unknown,
            judged: 0,
            violations: 0,
            note: "the history could not be judged".into(),
            not_judged: Vec::new(),
            promise: String::new(),
        };
        Judged {
            invariants: check::CHECKERS.iter().map(result).collect(),
            unknown_because: vec![format!(
                "lockstorm failed to judge the history, which is a bug: {message}"
            )],
            ..Judged::default()
        }
    }
}

fn report(
    plan: &Plan,
    history: &[Event],
    circumstances: Circumstances,
    mut judged: Judged,
) -> Report {
    let unmet_steps = unmet_steps(history);
    let (verdict, class) = verdict(&judged, &unmet_steps);
    let scenario = &plan.scenario;
    let expected = match scenario.expect.verdict {
        ExpectedVerdict::Valid => Expected::Valid,
        ExpectedVerdict::BrokenPromise => Expected::BrokenPromise,
        ExpectedVerdict::BeyondAssumptions => Expected::BeyondAssumptions,
    };
    judged.statistics.site = circumstances.site;
    Report {
        format: FORMAT,
        scenario: ScenarioPart {
            name: scenario.name.clone(),
            about: scenario.about.clone(),
            seed: plan.seed,
        },
        lock: LockPart {
            name: plan.profile.name.clone(),
            version: summary::version(plan, history),
            from: plan.lock_image.as_ref().map(|image| image.from.clone()),
            lifetime_ns: plan.lifetime().map(|lifetime| lifetime.0),
            summary: plan.profile.summary.clone(),
            assumes: Some(summary::assumes(plan)),
        },
        reproduce: reproduce::command(plan).unwrap_or_default(),
        provenance: Provenance {
            lockstorm: env!("CARGO_PKG_VERSION").into(),
            kernel_key: plan.kernel_key.clone(),
            kernel_version: kernel::version_of(&plan.kernel_key),
            image_key: plan.image_key.clone(),
            kernels: kernels(plan),
            nfs_version: plan.blueprint.mount.version.clone(),
            clock: summary::clock(plan),
            site: Some(summary::site(plan)),
            mounts: summary::mounts(plan, history),
            history_sha256: circumstances.history_sha256,
            plan_sha256: plan.hash().ok().map(|hash| hash.to_string()),
        },
        verdict,
        class,
        expected,
        as_expected: unmet_steps.is_empty() && is_expected(verdict, class, expected),
        invariants: judged.invariants,
        findings: judged.findings,
        unmet_steps,
        unknown_because: judged.unknown_because,
        notes: judged.notes,
        statistics: judged.statistics,
        faults: judged.faults,
        timeline: judged.timeline,
        plots: judged.plots,
        plan: plan.to_yaml().unwrap_or_default(),
        artefacts: circumstances.artefacts,
        wall: circumstances.wall,
    }
}

/// The kernels of the nodes, if they do not all have the default one.
fn kernels(plan: &Plan) -> Vec<NodeKernel> {
    let of = |nodes: &str, role| {
        let kernel = plan
            .kernels
            .of(role)
            .cloned()
            .unwrap_or_else(|| Kernel { key: plan.kernel_key.clone(), ..kernel::default() });
        NodeKernel { nodes: nodes.into(), version: kernel.version, key: kernel.key }
    };
    match plan.kernels.are_default() {
        true => Vec::new(),
        false => vec![of("server", Role::Server), of("clients", Role::Client)],
    }
}

fn verdict(judged: &Judged, unmet_steps: &[UnmetStep]) -> (Verdict, Option<Class>) {
    let unmet = (!unmet_steps.is_empty()).then_some(Class::ScriptExpectation);
    let found = judged.findings.iter().map(|finding| finding.class).min();
    if judged.contradictory {
        (Verdict::Unknown, None)
    } else if let Some(found) = found {
        (Verdict::Violated, Some(unmet.map_or(found, |unmet| found.min(unmet))))
    } else if !judged.unknown_because.is_empty() {
        (Verdict::Unknown, None)
    } else if unmet.is_some() {
        (Verdict::Violated, unmet)
    } else {
        (Verdict::Valid, None)
    }
}

fn is_expected(verdict: Verdict, class: Option<Class>, expected: Expected) -> bool {
    match expected {
        Expected::Valid => verdict == Verdict::Valid,
        Expected::BrokenPromise => class == Some(Class::BrokenPromise),
        Expected::BeyondAssumptions => class == Some(Class::BeyondAssumptions),
    }
}

/// Everything that keeps the run from being valid, in words.
fn unknown_because(evidence: &Evidence, invariants: &[InvariantResult]) -> Vec<String> {
    let mut because = Vec::new();
    let contradictions = evidence.contradictions.iter();
    because
        .extend(told(contradictions.map(|what| format!("the history contradicts itself, {what}"))));
    because.extend(told(faults_missed(evidence)));
    because.extend(told(evidence.history.iter().filter_map(went_wrong)));
    let ended = |event: &Event| matches!(event.kind, EventKind::WorkloadEnded { .. });
    if !evidence.history.iter().any(ended) {
        because.push("the history does not say that the workload ended".into());
    }
    let sections = evidence.holds.len();
    let expected = evidence.plan.scenario.expect.critical_sections as usize;
    if sections == 0 {
        because.push("nobody entered a critical section".into());
    } else if sections < expected && summary::stands_for_ever(evidence).is_none() {
        because.push(format!(
            "there were {sections} critical sections, and the scenario expects at least {expected}"
        ));
    }
    let failed = invariants.iter().filter(|result| result.status == Status::Unknown);
    because.extend(failed.map(|result| {
        let words = result.invariant.words();
        format!("{words} was not judged: {}", result.note)
    }));
    let tried = |result: &InvariantResult| matches!(result.status, Status::Kept | Status::Violated);
    if !invariants.iter().any(tried) {
        because.push("no promise of the lock was put to the test".into());
    }
    because
}

/// The first few, and how many more there are.
fn told(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = all.collect();
    if all.len() > TOLD_MAX {
        let more = all.len() - TOLD_MAX;
        all.truncate(TOLD_MAX);
        all.push(format!("... and {more} more like these"));
    }
    all
}

/// Faults that said so, and faults of the plan of which the history says nothing; but for those
/// that may miss.
fn faults_missed<'a>(evidence: &'a Evidence) -> impl Iterator<Item = String> + 'a {
    let must_hit = |fault: FaultId| !evidence.plan.may_miss(fault);
    let faults = evidence.faults.iter().map(|fault| &fault.report);
    let missed = faults.filter(move |fault| fault.missed && must_hit(FaultId::at(fault.fault)));
    let missed = missed.map(|fault| match fault.struck_ns {
        Some(_) => format!("{} of {} missed: {}", fault.kind, fault.node, fault.effect),
        None => format!("fault {} never struck: {}", fault.node, fault.effect),
    });
    let planned = (0..evidence.plan.scenario.faults.len()).map(FaultId::at);
    let told = |id: FaultId| evidence.faults.iter().any(|fault| fault.report.fault == id.index());
    let silent = planned.filter(move |id| must_hit(*id) && !told(*id));
    missed.chain(silent.map(|id| format!("fault {} never struck", id.number())))
}

/// An event that no good run has.
fn went_wrong(event: &Event) -> Option<String> {
    let at = seconds(event.at_ns);
    match &event.kind {
        EventKind::NodeDied { node, by_plan: false, cause } => {
            Some(format!("{node} died at {at}, by no fault of the plan: {cause}"))
        }
        EventKind::AdapterFailed { client, cause } => {
            Some(format!("the adapter of {client} failed at {at}: {cause}"))
        }
        EventKind::WorkloadEnded { completed: false, why } => {
            Some(format!("the workload was not completed: {why}"))
        }
        _ => None,
    }
}

fn unmet_steps(history: &[Event]) -> Vec<UnmetStep> {
    let steps = history.iter().filter_map(|event| match &event.kind {
        EventKind::StepDone { step, text, met: false, saw } => Some(UnmetStep {
            step: *step,
            text: text.clone(),
            saw: saw.clone(),
            at_ns: event.at_ns,
        }),
        _ => None,
    });
    steps.collect()
}
