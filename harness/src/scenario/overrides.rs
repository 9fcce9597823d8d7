//! Overrides from the command line: `--lock NAME` and `--set site.clients=5`.
//!
//! They change the YAML tree before it is read as a scenario, so that they can set whatever a
//! file can, and are checked as a file is; but a bad one is named as the argument it is.

use crate::source::{Diagnostic, Document, KeyPath, Segment, Source};
use serde_yaml::{Mapping, Value};

/// What the command line changes in a scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `--lock NAME`: another lock. The options of the file's lock are not for this one and go;
    /// its lifetime stays if the new lock has lifetimes.
    pub lock: Option<String>,
    /// `--set KEY=VALUE`, in order; the last one wins.
    pub set: Vec<String>,
}

/// Which arguments changed what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied(Vec<(KeyPath, String)>);

impl Applied {
    /// The argument that is to blame for a problem at `path`.
    pub fn blame(&self, path: &KeyPath, document: &Document) -> Option<&str> {
        let is_to_blame = |set: &KeyPath| {
            // Inside what was set; or above it, in something that the file does not have.
            set.contains(path) || (path.contains(set) && !document.has(path))
        };
        let found = self.0.iter().rev().find(|(set, _)| is_to_blame(set));
        found.map(|(_, argument)| argument.as_str())
    }

    /// Whether an argument set the value at `path` itself.
    pub fn has_set(&self, path: &KeyPath) -> bool {
        self.0.iter().any(|(set, _)| set == path)
    }
}

impl Overrides {
    /// Changes the document's value.
    pub fn apply(&self, document: &mut Document) -> Result<Applied, Diagnostic> {
        let mut applied = Applied::default();
        if let Some(name) = &self.lock {
            let argument = format!("--lock {name}");
            let path = KeyPath::keys("lock.name");
            set(&mut document.value, &path, Value::from(name.as_str()))
                .map_err(|message| Diagnostic::argument(&argument, message))?;
            if let Some(lock) = document.value.get_mut("lock").and_then(Value::as_mapping_mut) {
                lock.remove("options");
            }
            applied.0.push((path, argument));
        }
        for text in &self.set {
            let argument = format!("--set {text}");
            let (path, value) = parse(text, &argument)?;
            set(&mut document.value, &path, value)
                .map_err(|message| Diagnostic::argument(&argument, message))?;
            applied.0.push((path, argument));
        }
        Ok(applied)
    }
}

fn parse(text: &str, argument: &str) -> Result<(KeyPath, Value), Diagnostic> {
    let wrong = |message: &str, help: &str| Diagnostic::argument(argument, message).help(help);
    let example = "expected such as `--set site.clients=5`";
    let Some((key, value)) = text.split_once('=') else {
        return Err(wrong("this has no `=`", example));
    };
    let Some(path) = KeyPath::parse(key.trim()) else {
        return Err(wrong("this does not name a key", example));
    };
    if value.trim().is_empty() {
        return Err(wrong("this has no value", "write `null` to unset a key"));
    }
    if value.trim() == "null" {
        return Ok((path, Value::Null));
    }
    let source = Source::from_bytes(argument, value.as_bytes().to_vec());
    match source.and_then(Document::parse) {
        Ok(document) => Ok((path, document.value)),
        Err(error) => Err(Diagnostic::argument(argument, error.message)),
    }
}

/// Puts `value` at `path`, making the maps and lists that are missing on the way. `null` takes away
/// what is there; the place after the last one of a list adds to it.
fn set(root: &mut Value, path: &KeyPath, value: Value) -> Result<(), String> {
    if value.is_null() {
        return unset(root, path);
    }
    let mut slot = root;
    let mut seen = KeyPath::default();
    for segment in &path.0 {
        slot = match segment {
            Segment::Key(key) => {
                if slot.is_null() {
                    *slot = Value::Mapping(Mapping::new());
                }
                match slot.as_mapping_mut() {
                    Some(map) => map.entry(key.as_str().into()).or_insert(Value::Null),
                    None => return Err(no_keys(&seen, key)),
                }
            }
            Segment::Index(index) => {
                if slot.is_null() {
                    *slot = Value::Sequence(Vec::new());
                }
                let list = slot.as_sequence_mut().ok_or(format!("`{seen}` is not a list"))?;
                if *index == list.len() {
                    list.push(Value::Null);
                }
                let out_of_range = out_of_range(&seen, list.len());
                list.get_mut(*index).ok_or(out_of_range)?
            }
        };
        seen.0.push(segment.clone());
    }
    *slot = value;
    Ok(())
}

/// Takes the key or the item away that a path leads to; one that is not there is away.
fn unset(root: &mut Value, path: &KeyPath) -> Result<(), String> {
    let Some((last, above)) = path.0.split_last() else { return Ok(()) };
    let mut slot = root;
    for segment in above {
        let next = match segment {
            Segment::Key(key) => slot.get_mut(key.as_str()),
            Segment::Index(index) => slot.get_mut(*index),
        };
        match next {
            Some(next) => slot = next,
            None => return Ok(()),
        }
    }
    let seen = KeyPath(above.to_vec());
    match (last, slot) {
        (_, Value::Null) => {}
        (Segment::Key(key), slot) => match slot.as_mapping_mut() {
            Some(map) => drop(map.remove(key.as_str())),
            None => return Err(no_keys(&seen, key)),
        },
        (Segment::Index(index), slot) => match slot.as_sequence_mut() {
            Some(list) if *index < list.len() => drop(list.remove(*index)),
            Some(list) => return Err(out_of_range(&seen, list.len())),
            None => return Err(format!("`{seen}` is not a list")),
        },
    }
    Ok(())
}

fn out_of_range(seen: &KeyPath, length: usize) -> String {
    let items = if length == 1 { "1 item".into() } else { format!("{length} items") };
    format!("`{seen}` has {items}, counted from 0; expected `{seen}[{length}]` to add one")
}

fn no_keys(seen: &KeyPath, key: &str) -> String {
    match seen.0.is_empty() {
        true => "the file is not a map of keys".into(),
        false => format!("`{seen}` has no keys in it, so no `{key}` either"),
    }
}
