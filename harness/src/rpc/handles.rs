//! The names of file handles, as calls and replies tell them.
//!
//! A handle is opaque (RFC 8881, section 4), but whoever gets one has named it: LOOKUP and GETFH,
//! OPEN, READDIR, MNT. What is renamed, linked or removed later is followed, too.

use super::item::{Found, HANDLE_MAX};
use super::message::Operation;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

/// Handles that are known of one server; of more, the one that was learned first is forgotten.
const HANDLES_MAX: usize = 16 << 10;
const SERVERS_MAX: usize = 64;
/// Names of one file that are kept.
const NAMES_MAX: usize = 8;
/// A path longer than this is told by its end (bytes).
const PATH_MAX: usize = 1024;
/// A name longer than this is cut (bytes): no file system has it.
const NAME_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Handles {
    servers: BTreeMap<IpAddr, Names>,
}

impl Handles {
    /// What is known of a server's handles.
    pub fn of(&mut self, server: IpAddr) -> &mut Names {
        if self.servers.len() >= SERVERS_MAX && !self.servers.contains_key(&server) {
            self.servers.pop_first();
        }
        self.servers.entry(server).or_default()
    }
}

/// The handles of one server.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<Arc<[u8]>, Known>,
    by_path: BTreeMap<Arc<str>, Arc<[u8]>>,
    by_age: VecDeque<Arc<[u8]>>,
}

#[derive(Debug, Default)]
struct Known {
    /// The one by which somebody reached it last comes first, and is shown. The only one is kept
    /// also when it was removed.
    paths: Vec<Arc<str>>,
}

impl Names {
    /// What a handle stands for.
    pub fn path(&self, handle: &[u8]) -> Arc<str> {
        match self.known.get(handle).and_then(|known| known.paths.first()) {
            Some(path) => Arc::clone(path),
            None => format!("fh:{:08x}", digest(handle)).into(),
        }
    }

    /// A handle is that of this path.
    pub fn bind(&mut self, handle: &[u8], path: &Arc<str>) {
        if self.by_path.get(path).is_some_and(|known| **known == *handle) {
            self.prefer(handle, path);
            return;
        }
        if handle.len() > HANDLE_MAX || (is_nameless(path) && !path.contains('/')) {
            return;
        }
        let handle: Arc<[u8]> = match self.known.get_key_value(handle) {
            Some((known, _)) => Arc::clone(known),
            None => self.learn(handle),
        };
        // Another file has taken the place of the one that was there.
        self.remove(path);
        self.by_path.insert(Arc::clone(path), Arc::clone(&handle));
        let by_path = &self.by_path;
        if let Some(known) = self.known.get_mut(&handle) {
            // One that was made up for want of a better one, or is gone, is not needed any more.
            known.paths.retain(|path| by_path.get(path) == Some(&handle) && !is_nameless(path));
            known.paths.insert(0, Arc::clone(path));
            if known.paths.len() > NAMES_MAX
                && let Some(forgotten) = known.paths.pop()
            {
                self.by_path.remove(&forgotten);
            }
        }
    }

    fn prefer(&mut self, handle: &[u8], path: &Arc<str>) {
        if let Some(known) = self.known.get_mut(handle)
            && let Some(at @ 1..) = known.paths.iter().position(|name| name == path)
        {
            known.paths[..=at].rotate_right(1);
        }
    }

    /// What an operation that has ended tells of names and handles.
    pub fn learn_from(&mut self, operation: &Operation, found: &Found, source: Option<&[u8]>) {
        let (Some(path), true) =
            (&operation.path, operation.status.is_some_and(|status| status.is_ok()))
        else {
            return;
        };
        match (operation.name, &operation.from) {
            ("REMOVE" | "RMDIR", _) => self.remove(path),
            ("RENAME", Some(from)) => self.rename(from, path),
            ("LINK", Some(from)) => self.link(source, from, path),
            _ => {
                if let Some(handle) = found.handle {
                    self.bind(handle, path);
                }
                for (name, handle) in &found.entries {
                    if !matches!(*name, b"." | b"..") {
                        self.bind(handle, &join(Some(path), name));
                    }
                }
            }
        }
    }

    fn learn(&mut self, handle: &[u8]) -> Arc<[u8]> {
        if self.known.len() >= HANDLES_MAX
            && let Some(oldest) = self.by_age.pop_front()
            && let Some(known) = self.known.remove(&oldest)
        {
            for path in known.paths {
                if self.by_path.get(&path) == Some(&oldest) {
                    self.by_path.remove(&path);
                }
            }
        }
        let handle: Arc<[u8]> = handle.into();
        self.by_age.push_back(Arc::clone(&handle));
        self.known.insert(Arc::clone(&handle), Known::default());
        handle
    }

    /// A file has a second name. Its handle is known, or one of its names.
    pub fn link(&mut self, handle: Option<&[u8]>, from: &Arc<str>, to: &Arc<str>) {
        match handle.map(Arc::from).or_else(|| self.by_path.get(from).cloned()) {
            Some(handle) => self.bind(&handle, to),
            None => self.remove(to),
        }
    }

    /// A name is gone. A file that has no other is still known by it: it may be open.
    pub fn remove(&mut self, path: &Arc<str>) {
        let Some(handle) = self.by_path.remove(path) else {
            return;
        };
        if let Some(known) = self.known.get_mut(&handle)
            && known.paths.len() > 1
        {
            known.paths.retain(|name| name != path);
        }
    }

    /// A file, or a directory with all that is in it, has another name.
    pub fn rename(&mut self, from: &Arc<str>, to: &Arc<str>) {
        // Two names of one file: nothing happens (RFC 8881, section 18.26.4).
        if from == to || self.same(from, to) {
            return;
        }
        self.remove(to);
        let below = format!("{from}/");
        let first = self.by_path.get_key_value(from).map(|(path, _)| Arc::clone(path));
        let behind = (Bound::Included(below.as_str()), Bound::Unbounded);
        let within = self.by_path.range::<str, _>(behind);
        let within = within.take_while(|(path, _)| path.starts_with(&below));
        let moved: Vec<Arc<str>> =
            first.into_iter().chain(within.map(|(path, _)| Arc::clone(path))).collect();
        for old in moved {
            let new: Arc<str> = bounded(format!("{to}{}", &old[from.len()..])).into();
            let Some(handle) = self.by_path.remove(&old) else {
                continue;
            };
            if let Some(known) = self.known.get_mut(&handle) {
                let names = known.paths.iter_mut().filter(|path| **path == old);
                names.for_each(|path| *path = Arc::clone(&new));
            }
            self.by_path.insert(new, handle);
        }
    }

    fn same(&self, one: &Arc<str>, two: &Arc<str>) -> bool {
        self.by_path.get(one).is_some_and(|handle| self.by_path.get(two) == Some(handle))
    }
}

/// Whether a path begins at a handle whose name was not seen, or at none.
fn is_nameless(path: &str) -> bool {
    path.starts_with("fh:") || path.starts_with('?')
}

/// The path of a name in a directory.
pub(super) fn join(directory: Option<&Arc<str>>, name: &[u8]) -> Arc<str> {
    let name = shown(name);
    let path = match directory.map(|directory| &**directory) {
        None => format!("?/{name}"),
        Some("/") => format!("/{name}"),
        Some(directory) => format!("{directory}/{name}"),
    };
    bounded(path).into()
}

/// The directory of a path.
pub(super) fn parent(path: &Arc<str>) -> Arc<str> {
    match path.rsplit_once('/') {
        Some(("", _)) => "/".into(),
        Some((parent, _)) => parent.into(),
        None => format!("{path}/..").into(),
    }
}

fn bounded(path: String) -> String {
    if path.len() <= PATH_MAX {
        return path;
    }
    let cut = path.ceil_char_boundary(path.len() - PATH_MAX + 4);
    format!("\u{2026}{}", &path[cut..])
}

/// A name as it can be shown: it may be any bytes.
pub(super) fn shown(name: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(&name[..name.len().min(NAME_MAX)]);
    match text.contains(char::is_control) {
        true => text.escape_debug().to_string().into(),
        false => text,
    }
}

/// A short hash, to tell opaque values apart (32-bit FNV-1a).
pub(super) fn digest(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Arc<str> {
        text.into()
    }

    #[test]
    fn a_handle_is_known_by_the_name_that_was_used_last_until_that_is_gone() {
        let mut names = Names::default();
        assert_eq!(&*names.path(b"one"), "fh:ba2719ef");
        names.bind(b"one", &path("/claim"));
        names.link(None, &path("/claim"), &path("/a.lck"));
        assert_eq!(&*names.path(b"one"), "/a.lck");
        names.bind(b"one", &path("/claim"));
        assert_eq!(&*names.path(b"one"), "/claim");
        names.remove(&path("/claim"));
        assert_eq!(&*names.path(b"one"), "/a.lck");
        names.remove(&path("/a.lck"));
        assert_eq!(&*names.path(b"one"), "/a.lck", "it may still be open");
        names.bind(b"two", &path("/a.lck"));
        assert_eq!(&*names.path(b"two"), "/a.lck");
        names.bind(b"one", &path("/back"));
        assert_eq!(&*names.path(b"one"), "/back");
    }

    #[test]
    fn a_directory_takes_along_what_is_in_it() {
        let mut names = Names::default();
        names.bind(b"d", &path("/d"));
        names.bind(b"f", &path("/d/f"));
        names.bind(b"g", &path("/d.g"));
        names.bind(b"e", &path("/e"));
        names.rename(&path("/d"), &path("/e"));
        let all = [b"d", b"f", b"g"].map(|handle| names.path(handle).to_string());
        assert_eq!(all, ["/e", "/e/f", "/d.g"]);
        names.rename(&path("/e/f"), &path("/h"));
        assert_eq!(&*names.path(b"f"), "/h");
    }

    #[test]
    fn two_names_of_one_file_that_are_renamed_to_each_other_stay() {
        let mut names = Names::default();
        names.bind(b"f", &path("/a"));
        names.link(Some(b"f"), &path("/a"), &path("/b"));
        names.rename(&path("/a"), &path("/b"));
        names.remove(&path("/b"));
        assert_eq!(&*names.path(b"f"), "/a");
    }

    #[test]
    fn any_number_of_handles_and_names_does_not_fill_the_memory() {
        let mut names = Names::default();
        for number in 0..2 * HANDLES_MAX as u32 {
            names.bind(&number.to_be_bytes(), &path(&format!("/{number}")));
        }
        for number in 0..1000 {
            names.bind(&u32::MAX.to_be_bytes(), &path(&format!("/x{number}")));
        }
        assert!(names.known.len() <= HANDLES_MAX && names.by_age.len() <= HANDLES_MAX);
        assert!(names.by_path.len() <= HANDLES_MAX + NAMES_MAX);
        assert_eq!(&*names.path(&u32::MAX.to_be_bytes()), "/x999");
        let mut long = path("/");
        for _ in 0..100 {
            long = join(Some(&long), &[b'n'; 300]);
        }
        assert!(long.len() <= PATH_MAX);
    }

    #[test]
    fn a_name_of_any_bytes_can_be_shown() {
        assert_eq!(&*join(Some(&path("/")), b"a\x1b[2J\xff"), "/a\\u{1b}[2J\u{fffd}");
        assert_eq!(&*parent(&path("/a/b")), "/a");
        assert_eq!(&*parent(&path("/a")), "/");
        assert_eq!(&*parent(&path("fh:1")), "fh:1/..");
    }
}
