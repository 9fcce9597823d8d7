//! Names as names of files: of one place each, on every file system, and in every address.

use std::collections::{BTreeMap, BTreeSet};

/// The longest name of a file, without its ending.
const CHARS_MAX: usize = 80;

/// What has been given away; small letters and capitals are the same to some file systems.
#[derive(Default)]
pub struct Names {
    taken: BTreeSet<String>,
    of: BTreeMap<String, String>,
}

impl Names {
    /// The file name of a name; the same name has the same.
    pub fn of(&mut self, name: &str) -> String {
        if let Some(known) = self.of.get(name) {
            return known.clone();
        }
        let made = self.new_one(&plain(name));
        self.of.insert(name.to_owned(), made.clone());
        made
    }

    /// One that nothing else has.
    pub fn new_one(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1;
        while !self.taken.insert(name.to_lowercase()) {
            number += 1;
            name = format!("{wanted}-{number}");
        }
        name
    }

    /// What [`Names::of`] has answered before.
    pub fn known(&self, name: &str) -> Option<&str> {
        self.of.get(name).map(String::as_str)
    }
}

/// With `_` for all that could mean another place.
pub fn plain(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.@+".contains(c) { c } else { '_' };
    let plain: String = name.chars().take(CHARS_MAX).map(safe).collect();
    match plain.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None if plain.is_empty() => "_".into(),
        None => plain,
    }
}

/// Whether a path leads down from where it stands, by plain names alone.
pub fn is_plain(path: &str) -> bool {
    const BYTES_MAX: usize = 200;
    path.len() <= BYTES_MAX && path.split('/').all(|part| plain(part) == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_files_of_their_own() {
        let mut names = Names::default();
        let made = ["a b", "a/b", "A_b", "a b", "..", ""].map(|name| names.of(name));
        assert_eq!(made, ["a_b", "a_b-2", "A_b-3", "a_b", "_.", "_"]);
        assert_eq!(names.known("a/b"), Some("a_b-2"));
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_not_plain() {
        assert!(is_plain("runs/flufl.lock@8.2.0/calm/1"));
        for path in ["", "/etc", "runs/../..", "a//b", "a b", &"x".repeat(300)] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
