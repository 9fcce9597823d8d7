//! Rules about scripts: the story must be one that can be told.

use super::faults::check_strike;
use super::{Findings, SPAN_MAX, clients, nodes};
use crate::fault::{ENDS_PROCESSES, Strike};
use crate::scenario::Scenario;
use crate::scenario::script::{Call, Expectation, ExpectedAnswer, Step};
use crate::source::{KeyPath, Problem, Segment};
use crate::units::Nanos;
use std::collections::BTreeMap;

/// What the steps so far have left behind.
#[derive(Default)]
struct Story<'a> {
    /// Calls whose answer was not waited for.
    pending: BTreeMap<&'a str, Call>,
    /// The faults in force, by kind and node: how many.
    faults: BTreeMap<(&'a str, &'a str), u32>,
    passed: u64,
}

pub fn check(scenario: &Scenario, steps: &[Step], findings: &mut Findings) {
    let path = KeyPath::keys("workload.script");
    if steps.is_empty() {
        findings.add_key(path, "the script has no steps; expected such as `- c1: acquire -> ok`");
        return;
    }
    let (clients, nodes) = (clients(scenario), nodes(scenario));
    let mut story = Story::default();
    for (index, step) in steps.iter().enumerate() {
        let mut path = path.index(index);
        match step {
            Step::Call { client, .. } | Step::Await { client, .. } => {
                if !clients.contains(client) {
                    findings.node(path, client, &clients);
                    continue;
                }
                path.0.push(Segment::Key(client.clone()));
            }
            Step::Strike(strike) => {
                if strike.fault().needs_message() {
                    let message = "a step of a script meets no message of NFS";
                    let problem = Problem::new(path.clone(), message);
                    let help = "write it among `faults`, with `when: {rpc: {op: LINK}}`";
                    findings.0.push(problem.help(help));
                    continue;
                }
                for named in strike.fault().named() {
                    findings.node(path.clone(), named.node, &nodes);
                }
                check_strike(scenario, strike, &path, findings);
            }
            Step::End { node, .. } => findings.node(path.clone(), node, &nodes),
            Step::Pass(_) => {}
        }
        if let Err(message) = story.tell(step) {
            findings.add(path, message);
        }
    }
}

impl<'a> Story<'a> {
    fn tell(&mut self, step: &'a Step) -> Result<(), String> {
        match step {
            Step::Pass(span) => self.pass(*span),
            Step::Strike(strike) => self.strike(strike),
            Step::End { kind, node } => self.end(kind, node),
            Step::Call { client, call, expect } => self.call(client, *call, expect.as_ref()),
            Step::Await { client, expect } => self.wait(client, expect),
        }
    }

    fn pass(&mut self, span: Nanos) -> Result<(), String> {
        self.passed = self.passed.saturating_add(span.0);
        match self.passed > SPAN_MAX.0 {
            true => Err(format!("the script takes more than {SPAN_MAX} in all")),
            false => Ok(()),
        }
    }

    fn call(
        &mut self,
        client: &'a str,
        call: Call,
        expect: Option<&Expectation>,
    ) -> Result<(), String> {
        if self.has_crashed(client) {
            return Err(format!("`{client}` has crashed; expected `restart {client}` before this"));
        }
        if let Some(pending) = self.pending.get(client) {
            return Err(format!(
                "`{client}` still waits for the answer to `{pending}`; \
                 expected `{client}: -> ANSWER` before this"
            ));
        }
        match expect {
            Some(expect) => answers(call, expect.answer),
            None => {
                self.pending.insert(client, call);
                Ok(())
            }
        }
    }

    fn wait(&mut self, client: &'a str, expect: &Expectation) -> Result<(), String> {
        match self.pending.remove(client) {
            Some(call) => answers(call, expect.answer),
            None if self.has_crashed(client) => {
                Err(format!("`{client}` has crashed, no answer can come"))
            }
            None => Err(format!(
                "`{client}` has no call whose answer is to come; \
                 expected a step such as `{client}: acquire` before this"
            )),
        }
    }

    fn has_crashed(&self, node: &str) -> bool {
        let is_in_force =
            |kind: &'static str| self.faults.get(&(kind, node)).is_some_and(|count| *count > 0);
        ENDS_PROCESSES.iter().any(|kind| is_in_force(kind))
    }

    fn strike(&mut self, strike: &'a Strike) -> Result<(), String> {
        let (kind, node) = (strike.kind(), strike.target());
        let count = self.faults.entry((kind, node)).or_default();
        *count += 1;
        match (kind, *count) {
            ("cut", 2..) => Err(format!("`{node}` is cut off already")),
            ("crash", 2..) => Err(format!("`{node}` is down already")),
            _ => {
                if ENDS_PROCESSES.contains(&kind) {
                    self.pending.remove(node);
                }
                Ok(())
            }
        }
    }

    fn end(&mut self, kind: &'a str, node: &'a str) -> Result<(), String> {
        match self.faults.get_mut(&(kind, node)) {
            Some(count @ 1..) => {
                *count -= 1;
                Ok(())
            }
            _ => Err(match kind {
                "cut" => format!("`{node}` is not cut off; expected `cut {node}` before this"),
                "crash" => format!("`{node}` has not crashed; expected `crash {node}` before this"),
                _ => format!("no `{kind}` of `{node}` is in force; expected one before this"),
            }),
        }
    }
}

/// Whether a call can be answered so.
fn answers(call: Call, answer: ExpectedAnswer) -> Result<(), String> {
    use ExpectedAnswer as A;
    let (fits, can) = match call {
        Call::Acquire { timeout: None } => {
            (matches!(answer, A::Ok | A::Error), "`ok` or `error`, since it waits for ever")
        }
        Call::Acquire { timeout: Some(_) } => (
            matches!(answer, A::Ok | A::Busy | A::Timeout | A::Error),
            "`ok`, `busy`, `timeout` or `error`",
        ),
        Call::Release | Call::Refresh { .. } => {
            (matches!(answer, A::Ok | A::NotHeld | A::Error), "`ok`, `not held` or `error`")
        }
        Call::IsHeld => {
            (matches!(answer, A::Held | A::NotHeld | A::Error), "`held`, `not held` or `error`")
        }
    };
    match fits || answer == A::Any {
        true => Ok(()),
        false => Err(format!("`{call}` is never answered `{answer}`; expected {can}")),
    }
}
