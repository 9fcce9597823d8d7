//! A record lock over a whole file, as fcntl(2) has them on NFS: the server's, for as long as the
//! client's lease lasts. What the client's kernel loses with its lease, the process is not told.

use super::{Defect, Program, Result, Settings, path};
use crate::sim::process::Os;
use crate::sim::rpc::{Errno, Op};
use crate::units::Nanos;

pub struct Lease {
    defect: Defect,
    held: bool,
    releases: u32,
}

impl Lease {
    pub fn new(settings: &Settings) -> Lease {
        Lease { defect: settings.lock.defect, held: false, releases: 0 }
    }

    async fn lock(&mut self, os: &Os, wait: bool) -> Result<bool> {
        if self.defect == Defect::GrantsAlways {
            self.held = true;
            return Ok(true);
        }
        match os.nfs(Op::Lock { name: path(), reclaim: false, wait, owner: 0 }).await {
            Ok(_) => self.held = true,
            Err(Errno::Again) => {}
            Err(errno) => return Err(errno),
        }
        Ok(self.held)
    }
}

impl Program for Lease {
    async fn attempt(&mut self, os: &Os) -> Result<bool> {
        self.lock(os, false).await
    }

    async fn acquire(&mut self, os: &Os, timeout: Option<Nanos>) -> Result<bool> {
        match timeout {
            // The kernel waits.
            None => self.lock(os, true).await,
            Some(_) => super::wait(self, os, timeout).await,
        }
    }

    async fn release(&mut self, os: &Os) -> Result<bool> {
        self.releases += 1;
        if !std::mem::take(&mut self.held) {
            return Ok(false);
        }
        match self.defect {
            Defect::KeepsOnRelease => return Ok(true),
            Defect::ForgetsFailedRelease if self.releases.is_multiple_of(3) => {
                return Err(Errno::Io);
            }
            Defect::LeaksDescriptors => os.leak(),
            _ => {}
        }
        os.nfs(Op::Unlock { name: path(), owner: 0 }).await?;
        Ok(true)
    }

    async fn is_held(&mut self, _: &Os) -> Result<bool> {
        Ok(self.held)
    }
}
