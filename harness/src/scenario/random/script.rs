//! Random scripts: legal steps of several clients, with faults between them.
//!
//! An answer is expected only where it is plain: while no fault is in force, and of a lock that
//! nobody can have broken. Else the client is left to wait. A script that expects what it does not
//! get ends, which is no harm: what came before is judged all the same.

use super::Draw;
use crate::fault::ENDS_PROCESSES;
use crate::scenario::script::{Call, Expectation, ExpectedAnswer, Step};
use crate::site::SERVER_NAME;
use crate::units::{MILLISECOND, Nanos, SECOND};
use rand::RngExt;
use std::collections::BTreeMap;

/// Long enough for all that is under way to come to an end.
const REST: Nanos = Nanos::from_secs(150);
/// In a calm.
const ANSWER_WITHIN: Nanos = Nanos::from_secs(20);

struct Story<'a, 'b> {
    draw: &'a mut Draw<'b>,
    lifetime: Option<Nanos>,
    clients: u8,
    steps: Vec<Step>,
    /// Who has the lock, as far as can be told.
    owner: Option<String>,
    /// What clients wait for an answer to.
    waiting: BTreeMap<String, Call>,
    in_force: Vec<(&'static str, String)>,
    /// Nothing has been disturbed since the last rest.
    is_calm: bool,
}

pub(super) fn script(clients: u8, lifetime: Option<Nanos>, draw: &mut Draw) -> Vec<Step> {
    let steps = draw.within(&draw.bounds.steps);
    let lifetime = lifetime.or(draw.profile.lifetime.map(|known| known.default));
    let mut story = Story {
        draw,
        lifetime,
        clients,
        steps: Vec::new(),
        owner: None,
        waiting: BTreeMap::new(),
        in_force: Vec::new(),
        is_calm: true,
    };
    for _ in 0..steps {
        match story.draw.rng.random_range(0..20) {
            0..9 => story.call(),
            9..12 => story.pass(),
            12..15 => story.strike(),
            15..18 => story.end(),
            18 => story.rest(),
            _ => story.wait(),
        }
    }
    while !story.in_force.is_empty() {
        story.end();
    }
    story.rest();
    story.steps
}

impl Story<'_, '_> {
    fn client(&mut self) -> String {
        self.draw.client(self.clients)
    }

    fn has_crashed(&self, node: &str) -> bool {
        let ends = |kind| ENDS_PROCESSES.contains(&kind);
        self.in_force.iter().any(|(kind, of)| ends(*kind) && of == node)
    }

    fn call(&mut self) {
        let client = self.client();
        if self.waiting.contains_key(&client) || self.has_crashed(&client) {
            return;
        }
        let owns = self.owner.as_ref() == Some(&client);
        let call = match self.draw.rng.random_range(0..10) {
            0..5 if owns => Call::Release,
            0..4 => Call::Acquire { timeout: None },
            4 | 5 => Call::Acquire { timeout: Some(Nanos::ZERO) },
            6 => Call::Acquire { timeout: Some(self.draw.time(&(MILLISECOND..=4 * SECOND))) },
            7 if self.lifetime.is_some() => Call::Refresh { lifetime: None },
            8 => Call::Release,
            _ => Call::IsHeld,
        };
        let expect = self.expected(&client, call);
        self.owner = match (call, expect) {
            (Call::Acquire { .. }, Some(ExpectedAnswer::Ok)) => Some(client.clone()),
            (Call::Release, _) if owns => None,
            _ => self.owner.take(),
        };
        if expect.is_none() {
            self.waiting.insert(client.clone(), call);
        }
        let within = Some(ANSWER_WITHIN);
        let expect = expect.map(|answer| Expectation { answer, within });
        self.steps.push(Step::Call { client, call, expect });
    }

    /// The answer to a call that is made now, if it is plain.
    fn expected(&self, client: &str, call: Call) -> Option<ExpectedAnswer> {
        let owns = self.owner.as_deref() == Some(client);
        let by_owner = if owns { ExpectedAnswer::Ok } else { ExpectedAnswer::NotHeld };
        let expected = match call {
            Call::Acquire { .. } if self.owner.is_none() => ExpectedAnswer::Ok,
            // Some locks can be acquired twice, and some are broken.
            Call::Acquire { .. } => return None,
            Call::Release | Call::Refresh { .. } => by_owner,
            Call::IsHeld if owns => ExpectedAnswer::Held,
            Call::IsHeld => ExpectedAnswer::NotHeld,
        };
        (self.is_calm && self.waiting.is_empty()).then_some(expected)
    }

    fn pass(&mut self) {
        let time = self.draw.time(&(100 * MILLISECOND..=30 * SECOND));
        self.steps.push(Step::Pass(time));
        // It may be broken by then.
        self.is_calm &=
            self.owner.is_none() || self.lifetime.is_none_or(|lifetime| time < lifetime);
    }

    fn strike(&mut self) {
        let node = match self.draw.chance(0.25) {
            true => SERVER_NAME.into(),
            false => self.client(),
        };
        let kind = self.draw.kind(self.draw.bounds.weights);
        let full = self.in_force.len() >= *self.draw.bounds.faults.end() as usize;
        if full || self.in_force.iter().any(|(other, of)| *other == kind && *of == node) {
            return;
        }
        let strike = self.draw.strike_of(kind, node.clone());
        let strike = self.draw.perhaps_newer(&node, self.clients).unwrap_or(strike);
        let (kind, node) = (strike.kind(), strike.target().to_owned());
        if self.in_force.iter().any(|(other, of)| *other == kind && *of == node) {
            return;
        }
        self.steps.push(Step::Strike(strike));
        if ENDS_PROCESSES.contains(&kind) {
            // Its call is never answered.
            self.waiting.remove(&node);
        }
        self.in_force.push((kind, node));
        self.is_calm = false;
    }

    fn end(&mut self) {
        if self.in_force.is_empty() {
            return;
        }
        let which = self.draw.rng.random_range(0..self.in_force.len());
        let (kind, node) = self.in_force.remove(which);
        self.steps.push(Step::End { kind, node });
    }

    /// Everything comes to an end; what has a lifetime has been broken by then.
    fn rest(&mut self) {
        self.steps.push(Step::Pass(REST));
        self.is_calm = self.in_force.is_empty() && self.waiting.is_empty() && self.owner.is_none();
    }

    /// Waits for the answer to an acquire that nothing stands in the way of.
    fn wait(&mut self) {
        let is_free = self.owner.is_none() && self.in_force.is_empty() && self.waiting.len() == 1;
        let first = self.waiting.first_key_value();
        let Some((client, Call::Acquire { timeout: None })) = first.filter(|_| is_free) else {
            return;
        };
        let client = client.clone();
        self.waiting.remove(&client);
        let expect = Expectation { answer: ExpectedAnswer::Ok, within: None };
        self.steps.push(Step::Await { client: client.clone(), expect });
        self.owner = Some(client);
    }
}
