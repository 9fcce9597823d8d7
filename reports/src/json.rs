//! report.json: the document as it is.

use crate::map::Map;
use crate::set::ResultSet;
use crate::subject::{Options, Subject};
use crate::{Comparison, FORMAT, Report};
use schemars::JsonSchema;

/// The document as indented JSON with a last newline. The same report gives the same bytes.
pub fn render(report: &Report) -> String {
    // A report is plain data with string keys: serde_json has no way to fail on it.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}

/// Any document as indented JSON.
pub fn render_subject(subject: Subject, _: Options) -> String {
    let text = match subject {
        Subject::Run(report) => return render(report),
        Subject::Set(set) => serde_json::to_string_pretty(set),
        Subject::Comparison(comparison) => serde_json::to_string_pretty(comparison),
    };
    text.unwrap_or_default() + "\n"
}

/// Reads report.json back, of this format or an older one. The error says what is wrong and where.
pub fn read(text: &str) -> Result<Report, String> {
    #[derive(serde::Deserialize)]
    struct Version {
        format: u32,
    }
    // Asked first: what a newer format holds would only be told as a wrong key.
    let version: Version = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if !(1..=FORMAT).contains(&version.format) {
        return Err(format!(
            "format {} is not known to this lockstorm, which reads formats 1 to {FORMAT}",
            version.format
        ));
    }
    // What format 1 did not have is optional, so that an old report is a new one with less in it.
    let mut report: Report = serde_json::from_str(text).map_err(|error| error.to_string())?;
    report.format = FORMAT;
    Ok(report)
}

/// The JSON Schemas that are checked in beside this crate: the file, and its text.
pub fn schemas() -> [(&'static str, String); 4] {
    [
        ("schema.json", schema::<Report>()),
        ("set-schema.json", schema::<ResultSet>()),
        ("comparison-schema.json", schema::<Comparison>()),
        ("map-schema.json", schema::<Map>()),
    ]
}

/// The JSON Schema of a document.
fn schema<T: JsonSchema>() -> String {
    let schema = schemars::schema_for!(T);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
