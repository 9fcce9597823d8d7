//! report.json: the document as it is.

use crate::Report;

/// The document as indented JSON with a last newline. The same report gives the same bytes.
pub fn render(report: &Report) -> String {
    // A report is plain data with string keys: serde_json has no way to fail on it.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads report.json back. The error says what is wrong and where.
pub fn read(text: &str) -> Result<Report, String> {
    let report: Report = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if report.format != crate::FORMAT {
        return Err(format!(
            "format {} is not known to this lockstorm, which reads format {}",
            report.format,
            crate::FORMAT
        ));
    }
    Ok(report)
}

/// The JSON Schema of the document, as checked in beside this crate.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Report);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
