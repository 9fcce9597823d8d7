//! A YAML document: its value, and the way back from a value to its place in the text.

use super::diagnostic::{Diagnostic, Diagnostics, Place};
use super::path::KeyPath;
use super::tree::{self, Node};
use super::{Problem, Source, explain};
use serde::de::DeserializeOwned;
use serde_yaml::Value;

/// A YAML document that could be read, whatever it means.
#[derive(Debug)]
pub struct Document {
    pub source: Source,
    pub value: Value,
    places: Node,
}

impl Document {
    /// Parses the YAML of a text.
    pub fn parse(source: Source) -> Result<Document, Diagnostic> {
        // First, because it refuses what would cost too much to expand.
        let places = tree::build(&source)?;
        let value: Value = serde_yaml::from_str(&source.text).map_err(|error| {
            let place = error.location().map_or(Place::START, |at| Place {
                line: at.line(),
                column: at.column(),
                width: 1,
            });
            Diagnostic::at(&source, place, explain::syntax(&error.to_string()))
        })?;
        if value.is_null() {
            return Err(Diagnostic::at(
                &source,
                Place::START,
                "the file holds nothing but comments",
            ));
        }
        Ok(Document { source, value, places })
    }

    /// Reads the value as a `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_path_to_error::deserialize(self.value.clone()).map_err(|error| {
            let path = KeyPath::from(error.path());
            explain::problem(path, &error.into_inner().to_string())
        })
    }

    /// Whether the text itself has something at `path`.
    pub fn has(&self, path: &KeyPath) -> bool {
        self.places.find(path, false).is_some()
    }

    /// A problem, with its place in the text.
    pub fn diagnose(&self, problem: Problem) -> Diagnostic {
        let place = self.places.find_nearest(&problem.path, problem.at_key);
        Diagnostic { help: problem.help, ..Diagnostic::at(&self.source, place, problem.message) }
    }

    /// Several problems, in the order of the text.
    pub fn diagnose_all(&self, problems: Vec<Problem>) -> Diagnostics {
        Diagnostics(problems.into_iter().map(|p| self.diagnose(p)).collect())
    }
}
