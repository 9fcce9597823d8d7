//! The commands that search: they have scenarios run that `search` makes.

mod map;
mod pairs;
pub mod sweep;
mod trials;
