//! The report document of lockstorm and its renderers.
//!
//! This crate knows nothing of the engine: the harness fills a [`Report`], and everything that
//! people or CI servers read is rendered from it.

pub mod document;

pub use document::*;
