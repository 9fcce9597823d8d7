//! `lockstorm report DIR`: a saved run, or a result set, in any format; or a site of many.

mod pages;
mod site;

use super::directory::named;
use super::exit::{Exit, Failure};
use super::prepare::saved_plan;
use super::results;
use super::terminal::Terminal;
use crate::verdict::recheck;
use crate::verdict::recheck::HISTORY;
use lockstorm_reports::format::{self, Format, Options, Subject};
use lockstorm_reports::set::{self, ResultSet};
use lockstorm_reports::{Report, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Prints a report, or writes it beside what it is about.
///
/// The formats are text, html, markdown, junit, tap, github and json.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a run, or of a result set; for --site any number of them, or of
    /// directories that hold such.
    #[arg(value_name = "DIR", required = true)]
    directories: Vec<PathBuf>,
    /// Print it in this format.
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format::named)]
    format: &'static Format,
    /// Write files of these formats in place of printing; of a result set's runs, too, where the
    /// format links to them.
    #[arg(long, value_name = "FORMAT,...", value_delimiter = ',', value_parser = format::named,
          conflicts_with = "format")]
    to: Vec<&'static Format>,
    /// Where the files go, if not into DIR.
    #[arg(long, value_name = "DIR", requires = "to")]
    out: Option<PathBuf>,
    /// Make a site of static pages here: an index, and a page for each lock, scenario, set and
    /// run, to look at or to publish as it is. The directory is made, or is empty, or is a site
    /// that was made before: its pages are replaced, and what else is in it stays.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["format", "to", "out"])]
    site: Option<PathBuf>,
}

/// What a directory holds.
enum Saved {
    Run(Box<Report>),
    Set(Box<ResultSet>),
}

impl Saved {
    fn load(directory: &Path) -> Result<Saved, Failure> {
        fs::read_dir(directory).map_err(named(directory))?;
        match directory.join(set::HEADER_FILE).exists() {
            true => Ok(Saved::Set(Box::new(set::read(directory)?))),
            false => Ok(Saved::Run(Box::new(load_run(directory)?))),
        }
    }

    fn subject(&self) -> Subject<'_> {
        match self {
            Saved::Run(report) => Subject::Run(report),
            Saved::Set(set) => Subject::Set(set),
        }
    }
}

/// A run is judged again, so that an old one is told as well as a new one; where its history was
/// not kept, its report.json must do.
fn load_run(directory: &Path) -> Result<Report, Failure> {
    if directory.join(HISTORY).exists() {
        saved_plan(directory)?;
        return Ok(recheck(directory)?);
    }
    let path = directory.join("report.json");
    if !path.exists() {
        let (directory, path) = (directory.display(), path.display());
        return Err(Failure::Argument(format!(
            "{directory}: there is neither {path} nor set.json; expected the directory of a run or \
             of a result set"
        )));
    }
    let text = fs::read_to_string(&path).map_err(named(&path))?;
    json::read(&text).map_err(|error| Failure::Argument(format!("{}: {error}", path.display())))
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    if let Some(site) = &args.site {
        return site::make(site, &args.directories, terminal);
    }
    let [directory] = &args.directories[..] else {
        let message = "more than one directory; `--site DIR` makes pages of several, and without \
                       it a report is of one run or one result set";
        return Err(Failure::Argument(message.into()));
    };
    let saved = Saved::load(directory)?;
    let name = directory.display().to_string();
    if args.to.is_empty() {
        let options = Options {
            colour: terminal.colour(),
            columns: Some(terminal.columns()),
            directory: Some(&name),
        };
        terminal.print(&(args.format.render)(saved.subject(), options))?;
        return Ok(Exit::Valid);
    }
    let out = args.out.as_deref().unwrap_or(directory);
    fs::create_dir_all(out).map_err(named(out))?;
    for format in &args.to {
        let text = match format.name {
            "html" => pages::page(&saved, directory, out)?,
            // Its commands are to be given where this one is.
            _ => (format.render)(
                saved.subject(),
                Options { directory: Some(&name), ..Options::default() },
            ),
        };
        let path = results::write(out, Path::new(format.file), &text)?;
        terminal.print(&format!("{}\n", path.display()))?;
    }
    if let Saved::Set(set) = &saved
        && args.to.iter().any(|format| format.name == "html")
    {
        pages::write_runs(set, directory, out)?;
    }
    Ok(Exit::Valid)
}
