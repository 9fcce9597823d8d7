//! Which lock for a site: what an administrator says of it, and the stories that follow from that.

mod stories;

pub use stories::{CALM, stories};

use crate::scenario::{CyclesSpec, Scenario, SiteSpec, WorkloadSpec, validate};
use crate::source::{Diagnostics, Document, KeyPath, Problem, Source};
use crate::units::{Nanos, NanosRange};
use serde::Deserialize;
use std::path::Path;

/// What somebody says of their site.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Site {
    /// As in a scenario: clients, versions and mount options of NFS, latencies, nodes.
    pub site: SiteSpec,
    /// How long locks are held there, and how often they are asked for; as in a scenario.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub workload: WorkloadSpec,
    /// How far the clocks of two clients may be apart.
    pub clocks_apart: Option<Nanos>,
    /// What fails there now and then.
    pub fails: Fails,
}

/// What fails now and then. What is left out does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fails {
    /// A machine that holds the lock dies, and stays away.
    pub client: bool,
    /// The server loses power, and is away for so long.
    pub server: Option<Nanos>,
    /// The client that holds the lock is cut off for so long.
    pub network: Option<Nanos>,
    /// The machine that holds the lock stands still for so long: suspended, or without memory.
    pub pause: Option<Nanos>,
}

impl Default for Site {
    fn default() -> Site {
        let range = |least, most| NanosRange {
            least: Nanos::from_millis(least),
            most: Nanos::from_millis(most),
        };
        Site {
            site: SiteSpec::default(),
            workload: WorkloadSpec::Cycles(CyclesSpec {
                hold: range(100, 1_000),
                think: range(0, 2_000),
                ..CyclesSpec::default()
            }),
            clocks_apart: None,
            fails: Fails::default(),
        }
    }
}

impl Site {
    /// Reads the file, and refuses what makes no sense.
    pub fn read(path: &Path) -> Result<Site, Diagnostics> {
        Site::parse(Source::read(path)?)
    }

    fn parse(source: Source) -> Result<Site, Diagnostics> {
        let document = Document::parse(source)?;
        let site: Site = document.read().map_err(|problem| document.diagnose(problem))?;
        let mut problems = Vec::new();
        if matches!(site.workload, WorkloadSpec::Script(_)) {
            let message = "a script is no site's habit; expected `cycles`";
            problems.push(Problem::new(KeyPath::keys("workload"), message));
        }
        for story in stories(&site) {
            for problem in validate::scenario(&story) {
                // Of what the stories add, the file has no place.
                let is_of_file = document.has(&problem.path);
                if is_of_file && !problems.iter().any(|other| other.path == problem.path) {
                    problems.push(problem);
                }
            }
        }
        match problems.is_empty() {
            true => Ok(site),
            false => Err(document.diagnose_all(problems)),
        }
    }

    /// Whether a story makes sense at all.
    pub fn makes_sense(story: &Scenario) -> bool {
        validate::scenario(story).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Site, String> {
        let source = Source::from_bytes("site.yaml", text.into()).unwrap();
        Site::parse(source).map_err(|found| found.to_string())
    }

    #[test]
    fn a_site_that_says_nothing_has_one_calm_story() {
        let site = parse("site: {}\n").unwrap();
        let stories = stories(&site);
        assert_eq!(stories.len(), 1);
        assert!(stories[0].faults.is_empty());
    }

    #[test]
    fn all_that_fails_is_a_story_that_makes_sense() {
        let site = parse(
            "site: {clients: 4, nfs: {version: '4.1', options: [noac]}, wire: {latency: 5ms}}\n\
             workload: {cycles: {hold: 1s..3s, think: 0s..9s}}\n\
             clocks_apart: 40s\n\
             fails: {client: true, server: 60s, network: 90s, pause: 2m}\n",
        )
        .unwrap();
        let stories = stories(&site);
        let names: Vec<&str> = stories.iter().map(|story| story.name.as_str()).collect();
        assert_eq!(names, ["calm", "clocks", "client", "server", "network", "pause"]);
        for story in &stories {
            assert!(Site::makes_sense(story), "{}: {:?}", story.name, validate::scenario(story));
            assert!(!story.about.is_empty());
            let text = serde_yaml::to_string(story).unwrap();
            assert_eq!(&serde_yaml::from_str::<Scenario>(&text).unwrap(), story);
        }
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_place() {
        let wrong = "site: {clients: 99}\nfails: {sever: 3s}\n";
        insta::assert_snapshot!(parse(wrong).unwrap_err());
        insta::assert_snapshot!(parse("site: {clients: 99}\n").unwrap_err());
        insta::assert_snapshot!(parse("workload: {script: []}\n").unwrap_err());
    }
}
