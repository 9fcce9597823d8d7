//! The commands that search: they have scenarios run that `search` makes.

pub mod sweep;
mod trials;
