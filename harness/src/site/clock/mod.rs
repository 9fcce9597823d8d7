//! Virtual time: one calendar for the whole site, and the protocol that shares it with kernels.

pub mod calendar;
pub mod timetravel;

pub use calendar::Calendar;
