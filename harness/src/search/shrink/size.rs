//! How much there is to read in a scenario.

use super::{brief, numbers};
use crate::lock::profile::Profile;
use crate::scenario::{Scenario, WorkloadSpec};
use crate::search::parts::steps;
use lockstorm_reports::text::counted;

/// What comes first weighs more than all behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    /// Faults, and steps of a script.
    pub events: usize,
    pub clients: u8,
    /// How many critical sections each client has; the most, where that is left to the time.
    pub rounds: u32,
    /// Of its file.
    pub lines: usize,
    /// Of its numbers, without zeros at their end.
    pub digits: usize,
    /// How far its numbers are from where nothing happens.
    pub distance: u128,
}

impl Size {
    pub fn of(scenario: &Scenario, profile: &Profile) -> Size {
        let brief = brief::value(scenario, profile);
        let spots = numbers::spots(&brief, profile);
        let rounds = match &scenario.workload {
            WorkloadSpec::Cycles(cycles) => cycles.rounds.unwrap_or(u32::MAX),
            WorkloadSpec::Script(_) => 0,
        };
        Size {
            events: scenario.faults.len() + steps(scenario).len(),
            clients: scenario.site.clients,
            rounds,
            lines: serde_yaml::to_string(&brief).unwrap_or_default().lines().count(),
            digits: spots.iter().map(numbers::Spot::digits).sum(),
            distance: spots.iter().map(|spot| u128::from(spot.distance())).sum(),
        }
    }

    /// For people.
    pub fn words(&self) -> String {
        let events = counted(self.events as u64, "event");
        let clients = counted(self.clients.into(), "client");
        let lines = counted(self.lines as u64, "line");
        format!("{events}, {clients}, {lines}")
    }
}
