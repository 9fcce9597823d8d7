//! What a person reads in a terminal: plain words, no wider than it is.

mod comparison;
mod run;
mod sequence;
mod set;

pub use comparison::render_comparison;
pub use run::{Options, render};
pub use set::{SetOptions, render_gate, render_set};

use crate::subject::{self, Subject};
use crate::text::{clean, wrap};

/// The width for those who do not know how wide the terminal is.
pub const COLUMNS: usize = 80;

/// Renders any document.
pub fn render_subject(subject: Subject, options: subject::Options) -> String {
    let subject::Options { colour, columns, directory } = options;
    let columns = columns.unwrap_or(COLUMNS);
    match subject {
        Subject::Run(report) => render(report, Options { colour, directory }),
        Subject::Set(set) => render_set(set, SetOptions { colour, columns, directory }),
        Subject::Comparison(comparison) => {
            render_comparison(comparison, SetOptions { colour, columns, directory: None })
        }
    }
}

/// The paint of a word; used only when the caller asked for colour.
#[derive(Clone, Copy)]
pub(crate) enum Paint {
    Bold,
    Good,
    Bad,
    Doubt,
    Faint,
    FaintBad,
    FaintDoubt,
}

pub(crate) struct Page {
    pub out: String,
    colour: bool,
    pub columns: usize,
}

impl Page {
    pub fn new(colour: bool, columns: usize) -> Page {
        Page { out: String::new(), colour, columns }
    }

    pub fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// A first column, then text that is wrapped beside it; below it, where it is too wide.
    pub fn row(&mut self, first: &str, text: &str) {
        let mut first = first.to_owned();
        if first.chars().count() > self.columns / 2 {
            let margin = " ".repeat(first.len() - first.trim_start().len());
            for part in wrap(&first, self.columns - margin.len()) {
                self.line(&format!("{margin}{part}"));
            }
            first = margin + "    ";
        }
        let indent = first.chars().count();
        for part in wrap(text, self.columns - indent) {
            self.line(&format!("{first}{part}"));
            first = " ".repeat(indent);
        }
    }

    /// A command, whole in one line: broken ones cannot be pasted.
    pub fn command(&mut self, command: &str) {
        self.line(&format!("    $ {}", clean(command)));
    }

    pub fn paint(&self, paint: Paint, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Bold => "1",
            Paint::Good => "1;32",
            Paint::Bad => "1;31",
            Paint::Doubt => "1;33",
            Paint::Faint => "2",
            Paint::FaintBad => "2;31",
            Paint::FaintDoubt => "2;33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    pub fn title(&mut self, text: &str) {
        self.out.push('\n');
        let text = self.paint(Paint::Bold, text);
        self.line(&text);
    }
}
