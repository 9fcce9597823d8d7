//! Which lock: the argument of `--lock`.

use std::fmt;
use std::path::{Path, PathBuf};

/// A lock as the user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// One of the node image: `flufl.lock`.
    Shipped(String),
    /// Another release of one of them: `flufl.lock@8.2.0`.
    Release { name: String, version: String },
    /// The user's own, by the path of its profile: `mylock/profile.yaml`, or its directory.
    Own(PathBuf),
}

impl Choice {
    /// Understands the argument. What has a slash in it, or ends in `.yaml`, is a path.
    pub fn parse(text: &str) -> Choice {
        if text.contains('/') || text.ends_with(".yaml") || text == "." {
            let path = Path::new(text);
            return Choice::Own(match path.is_dir() {
                true => path.join("profile.yaml"),
                false => path.to_owned(),
            });
        }
        match text.split_once('@') {
            Some((name, version)) if !name.is_empty() && !version.is_empty() => {
                Choice::Release { name: name.into(), version: version.into() }
            }
            _ => Choice::Shipped(text.into()),
        }
    }

    /// The name to look up among the locks of the node image; none for the user's own.
    pub fn shipped_name(&self) -> Option<&str> {
        match self {
            Choice::Shipped(name) | Choice::Release { name, .. } => Some(name),
            Choice::Own(_) => None,
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice::Shipped(name) => f.write_str(name),
            Choice::Release { name, version } => write!(f, "{name}@{version}"),
            Choice::Own(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_named_by_name_by_release_or_by_path() {
        assert_eq!(Choice::parse("flufl.lock"), Choice::Shipped("flufl.lock".into()));
        let release = Choice::Release { name: "flufl.lock".into(), version: "8.2.0".into() };
        assert_eq!(Choice::parse("flufl.lock@8.2.0"), release);
        assert_eq!(release.to_string(), "flufl.lock@8.2.0");
        for path in ["my/profile.yaml", "profile.yaml", "./my@1"] {
            assert_eq!(Choice::parse(path), Choice::Own(path.into()));
        }
        assert_eq!(Choice::parse("."), Choice::Own("./profile.yaml".into()));
    }

    #[test]
    fn half_a_release_is_a_name_that_nobody_has() {
        assert_eq!(Choice::parse("@1"), Choice::Shipped("@1".into()));
        assert_eq!(Choice::parse("flufl.lock@"), Choice::Shipped("flufl.lock@".into()));
    }
}
