//! Explaining: what a violation depends on, from the same scenario with one thing changed at a
//! time.

mod attribution;
mod variations;

pub use attribution::{conclusion, effect, may_matter, runs_needed};
pub use variations::{Variation, left_out, variations};
