//! What a file system gives: a table of probes, one column for each way to reach the same disk.

mod compare;
mod json;
mod markdown;
mod text;

pub use compare::{Difference, differences, told};
pub use json::{json, read};
pub use markdown::markdown;
pub use text::text;

use serde::{Deserialize, Serialize};

/// The version of [`Table`].
pub const FORMAT: u32 = 1;

/// All that was probed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub format: u32,
    pub columns: Vec<Column>,
    pub chapters: Vec<Chapter>,
}

/// A file system, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// `knfsd 4.2`, `ganesha 3`, `local`.
    pub name: String,
    /// The NFS version; none of the local file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The kernels of server and clients, in words.
    pub kernel: String,
    /// Mount options beside the default ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chapter {
    pub name: String,
    pub rows: Vec<Row>,
}

/// A probe, with a cell for each column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub name: String,
    /// What must be so.
    pub rule: String,
    /// Where that is written.
    pub source: String,
    pub cells: Vec<Cell>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    pub outcome: Outcome,
    /// What was seen; or why nothing was.
    pub seen: String,
    /// The directory of its site, with the packets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The calls that it made, with their answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Call>,
}

/// One system call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Virtual seconds.
    pub at_s: f64,
    /// Node and process: `c1 p3`.
    pub who: String,
    pub call: String,
    /// Left out where it was never answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// What came of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The rule is kept.
    Kept,
    /// The rule is broken.
    Broken,
    /// A call did not come to an end.
    Hung,
    /// What the probe needs first could not be had.
    Unfit,
    /// It means nothing here.
    NotHere,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Kept => "kept",
            Outcome::Broken => "BROKEN",
            Outcome::Hung => "HUNG",
            Outcome::Unfit => "unfit",
            Outcome::NotHere => "-",
        }
    }
}

impl Table {
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.chapters.iter().flat_map(|chapter| &chapter.rows)
    }

    /// How many cells there are of each outcome, in a column.
    pub fn count(&self, column: usize, outcome: Outcome) -> usize {
        let cells = self.rows().filter_map(|row| row.cells.get(column));
        cells.filter(|cell| cell.outcome == outcome).count()
    }
}

impl Row {
    /// Whether the columns, where the probe means anything, do not all say the same.
    pub fn differs(&self) -> bool {
        let mut said = self.cells.iter().filter(|cell| cell.outcome != Outcome::NotHere);
        let first = said.next().map(|cell| (cell.outcome, &cell.seen));
        said.any(|cell| Some((cell.outcome, &cell.seen)) != first)
    }
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    pub fn table() -> Table {
        let column = |name: &str, version: Option<&str>| Column {
            name: name.into(),
            version: version.map(str::to_owned),
            kernel: "6.12".into(),
            options: Vec::new(),
        };
        let cell = |outcome, seen: &str| Cell {
            outcome,
            seen: seen.into(),
            site: Some("sites/knfsd-4.2".into()),
            calls: vec![Call {
                at_s: 1.25,
                who: "c1 p1".into(),
                call: "link lock-1 lock".into(),
                answer: Some("EEXIST".into()),
            }],
        };
        let row = |name: &str, cells| Row {
            name: name.into(),
            rule: format!("{name} is so"),
            source: "link(2)".into(),
            cells,
        };
        let rows = vec![
            row("alike", vec![cell(Outcome::Kept, "EEXIST"), cell(Outcome::Kept, "EEXIST")]),
            row("other", vec![cell(Outcome::Broken, "two have it"), cell(Outcome::Kept, "one")]),
            row("nowhere", vec![cell(Outcome::Hung, "for 200 s"), cell(Outcome::NotHere, "")]),
        ];
        Table {
            format: FORMAT,
            columns: vec![column("knfsd 4.2", Some("4.2")), column("local", None)],
            chapters: vec![Chapter { name: "names".into(), rows }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_differs_where_two_columns_that_say_anything_say_different_things() {
        let table = samples::table();
        let differs: Vec<bool> = table.rows().map(Row::differs).collect();
        assert_eq!(differs, [false, true, false]);
    }

    #[test]
    fn a_table_comes_out_of_json_as_it_went_in() {
        let table = samples::table();
        let json = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<Table>(&json).unwrap(), table);
    }
}
