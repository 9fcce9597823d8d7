//! `lockstorm merge DIR... --out DIR`: the result sets of several shards become one.

use super::batch::SetDirectory;
use super::directory::host;
use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use lockstorm_reports::format::{self, Options, Subject};
use lockstorm_reports::set::{self, RunSummary};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Puts result sets together that were made by the same lockstorm of the same locks and scenarios,
/// as `gate --shard` makes them.
///
/// The whole has the runs' own files, too, as far as the parts have them: it can be moved, and the
/// parts can be removed. On one file system the files are hard links and take no room.
#[derive(clap::Args)]
pub struct Args {
    /// The directories of the parts.
    #[arg(value_name = "DIR", required = true)]
    parts: Vec<PathBuf>,
    /// Where the whole goes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let whole = SetDirectory::beside(&args.out, &args.parts[0])?;
    let mut made = whole.made()?;
    for part in &args.parts {
        whole.expect_same(part)?;
        for mut run in set::read(part).map_err(Failure::Host)?.runs {
            if made.insert((run.lock.clone(), run.scenario.clone(), run.seed)) {
                run.directory = take_files(&run, part, whole.path())?;
                whole.append(&run)?;
            }
        }
    }
    let whole = whole.read()?;
    let options = Options {
        colour: terminal.colour(),
        columns: Some(terminal.columns()),
        directory: args.out.to_str(),
    };
    let text = format::named("text").map_err(Failure::Internal)?;
    terminal.print(&(text.render)(Subject::Set(&whole), options))?;
    Ok(Exit::Valid)
}

/// Brings the files of a run into the whole; answers where they are there, if they were kept.
fn take_files(run: &RunSummary, part: &Path, whole: &Path) -> Result<Option<String>, Failure> {
    let Some(from) = run.directory.as_ref().map(|directory| part.join(directory)) else {
        return Ok(None);
    };
    if !from.is_dir() {
        return Ok(None);
    }
    let name = format!("runs/{}/{}/{}", run.lock, run.scenario, run.seed);
    // A part may be of another machine, and what it says is no reason to write anywhere else.
    let inside = |component| matches!(component, Component::Normal(_));
    if !Path::new(&name).components().all(inside) {
        let part = part.display();
        return Err(Failure::Argument(format!("{part}: `{name}` is no place for a run's files")));
    }
    link(&from, &whole.join(&name))?;
    Ok(Some(name))
}

/// The files of a tree under another name: hard links, or copies where there can be none.
fn link(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to).map_err(host(to))?;
    for entry in fs::read_dir(from).map_err(host(from))? {
        let entry = entry.map_err(host(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(host(&source))?;
        if kind.is_dir() {
            link(&source, &target)?;
        } else if kind.is_file() && fs::hard_link(&source, &target).is_err() {
            fs::copy(&source, &target).map_err(host(&target))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstorm_reports::set::{Cause, End};

    fn run(lock: &str, directory: &str) -> RunSummary {
        let end = End::NotMade { cause: Cause::Host, message: "no".into() };
        let (scenario, directory) = ("calm".into(), Some(directory.into()));
        RunSummary { lock: lock.into(), scenario, seed: 1, directory, end }
    }

    #[test]
    fn the_files_of_a_run_come_along_whole() {
        let home = tempfile::tempdir().unwrap();
        let (part, whole) = (home.path().join("part"), home.path().join("whole"));
        fs::create_dir_all(part.join("there/console")).unwrap();
        fs::write(part.join("there/console/c1.log"), "hello").unwrap();
        let name = take_files(&run("a", "there"), &part, &whole).unwrap().unwrap();
        fs::remove_dir_all(&part).unwrap();
        let file = whole.join(name).join("console/c1.log");
        assert_eq!(fs::read_to_string(file).unwrap(), "hello");
    }

    #[test]
    fn files_that_were_not_kept_are_not_linked_to() {
        let home = tempfile::tempdir().unwrap();
        let taken = take_files(&run("a", "gone"), home.path(), &home.path().join("whole"));
        assert_eq!(taken.unwrap(), None);
    }

    #[test]
    fn a_part_cannot_have_files_written_outside_the_whole() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("there")).unwrap();
        for lock in ["../../evil", "a/../../..", ".."] {
            let refused = take_files(&run(lock, "there"), home.path(), &home.path().join("whole"));
            let said = refused.unwrap_err().to_string();
            assert!(said.contains("no place for a run's files"), "{said}");
        }
    }
}
