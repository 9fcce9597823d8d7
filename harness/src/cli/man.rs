//! `lockstorm man [DIR]`: the man pages, from the same source as the command line.

use super::directory::host;
use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use clap::Command;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Prints the man page of lockstorm, or writes a page for each command.
///
/// `lockstorm man | man -l -` shows it; `lockstorm man ~/.local/share/man/man1` installs them all.
#[derive(clap::Args)]
pub struct Args {
    /// Write lockstorm.1, lockstorm-gate.1 and so on into this directory.
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut whole = super::command().disable_help_subcommand(true);
    // Names the pages of subcommands, and tells them the options that all commands have.
    whole.build();
    match &args.directory {
        None => terminal.print(&page(&whole)?)?,
        Some(directory) => {
            fs::create_dir_all(directory).map_err(host(directory))?;
            write(&whole, directory, terminal)?;
        }
    }
    Ok(Exit::Valid)
}

/// Writes the page of a command, and those of the commands below it.
fn write(command: &Command, directory: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let path = directory.join(format!("{}.1", name(command)));
    fs::write(&path, page(command)?).map_err(host(&path))?;
    terminal.print(&format!("{}\n", path.display()))?;
    command.get_subcommands().try_for_each(|below| write(below, directory, terminal))
}

/// `lockstorm-gate`, as the page is called.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

fn page(command: &Command) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    render(command, &mut bytes)
        .map_err(|error| Failure::Internal(format!("a man page cannot be made: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn render(command: &Command, out: &mut Vec<u8>) -> io::Result<()> {
    let version = concat!("lockstorm ", env!("CARGO_PKG_VERSION"));
    let man = clap_mangen::Man::new(command.clone()).manual("lockstorm").source(version);
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    out.extend(exit_status().into_bytes());
    Ok(())
}

fn exit_status() -> String {
    let mut section = String::from(".SH \"EXIT STATUS\"\n");
    for (exit, meaning) in Exit::MEANINGS {
        section.push_str(&format!(".TP\n\\fB{}\\fR\n{meaning}\n", exit as u8));
    }
    section
}
