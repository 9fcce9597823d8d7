//! map.json: the map as it is.

use super::{Cell, Counts, FORMAT, Map};
use crate::text::clean;

/// The map as indented JSON with a last newline. The same map gives the same bytes.
pub fn json(map: &Map) -> String {
    let mut text = serde_json::to_string_pretty(map).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads it back. The error says what is wrong and where.
pub fn read(text: &str) -> Result<Map, String> {
    #[derive(serde::Deserialize)]
    struct Version {
        format: u32,
    }
    // What is quoted of the file must not steer a terminal.
    let wrong = |error: serde_json::Error| clean(&error.to_string());
    // Asked first: what a newer format holds would only be told as a wrong key.
    let version: Version = serde_json::from_str(text).map_err(wrong)?;
    if version.format != FORMAT {
        return Err(format!(
            "format {} is not known to this lockstorm, which reads format {FORMAT}",
            version.format
        ));
    }
    let map: Map = serde_json::from_str(text).map_err(wrong)?;
    match problem(&map) {
        Some(problem) => Err(problem),
        None => Ok(map),
    }
}

/// What does not fit together.
fn problem(map: &Map) -> Option<String> {
    let (rows, columns) = (map.rows.len(), map.columns.len());
    for (index, row) in map.rows.iter().enumerate() {
        if row.cells.len() != columns {
            return Some(format!(
                "row {index}, `{}`, has {} cells; expected one for each of {columns} columns",
                clean(&row.name),
                row.cells.len()
            ));
        }
        for (column, cell) in row.cells.iter().enumerate() {
            if let Cell::Alike { row: other } | Cell::Proof { row: other, .. } = cell
                && (*other >= rows || *other == index)
            {
                return Some(format!(
                    "row {index}, `{}`, column {column}: row {other} stands for it; expected \
                     another of {rows} rows, counted from 0",
                    clean(&row.name)
                ));
            }
        }
    }
    for finding in &map.findings {
        let (row, column) = finding.first;
        if row >= rows || column >= columns {
            return Some(format!(
                "finding `{}`: first seen in row {row}, column {column}; there are {rows} rows and \
                 {columns} columns, counted from 0",
                clean(&finding.fingerprint)
            ));
        }
    }
    let counts = Counts::of(&map.rows);
    (map.counts != counts)
        .then(|| format!("`counts` is not what the rows add up to; expected {counts:?}"))
}
