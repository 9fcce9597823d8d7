//! A lock with a lifetime: it may be broken when it is older than that and an allowance. Its age is
//! told by the server's wall clock alone. What is a row of generations to
//! containers/locks/good-lifetime is a row of versions here.

use super::profiles::SLOP;
use super::record::Record;
use super::{Defect, Program, Result, Settings};
use crate::sim::process::Os;
use crate::sim::rpc::{Errno, File};
use crate::units::Nanos;

pub struct Lifetime {
    defect: Defect,
    lifetime: Nanos,
    record: Record,
    releases: u32,
}

/// Between look and deed, as it may happen to any process.
const PAUSE: (Nanos, Nanos) = (Nanos::from_millis(100), Nanos::from_millis(1100));

impl Lifetime {
    pub fn new(settings: &Settings) -> Lifetime {
        Lifetime {
            defect: settings.lock.defect,
            lifetime: settings.lifetime.unwrap_or_default(),
            record: Record::new(&settings.owner),
            releases: 0,
        }
    }

    fn is_over(&self, file: &File, now: i64, os: &Os) -> bool {
        let lifetime = self.lifetime.0 as i64;
        let (now, allowed) = match self.defect {
            Defect::BreaksEarly => (now, lifetime / 2),
            Defect::OwnClock => (os.wall(), lifetime),
            Defect::NeverBreaks | Defect::KeepsOnRelease => return false,
            _ => (now, lifetime + SLOP.0 as i64),
        };
        now - file.mtime > allowed
    }
}

impl Program for Lifetime {
    async fn attempt(&mut self, os: &Os) -> Result<bool> {
        let (file, now) = self.record.look(os).await;
        if Record::is_free(file.as_ref()) || self.defect == Defect::GrantsAlways {
            return self.record.take(os).await;
        }
        match file {
            Some(file) if !self.is_over(&file, now, os) => Ok(false),
            _ if self.defect == Defect::BreaksInTwoSteps => {
                os.sleep(os.draw(PAUSE.0, PAUSE.1)).await;
                self.record.overwrite(os, false).await?;
                self.record.take(os).await
            }
            _ => self.record.take(os).await,
        }
    }

    async fn release(&mut self, os: &Os) -> Result<bool> {
        self.releases += 1;
        match self.defect {
            Defect::KeepsOnRelease => {
                self.record.is_ours = false;
                return Ok(true);
            }
            Defect::ForgetsFailedRelease if self.releases.is_multiple_of(3) => {
                self.record.is_ours = false;
                return Err(Errno::Io);
            }
            Defect::ReleasesAny => {
                self.record.overwrite(os, false).await?;
                self.record.is_ours = false;
                return Ok(true);
            }
            Defect::LeaksDescriptors => os.leak(),
            _ => {}
        }
        match self.record.is_ours {
            true => self.record.free(os).await,
            false => Ok(false),
        }
    }

    async fn refresh(&mut self, os: &Os, lifetime: Nanos) -> Result<Option<bool>> {
        // Contenders go by their own.
        if lifetime != self.lifetime {
            return Ok(None);
        }
        match self.defect {
            Defect::ForgetsRefresh => return Ok(Some(self.record.is_ours)),
            Defect::RefreshRevives => return self.record.overwrite(os, true).await.map(Some),
            _ => {}
        }
        self.is_held(os).await.map(Some)
    }

    /// The only sure way to know is to renew it.
    async fn is_held(&mut self, os: &Os) -> Result<bool> {
        match self.defect {
            Defect::ClaimsToHold => return Ok(true),
            Defect::RemembersHeld => return Ok(self.record.is_ours),
            _ => {}
        }
        match self.record.is_ours {
            true => self.record.take(os).await,
            false => Ok(false),
        }
    }
}
