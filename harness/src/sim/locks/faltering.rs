//! A lock with a lifetime whose calls fail now and then, before they did anything or after they did
//! all: an error leaves open what happened. What it says otherwise is true.

use super::lifetime::Lifetime;
use super::{Program, Result, Settings};
use crate::sim::process::Os;
use crate::sim::rpc::Errno;
use crate::units::Nanos;

pub struct Faltering(Lifetime);

/// One call in so many fails before it begins, and as many when they are done.
const FAILS: u64 = 16;

fn falters(os: &Os) -> Result<()> {
    match os.draw(Nanos(1), Nanos(FAILS)) {
        Nanos(1) => Err(Errno::Io),
        _ => Ok(()),
    }
}

impl Faltering {
    pub fn new(settings: &Settings) -> Faltering {
        Faltering(Lifetime::new(settings))
    }
}

impl Program for Faltering {
    async fn attempt(&mut self, os: &Os) -> Result<bool> {
        self.0.attempt(os).await
    }

    async fn acquire(&mut self, os: &Os, timeout: Option<Nanos>) -> Result<bool> {
        falters(os)?;
        let taken = self.0.acquire(os, timeout).await?;
        falters(os)?;
        Ok(taken)
    }

    async fn release(&mut self, os: &Os) -> Result<bool> {
        falters(os)?;
        let released = self.0.release(os).await?;
        falters(os)?;
        Ok(released)
    }

    async fn refresh(&mut self, os: &Os, lifetime: Nanos) -> Result<Option<bool>> {
        falters(os)?;
        let refreshed = self.0.refresh(os, lifetime).await?;
        falters(os)?;
        Ok(refreshed)
    }

    async fn is_held(&mut self, os: &Os) -> Result<bool> {
        falters(os)?;
        self.0.is_held(os).await
    }
}
