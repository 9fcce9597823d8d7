//! Which fault of a plan: counted from 1 by people, kept by its place in the plan.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A fault, by its place in the plan, counted from 0: the scenario's own stand first, and then the
/// steps of a script, of which some strike.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct FaultId(usize);

impl FaultId {
    /// The fault at a place of the plan.
    pub const fn at(index: usize) -> FaultId {
        FaultId(index)
    }

    /// The fault that people and scenarios call so; they count from 1.
    pub const fn numbered(number: usize) -> Option<FaultId> {
        match number.checked_sub(1) {
            Some(index) => Some(FaultId(index)),
            None => None,
        }
    }

    /// Its place in the plan.
    pub const fn index(self) -> usize {
        self.0
    }

    /// What stands for it where faults are not known: at the wire and in an agent.
    pub const fn token(self) -> u64 {
        self.0 as u64
    }

    /// The fault of such a token.
    pub fn of_token(token: u64) -> Option<FaultId> {
        usize::try_from(token).ok().map(FaultId)
    }

    /// What people and scenarios call it.
    pub const fn number(self) -> usize {
        self.0 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::FaultId;

    #[test]
    fn faults_are_counted_from_one_and_none_is_numbered_zero() {
        assert_eq!(FaultId::numbered(0), None);
        assert_eq!(FaultId::numbered(1), Some(FaultId::at(0)));
        assert_eq!(FaultId::at(6).number(), 7);
    }
}
