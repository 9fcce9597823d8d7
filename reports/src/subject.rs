//! What a renderer gets.

use crate::Report;
use crate::compare::Comparison;
use crate::set::ResultSet;

/// What is rendered.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    Run(&'a Report),
    Set(&'a ResultSet),
    Comparison(&'a Comparison),
}

/// What the caller knows and the document does not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Use ANSI colours, in a terminal.
    pub colour: bool,
    /// How wide a terminal is, where that is known.
    pub columns: Option<usize>,
    /// The directory with the run's files, as the reader can name it.
    pub directory: Option<&'a str>,
}
