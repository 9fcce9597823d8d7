//! The files of the export, on the server's disk.
//!
//! As of an export with `sync` (exports(5), the default): what changes names, links or times is on
//! the disk before it is answered (commit_metadata in fs/nfsd/vfs.c). What WRITE writes is there
//! from the next COMMIT on, and what a power cut leaves of the rest is the plan's to say.

use crate::sim::rpc::{Done, Errno, File, Name, Op};
use std::collections::BTreeMap;
use std::rc::Rc;

#[derive(Default)]
pub struct Store {
    names: BTreeMap<Name, u64>,
    inodes: BTreeMap<u64, Inode>,
    made: u64,
    versions: u64,
    /// The files that were written and not committed, with their texts on the disk.
    unstable: BTreeMap<u64, Rc<str>>,
}

struct Inode {
    links: u32,
    mtime: i64,
    version: u64,
    text: Rc<str>,
}

type Result<T> = std::result::Result<T, Errno>;

impl Store {
    /// Carries out an operation on files. `now` is the server's wall clock, `verifier` its
    /// incarnation.
    pub fn execute(&mut self, op: &Op, now: i64, verifier: u64) -> Result<Done> {
        match op {
            Op::Look(name) => return Ok(Done::Looked { file: self.look(name), now }),
            Op::Open(name) => {
                let file = self.look(name).ok_or(Errno::NoEntry)?;
                return Ok(Done::Looked { file: Some(file), now });
            }
            Op::Create { name, exclusive } => match self.names.contains_key(name) {
                true if *exclusive => return Err(Errno::Exists),
                true => {}
                false => self.make(name, "", now),
            },
            Op::Link { from, to } => self.link(from, to, now)?,
            Op::Mkdir(name) => self.make_new(name, "", now)?,
            Op::Symlink { name, target } => self.make_new(name, target, now)?,
            Op::Rename { from, to } => self.rename(from, to)?,
            Op::Remove(name) => {
                let inode = self.names.remove(name).ok_or(Errno::NoEntry)?;
                self.unlink(inode);
            }
            Op::RemoveFile { name, inode } => {
                if self.names.get(name) == Some(inode) {
                    self.names.remove(name);
                    self.unlink(*inode);
                }
            }
            Op::Touch(name) => self.change(name, now)?.mtime = now,
            Op::Write { name, text } => {
                let inode = self.names.get(name).copied().ok_or(Errno::NoEntry)?;
                let file = self.change(name, now)?;
                let before = std::mem::replace(&mut file.text, Rc::clone(text));
                self.unstable.entry(inode).or_insert(before);
                return Ok(Done::Written { verifier });
            }
            Op::Commit(name) => {
                let inode = self.names.get(name).copied().ok_or(Errno::NoEntry)?;
                self.unstable.remove(&inode);
                return Ok(Done::Written { verifier });
            }
            Op::Swap { name, seen, text } => return self.swap(name, *seen, text, now),
            Op::Renew | Op::Lock { .. } | Op::Unlock { .. } | Op::ReclaimComplete => {}
        }
        Ok(Done::Ok)
    }

    /// The power is cut: of what was written and not committed, that lasts for which `keep` says
    /// so. Answers how much was lost.
    pub fn lose_power(&mut self, keep: &mut dyn FnMut(u64) -> bool) -> usize {
        let mut lost = 0;
        for (inode, on_disk) in std::mem::take(&mut self.unstable) {
            if !keep(inode)
                && let Some(file) = self.inodes.get_mut(&inode)
            {
                file.text = on_disk;
                lost += 1;
            }
        }
        lost
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.keys()
    }

    pub fn look(&self, name: &str) -> Option<File> {
        let inode = *self.names.get(name)?;
        let Inode { links, mtime, version, text } = &self.inodes[&inode];
        let (links, mtime, version) = (*links, *mtime, *version);
        Some(File { inode, links, mtime, version, text: Rc::clone(text) })
    }

    fn make(&mut self, name: &Name, text: &str, now: i64) {
        self.made += 1;
        self.versions += 1;
        let inode = Inode { links: 1, mtime: now, version: self.versions, text: text.into() };
        self.inodes.insert(self.made, inode);
        self.names.insert(Rc::clone(name), self.made);
    }

    fn make_new(&mut self, name: &Name, text: &str, now: i64) -> Result<()> {
        if self.names.contains_key(name) {
            return Err(Errno::Exists);
        }
        self.make(name, text, now);
        Ok(())
    }

    /// The file, for a change that makes it another version.
    fn change(&mut self, name: &Name, now: i64) -> Result<&mut Inode> {
        let inode = self.names.get(name).ok_or(Errno::NoEntry)?;
        self.versions += 1;
        let file = self.inodes.get_mut(inode).ok_or(Errno::NoEntry)?;
        (file.version, file.mtime) = (self.versions, now);
        Ok(file)
    }

    fn link(&mut self, from: &Name, to: &Name, now: i64) -> Result<()> {
        let inode = *self.names.get(from).ok_or(Errno::NoEntry)?;
        if self.names.contains_key(to) {
            return Err(Errno::Exists);
        }
        let mtime = self.inodes[&inode].mtime;
        let file = self.change(from, now)?;
        (file.links, file.mtime) = (file.links + 1, mtime);
        self.names.insert(Rc::clone(to), inode);
        Ok(())
    }

    fn rename(&mut self, from: &Name, to: &Name) -> Result<()> {
        let inode = self.names.remove(from).ok_or(Errno::NoEntry)?;
        if let Some(replaced) = self.names.insert(Rc::clone(to), inode) {
            self.unlink(replaced);
        }
        Ok(())
    }

    fn unlink(&mut self, inode: u64) {
        if let Some(file) = self.inodes.get_mut(&inode) {
            file.links -= 1;
            if file.links == 0 {
                self.inodes.remove(&inode);
                self.unstable.remove(&inode);
            }
        }
    }

    fn swap(&mut self, name: &Name, seen: Option<u64>, text: &Rc<str>, now: i64) -> Result<Done> {
        let file = self.look(name);
        if file.as_ref().map(|file| file.version) != seen {
            return Ok(Done::Looked { file, now });
        }
        if file.is_none() {
            self.make(name, "", now);
        }
        let changed = self.change(name, now)?;
        changed.text = Rc::clone(text);
        Ok(Done::Swapped { version: changed.version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.into()
    }

    fn do_all(store: &mut Store, ops: &[Op]) -> Vec<Result<Done>> {
        ops.iter().map(|op| store.execute(op, 0, 1)).collect()
    }

    fn write(text: &str) -> Op {
        Op::Write { name: name("a"), text: text.into() }
    }

    fn text(store: &Store) -> Rc<str> {
        store.look("a").unwrap().text
    }

    #[test]
    fn what_was_not_committed_goes_with_the_power_unless_it_is_kept() {
        let create = Op::Create { name: name("a"), exclusive: true };
        for (kept, expected) in [(false, ("one", 1)), (true, ("three", 0))] {
            let mut store = Store::default();
            let ops = [&create, &write("one"), &Op::Commit(name("a")), &write("two")];
            do_all(&mut store, &ops.map(Clone::clone));
            do_all(&mut store, &[write("three")]);
            let lost = store.lose_power(&mut |_| kept);
            assert_eq!((&*text(&store), lost), expected);
            assert_eq!(store.lose_power(&mut |_| false), 0);
        }
    }

    #[test]
    fn of_two_who_link_to_a_name_one_gets_it_and_sees_it_by_the_count() {
        let mut store = Store::default();
        let create = |of: &str| Op::Create { name: name(of), exclusive: true };
        let link = |from: &str| Op::Link { from: name(from), to: name("lock") };
        let done = do_all(&mut store, &[create("a"), create("b"), link("a"), link("b")]);
        assert_eq!(done[3], Err(Errno::Exists));
        assert_eq!(store.look("a").unwrap().links, 2);
        assert_eq!(store.look("b").unwrap().links, 1);
        do_all(&mut store, &[Op::Remove(name("a"))]);
        assert_eq!(store.look("lock").unwrap().links, 1);
    }

    #[test]
    fn a_swap_writes_only_the_version_that_was_seen() {
        let mut store = Store::default();
        let swap = |seen, text: &str| Op::Swap { name: name("a"), seen, text: text.into() };
        let Ok(Done::Swapped { version }) = store.execute(&swap(None, "one"), 5, 1) else {
            panic!()
        };
        let late = store.execute(&swap(None, "two"), 6, 1);
        let Ok(Done::Looked { file: Some(file), now: 6 }) = late else { panic!("{late:?}") };
        assert_eq!((&*file.text, file.mtime, file.version), ("one", 5, version));
        assert!(matches!(
            store.execute(&swap(Some(version), "two"), 7, 1),
            Ok(Done::Swapped { .. })
        ));
    }

    #[test]
    fn a_rename_takes_the_place_of_what_was_there() {
        let mut store = Store::default();
        let create = |of: &str| Op::Create { name: name(of), exclusive: true };
        let rename = Op::Rename { from: name("a"), to: name("b") };
        let done = do_all(&mut store, &[create("a"), create("b"), rename.clone(), rename]);
        assert_eq!(done[2..], [Ok(Done::Ok), Err(Errno::NoEntry)]);
        assert_eq!(store.inodes.len(), 1);
    }
}
