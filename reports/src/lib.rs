//! The report document of lockstorm and its renderers.
//!
//! This crate knows nothing of the engine: the harness fills a [`Report`], and everything that
//! people or CI servers read is rendered from it, from a set of runs, or from a comparison of two
//! sets. A renderer is a function from such a document to text; [`format::FORMATS`] names all.

pub mod advice;
pub mod assumes;
pub mod cases;
pub mod compare;
pub mod conformance;
pub mod document;
pub mod explanation;
pub mod format;
pub mod github;
pub mod html;
pub mod incident;
pub mod json;
pub mod junit;
pub mod map;
pub mod markdown;
mod mermaid;
pub mod mounts;
pub mod set;
mod subject;
pub mod tap;
pub mod terminal;
pub mod text;
pub mod timeline;
pub mod wire;

pub use assumes::Assumes;
pub use compare::Comparison;
pub use document::*;
pub use timeline::{Plots, Timeline};
pub use wire::Wire;
