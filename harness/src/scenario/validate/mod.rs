//! Everything about a scenario that its types cannot say.
//!
//! Each rule is a [`Problem`] at the path of the value that breaks it; the loader finds the
//! line. All rules run, so that one look at the messages mends the whole file.

mod calls;
mod faults;
mod mount;
mod name;
mod profile;
mod script;
mod site;
mod states;
mod workload;

pub use mount::VERSIONS;

use super::{Scenario, WorkloadSpec};
use crate::lock::profile::Profile;
use crate::site::SERVER_NAME;
use crate::source::{KeyPath, Problem};
use crate::suggest::closest;
use crate::units::{Nanos, NanosRange, SECOND};

/// Longer spans are slips: nobody waits for them, and sums of them could overflow.
const SPAN_MAX: Nanos = Nanos::from_secs(24 * 3600);
/// Nothing on the wire or the disk takes longer.
const DELAY_MAX: Nanos = Nanos::from_secs(10);

/// Checks all that can be checked without the lock's profile.
pub fn scenario(scenario: &Scenario) -> Vec<Problem> {
    let mut findings = Findings::default();
    name::check(&scenario.name, &mut findings);
    site::check(&scenario.site, &mut findings);
    if let Some(lifetime) = scenario.lock.lifetime {
        findings.span(KeyPath::keys("lock.lifetime"), lifetime, Nanos(1));
    }
    match &scenario.workload {
        WorkloadSpec::Cycles(cycles) => workload::check(scenario, cycles, &mut findings),
        WorkloadSpec::Script(steps) => script::check(scenario, steps, &mut findings),
    }
    for (index, fault) in scenario.faults.iter().enumerate() {
        let path = KeyPath::keys("faults").index(index);
        faults::check(scenario, fault, &path, &mut findings);
    }
    faults::check_drifts(scenario, &mut findings);
    findings.0
}

/// Checks what the lock's own limits say about the scenario.
pub fn against_profile(scenario: &Scenario, profile: &Profile) -> Vec<Problem> {
    let mut findings = Findings::default();
    profile::check(scenario, profile, &mut findings);
    findings.0
}

/// The problems found so far.
#[derive(Default)]
struct Findings(Vec<Problem>);

impl Findings {
    fn add(&mut self, path: KeyPath, message: impl Into<String>) {
        self.0.push(Problem::new(path, message));
    }

    /// A problem with a key that should not be there, or not like this.
    fn add_key(&mut self, path: KeyPath, message: impl Into<String>) {
        self.0.push(Problem::new(path, message).at_key());
    }

    fn number(&mut self, path: KeyPath, value: u64, least: u64, most: u64) {
        if !(least..=most).contains(&value) {
            let name = last_key(&path);
            self.add(path, format!("`{name}` is {value}; expected {least} to {most}"));
        }
    }

    /// A span of the story.
    fn span(&mut self, path: KeyPath, span: Nanos, least: Nanos) {
        self.between(path, span, least, SPAN_MAX);
    }

    fn between(&mut self, path: KeyPath, span: Nanos, least: Nanos, most: Nanos) {
        let name = last_key(&path);
        if span == Nanos::ZERO && least > Nanos::ZERO {
            self.add(path, format!("`{name}` is 0s; expected at least {least}"));
        } else if span < least || span > most {
            self.add(path, format!("`{name}` is {span}; expected {least} to {most}"));
        }
    }

    fn range(&mut self, path: KeyPath, range: NanosRange, least: Nanos, most: Nanos) {
        let worse = if range.most > most { range.most } else { range.least };
        self.between(path, worse, least, most);
    }

    fn whole_seconds(&mut self, path: KeyPath, span: Nanos, least: u64, most: u64) {
        if !span.0.is_multiple_of(SECOND) {
            let name = last_key(&path);
            self.add(
                path,
                format!(
                    "`{name}` is {span}, which the server cannot be told; expected whole seconds"
                ),
            );
            return;
        }
        self.between(path, span, Nanos::from_secs(least), Nanos::from_secs(most));
    }

    /// A node that the site does not have.
    fn node(&mut self, path: KeyPath, node: &str, known: &[String]) {
        if known.iter().any(|name| name == node) {
            return;
        }
        let shown: String = node.chars().take(40).collect();
        let problem = Problem::new(path, format!("there is no node `{shown}`"));
        let all = format!("the nodes are {}", known.join(", "));
        self.0.push(match closest(node, known.iter().map(String::as_str)) {
            // `c4` is no slip of `c1`.
            Some(near) if node.len() > 3 => problem.help(format!("did you mean `{near}`? {all}")),
            _ => problem.help(all),
        });
    }
}

/// The clients of a scenario: `c1` to `cN`.
fn clients(scenario: &Scenario) -> Vec<String> {
    let clients = scenario.site.client_ids().take(super::CLIENTS_MAX.into());
    clients.map(|client| client.to_string()).collect()
}

/// The server and the clients.
fn nodes(scenario: &Scenario) -> Vec<String> {
    let mut nodes = vec![SERVER_NAME.to_string()];
    nodes.extend(clients(scenario));
    nodes
}

fn last_key(path: &KeyPath) -> String {
    let text = path.to_string();
    text.rsplit('.').next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests;
