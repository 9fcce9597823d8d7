//! One thing that is wrong with the input, and how it is shown.

use super::Source;
use std::fmt;

/// Something wrong with the input: where, what, and the mend.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    pub origin: Origin,
    pub message: String,
    pub help: Option<String>,
}

/// Where the input came from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// A place in a file; `quoted` is its line.
    File { file: String, place: Place, quoted: Option<String> },
    /// A file as a whole, which has no lines to speak of.
    Whole { file: String },
    /// An argument of the command line, as it was written.
    Argument(String),
}

/// A place in a text; lines and columns count from 1, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    /// How many characters are meant.
    pub width: usize,
}

impl Place {
    /// The begin of a file.
    pub const START: Place = Place { line: 1, column: 1, width: 1 };
}

/// A quoted line is cut to this many characters around the place that is meant.
const QUOTED_MAX: usize = 120;

impl Diagnostic {
    pub fn new(origin: Origin, message: impl Into<String>) -> Diagnostic {
        let (message, help) = super::explain::split_help(message.into());
        Diagnostic { origin, message, help }
    }

    /// At a place of a text.
    pub fn at(source: &Source, place: Place, message: impl Into<String>) -> Diagnostic {
        let line = source.text.lines().nth(place.line.saturating_sub(1));
        let (place, quoted) = match line {
            Some(line) => fit(place, line),
            None => (place, None),
        };
        let file = source.name.clone();
        Diagnostic::new(Origin::File { file, place, quoted }, message)
    }

    /// About a file that has no lines to point at.
    pub fn whole_file(file: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Origin::Whole { file: file.into() }, message)
    }

    /// About an argument of the command line.
    pub fn argument(argument: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Origin::Argument(argument.into()), message)
    }

    /// The same, with the mend.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }
}

/// Keeps the place inside its line, and the line fit to be printed.
fn fit(place: Place, line: &str) -> (Place, Option<String>) {
    let length = line.chars().count();
    let column = place.column.clamp(1, length + 1);
    let width = place.width.clamp(1, (length + 1 - column).max(1));
    let quoted = (!line.trim().is_empty()).then(|| printable(line));
    let line = place.line;
    (Place { line, column, width }, quoted)
}

/// One column a character, and nothing that moves a terminal's cursor.
fn printable(line: &str) -> String {
    let shown = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    line.chars().map(shown).collect()
}

impl fmt::Display for Diagnostic {
    /// Plain text; the alternate form (`{:#}`) has colours.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paint = Paint(f.alternate());
        writeln!(
            f,
            "{}{} {}",
            paint.red("error"),
            paint.bold(":"),
            paint.bold(&printable_lines(&self.message))
        )?;
        match &self.origin {
            Origin::Whole { file } => writeln!(f, "  {} {file}", paint.blue("-->"))?,
            Origin::Argument(argument) => {
                writeln!(f, "  {} {}", paint.blue("-->"), printable(argument))?;
            }
            Origin::File { file, place, quoted } => {
                let Place { line, column, .. } = place;
                writeln!(f, "  {} {file}:{line}:{column}", paint.blue("-->"))?;
                if let Some(quoted) = quoted {
                    quote(f, paint, quoted, *place)?;
                }
            }
        }
        match &self.help {
            Some(help) => writeln!(f, "  {} help: {help}", paint.blue("=")),
            None => Ok(()),
        }
    }
}

fn printable_lines(message: &str) -> String {
    message.lines().map(printable).collect::<Vec<_>>().join("\n  ")
}

/// The line, and carets under the place.
fn quote(f: &mut fmt::Formatter<'_>, paint: Paint, line: &str, place: Place) -> fmt::Result {
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    // The window of a long line slides, so that the place is always seen.
    let skip = (place.column + place.width.min(QUOTED_MAX / 2)).saturating_sub(QUOTED_MAX);
    let shown: String = line.chars().skip(skip).take(QUOTED_MAX).collect();
    let before = place.column - 1 - skip;
    let width = place.width.min(QUOTED_MAX - before);
    let bar = paint.blue("|");
    writeln!(f, " {gutter} {bar}")?;
    writeln!(f, " {} {bar} {}", paint.blue(&number), shown.trim_end())?;
    let carets = "^".repeat(width);
    writeln!(f, " {gutter} {bar} {}{}", " ".repeat(before), paint.red(&carets))
}

/// Colours, or none.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        match self.0 {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.into(),
        }
    }

    fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn blue(self, text: &str) -> String {
        self.with("1;34", text)
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
}

/// Everything that is wrong with the input, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Without places and mends, in one line.
    pub fn summary(&self) -> String {
        let messages = self.0.iter().map(|diagnostic| printable_lines(&diagnostic.message));
        messages.collect::<Vec<_>>().join("; ")
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Diagnostics {
        Diagnostics(vec![one])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
