//! The command line: one file a command.

pub mod exit;

mod advise;
mod batch;
mod bundle;
mod compare;
mod completions;
mod conformance;
mod directory;
mod doctor;
mod gate;
pub mod host;
mod init;
mod kernels;
mod known_bugs;
mod launch;
mod list;
mod lock;
mod locks;
mod man;
mod matrix;
mod merge;
mod plan;
mod prepare;
mod progress;
mod recheck;
mod repeat;
mod replay;
mod report;
mod results;
mod runner;
mod scenario;
mod schema;
mod search;
mod suite;
mod terminal;
mod wire;

use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use exit::Exit;
use std::process::ExitCode;
use terminal::{ColorWish, Terminal};

/// A chaos and conformance harness for file locking over NFS.
///
/// Exit codes: 0 valid, 1 violated, 2 unknown, 10 bad input, 11 set-up missing, 12 trouble with
/// this host, 13 an error in lockstorm itself, 130 interrupted.
#[derive(Parser)]
#[command(name = "lockstorm", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Colours in what is printed.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    color: ColorWish,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario and judge it.
    Scenario(scenario::Args),
    /// Run many locks against many scenarios, and print the table.
    Matrix(matrix::Args),
    /// Judge a saved run again, without running anything.
    Recheck(recheck::Args),
    /// Show the NFS calls of a saved run, and what the lock was doing then.
    Wire(wire::Args),
    /// Show a saved run or a result set: HTML, Markdown, JUnit XML and others.
    Report(report::Args),
    /// Run a suite for a lock, and fail on what its baseline does not accept.
    Gate(gate::Args),
    /// Run the scenarios of known bugs, and print how often each was seen.
    KnownBugs(known_bugs::Args),
    /// Search for bugs: scenarios at random, guided by what runs come to.
    Explore(search::explore::Args),
    /// Put the scenarios that searches have kept together, or make them fewer.
    Corpus(search::corpus::Args),
    /// Try what the file system itself gives: names, locks, times, caches, errors.
    Conformance(conformance::Args),
    /// Run a foreign test program on a client's mount, and break what is under it.
    Suite(suite::Args),
    /// Try every fault at every point of a story: each call, each reply, each boundary.
    Sweep(search::sweep::Args),
    /// Say which lock is for a site: what it is like there, and what fails there.
    Advise(advise::Args),
    /// Shrink a violated run to the smallest scenario that shows the same violation.
    Shrink(search::shrink::Args),
    /// Say what a violation depends on: one thing is changed at a time.
    Explain(search::explain::Args),
    /// Put the result sets of several shards together.
    Merge(merge::Args),
    /// Compare two result sets: what got better, what got worse.
    Compare(compare::Args),
    /// Run a saved plan again, and compare the histories.
    Replay(replay::Args),
    /// Pack a saved run into one file, which replays on another machine.
    Bundle(bundle::Args),
    /// Print the plan that a scenario expands to.
    Plan(plan::Args),
    /// Print the JSON Schema of a file that lockstorm reads or writes.
    Schema(schema::Args),
    /// List what lockstorm ships.
    List(list::Args),
    /// Write a profile and an adapter for a lock of your own.
    Init(init::Args),
    /// Try the adapter of a lock out.
    Lock(lock::Args),
    /// Check whether this host has what a run needs.
    Doctor,
    /// Print what makes a shell complete lockstorm's commands and options.
    Completions(completions::Args),
    /// Print the man page, or write a page for each command.
    Man(man::Args),
}

/// The command line as data: for completions, man pages, and tests of what documents say of it.
pub fn command() -> clap::Command {
    with_negative_numbers(Cli::command())
}

/// A negative number is the wrong value of an option, and no option of its own.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let names: Vec<String> =
        command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    let takes_value = |arg: &clap::Arg| arg.get_action().takes_values();
    let command = command.mut_args(|arg| match takes_value(&arg) {
        true => arg.allow_negative_numbers(true),
        false => arg,
    });
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, with_negative_numbers))
}

/// Understands the arguments of this process.
fn parse() -> Result<Cli, clap::Error> {
    let matches = command().try_get_matches().map_err(without_false_tips)?;
    Cli::from_arg_matches(&matches)
}

/// That a misspelt option could be a value behind `--` helps nobody: no command takes one.
fn without_false_tips(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::UnknownArgument {
        error.remove(ContextKind::Suggested);
    }
    error
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader who has gone away does not matter here.
            let _ = error.print();
            let wrong = error.use_stderr();
            return if wrong { Exit::Input } else { Exit::Valid }.into();
        }
    };
    let terminal = Terminal::new(cli.color);
    let outcome = match &cli.command {
        Command::Scenario(args) => scenario::run(args, &terminal),
        Command::Matrix(args) => matrix::run(args, &terminal),
        Command::Advise(args) => advise::run(args, &terminal),
        Command::Recheck(args) => recheck::run(args, &terminal),
        Command::Wire(args) => wire::run(args, &terminal),
        Command::Report(args) => report::run(args, &terminal),
        Command::Gate(args) => gate::run(args, &terminal),
        Command::KnownBugs(args) => known_bugs::run(args, &terminal),
        Command::Explore(args) => search::explore::run(args, &terminal),
        Command::Corpus(args) => search::corpus::run(args, &terminal),
        Command::Conformance(args) => conformance::run(args, &terminal),
        Command::Suite(args) => suite::run(args, &terminal),
        Command::Sweep(args) => search::sweep::run(args, &terminal),
        Command::Shrink(args) => search::shrink::run(args, &terminal),
        Command::Explain(args) => search::explain::run(args, &terminal),
        Command::Merge(args) => merge::run(args, &terminal),
        Command::Compare(args) => compare::run(args, &terminal),
        Command::Replay(args) => replay::run(args, &terminal),
        Command::Bundle(args) => bundle::run(args, &terminal),
        Command::Plan(args) => plan::run(args, &terminal),
        Command::Schema(args) => schema::run(args, &terminal),
        Command::List(args) => list::run(args, &terminal),
        Command::Init(args) => init::run(args, &terminal),
        Command::Lock(args) => lock::run(args, &terminal),
        Command::Doctor => doctor::run(&terminal),
        Command::Completions(args) => completions::run(args, &terminal),
        Command::Man(args) => man::run(args, &terminal),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            terminal.failure(&failure);
            failure.exit().into()
        }
    }
}
