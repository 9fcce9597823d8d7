//! The commands that search: they have scenarios run that `search` makes.

mod bisect;
pub mod corpus;
pub mod explain;
pub mod explore;
mod map;
mod pairs;
mod reproduce;
pub mod shrink;
pub mod sweep;
mod target;
mod trials;
