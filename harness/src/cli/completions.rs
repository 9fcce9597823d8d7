//! `lockstorm completions SHELL`: a script for the shell, from the same source as the command line.

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use clap_complete::{Shell, generate};

/// Prints a script that makes a shell complete lockstorm's commands and options.
///
/// For bash: `lockstorm completions bash > ~/.local/share/bash-completion/completions/lockstorm`.
#[derive(clap::Args)]
pub struct Args {
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut super::command(), "lockstorm", &mut script);
    terminal.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Valid)
}
