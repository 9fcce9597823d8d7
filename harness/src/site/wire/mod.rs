//! The wire: an Ethernet switch, the rules that faults lay over it, and the capture.

pub mod capture;
pub mod link;
pub mod net;
pub mod rule;
pub mod switch;
pub mod tcp;

pub use rule::{Fate, Passing, Rule};
pub use switch::{Frame, RuleId, Sent, Switch};
