//! A lock file with a lifetime as it is best made of names alone, and as containers/locks'
//! link-lifetime is: broken by its contenders when it is older, by their own clocks, than its
//! lifetime and an allowance. Who breaks or releases it renames it away, and looks what it got.
//!
//! Between look and rename there is time, and until another's is put back a third may have the
//! name. link-lifetime assumes that nobody is held up for longer than a lifetime there; that is not
//! enough, when an owner comes late or two break it at once.

use super::name::{create_own, discard};
use super::profiles::SLOP;
use super::{Program, Result, Settings, path};
use crate::sim::process::Os;
use crate::sim::rpc::{Errno, Name, Op};
use crate::units::Nanos;

/// What tells a lock from the next: its file, and when it was renewed (by the server's clock).
type Stamp = (u64, i64);

pub struct Aging {
    lifetime: Nanos,
    own: Name,
    /// Of the lock that we have.
    stamp: Option<Stamp>,
    renames: u32,
}

impl Aging {
    pub fn new(settings: &Settings) -> Aging {
        Aging {
            lifetime: settings.lifetime.unwrap_or_default(),
            own: format!("lock.{}", settings.owner).into(),
            stamp: None,
            renames: 0,
        }
    }

    async fn look(os: &Os, name: &Name) -> Option<Stamp> {
        os.look(name).await.0.map(|file| (file.inode, file.mtime))
    }

    async fn link(&self, os: &Os) -> Result<bool> {
        // A new file each time: the lock must not be as old as the wait for it.
        create_own(os, &self.own).await?;
        let linked = os.nfs(Op::Link { from: self.own.clone(), to: path() }).await;
        let is_ours = match linked {
            Ok(_) => true,
            // Made all the same, and only the reply got lost?
            Err(Errno::Exists) => {
                let [own, lock] = [Self::look(os, &self.own).await, Self::look(os, &path()).await];
                own.is_some() && own == lock
            }
            Err(errno) => return Err(errno),
        };
        discard(os, &self.own).await?;
        Ok(is_ours)
    }

    /// Removes the lock with this stamp and no other: of two who try, one gets it.
    async fn take_away(&mut self, os: &Os, stamp: Stamp) -> Result<bool> {
        self.renames += 1;
        let away: Name = format!("{}.{}", self.own, self.renames).into();
        // It may be gone; or it was renamed all the same, and only the reply got lost.
        let _ = os.nfs(Op::Rename { from: path(), to: away.clone() }).await;
        let got = Self::look(os, &away).await;
        if got.is_some() && got != Some(stamp) {
            // Another's: put back, but not over a third's.
            let _ = os.nfs(Op::Link { from: away.clone(), to: path() }).await;
        }
        discard(os, &away).await?;
        Ok(got == Some(stamp))
    }

    async fn is_ours(&self, os: &Os) -> bool {
        self.stamp.is_some() && Self::look(os, &path()).await == self.stamp
    }
}

impl Program for Aging {
    async fn attempt(&mut self, os: &Os) -> Result<bool> {
        if self.link(os).await? {
            self.stamp = Self::look(os, &path()).await;
            return Ok(self.stamp.is_some());
        }
        let allowed = (self.lifetime.0 + SLOP.0) as i64;
        if let Some(stamp) = Self::look(os, &path()).await
            && os.wall() - stamp.1 > allowed
        {
            self.take_away(os, stamp).await?;
        }
        Ok(false)
    }

    async fn release(&mut self, os: &Os) -> Result<bool> {
        let is_ours = self.is_ours(os).await;
        match self.stamp.take().filter(|_| is_ours) {
            Some(stamp) => self.take_away(os, stamp).await,
            None => Ok(false),
        }
    }

    async fn refresh(&mut self, os: &Os, lifetime: Nanos) -> Result<Option<bool>> {
        if lifetime != self.lifetime {
            return Ok(None);
        }
        if !self.is_ours(os).await {
            return Ok(Some(false));
        }
        os.nfs(Op::Touch(path())).await?;
        self.stamp = Self::look(os, &path()).await;
        Ok(Some(true))
    }

    async fn is_held(&mut self, os: &Os) -> Result<bool> {
        Ok(self.is_ours(os).await)
    }
}
