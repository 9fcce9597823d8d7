//! A fault that is no part of the plan, and waits for a message.

use super::interpreter::Interpreter;
use super::tap::{Awaited, Tap, TapRule};
use crate::fault::{Caught, FaultId, Passes, Strike};
use crate::plan::Plan;
use crate::site::wire::RuleId;
use std::cell::RefCell;
use std::rc::Rc;

pub struct Watch {
    fault: FaultId,
    strike: Strike,
    tap: Rc<RefCell<Tap>>,
    rule: RuleId,
    has_struck: bool,
}

impl Watch {
    /// Listens from now on. File handles whose names were looked up before have none here.
    pub fn new(
        fault: FaultId,
        passes: &Passes,
        strike: &Strike,
        plan: &Plan,
        run: &mut Interpreter,
    ) -> Watch {
        let waits = std::iter::once((fault, Awaited::Passes(passes.clone())));
        let mut tap = Tap::new(run.site().listener(), &plan.blueprint, waits);
        tap.begin();
        let tap = Rc::new(RefCell::new(tap));
        let rule = run.site().lay(Box::new(TapRule(Rc::clone(&tap))));
        Watch { fault, strike: strike.clone(), tap, rule, has_struck: false }
    }

    /// The message has come, if it is this fault's: what strikes now, and that message.
    pub fn catch(&mut self, fault: FaultId) -> Option<(Strike, Caught)> {
        if fault != self.fault || self.has_struck {
            return None;
        }
        let caught = self.tap.borrow_mut().take(fault)?;
        self.has_struck = true;
        Some((self.strike.clone(), caught))
    }

    pub fn has_struck(&self) -> bool {
        self.has_struck
    }

    /// Nobody listens any more.
    pub fn end(self, run: &mut Interpreter) {
        run.site().lift(self.rule);
    }
}
