//! The JSON Schema of scenario files, for editors and for `lockstorm schema`.

use super::Scenario;

/// The schema as indented JSON, with a line end: the same bytes as scenarios/schema.json.
pub fn text() -> String {
    let schema = schemars::schema_for!(Scenario);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_schema_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, text()).unwrap();
        }
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            checked_in == text(),
            "scenarios/schema.json is out of date; \
             `cargo run -- schema > scenarios/schema.json` writes it anew"
        );
    }

    #[test]
    fn faults_are_objects_with_one_key() {
        let schema: serde_json::Value = serde_json::from_str(&text()).unwrap();
        let cut = &schema["$defs"]["Strike"]["oneOf"][0];
        assert_eq!(cut["type"], "object");
        assert_eq!(cut["required"], serde_json::json!(["cut"]));
    }
}
