//! Printing: standard output for what was asked for, standard error for everything else.

use super::exit::Failure;
use super::progress::{Progress, Show};
use crate::history::Observer;
use crate::plan::Plan;
use lockstorm_reports::format::Format;
use std::io::{self, IsTerminal, Write};

/// What `--color` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorWish {
    /// Where it goes to a terminal and NO_COLOR is not set.
    Auto,
    Always,
    Never,
}

/// Where to print, and how. Either of the two may go to a file while the other is a terminal.
pub struct Terminal {
    color_on_stdout: bool,
    color_on_stderr: bool,
}

impl Terminal {
    pub fn new(wish: ColorWish) -> Terminal {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Terminal {
            color_on_stdout: colours(wish, refused, io::stdout().is_terminal()),
            color_on_stderr: colours(wish, refused, io::stderr().is_terminal()),
        }
    }

    /// Whether standard output may have colours.
    pub fn colour(&self) -> bool {
        self.color_on_stdout
    }

    /// How wide standard output is; 100 where it is no terminal.
    pub fn columns(&self) -> usize {
        terminal_size::terminal_size_of(io::stdout()).map_or(100, |(width, _)| width.0.into())
    }

    /// Says something on standard error.
    pub fn note(&self, text: &str) {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Those who watch a run for the user.
    pub fn observers(&self, quiet: bool, plan: &Plan) -> Vec<Box<dyn Observer>> {
        let nodes = plan.blueprint.nodes.len();
        vec![Box::new(Progress::new(nodes, Show::for_stderr(quiet)))]
    }

    /// Prints on standard output. A reader who goes away (`| head -1`) has seen enough.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        let outcome = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        match outcome {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::Host(format!("failed to print: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Says something after a report of this format: where that is for programs, on standard error.
    pub fn remark(&self, text: &str, format: &Format) -> Result<(), Failure> {
        match format.name {
            "text" => self.print(&format!("{text}\n")),
            _ => {
                self.note(text);
                Ok(())
            }
        }
    }

    /// Says on standard error why there is no verdict.
    pub fn failure(&self, failure: &Failure) {
        let mut stderr = io::stderr().lock();
        // Nobody is left to tell when standard error is closed.
        let _ = match (failure, self.color_on_stderr) {
            (Failure::Input(found), true) => write!(stderr, "{found:#}"),
            (Failure::Input(found), false) => write!(stderr, "{found}"),
            (other, true) => writeln!(stderr, "\x1b[1;31merror\x1b[0m\x1b[1m:\x1b[0m {other}"),
            (other, false) => writeln!(stderr, "error: {other}"),
        };
    }
}

fn colours(wish: ColorWish, refused: bool, is_terminal: bool) -> bool {
    match wish {
        ColorWish::Always => true,
        ColorWish::Never => false,
        ColorWish::Auto => is_terminal && !refused,
    }
}
