//! `lockstorm corpus`: the scenarios that a search has kept, put together and made fewer.
//!
//! A corpus is a directory: a file for each scenario, and one that says what each has covered. What
//! was covered is told in the words of the version that saw it.

use crate::cli::directory::{host, named};
use crate::cli::exit::{Exit, Failure};
use crate::cli::results;
use crate::cli::terminal::Terminal;
use crate::scenario::load::load;
use crate::scenario::overrides::Overrides;
use crate::search::explore::corpus::{Corpus, Entry, merged, minimised};
use crate::search::explore::index::{self, Head};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The corpus of a search, below its directory.
pub const FOLDER: &str = "corpus";
/// A line for the corpus, and then one for each scenario.
const INDEX: &str = "corpus.jsonl";

/// Works on what `lockstorm explore` has kept: the scenarios that came to situations in which no
/// other had been, each a file that `lockstorm scenario` runs.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Put corpora together.
    Merge {
        /// Directories of corpora, or of searches.
        #[arg(value_name = "DIR", required = true)]
        corpora: Vec<PathBuf>,
        /// Where the whole goes; it must not exist yet.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Remove every scenario whose situations others cover.
    Minimise {
        /// The directory of a corpus, or of a search.
        #[arg(value_name = "DIR")]
        corpus: PathBuf,
    },
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    match &args.what {
        What::Merge { corpora, out } => {
            let all = corpora.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
            if let Some(parent) = out.parent() {
                fs::create_dir_all(parent).map_err(named(parent))?;
            }
            fs::create_dir(out).map_err(named(out))?;
            let whole = merged(all);
            let mut writer = Writer::create(out)?;
            whole.iter().try_for_each(|entry| writer.add(entry))?;
            terminal.print(&told(out, &whole))?;
        }
        What::Minimise { corpus } => {
            let path = place(corpus);
            let all = read(&path)?;
            let kept = minimised(all.clone());
            let mut writer = Writer::create(&path)?;
            kept.iter().try_for_each(|entry| writer.add(entry))?;
            let names: BTreeSet<&str> = kept.iter().map(|entry| entry.name.as_str()).collect();
            for entry in all.iter().filter(|entry| !names.contains(entry.name.as_str())) {
                results::remove(&path, Path::new(&file(&entry.name)))?;
            }
            terminal.print(&format!("{} of {} stay\n", kept.len(), all.len()))?;
            terminal.print(&told(&path, &kept))?;
        }
    }
    Ok(Exit::Valid)
}

fn told(path: &Path, entries: &[Entry]) -> String {
    let mut corpus = Corpus::default();
    for entry in entries {
        corpus.cover(&entry.lock, &entry.coverage);
    }
    let (path, scenarios) = (path.display(), entries.len());
    format!("{path}: {scenarios} scenarios, {} situations\n", corpus.situations())
}

/// Writes a corpus, a scenario after the other.
pub struct Writer {
    path: PathBuf,
    index: File,
}

impl Writer {
    /// Begins the corpus anew.
    pub fn create(path: &Path) -> Result<Writer, Failure> {
        fs::create_dir_all(path).map_err(host(path))?;
        let file = path.join(INDEX);
        let index = File::create(&file).map_err(host(&file))?;
        let mut writer = Writer { path: path.to_owned(), index };
        writer.line(&Head::ours())?;
        Ok(writer)
    }

    pub fn add(&mut self, entry: &Entry) -> Result<(), Failure> {
        if let Some(scenario) = &entry.scenario {
            let text = serde_yaml::to_string(scenario)
                .map_err(|error| Failure::Internal(format!("a scenario is no YAML: {error}")))?;
            let text = format!("# lockstorm scenario THIS --seed {}\n{text}", entry.seed);
            results::write(&self.path, Path::new(&file(&entry.name)), &text)?;
        }
        self.line(entry)
    }

    fn line(&mut self, content: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_string(content).unwrap_or_default() + "\n";
        self.index.write_all(line.as_bytes()).map_err(host(&self.path.join(INDEX)))
    }
}

/// Reads a corpus, which must have something in it.
pub fn read(path: &Path) -> Result<Vec<Entry>, Failure> {
    let path = &place(path);
    let index = path.join(INDEX);
    let text = fs::read_to_string(&index).map_err(named(&index))?;
    let entries = index::read(&text).map_err(|problem| wrong(&index, &problem))?;
    if entries.is_empty() {
        return Err(wrong(&index, "no scenario is in it; `lockstorm explore` makes a corpus"));
    }
    entries.into_iter().map(|entry| with_scenario(path, entry)).collect()
}

/// Where the corpus is of a search, or the corpus itself.
fn place(path: &Path) -> PathBuf {
    let below = path.join(FOLDER);
    if below.join(INDEX).exists() { below } else { path.to_owned() }
}

fn with_scenario(path: &Path, entry: Entry) -> Result<Entry, Failure> {
    let file = path.join(file(&entry.name));
    let reference = file.to_str().ok_or_else(|| wrong(&file, "the path is no text"))?;
    let scenario = load(reference, &Overrides::default())?.scenario;
    Ok(Entry { scenario: Some(scenario), ..entry })
}

fn file(name: &str) -> String {
    format!("{name}.yaml")
}

fn wrong(path: &Path, problem: &str) -> Failure {
    Failure::Argument(format!("{}: {problem}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::explore::coverage::Coverage;
    use crate::units::Nanos;

    fn entry(number: u64, situations: &[&str]) -> Entry {
        let mut scenario = load("calm", &Overrides::default()).unwrap().scenario;
        scenario.about = number.to_string();
        let scenario = crate::search::named_by_content(scenario, "explore");
        let situations =
            situations.iter().map(|name| ((*name).to_owned(), Nanos(number))).collect();
        Entry {
            name: format!("{}-{number}", scenario.name),
            lock: "flufl.lock".into(),
            seed: number,
            moments: vec![Nanos(number)],
            coverage: Coverage { situations, steps: BTreeSet::new() },
            scenario: Some(scenario),
            children: 0,
        }
    }

    fn said<T: std::fmt::Debug>(outcome: Result<T, Failure>, home: &Path) -> String {
        let home = format!("{}/", home.display());
        outcome.unwrap_err().to_string().replace(&home, "")
    }

    #[test]
    fn what_is_written_reads_back_and_is_found_below_a_search() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(FOLDER);
        let entries = [entry(1, &["a", "b"]), entry(2, &["c"])];
        let mut writer = Writer::create(&folder).unwrap();
        entries.iter().for_each(|entry| writer.add(entry).unwrap());
        assert_eq!(read(home.path()).unwrap(), entries);
        assert_eq!(read(&folder).unwrap(), entries);
    }

    #[test]
    fn a_torn_last_line_is_left_out() {
        let home = tempfile::tempdir().unwrap();
        let one = entry(1, &["a"]);
        Writer::create(home.path()).unwrap().add(&one).unwrap();
        let index = home.path().join(INDEX);
        let torn = fs::read_to_string(&index).unwrap() + "{\"name\":\"x";
        fs::write(&index, torn).unwrap();
        assert_eq!(read(home.path()).unwrap(), [one]);
    }

    #[test]
    fn what_is_no_corpus_or_empty_or_of_another_version_is_told() {
        let home = tempfile::tempdir().unwrap();
        let index = home.path().join(INDEX);
        let mut told = vec![said(read(home.path()), home.path())];
        drop(Writer::create(home.path()).unwrap());
        told.push(said(read(home.path()), home.path()));
        for text in [
            "hello\n",
            "{\"format\":1,\"lockstorm\":\"0.0.1\"}\n",
            "{\"format\":1,\"lockstorm\":\"0.1.0\"}\n{\"name\":1}\n",
        ] {
            fs::write(&index, text).unwrap();
            told.push(said(read(home.path()), home.path()));
        }
        let bad = Entry { name: "../../x".into(), scenario: None, ..entry(1, &["a"]) };
        Writer::create(home.path()).unwrap().add(&bad).unwrap();
        told.push(said(read(home.path()), home.path()));
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_corpus_is_minimised_in_its_place() {
        let home = tempfile::tempdir().unwrap();
        let entries = [entry(1, &["a"]), entry(2, &["a", "b"])];
        let mut writer = Writer::create(home.path()).unwrap();
        entries.iter().for_each(|entry| writer.add(entry).unwrap());
        let args = Args { what: What::Minimise { corpus: home.path().into() } };
        let terminal = Terminal::new(crate::cli::terminal::ColorWish::Never);
        run(&args, &terminal).unwrap();
        assert_eq!(read(home.path()).unwrap(), entries[1..]);
        assert!(!home.path().join(file(&entries[0].name)).exists());
    }
}
