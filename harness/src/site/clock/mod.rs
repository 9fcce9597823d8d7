//! Time: one calendar for the whole site, and the protocol that shares it with kernels.

pub mod calendar;
pub mod timetravel;

pub use calendar::Calendar;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What time a site lives by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The harness's own: one kernel runs at a time, nothing waits, and the same plan gives the
    /// same run.
    #[default]
    Virtual,
    /// The host's: the kernels run side by side on its cores, as fast as they can, and no run is
    /// like another.
    Real,
}
