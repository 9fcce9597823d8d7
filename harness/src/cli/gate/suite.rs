//! Suites: which scenarios a gate runs, and over how many seeds.

use crate::scenario::shipped;

/// A suite, by the time that it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Suite {
    /// The faults that every lock meets, three seeds each, and the first 40 runs of a sweep: for
    /// every change.
    Smoke,
    /// Every scenario, ten seeds each, and the first 250 runs of a sweep: for a merge.
    Standard,
    /// Every scenario, fifty seeds each, and a whole sweep: before a release.
    Full,
}

/// The scenarios of the smoke suite.
const SMOKE: [&str; 5] = ["calm", "partition", "crash", "clock-skew", "server-restart"];

impl Suite {
    /// The names of its scenarios.
    pub fn scenarios(self) -> Vec<String> {
        match self {
            Suite::Smoke => SMOKE.map(String::from).to_vec(),
            Suite::Standard | Suite::Full => {
                let stem = |name: &str| name.trim_end_matches(".yaml").to_owned();
                shipped::names().map(stem).collect()
            }
        }
    }

    /// How many runs of a sweep: those that tell most come first.
    pub fn swept(self) -> u32 {
        match self {
            Suite::Smoke => 40,
            Suite::Standard => 250,
            Suite::Full => u32::MAX,
        }
    }

    /// How many seeds, from 1 up.
    pub fn seeds(self) -> u64 {
        match self {
            Suite::Smoke => 3,
            Suite::Standard => 10,
            Suite::Full => 50,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_has_scenarios_that_are_shipped() {
        for suite in [Suite::Smoke, Suite::Standard, Suite::Full] {
            for scenario in suite.scenarios() {
                assert!(shipped::text(&format!("{scenario}.yaml")).is_some(), "{scenario}");
            }
        }
    }
}
