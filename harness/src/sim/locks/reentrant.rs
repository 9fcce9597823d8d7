//! A lock that its owner may acquire again: it is free when it was released as often.

use super::name::{How, Named};
use super::{Program, Result, Settings};
use crate::sim::process::Os;
use crate::units::Nanos;

pub struct Reentrant {
    lock: Named,
    depth: u32,
}

impl Reentrant {
    pub fn new(settings: &Settings) -> Reentrant {
        Reentrant { lock: Named::new(How::Link, settings), depth: 0 }
    }
}

impl Program for Reentrant {
    async fn attempt(&mut self, os: &Os) -> Result<bool> {
        self.lock.attempt(os).await
    }

    async fn acquire(&mut self, os: &Os, timeout: Option<Nanos>) -> Result<bool> {
        if self.depth == 0 && !self.lock.acquire(os, timeout).await? {
            return Ok(false);
        }
        self.depth += 1;
        Ok(true)
    }

    async fn release(&mut self, os: &Os) -> Result<bool> {
        self.depth = self.depth.saturating_sub(1);
        match self.depth {
            0 => self.lock.release(os).await,
            _ => Ok(true),
        }
    }

    async fn is_held(&mut self, _: &Os) -> Result<bool> {
        Ok(self.lock.is_ours())
    }
}
