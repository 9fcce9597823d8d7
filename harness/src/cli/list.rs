//! `lockstorm list scenarios|locks`: what lockstorm ships.

use super::exit::{Exit, Failure};
use super::locks::catalogue;
use super::terminal::Terminal;
use crate::scenario::load::load_source;
use crate::scenario::overrides::Overrides;
use crate::scenario::shipped;
use crate::source::Source;

#[derive(clap::Args)]
pub struct Args {
    what: What,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// The scenarios that can be run by name.
    Scenarios,
    /// The locks that the node image has.
    Locks,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let rows = match args.what {
        What::Scenarios => scenarios()?,
        What::Locks => locks()?,
    };
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines = rows.iter().map(|(name, about)| format!("{name:width$}  {about}\n"));
    terminal.print(&lines.collect::<String>())?;
    Ok(Exit::Valid)
}

fn scenarios() -> Result<Vec<(String, String)>, Failure> {
    let mut rows = Vec::new();
    for name in shipped::names() {
        let text = shipped::text(name).unwrap_or_default();
        let source = Source::from_bytes(name, text.into())?;
        let loaded = load_source(source, &Overrides::default())?;
        let about = loaded.scenario.about.lines().next().unwrap_or_default();
        rows.push((name.to_string(), about.to_string()));
    }
    Ok(rows)
}

fn locks() -> Result<Vec<(String, String)>, Failure> {
    let catalogue = catalogue()?;
    let mut rows = Vec::new();
    for name in catalogue.names() {
        if let Some(profile) = catalogue.load(name) {
            rows.push((name.clone(), profile?.summary));
        }
    }
    Ok(rows)
}
