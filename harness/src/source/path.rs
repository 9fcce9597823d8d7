//! The path to a value inside a YAML document: `faults[2].strike.cut.node`.

use std::fmt;

/// One step of a [`KeyPath`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    Key(String),
    Index(usize),
}

/// Where a value stands in a YAML document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(pub Vec<Segment>);

impl KeyPath {
    /// A path of keys alone, written with dots: `site.nfs.version`.
    pub fn keys(dotted: &str) -> KeyPath {
        KeyPath(dotted.split('.').map(|key| Segment::Key(key.into())).collect())
    }

    /// This path and one key more.
    pub fn key(&self, key: &str) -> KeyPath {
        self.with(Segment::Key(key.into()))
    }

    /// This path and one list index more.
    pub fn index(&self, index: usize) -> KeyPath {
        self.with(Segment::Index(index))
    }

    /// This path and a dotted path below it.
    pub fn join(&self, dotted: &str) -> KeyPath {
        let mut longer = self.clone();
        longer.0.extend(KeyPath::keys(dotted).0);
        longer
    }

    fn with(&self, segment: Segment) -> KeyPath {
        let mut longer = self.clone();
        longer.0.push(segment);
        longer
    }

    /// Whether `self` is `other` or lies above it.
    pub fn contains(&self, other: &KeyPath) -> bool {
        other.0.starts_with(&self.0)
    }

    /// Parses what a person writes behind `--set`: `site.clients`, `faults[0].for`.
    pub fn parse(text: &str) -> Option<KeyPath> {
        let mut segments = Vec::new();
        for part in text.split('.') {
            let (key, indices) = part.split_once('[').unwrap_or((part, ""));
            if key.is_empty() {
                return None;
            }
            segments.push(Segment::Key(key.into()));
            if part.contains('[') {
                for index in indices.strip_suffix(']')?.split("][") {
                    segments.push(Segment::Index(index.parse().ok()?));
                }
            }
        }
        Some(KeyPath(segments))
    }
}

impl From<&serde_path_to_error::Path> for KeyPath {
    fn from(path: &serde_path_to_error::Path) -> KeyPath {
        use serde_path_to_error::Segment as Theirs;
        let segments = path.iter().filter_map(|segment| match segment {
            Theirs::Seq { index } => Some(Segment::Index(*index)),
            Theirs::Map { key } => Some(Segment::Key(key.clone())),
            Theirs::Enum { variant } => Some(Segment::Key(variant.clone())),
            Theirs::Unknown => None,
        });
        KeyPath(segments.collect())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if at == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}
