//! A lock that its owner's process renews by itself, three times in a lifetime, for as long as it
//! lives and reaches the server. Who waits for it watches that.

use super::watching::Watching;
use super::{Defect, Program, Result, Settings};
use crate::sim::process::Os;
use crate::units::Nanos;

pub struct Heartbeat {
    lock: Watching,
    every: u64,
    stops: bool,
    beats: u32,
    /// When it was renewed last (by the monotonic clock, ns).
    beaten_at: u64,
}

impl Heartbeat {
    pub fn new(settings: &Settings) -> Heartbeat {
        Heartbeat {
            lock: Watching::new(settings),
            every: settings.lifetime.unwrap_or_default().0 / 3,
            stops: settings.lock.defect == Defect::StopsBeating,
            beats: 0,
            beaten_at: 0,
        }
    }
}

impl Program for Heartbeat {
    async fn attempt(&mut self, os: &Os) -> Result<bool> {
        self.lock.attempt(os).await
    }

    async fn acquire(&mut self, os: &Os, timeout: Option<Nanos>) -> Result<bool> {
        let taken = self.lock.acquire(os, timeout).await?;
        (self.beats, self.beaten_at) = (0, os.monotonic());
        Ok(taken)
    }

    async fn release(&mut self, os: &Os) -> Result<bool> {
        self.lock.release(os).await
    }

    async fn refresh(&mut self, os: &Os, lifetime: Nanos) -> Result<Option<bool>> {
        self.lock.refresh(os, lifetime).await
    }

    async fn is_held(&mut self, os: &Os) -> Result<bool> {
        match self.stops {
            true => Ok(self.lock.is_ours()),
            false => self.lock.is_held(os).await,
        }
    }

    fn beats_at(&self) -> Option<u64> {
        let beats = self.lock.is_ours() && !(self.stops && self.beats >= 2);
        beats.then(|| self.beaten_at + self.every)
    }

    async fn beat(&mut self, os: &Os) {
        (self.beats, self.beaten_at) = (self.beats + 1, os.monotonic());
        // That it is lost, the next call tells.
        let _ = self.lock.is_held(os).await;
    }
}
