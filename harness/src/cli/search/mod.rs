//! The commands that search: they have scenarios run that `search` makes.

pub mod corpus;
pub mod explore;
mod map;
mod pairs;
pub mod sweep;
mod trials;
