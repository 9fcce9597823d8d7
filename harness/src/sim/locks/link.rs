//! The recipe of open(2): a file of one's own, link(2) to the lock's name, and its link count.
//! Nobody ever breaks it.
//!
//! To let it go is to remove a name; and a REMOVE that the server has carried out just before it
//! lost its power is sent again when it is back, and would remove the next owner's name. So what is
//! removed here is the file, by [`Op::RemoveFile`], which NFS does not have.

use super::{Defect, Program, Result, Settings, path, wait};
use crate::sim::process::Os;
use crate::sim::rpc::{Errno, Name, Op};
use crate::units::Nanos;

pub struct Link {
    defect: Defect,
    own: Name,
    /// The file by which we have the lock.
    held: Option<u64>,
    releases: u32,
}

impl Link {
    pub fn new(settings: &Settings) -> Link {
        let own = format!("lock.{}", settings.owner).into();
        Link { defect: settings.lock.defect, own, held: None, releases: 0 }
    }

    pub fn is_ours(&self) -> bool {
        self.held.is_some()
    }

    /// Whether it was there, and is a file of ours.
    async fn create(&self, os: &Os, name: &Name) -> Result<()> {
        let create = Op::Create { name: name.clone(), exclusive: true };
        match os.nfs(create).await {
            // Made all the same, and only the reply got lost: nobody else has this name.
            Ok(_) | Err(Errno::Exists) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    async fn check_then_create(&mut self, os: &Os) -> Result<bool> {
        if os.look(&path()).await.0.is_some() {
            return Ok(false);
        }
        os.nfs(Op::Create { name: path(), exclusive: false }).await?;
        self.held = os.look(&path()).await.0.map(|file| file.inode);
        Ok(true)
    }
}

impl Program for Link {
    async fn attempt(&mut self, os: &Os) -> Result<bool> {
        if self.defect == Defect::ChecksThenCreates {
            return self.check_then_create(os).await;
        }
        let linked = os.nfs(Op::Link { from: self.own.clone(), to: path() }).await;
        let file = os.look(&self.own).await.0;
        let is_ours = match linked {
            Err(Errno::Exists) if self.defect == Defect::IgnoresExisting => true,
            // Made all the same, and only the reply got lost?
            Ok(_) | Err(Errno::Exists) => file.as_ref().is_some_and(|file| file.links == 2),
            Err(errno) => return Err(errno),
        };
        self.held = file.filter(|_| is_ours).map(|file| file.inode);
        Ok(is_ours)
    }

    async fn acquire(&mut self, os: &Os, timeout: Option<Nanos>) -> Result<bool> {
        self.create(os, &self.own).await?;
        let taken = wait(self, os, timeout).await;
        match os.nfs(Op::Remove(self.own.clone())).await {
            Ok(_) | Err(Errno::NoEntry) => taken,
            Err(errno) => Err(errno),
        }
    }

    async fn release(&mut self, os: &Os) -> Result<bool> {
        self.releases += 1;
        let Some(inode) = self.held.take() else {
            return Ok(false);
        };
        match self.defect {
            Defect::KeepsOnRelease => return Ok(true),
            Defect::ForgetsFailedRelease if self.releases.is_multiple_of(3) => {
                return Err(Errno::Io);
            }
            Defect::LeaksDescriptors => os.leak(),
            _ => {}
        }
        os.nfs(Op::RemoveFile { name: path(), inode }).await?;
        Ok(true)
    }

    /// Nobody breaks it, so that there may be a long time to wait.
    fn poll_most(&self) -> Nanos {
        Nanos::from_secs(20)
    }

    /// Nobody can take it away.
    async fn is_held(&mut self, _: &Os) -> Result<bool> {
        Ok(self.is_ours())
    }
}
