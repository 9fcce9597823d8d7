//! Conformance: whether an adapter keeps the adapter protocol, tried out on one node without any
//! NFS. The lock's path is in the node's memory, so that what is seen is the adapter's doing.
//!
//! [`bench`] drives adapters, as many as a chapter needs; [`chapters`] is what is asked of them.

mod bench;
mod chapters;

use crate::lock::profile::Profile;
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
        conformance.chapters.push(Chapter { name, complaint });
        if bench.is_dead() {
            break;
        }
    }
    bench.finish()?;
    Ok(conformance)
}
