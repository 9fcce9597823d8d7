//! `lockstorm merge DIR... --out DIR`: the result sets of several shards become one.

use super::batch::{SetDirectory, expect_same};
use super::directory::host;
use super::exit::{Exit, Failure};
use super::matrix::note_missing;
use super::results::below;
use super::terminal::Terminal;
use lockstorm_reports::format::{self, Options, Subject};
use lockstorm_reports::set::{self, Header, LeftOut, ResultSet, RunSummary};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Puts result sets together that were made by the same lockstorm of the same locks and scenarios,
/// as `gate`, `matrix` and `known-bugs` make them with `--shard`.
///
/// What the whole comes to, `--judge` of the same command says. Exit code 2 if runs are missing:
/// a part was left out, or has not been run to its end.
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
    // All that can be refused is refused before anything is made.
    let mut parts = Vec::new();
    for part in &args.parts {
        parts.push((part.as_path(), set::read(part)?));
    }
    expect_same(&args.parts)?;
    for (part, set) in &parts {
        for directory in set.runs.iter().filter_map(|run| run.directory.as_deref()) {
            below(part, Path::new(directory))?;
        }
    }
    let header = header_of(parts.iter().map(|(_, set)| &set.header));
    let whole = SetDirectory::beside(&args.out, &args.parts[0], &header)?;
    for (part, mut run) in one_each(parts) {
        run.directory = take_files(&run, part, whole.path())?;
        whole.append(&run)?;
    }
    let whole = whole.read()?;
    let options = Options {
        colour: terminal.colour(),
        columns: Some(terminal.columns()),
        directory: args.out.to_str(),
    };
    let text = format::named("text").map_err(Failure::Internal)?;
    terminal.print(&(text.render)(Subject::Set(&whole), options))?;
    note_missing(&whole, &args.out, terminal);
    Ok(if whole.missing() > 0 { Exit::Unknown } else { Exit::Valid })
}

/// The header of the whole: the first one's, with the command that makes all parts.
fn header_of<'a>(headers: impl Iterator<Item = &'a Header> + Clone) -> Header {
    let first = headers.clone().next().cloned().unwrap_or_default();
    let mut left_out: Vec<LeftOut> = Vec::new();
    for left in headers.clone().flat_map(|header| &header.left_out) {
        let same =
            |other: &&mut LeftOut| (&other.lock, &other.scenario) == (&left.lock, &left.scenario);
        match left_out.iter_mut().find(same) {
            None => left_out.push(left.clone()),
            // Each part left out runs of its own.
            Some(other) => other.runs = other.runs.zip(left.runs).map(|(one, two)| one + two),
        }
    }
    Header {
        left_out,
        wanted: headers.filter_map(|header| header.wanted).max(),
        command: first.command.as_deref().map(without_shard),
        ..first
    }
}

/// A command without its `--shard`.
fn without_shard(command: &str) -> String {
    let mut kept = Vec::new();
    let mut words = command.split(' ');
    while let Some(word) = words.next() {
        match word {
            "--shard" => drop(words.next()),
            word if word.starts_with("--shard=") => {}
            word => kept.push(word),
        }
    }
    kept.join(" ")
}

/// The runs of all parts, each once: of the first part that has it, and rather one that was made.
fn one_each(parts: Vec<(&Path, ResultSet)>) -> Vec<(&Path, RunSummary)> {
    let mut each: BTreeMap<(String, String, u64), (&Path, RunSummary)> = BTreeMap::new();
    for (part, set) in parts {
        for run in set.runs {
            let key = (run.lock.clone(), run.scenario.clone(), run.seed);
            match each.get(&key) {
                Some((_, other)) if other.is_made() || !run.is_made() => {}
                _ => {
                    each.insert(key, (part, run));
                }
            }
        }
    }
    each.into_values().collect()
}

/// Brings the files of a run into the whole, to the same place; answers where, if they were kept.
fn take_files(run: &RunSummary, part: &Path, whole: &Path) -> Result<Option<String>, Failure> {
    let Some(directory) = &run.directory else {
        return Ok(None);
    };
    // A part may be of another machine, and what it says is no reason to read or write elsewhere.
    let from = below(part, Path::new(directory))?;
    let to = below(whole, Path::new(directory))?;
    if !from.is_dir() {
        return Ok(None);
    }
    if to.exists() {
        let (part, to) = (part.display(), to.display());
        return Err(Failure::Argument(format!("{part}: another run has its files in {to}")));
    }
    link(&from, &to)?;
    Ok(Some(directory.clone()))
}

/// The files of a tree under another name: hard links, or copies where there can be none.
pub fn link(from: &Path, to: &Path) -> Result<(), Failure> {
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
        let end =
            End::NotMade { cause: Cause::Host, message: "no".into(), reproduce: String::new() };
        let (scenario, directory) = ("calm".into(), Some(directory.into()));
        RunSummary { lock: lock.into(), scenario, seed: 1, directory, end }
    }

    #[test]
    fn the_whole_tells_the_command_that_makes_all_parts_and_how_many_runs_are_wanted() {
        let header = |command: &str, wanted| Header {
            command: Some(command.into()),
            wanted,
            ..Header::default()
        };
        let one = header("lockstorm matrix --shard 1/2 --set 'a=b c'", None);
        let two = header("lockstorm matrix --set 'a=b c' --shard=2/2", Some(7));
        let command = Some("lockstorm matrix --set 'a=b c'".to_owned());
        for parts in [[&one, &two], [&two, &one]] {
            let whole = header_of(parts.into_iter());
            assert_eq!((whole.command, whole.wanted), (command.clone(), Some(7)));
        }
    }

    #[test]
    fn the_whole_tells_all_that_its_parts_left_out() {
        let left = |scenario: &str, runs| LeftOut {
            lock: "a".into(),
            scenario: scenario.into(),
            runs,
            why: "why".into(),
        };
        let header = |left_out| Header { left_out, ..Header::default() };
        let one = header(vec![left("refresh", None), left("calm", Some(1))]);
        let two =
            header(vec![left("refresh", None), left("calm", Some(2)), left("crash", Some(1))]);
        let whole = header_of([&one, &two].into_iter());
        let all = [left("refresh", None), left("calm", Some(3)), left("crash", Some(1))];
        assert_eq!(whole.left_out, all);
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
    fn a_part_cannot_have_files_read_or_written_outside() {
        let home = tempfile::tempdir().unwrap();
        let (part, whole) = (home.path().join("part"), home.path().join("whole"));
        fs::create_dir_all(home.path().join("secret")).unwrap();
        fs::create_dir_all(&part).unwrap();
        std::os::unix::fs::symlink("../secret", part.join("link")).unwrap();
        for directory in ["../secret", "a/../../secret", "..", "/etc", "link"] {
            let said = take_files(&run("a", directory), &part, &whole).unwrap_err().to_string();
            assert!(said.contains("no place for results"), "{said}");
        }
        assert!(!whole.exists());
    }

    #[test]
    fn two_runs_do_not_share_a_directory() {
        let home = tempfile::tempdir().unwrap();
        let (part, whole) = (home.path().join("part"), home.path().join("whole"));
        fs::create_dir_all(part.join("there")).unwrap();
        take_files(&run("a", "there"), &part, &whole).unwrap();
        let said = take_files(&run("b", "there"), &part, &whole).unwrap_err().to_string();
        assert!(said.contains("another run has its files in"), "{said}");
    }

    #[test]
    fn a_run_that_one_part_could_not_make_counts_as_the_other_made_it() {
        let report = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/samples/valid/report.json");
        let report = lockstorm_reports::json::read(&fs::read_to_string(report).unwrap()).unwrap();
        let made = RunSummary::of(&report, None);
        let end =
            End::NotMade { cause: Cause::Host, message: "full".into(), reproduce: String::new() };
        let not_made = RunSummary { end, ..made.clone() };
        let set = |run: &RunSummary| ResultSet { runs: vec![run.clone()], ..ResultSet::default() };
        for (one, two) in [(&made, &not_made), (&not_made, &made)] {
            let parts = vec![(Path::new("1"), set(one)), (Path::new("2"), set(two))];
            let each = one_each(parts);
            assert!(matches!(&each[..], [(_, run)] if *run == made), "{each:?}");
        }
    }
}
