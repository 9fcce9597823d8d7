//! A file that says whose the lock is, and that is written by [`Op::Swap`] alone: whoever goes by
//! an old version of it changes nothing.

use super::{Result, path};
use crate::sim::process::Os;
use crate::sim::rpc::{Done, File, Op};
use std::rc::Rc;

pub struct Record {
    owner: Rc<str>,
    serial: u64,
    /// The newest version that we know of.
    newest: Option<u64>,
    /// We made it, and have the lock by it.
    pub is_ours: bool,
}

const HELD: char = 'h';
const FREE: char = 'f';

impl Record {
    pub fn new(owner: &str) -> Record {
        Record { owner: owner.into(), serial: 0, newest: None, is_ours: false }
    }

    /// The record as it is, and the server's wall clock.
    pub async fn look(&mut self, os: &Os) -> (Option<File>, i64) {
        let (file, now) = os.look(&path()).await;
        self.newest = file.as_ref().map(|file| file.version);
        (file, now)
    }

    pub fn is_free(file: Option<&File>) -> bool {
        file.is_none_or(|file| file.text.starts_with(FREE))
    }

    /// Makes the record say that we have the lock, if it is as we last saw it.
    pub async fn take(&mut self, os: &Os) -> Result<bool> {
        self.put(os, HELD).await
    }

    /// Makes it say that nobody has it, if it is as we last saw it.
    pub async fn free(&mut self, os: &Os) -> Result<bool> {
        let freed = self.put(os, FREE).await;
        self.is_ours = false;
        freed
    }

    async fn put(&mut self, os: &Os, state: char) -> Result<bool> {
        self.serial += 1;
        let text: Rc<str> = format!("{state} {} {}", self.owner, self.serial).into();
        let swap = Op::Swap { name: path(), seen: self.newest, text: Rc::clone(&text) };
        let (version, is_ours) = match os.nfs(swap).await? {
            Done::Swapped { version } => (Some(version), true),
            // Perhaps it was done all the same, and only the reply got lost.
            Done::Looked { file: Some(file), .. } => (Some(file.version), file.text == text),
            _ => (None, false),
        };
        (self.newest, self.is_ours) = (version, is_ours);
        Ok(is_ours)
    }

    /// What is wrong when a record is written whatever it says.
    pub async fn overwrite(&mut self, os: &Os, take: bool) -> Result<bool> {
        self.look(os).await;
        self.put(os, if take { HELD } else { FREE }).await
    }
}
