//! conformance.json: the table as it is.

use super::{FORMAT, Table};
use crate::text::clean;

/// The table as indented JSON with a last newline. The same table gives the same bytes.
pub fn json(table: &Table) -> String {
    let mut text = serde_json::to_string_pretty(table).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads it back. The error says what is wrong and where.
pub fn read(text: &str) -> Result<Table, String> {
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
    let table: Table = serde_json::from_str(text).map_err(wrong)?;
    let columns = table.columns.len();
    if let Some(row) = table.rows().find(|row| row.cells.len() != columns) {
        return Err(format!(
            "probe `{}` has {} cells; expected one for each of {columns} columns",
            clean(&row.name),
            row.cells.len()
        ));
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::samples::table;

    #[test]
    fn what_is_written_reads_back() {
        assert_eq!(read(&json(&table())), Ok(table()));
    }

    #[test]
    fn what_is_no_table_is_told() {
        let mut narrow = table();
        narrow.chapters[0].rows[0].cells.pop();
        let said = read(&json(&narrow)).unwrap_err();
        assert!(said.contains("cells; expected one for each of"), "{said}");
        let newer = Table { format: FORMAT + 1, ..table() };
        let said = read(&json(&newer)).unwrap_err();
        assert!(said.contains("which reads format 1"), "{said}");
        let said = read("{\"format\":1,\"\\u001b[2J\":0}").unwrap_err();
        assert!(said.contains("unknown field") && !said.contains('\u{1b}'), "{said}");
    }
}
