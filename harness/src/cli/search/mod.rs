//! The commands that search: they have scenarios run that `search` makes.

mod bisect;
pub mod explain;
mod reproduce;
pub mod shrink;
mod target;
mod trials;
