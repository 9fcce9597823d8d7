//! The rows of a map, by client and by what its lock was doing.

use super::{Map, Row};
use crate::text::clean_name;

/// The points of one call of a client's lock, or of one stay inside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group<'m> {
    pub client: &'m str,
    /// `acquire 1`.
    pub what: String,
    /// Rows of the map.
    pub rows: Vec<usize>,
}

/// Client by client, in the order in which they come first; within one, by time.
pub(crate) fn groups(map: &Map) -> Vec<Group<'_>> {
    let mut clients: Vec<&str> = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    for (index, row) in map.rows.iter().enumerate() {
        if !clients.contains(&row.client.as_str()) {
            clients.push(&row.client);
        }
        let what = what(row);
        match groups.iter_mut().find(|group| group.client == row.client && group.what == what) {
            Some(group) => group.rows.push(index),
            None => groups.push(Group { client: &row.client, what, rows: vec![index] }),
        }
    }
    groups.sort_by_key(|group| clients.iter().position(|client| *client == group.client));
    groups
}

/// What the client's lock was doing: the second part of a point's name. Whoever has entered is
/// inside, and whoever has left releases.
fn what(row: &Row) -> String {
    let (stage, _) = parts(row);
    let (word, number) = numbered(stage);
    let word = match word {
        "entered" => "inside",
        "left" => "release",
        other => other,
    };
    clean_name(&format!("{word} {number}"))
}

/// The rest of a point's name.
pub(crate) fn label(row: &Row) -> String {
    let (stage, rest) = parts(row);
    let label = match (rest, numbered(stage).0) {
        ("", "acquire") => "calls acquire".into(),
        ("", "refresh") => "calls refresh".into(),
        ("", "entered") => "has entered".into(),
        ("", "left") => "has left".into(),
        ("", _) => stage.to_owned(),
        (rest, _) => {
            let (words, number) = numbered(rest);
            let words = words.replace('.', " ");
            if number == "1" { words } else { format!("{words} {number}") }
        }
    };
    clean_name(&label)
}

/// Of `c1.acquire1.LINK-lock.call1`, `acquire1` and `LINK-lock.call1`.
fn parts(row: &Row) -> (&str, &str) {
    let own = row.name.strip_prefix(&row.client).and_then(|rest| rest.strip_prefix('.'));
    let own = own.unwrap_or(&row.name);
    own.split_once('.').unwrap_or((own, ""))
}

/// `acquire` and `1`.
fn numbered(word: &str) -> (&str, &str) {
    word.split_at(word.trim_end_matches(|c: char| c.is_ascii_digit()).len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(client: &str, name: &str) -> Row {
        Row {
            name: name.into(),
            about: String::new(),
            client: client.into(),
            at_ns: 0,
            cells: Vec::new(),
        }
    }

    #[test]
    fn a_row_stands_with_the_call_of_the_lock_that_its_point_is_part_of() {
        let told = |name| {
            let row = row("c1", name);
            (what(&row), label(&row))
        };
        let pair = |what: &str, label: &str| (what.to_owned(), label.to_owned());
        assert_eq!(told("c1.acquire1.LINK-lock.call1"), pair("acquire 1", "LINK-lock call"));
        assert_eq!(told("c1.inside2.WRITE-lock.reply12"), pair("inside 2", "WRITE-lock reply 12"));
        assert_eq!(told("c1.acquire2"), pair("acquire 2", "calls acquire"));
        assert_eq!(told("c1.entered1"), pair("inside 1", "has entered"));
        assert_eq!(told("c1.left3"), pair("release 3", "has left"));
    }

    #[test]
    fn a_name_of_no_known_kind_is_shown_as_it_is() {
        let row = row("c1", "somewhere\x1b[2J");
        assert_eq!(label(&row), "somewhere\\u{1b}[2J");
    }
}
