//! How many seeds it would take to be sure.

use super::statistics::{fisher, significant};
use super::{ALPHA, Frequency};

/// More are not looked at: with so many on each side, what is not sure hardly matters.
const SEEDS_MAX: u64 = 500;

/// For each of the differences that are tested together: with how many seeds on each side it would
/// be sure, if all of them show as often as they did.
pub fn to_be_sure(found: &[Frequency]) -> Vec<Option<u64>> {
    let mut needed = vec![None; found.len()];
    let most = found.iter().map(|one| one.base_of.max(one.new_of)).max().unwrap_or(0);
    let mut seeds = 2;
    while seeds <= SEEDS_MAX.max(most) && needed.contains(&None) {
        let p_values: Vec<f64> = found.iter().map(|one| one.scaled_to(seeds).p_value()).collect();
        for (needed, sure) in needed.iter_mut().zip(significant(&p_values, ALPHA)) {
            if sure && needed.is_none() {
                *needed = Some(seeds);
            }
        }
        // Exact where it matters to somebody who has to wait for them.
        seeds += (seeds / 20).max(1);
    }
    needed
}

impl Frequency {
    /// As often, of so many on each side.
    fn scaled_to(self, seeds: u64) -> Frequency {
        let scaled = |seen: u64, of: u64| {
            let share = seen as f64 / of.max(1) as f64;
            ((share * seeds as f64).round() as u64).min(seeds)
        };
        Frequency {
            base: scaled(self.base, self.base_of),
            base_of: seeds,
            new: scaled(self.new, self.new_of),
            new_of: seeds,
        }
    }

    pub(super) fn p_value(&self) -> f64 {
        fisher(self.base, self.base_of, self.new, self.new_of)
    }
}
