//! Conformance: whether an adapter keeps the adapter protocol, tried out on one node without any
//! NFS. The lock's path is in the node's memory, so that what is seen is the adapter's doing.
//!
//! [`bench`] drives adapters, as many as a chapter needs; [`chapters`] is what is asked of them.

mod bench;
mod chapters;

use crate::lock::profile::Profile;
use crate::run::last_words;
use crate::site::{Resources, SiteError};
use bench::{Bench, Stop};
use chapters::CHAPTERS;

/// What became of one chapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// What the adapter should do: `refuses a second holder`.
    pub name: &'static str,
    /// What it did instead; `None`: it did that.
    pub complaint: Option<String>,
    /// Why the adapter ended, in its own words, where no chapter before has told them.
    pub said: Vec<String>,
}

/// All chapters, and the version that the lock says it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conformance {
    pub version: Option<String>,
    pub chapters: Vec<Chapter>,
}

impl Conformance {
    pub fn is_met(&self) -> bool {
        self.chapters.iter().all(|chapter| chapter.complaint.is_none())
    }
}

/// Tries an adapter out. A chapter whose adapter fails is a complaint; an error is the site's.
pub fn check(
    profile: &Profile,
    brought: bool,
    resources: Resources,
) -> Result<Conformance, SiteError> {
    let blueprint = bench::blueprint(profile);
    let artefacts = resources.artefacts;
    let mut told = Vec::new();
    let mut bench = Bench::new(profile, brought, &blueprint, resources)?;
    let mut conformance = Conformance::default();
    let mut well = true;
    for (name, chapter) in CHAPTERS {
        let complaint = match bench.begin(well).and_then(|()| chapter(&mut bench)) {
            Ok(()) => None,
            Err(Stop::Complaint(complaint)) => Some(complaint),
            Err(Stop::Site(error)) => return Err(error),
        };
        well = complaint.is_none();
        conformance.version = conformance.version.or_else(|| bench.version());
        let mut said = Vec::new();
        if complaint.is_some() {
            let words = last_words::of_adapter(artefacts, &blueprint.nodes[0].name);
            if words != told {
                told.clone_from(&words);
                said = words;
            }
        }
        conformance.chapters.push(Chapter { name, complaint, said });
        if bench.is_dead() {
            break;
        }
    }
    bench.finish()?;
    Ok(conformance)
}
