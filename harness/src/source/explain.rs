//! From the messages of the YAML reader to messages for people.

use super::Problem;
use super::path::{KeyPath, Segment};
use crate::suggest::closest;

/// How the reader calls types, and how people do.
const TYPES: [(&str, &str); 13] = [
    ("u8", "a whole number from 0 to 255"),
    ("u16", "a whole number from 0 to 65535"),
    ("u32", "a whole number from 0 to 4294967295"),
    ("u64", "a whole number, not negative"),
    ("usize", "a whole number, not negative"),
    ("i64", "a whole number"),
    ("f64", "a number"),
    ("a string", "a text"),
    ("a map", "keys with values"),
    ("a sequence", "a list"),
    ("a boolean", "true or false"),
    ("a YAML value", "a value"),
    ("unit variant", "a word alone"),
];

/// Takes "WHAT; did you mean THIS?" and "WHAT; expected THAT" apart.
pub fn split_help(message: String) -> (String, Option<String>) {
    for opening in ["; did you mean", "; expected", "? expected"] {
        if let Some(at) = message.rfind(opening) {
            let help = message[at + 2..].to_string();
            let end = at + usize::from(opening.starts_with('?'));
            return (message[..end].to_string(), Some(help));
        }
    }
    (message, None)
}

/// A message of the YAML parser, without the place it repeats.
pub fn syntax(message: &str) -> String {
    let end = message.rfind(" at line ").unwrap_or(message.len());
    let message = &message[..end];
    let number = message.strip_prefix("invalid type: integer `");
    match number.and_then(|rest| rest.split_once('`')) {
        // Larger than any that the reader knows.
        Some((number, _)) => format!("{} is too large a number", brief(number)),
        None => format!("not YAML: {message}"),
    }
}

/// What the reader says about the value at `path`.
pub fn problem(path: KeyPath, message: &str) -> Problem {
    if let Some((name, expected)) = quoted_after(message, "unknown field ") {
        let mut path = path;
        // The reader's path ends at the unknown key itself, or at the map that holds it.
        if path.0.last() != Some(&Segment::Key(name.into())) {
            path = path.key(name);
        }
        let problem = Problem::new(path, format!("unknown key `{name}`")).at_key();
        return problem.help(suggestion(name, expected));
    }
    if let Some((name, expected)) = quoted_after(message, "unknown variant ") {
        // A kind is chosen by a key (`strike: {cut: ...}`) or by a word (`verdict: valid`).
        let at_key = path.0.last() == Some(&Segment::Key(name.into()));
        let message = format!("`{name}` is not one of the choices here");
        let problem = Problem::new(path, message).help(suggestion(name, expected));
        return Problem { at_key, ..problem };
    }
    if let Some((name, _)) = quoted_after(message, "missing field ") {
        let place = match path.0.is_empty() {
            true => String::new(),
            false => format!(" in `{path}`"),
        };
        let problem = Problem::new(path, format!("the key `{name}` is missing{place}"));
        return problem.at_key().help(format!("add `{name}: ...`"));
    }
    if message.ends_with("expected map with a single key") {
        return Problem::new(path, "more than one key stands here; expected one alone");
    }
    let wrong = message.strip_prefix("invalid type: ");
    let wrong = wrong.or_else(|| message.strip_prefix("invalid value: "));
    if let Some((found, expected)) = wrong.and_then(|rest| rest.rsplit_once(", expected ")) {
        let message = format!("expected {}, found {}", type_name(expected), found_name(found));
        let problem = Problem::new(path, message);
        // `version: 4.2` is a number, `"4.2"` a text.
        return match expected == "a string" && found.contains('`') {
            true => problem.help("put it in quotes"),
            false => problem,
        };
    }
    Problem::new(path, message)
}

fn type_name(reader: &str) -> String {
    if reader.starts_with("struct ") {
        return "keys with values".into();
    }
    let found = TYPES.iter().find(|(name, _)| *name == reader);
    found.map_or(reader, |(_, people)| people).to_string()
}

/// What was found instead, in the words of people.
fn found_name(reader: &str) -> String {
    const FOUND: [(&str, &str); 7] = [
        ("string ", "the text "),
        ("integer ", "the number "),
        ("floating point ", "the number "),
        ("boolean ", ""),
        ("sequence", "a list"),
        ("map", "keys with values"),
        ("unit value", "nothing"),
    ];
    for (theirs, ours) in FOUND {
        if let Some(rest) = reader.strip_prefix(theirs) {
            return format!("{ours}{}", brief(rest));
        }
    }
    brief(reader)
}

/// A value is quoted to be known again, and not to be read: it may be a whole file.
fn brief(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The name in the first pair of backticks after `prefix`, and what follows.
fn quoted_after<'a>(message: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    let rest = message.strip_prefix(prefix)?.strip_prefix('`')?;
    let ends = ["`, expected ", "`, there are "];
    let end = ends.iter().find_map(|end| rest.find(end));
    let end = end.or_else(|| rest.rfind('`'))?;
    Some((&rest[..end], &rest[end + 1..]))
}

/// "did you mean `x`?", or what there is.
fn suggestion(name: &str, expected: &str) -> String {
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    match closest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "nothing is expected here".into(),
        None => format!("expected one of `{}`", known.join("`, `")),
    }
}
