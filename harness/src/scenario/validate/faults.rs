//! Rules about faults.

use super::{DELAY_MAX, Findings, clients, nodes};
use crate::fault::{FaultSpec, Section, Strike, Trigger, clock, impair};
use crate::scenario::{Scenario, WorkloadSpec};
use crate::source::{KeyPath, Problem};
use crate::units::{Nanos, SECOND};

/// The limit of adjtimex(2)'s tick: ten per cent.
const DRIFT_MAX_PPM: i64 = 100_000;
/// Further from the truth, a clock would leave what file systems can write down.
const STEP_MAX_S: u64 = 365 * 24 * 3600;

pub fn check(scenario: &Scenario, fault: &FaultSpec, path: &KeyPath, findings: &mut Findings) {
    match &fault.when {
        Trigger::At(at) => check_at(scenario, *at, &path.join("when.at"), findings),
        Trigger::Entered(section) => {
            check_section(scenario, section, &path.join("when.entered"), findings);
        }
        Trigger::Left(section) => {
            check_section(scenario, section, &path.join("when.left"), findings);
        }
    }
    if let Some(lasts) = fault.lasts {
        findings.span(path.key("for"), lasts, Nanos(1));
    }
    let kind = fault.strike.kind();
    let strike = path.key("strike").key(kind);
    let mut known = nodes(scenario);
    known.push("owner".into());
    findings.node(strike.key("node"), fault.strike.target(), &known);
    match &fault.strike {
        Strike::Cut(_) | Strike::Crash(_) => {}
        Strike::Clock(clock) => check_clock(clock, &strike, findings),
        Strike::Impair(impair) => check_impair(impair, &strike, findings),
    }
}

fn check_at(scenario: &Scenario, at: Nanos, path: &KeyPath, findings: &mut Findings) {
    findings.span(path.clone(), at, Nanos::ZERO);
    if let WorkloadSpec::Cycles(cycles) = &scenario.workload
        && at >= cycles.time
    {
        findings.add(
            path.clone(),
            format!("the workload is over after {}; expected an earlier time", cycles.time),
        );
    }
}

fn check_section(scenario: &Scenario, section: &Section, path: &KeyPath, findings: &mut Findings) {
    findings.number(path.key("count"), section.count.into(), 1, 1_000_000);
    findings.span(path.key("after"), section.after, Nanos::ZERO);
    if let Some(client) = &section.client {
        findings.node(path.key("client"), client, &clients(scenario));
    }
    match &scenario.workload {
        WorkloadSpec::Script(_) => {
            let message = "a script has no critical sections to count";
            let problem = Problem::new(path.clone(), message).at_key();
            let help = "write `when: {at: 5s}`, or the fault as a step of the script";
            findings.0.push(problem.help(help));
        }
        WorkloadSpec::Cycles(cycles) => {
            let share = if section.client.is_some() { 1 } else { scenario.site.clients.into() };
            let most = cycles.rounds.map(|rounds| u64::from(rounds) * share);
            if let Some(most) = most.filter(|most| u64::from(section.count) > *most) {
                findings.add(
                    path.key("count"),
                    format!("the workload has {most} critical sections at most; expected no more"),
                );
            }
        }
    }
}

fn check_clock(clock: &clock::Clock, path: &KeyPath, findings: &mut Findings) {
    if clock.step.0 == 0 && clock.drift_ppm == 0 {
        findings.add_key(
            path.clone(),
            "this clock neither steps nor drifts; expected `step: 8s` or `drift_ppm: 1000`",
        );
    }
    if !(-DRIFT_MAX_PPM..=DRIFT_MAX_PPM).contains(&clock.drift_ppm) {
        findings.add(
            path.key("drift_ppm"),
            format!(
                "`drift_ppm` is {}; expected -{DRIFT_MAX_PPM} to {DRIFT_MAX_PPM}",
                clock.drift_ppm
            ),
        );
    }
    if clock.step.0.unsigned_abs() > STEP_MAX_S * SECOND {
        findings
            .add(path.key("step"), format!("`step` is {}; expected at most a year", clock.step));
    }
}

fn check_impair(impair: &impair::Impair, path: &KeyPath, findings: &mut Findings) {
    for (key, share) in [("loss", impair.loss), ("duplicate", impair.duplicate)] {
        // Not `<`: a share may be "not a number" too.
        if !(0.0..=1.0).contains(&share) {
            findings
                .add(path.key(key), format!("`{key}` is {share}; expected a share from 0 to 1"));
        }
    }
    findings.range(path.key("delay"), impair.delay, Nanos::ZERO, DELAY_MAX);
    if impair.loss == 0.0 && impair.duplicate == 0.0 && impair.delay.most == Nanos::ZERO {
        findings
            .add_key(path.clone(), "this impairs nothing; expected `loss`, `duplicate` or `delay`");
    }
}
