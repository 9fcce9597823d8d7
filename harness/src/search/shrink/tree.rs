//! A YAML tree, and what can be taken out of it or changed in it.

use crate::source::Segment;
use serde_yaml::Value;

/// Where a value stands in a tree.
pub type Path = Vec<Segment>;

/// The places of all keys and of all items of lists, each before those below it.
pub fn places(value: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    collect(value, &mut Vec::new(), &mut found);
    found
}

/// The places of all keys.
pub fn keys(value: &Value) -> Vec<Path> {
    let mut found = places(value);
    found.retain(|path| matches!(path.last(), Some(Segment::Key(_))));
    found
}

fn collect(value: &Value, at: &mut Path, found: &mut Vec<Path>) {
    let below: Vec<(Segment, &Value)> = match value {
        Value::Mapping(map) => {
            let named = map.iter().filter_map(|(key, value)| Some((key.as_str()?, value)));
            named.map(|(key, value)| (Segment::Key(key.to_owned()), value)).collect()
        }
        Value::Sequence(items) => {
            items.iter().enumerate().map(|(index, item)| (Segment::Index(index), item)).collect()
        }
        _ => return,
    };
    for (segment, value) in below {
        at.push(segment);
        found.push(at.clone());
        collect(value, at, found);
        at.pop();
    }
}

pub fn get<'v>(value: &'v Value, path: &[Segment]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(index) => value.get(*index),
    })
}

fn get_mut<'v>(value: &'v mut Value, path: &[Segment]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(index) => value.get_mut(*index),
    })
}

/// The tree with something else at a place.
pub fn with(value: &Value, path: &[Segment], new: Value) -> Value {
    let mut changed = value.clone();
    if let Some(slot) = get_mut(&mut changed, path) {
        *slot = new;
    }
    changed
}

/// The tree without what stands at a place; `None`: nothing does.
pub fn without(value: &Value, path: &[Segment]) -> Option<Value> {
    let (last, above) = path.split_last()?;
    let mut changed = value.clone();
    match (get_mut(&mut changed, above)?, last) {
        (Value::Mapping(map), Segment::Key(key)) => {
            map.shift_remove(key.as_str())?;
        }
        (Value::Sequence(items), Segment::Index(index)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => return None,
    }
    Some(changed)
}

/// The tree with other words: in its texts and its keys, whatever is a word of letters and digits.
pub fn with_words(value: &Value, other: &dyn Fn(&str) -> Option<String>) -> Value {
    match value {
        Value::String(text) => Value::String(replaced(text, other)),
        Value::Sequence(items) => items.iter().map(|item| with_words(item, other)).collect(),
        Value::Mapping(map) => {
            let changed = map.iter().map(|(k, v)| (with_words(k, other), with_words(v, other)));
            Value::Mapping(changed.collect())
        }
        other => other.clone(),
    }
}

fn replaced(text: &str, other: &dyn Fn(&str) -> Option<String>) -> String {
    let pieces = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let changed = pieces.map(|piece| {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        match other(word) {
            Some(new) => new + &piece[word.len()..],
            None => piece.to_owned(),
        }
    });
    changed.collect()
}

/// The same words, one after the other.
pub fn words(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let add = |text: &str, found: &mut Vec<String>| {
        let all = text.split(|c: char| !c.is_ascii_alphanumeric());
        found.extend(all.filter(|word| !word.is_empty()).map(str::to_owned));
    };
    match value {
        Value::String(text) => add(text, &mut found),
        Value::Sequence(items) => found.extend(items.iter().flat_map(words)),
        Value::Mapping(map) => {
            found.extend(map.iter().flat_map(|(key, value)| [words(key), words(value)].concat()));
        }
        _ => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::KeyPath;

    fn tree() -> Value {
        serde_yaml::from_str("{a: {b: 1, c: [x, {d: 2}]}, e: c1 of c10}").unwrap()
    }

    #[test]
    fn every_place_stands_before_those_below_it() {
        let places: Vec<String> =
            places(&tree()).into_iter().map(|path| KeyPath(path).to_string()).collect();
        assert_eq!(places, ["a", "a.b", "a.c", "a.c[0]", "a.c[1]", "a.c[1].d", "e"]);
    }

    #[test]
    fn what_is_taken_out_leaves_the_rest_in_its_order() {
        let path = KeyPath::parse("a.c[0]").unwrap().0;
        let left = without(&tree(), &path).unwrap();
        assert_eq!(serde_yaml::to_string(&left["a"]).unwrap(), "b: 1\nc:\n- d: 2\n");
        assert_eq!(without(&tree(), &KeyPath::keys("a.f").0), None);
    }

    #[test]
    fn whole_words_are_replaced_in_texts_and_keys() {
        let renamed = with_words(&tree(), &|word| (word == "c1").then(|| "c2".into()));
        assert_eq!(renamed["e"], "c2 of c10");
        let renamed = with_words(&tree(), &|word| (word == "c").then(|| "f".into()));
        assert_eq!(renamed["a"]["f"][0], "x");
        assert_eq!(words(&tree()["e"]), ["c1", "of", "c10"]);
    }
}
