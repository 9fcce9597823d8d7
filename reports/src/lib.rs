//! The report document of lockstorm and its renderers.
//!
//! This crate knows nothing of the engine: the harness fills a [`Report`], and everything that
//! people or CI servers read is rendered from it. A renderer is one file: a function from the
//! report to text.

pub mod compare;
pub mod document;
pub mod json;
pub mod set;
pub mod terminal;
pub mod text;
pub mod timeline;

pub use compare::Comparison;
pub use document::*;
pub use timeline::{Plots, Timeline};
