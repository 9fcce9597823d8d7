//! A lock with a lifetime that goes by no wall clock: who waits for it watches, by its own
//! monotonic clock, that it is not renewed for the lifetime and an allowance, which is more than
//! that clock can be fast by.

use super::profiles::SLOP;
use super::record::Record;
use super::{Defect, Program, Result, Settings};
use crate::sim::process::Os;
use crate::units::Nanos;

pub struct Watching {
    defect: Defect,
    lifetime: Nanos,
    record: Record,
    /// The version that was seen last, and since when. Each renewal makes another.
    watched: Option<(u64, u64)>,
}

impl Watching {
    pub fn new(settings: &Settings) -> Watching {
        Watching {
            defect: settings.lock.defect,
            lifetime: settings.lifetime.unwrap_or_default(),
            record: Record::new(&settings.owner),
            watched: None,
        }
    }

    /// Whether the version has been watched for long enough.
    fn is_over(&mut self, version: u64, now: u64) -> bool {
        let since = match self.watched {
            Some((watched, since)) if watched == version => since,
            _ => now,
        };
        self.watched = Some((version, since));
        let allowed = match self.defect {
            Defect::BreaksEarly => self.lifetime.0 / 2,
            Defect::NeverBreaks => u64::MAX,
            _ => self.lifetime.0 + SLOP.0,
        };
        now - since > allowed
    }

    pub fn is_ours(&self) -> bool {
        self.record.is_ours
    }
}

impl Program for Watching {
    async fn attempt(&mut self, os: &Os) -> Result<bool> {
        let (file, _) = self.record.look(os).await;
        let version = file.as_ref().map_or(0, |file| file.version);
        if Record::is_free(file.as_ref()) || self.is_over(version, os.monotonic()) {
            return self.record.take(os).await;
        }
        Ok(false)
    }

    async fn release(&mut self, os: &Os) -> Result<bool> {
        match self.record.is_ours {
            true => self.record.free(os).await,
            false => Ok(false),
        }
    }

    async fn refresh(&mut self, os: &Os, lifetime: Nanos) -> Result<Option<bool>> {
        if lifetime != self.lifetime {
            return Ok(None);
        }
        self.is_held(os).await.map(Some)
    }

    async fn is_held(&mut self, os: &Os) -> Result<bool> {
        match self.record.is_ours {
            true => self.record.take(os).await,
            false => Ok(false),
        }
    }
}
