//! Locks that are a name on the mount: who makes it holds, until it is removed. Nobody breaks them.
//!
//! A call that the server has carried out just before it lost its power is sent again when it is
//! back. Who makes the name by link(2), or as a symbolic link, can see then that it is its own; by
//! mkdir(2) nobody can, and the lock is nobody's for ever, which is safe. To let a lock go is to
//! remove a name, and a REMOVE that is sent again would remove the next owner's: so what is removed
//! here is the file, by [`Op::RemoveFile`], which NFS does not have.

use super::{Defect, Program, Result, Settings, path, wait};
use crate::sim::process::Os;
use crate::sim::rpc::{Errno, Name, Op};
use crate::units::Nanos;

/// How the name is made.
#[derive(Clone, Copy, PartialEq)]
pub enum How {
    /// The recipe of open(2): a file of one's own, link(2) to the lock's name, and its link count.
    Link,
    Mkdir,
    /// A symbolic link, which names its owner.
    Symlink,
}

pub struct Named {
    how: How,
    defect: Defect,
    own: Name,
    /// The file by which we have the lock.
    held: Option<u64>,
    releases: u32,
}

impl Named {
    pub fn new(how: How, settings: &Settings) -> Named {
        let own = format!("lock.{}", settings.owner).into();
        Named { how, defect: settings.lock.defect, own, held: None, releases: 0 }
    }

    pub fn is_ours(&self) -> bool {
        self.held.is_some()
    }

    async fn check_then_create(&mut self, os: &Os) -> Result<bool> {
        if os.look(&path()).await.0.is_some() {
            return Ok(false);
        }
        os.nfs(Op::Create { name: path(), exclusive: false }).await?;
        self.held = os.look(&path()).await.0.map(|file| file.inode);
        Ok(true)
    }

    /// Makes the name; the file by which the lock is ours, if it is.
    async fn make(&self, os: &Os) -> Result<Option<u64>> {
        let made = match self.how {
            How::Link => Op::Link { from: self.own.clone(), to: path() },
            How::Mkdir => Op::Mkdir(path()),
            How::Symlink => Op::Symlink { name: path(), target: self.own.clone() },
        };
        let made = os.nfs(made).await;
        if !matches!(made, Ok(_) | Err(Errno::Exists)) {
            return made.map(|_| None);
        }
        // Perhaps it was made all the same, and only the reply got lost.
        let (file, is_ours) = match self.how {
            How::Link => {
                let file = os.look(&self.own).await.0;
                let linked = file.as_ref().is_some_and(|file| file.links == 2);
                (file, linked)
            }
            How::Mkdir => (os.look(&path()).await.0, made.is_ok()),
            How::Symlink => {
                let file = os.look(&path()).await.0;
                let is_own = file.as_ref().is_some_and(|file| file.text == self.own);
                (file, is_own)
            }
        };
        let is_ours = is_ours || made.is_err() && self.defect == Defect::IgnoresExisting;
        Ok(file.filter(|_| is_ours).map(|file| file.inode))
    }
}

impl Program for Named {
    async fn attempt(&mut self, os: &Os) -> Result<bool> {
        if self.defect == Defect::ChecksThenCreates {
            return self.check_then_create(os).await;
        }
        self.held = self.make(os).await?;
        Ok(self.is_ours())
    }

    async fn acquire(&mut self, os: &Os, timeout: Option<Nanos>) -> Result<bool> {
        if self.how != How::Link {
            return wait(self, os, timeout).await;
        }
        create_own(os, &self.own).await?;
        let taken = wait(self, os, timeout).await;
        if self.defect == Defect::LeavesClaim && taken == Ok(false) {
            return taken;
        }
        discard(os, &self.own).await?;
        taken
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

    /// There may be a long time to wait.
    fn poll_most(&self) -> Nanos {
        Nanos::from_secs(20)
    }

    /// Nobody can take it away.
    async fn is_held(&mut self, _: &Os) -> Result<bool> {
        Ok(self.is_ours())
    }
}

/// Creates a file of one's own. That there is one already is the doing of a call whose reply got
/// lost: nobody else has this name.
pub async fn create_own(os: &Os, name: &Name) -> Result<()> {
    match os.nfs(Op::Create { name: name.clone(), exclusive: true }).await {
        Ok(_) | Err(Errno::Exists) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Removes a file of one's own. It may have gone by a call whose reply got lost.
pub async fn discard(os: &Os, name: &Name) -> Result<()> {
    match os.nfs(Op::Remove(name.clone())).await {
        Ok(_) | Err(Errno::NoEntry) => Ok(()),
        Err(errno) => Err(errno),
    }
}
