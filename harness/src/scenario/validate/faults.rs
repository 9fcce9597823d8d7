//! Rules about faults.

use super::{Findings, SPAN_MAX, calls, clients, nodes, states};
use crate::fault::clock::DRIFT_MAX_PPM;
use crate::fault::cut::{Cut, Service};
use crate::fault::trigger::{ANY, OTHER, STRIKES_MAX};
use crate::fault::{
    CALLER, Every, FaultSpec, Named, OWNER, Other, Section, Situation, Strike, Trigger,
};
use crate::scenario::{Scenario, WorkloadSpec};
use crate::site::SERVER_NAME;
use crate::site::clock::Clock;
use crate::source::{KeyPath, Problem};
use crate::units::{MILLISECOND, Nanos};

pub fn check(scenario: &Scenario, fault: &FaultSpec, path: &KeyPath, findings: &mut Findings) {
    match &fault.when {
        Trigger::At(at) => check_at(scenario, *at, &path.join("when.at"), findings),
        Trigger::Every(every) => check_every(scenario, every, &path.join("when.every"), findings),
        Trigger::Entered(section) => {
            check_section(scenario, section, &path.join("when.entered"), findings);
        }
        Trigger::Left(section) => {
            check_section(scenario, section, &path.join("when.left"), findings);
        }
        Trigger::Calls(asked) => {
            let path = path.join("when.calls");
            findings.number(path.key("count"), asked.count.into(), 1, 1_000_000);
            findings.span(path.key("after"), asked.after, Nanos::ZERO);
            if let Some(client) = &asked.client {
                findings.node(path.key("client"), client, &clients(scenario));
            }
        }
        Trigger::Situation(situation) => {
            let known = [clients(scenario), vec![ANY.into()]].concat();
            check_situation(situation, &known, &path.join("when.situation"), findings);
        }
        Trigger::Struck(other) => {
            check_other(scenario, fault, other, &path.join("when.struck"), findings);
        }
        Trigger::Ended(other) => {
            check_other(scenario, fault, other, &path.join("when.ended"), findings);
        }
        Trigger::Rpc(passes) => calls::check(scenario, passes, &path.join("when.rpc"), findings),
        Trigger::State(reaches) => {
            states::check(scenario, reaches, &path.join("when.state"), findings);
        }
        Trigger::Exists(exists) => {
            states::check_exists(exists, &path.join("when.exists"), findings)
        }
    }
    let version = &scenario.site.nfs.version;
    calls::check_fit(version, fault, &path.join("strike").key(fault.strike.kind()), findings);
    if let Some(lasts) = fault.lasts {
        findings.span(path.key("for"), lasts, Nanos(1));
    }
    if let Some(situation) = &fault.until {
        check_until(scenario, fault, situation, path, findings);
    }
    let mut known = nodes(scenario);
    known.push(OWNER.into());
    if fault.when.has_caller() {
        known.push(CALLER.into());
    }
    let path = path.key("strike").key(fault.strike.kind());
    let strikes_message = fault.strike.fault().needs_message();
    let named = fault.strike.fault().named().into_iter();
    for Named { key, index, node } in named.filter(|_| !strikes_message) {
        let path = path.key(key);
        findings.node(index.map_or(path.clone(), |index| path.index(index)), node, &known);
    }
    check_strike(scenario, &fault.strike, &path, findings);
}

/// What a fault itself says makes no sense, whatever makes it strike.
pub fn check_strike(scenario: &Scenario, strike: &Strike, path: &KeyPath, findings: &mut Findings) {
    if let Strike::Cut(Cut { service: Some(service), .. }) = strike
        && *service != Service::Nfs
        && scenario.site.nfs.version != "3"
    {
        let message = "NFSv4 is one program alone; expected `site.nfs.version: \"3\"`";
        findings.add(path.key("service"), message);
    }
    if scenario.site.clock == Clock::Real
        && let Strike::Pause(_) = strike
    {
        let message = "nodes on the real clock cannot be suspended; expected another fault, or \
            the virtual clock";
        findings.add_key(path.clone(), message);
    }
    for (key, message) in strike.fault().problems() {
        match key {
            Some(key) => findings.add(path.key(key), message),
            None => findings.add_key(path.clone(), message),
        }
    }
}

/// Rates add up, and no clock can be made to run at just any rate.
pub fn check_drifts(scenario: &Scenario, findings: &mut Findings) {
    for node in nodes(scenario) {
        let mut sum: i64 = 0;
        for (index, fault) in scenario.faults.iter().enumerate() {
            let Strike::Clock(clock) = &fault.strike else {
                continue;
            };
            let may_hit = clock.node == node || (clock.node == OWNER && node != SERVER_NAME);
            if !may_hit || clock.drift_ppm.abs() > DRIFT_MAX_PPM {
                continue;
            }
            sum += clock.drift_ppm.abs();
            if sum > DRIFT_MAX_PPM {
                let path = KeyPath::keys("faults").index(index).join("strike.clock.drift_ppm");
                findings.add(
                    path,
                    format!(
                        "with the faults before it this makes the clock of {node} drift by {sum} \
                         ppm; expected {DRIFT_MAX_PPM} in all at most"
                    ),
                );
                return;
            }
        }
    }
}

fn check_every(scenario: &Scenario, every: &Every, path: &KeyPath, findings: &mut Findings) {
    findings.range(path.key("gap"), every.gap, Nanos(MILLISECOND), SPAN_MAX);
    findings.span(path.key("from"), every.from, Nanos::ZERO);
    if let Some(times) = every.times {
        findings.number(path.key("times"), times.into(), 1, STRIKES_MAX.into());
    }
    match &scenario.workload {
        WorkloadSpec::Script(_) if every.times.is_none() => {
            let message = "a script takes as long as it takes; expected `times` beside `gap`";
            findings.add_key(path.clone(), message);
        }
        WorkloadSpec::Script(_) => {}
        WorkloadSpec::Cycles(cycles) => {
            let first = Nanos(every.from.0.saturating_add(every.gap.most.0));
            check_at(scenario, first, path, findings);
            let strikes = cycles.time.0 / every.gap.least.0.max(1);
            if every.times.is_none() && strikes > STRIKES_MAX.into() {
                let message = format!(
                    "it would strike up to {strikes} times; expected {STRIKES_MAX} at most: a \
                     larger `gap`, or `times`"
                );
                findings.add(path.key("gap"), message);
            }
        }
    }
}

/// The end of a fault that lasts until clients are in a situation: it may never come to that.
fn check_until(
    scenario: &Scenario,
    fault: &FaultSpec,
    situation: &Situation,
    path: &KeyPath,
    findings: &mut Findings,
) {
    let known = [clients(scenario), vec![ANY.into(), OTHER.into()]].concat();
    let until = path.key("until");
    check_situation(situation, &known, &until, findings);
    if fault.strike.fault().needs_message() {
        findings.add_key(until, "it strikes one message, and is over; expected no `until`");
    } else if fault.lasts.is_none() {
        let message = "it may never come to that; expected `for` beside it, how long at most";
        findings.add_key(until, message);
    }
}

fn check_situation(
    situation: &Situation,
    known: &[String],
    path: &KeyPath,
    findings: &mut Findings,
) {
    for (key, names) in [("inside", &situation.inside), ("waiting", &situation.waiting)] {
        for (index, name) in names.iter().enumerate() {
            findings.node(path.key(key).index(index), name, known);
        }
    }
    if situation.inside.is_empty() && situation.waiting.is_empty() {
        findings.add_key(path.clone(), "nobody is in it; expected `inside` or `waiting`");
    }
    let is_one = |name: &str| name != ANY && name != OTHER;
    let both =
        situation.inside.iter().find(|name| is_one(name) && situation.waiting.contains(name));
    if let Some(name) = both {
        findings.add_key(path.clone(), format!("{name} cannot be inside and wait"));
    }
    findings.span(path.key("after"), situation.after, Nanos::ZERO);
}

fn check_other(
    scenario: &Scenario,
    fault: &FaultSpec,
    other: &Other,
    path: &KeyPath,
    findings: &mut Findings,
) {
    let count = scenario.faults.len() as u64;
    findings.number(path.key("fault"), other.fault.into(), 1, count);
    let it = other.id().and_then(|id| scenario.faults.get(id.index()));
    if it.is_some_and(|it| std::ptr::eq(it, fault)) {
        findings.add(path.key("fault"), "this is the fault itself; expected another one");
    }
    findings.span(path.key("after"), other.after, Nanos::ZERO);
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

#[cfg(test)]
mod tests {
    use super::super::tests::fault;

    #[test]
    fn a_fault_that_may_never_end_or_is_over_at_once_lasts_until_nothing() {
        let said = |strike: &str, until: &str| {
            fault(&format!("when: {{at: 5s}}\nstrike: {strike}\nfor: 30s\nuntil: {until}"))
        };
        let pause = "{pause: {node: c1}}";
        assert_eq!(said(pause, "{inside: [other], waiting: [any], after: 300ms}"), "nothing\n");
        let told = [
            said(pause, "{}"),
            said(pause, "{inside: [c9]}"),
            said(pause, "{inside: [c2], waiting: [c2]}"),
            fault(&format!("when: {{at: 5s}}\nstrike: {pause}\nuntil: {{inside: [other]}}")),
            fault("when: {rpc: {op: LINK}}\nstrike: {lose: {}}\nuntil: {inside: [other]}"),
            fault(&format!("when: {{situation: {{inside: [other]}}}}\nstrike: {pause}")),
        ];
        insta::assert_snapshot!("until", told.join("\n"));
    }
}
