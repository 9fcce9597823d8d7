//! The wire: an Ethernet switch, the rules that faults lay over it, and the capture.

pub mod capture;
pub mod net;
pub mod switch;

pub use switch::{Frame, Rule, RuleId, Switch, Verdict};
