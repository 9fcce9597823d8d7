//! Rules about the closed loop of cycles.

use super::{Findings, SPAN_MAX};
use crate::scenario::{CyclesSpec, Impatient, Scenario};
use crate::source::KeyPath;
use crate::units::{MILLISECOND, Nanos};

pub fn check(scenario: &Scenario, cycles: &CyclesSpec, findings: &mut Findings) {
    let at = |key: &str| KeyPath::keys("workload.cycles").key(key);
    findings.span(at("time"), cycles.time, Nanos::from_millis(1));
    findings.range(at("hold"), cycles.hold, Nanos::ZERO, SPAN_MAX);
    findings.range(at("think"), cycles.think, Nanos::ZERO, SPAN_MAX);
    if cycles.hold.most == Nanos::ZERO && cycles.think.most == Nanos::ZERO {
        // A lock that never waits would go round for ever in one instant.
        findings.add(
            at("hold"),
            "`hold` and `think` are both 0s, so that no time would pass; \
             expected at least one of them to take time",
        );
    }
    if let Some(timeout) = cycles.timeout {
        findings.span(at("timeout"), timeout, Nanos::ZERO);
    }
    if let Some(Impatient { share, timeout }) = cycles.impatient {
        if !(0.0..=1.0).contains(&share) {
            let message = format!("`share` is {share}; expected 0 to 1");
            findings.add(at("impatient").key("share"), message);
        }
        findings.span(at("impatient").key("timeout"), timeout, Nanos::ZERO);
    }
    if let Some(refresh) = cycles.refresh {
        findings.span(at("refresh"), refresh, Nanos(MILLISECOND));
    }
    if let Some(is_held) = cycles.is_held {
        findings.span(at("is_held"), is_held, Nanos(MILLISECOND));
    }
    if let Some(rounds) = cycles.rounds {
        findings.number(at("rounds"), rounds.into(), 1, 1_000_000);
        let most = u64::from(rounds) * u64::from(scenario.site.clients);
        let expected = scenario.expect.critical_sections;
        if u64::from(expected) > most {
            let message =
                format!("{expected} critical sections cannot come of {rounds} rounds each");
            let path = KeyPath::keys("expect.critical_sections");
            findings.add(path, format!("{message}; expected at most {most}"));
        }
    }
}
