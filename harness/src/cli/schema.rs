//! `lockstorm schema`: print the JSON Schema of a file that lockstorm reads or writes, for editors
//! and programs, or as a page for people.

mod markdown;

use super::exit::{Exit, Failure};
use super::gate::Baseline;
use super::terminal::Terminal;
use crate::bundle::Manifest;
use crate::history::Event;
use crate::lock::profile::Profile;
use crate::scenario;
use clap::ValueEnum;
use lockstorm_reports::json;
use schemars::JsonSchema;

/// Prints the JSON Schema of a file that lockstorm reads or writes.
#[derive(clap::Args)]
pub struct Args {
    /// Of which file.
    #[arg(value_enum, value_name = "FILE", default_value = "scenario")]
    file: Kind,
    /// As a page of Markdown: every key, with its type, its default and what it means.
    #[arg(long)]
    markdown: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A story: `lockstorm scenario FILE`.
    Scenario,
    /// A lock: profile.yaml beside its adapter.
    Profile,
    /// Violations that are accepted: `lockstorm gate --baseline FILE`.
    Baseline,
    /// A run's history.jsonl: the schema of each line.
    History,
    /// A run's report.json.
    Report,
    /// A result set, as `lockstorm report DIR --format json` prints it.
    Set,
    /// What `lockstorm compare --format json` prints.
    Comparison,
    /// A sweep's map.json.
    Map,
    /// What a bundle says of itself: its bundle.json.
    Bundle,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let text = args.file.schema();
    terminal.print(&if args.markdown { args.file.page(&text) } else { text })?;
    Ok(Exit::Valid)
}

impl Kind {
    /// Its JSON Schema, indented, with a line end.
    fn schema(self) -> String {
        match self {
            Kind::Scenario => scenario::schema::text(),
            Kind::Profile => of::<Profile>(),
            Kind::Baseline => Baseline::schema(),
            Kind::History => of::<Event>(),
            Kind::Report => of_reports("schema.json"),
            Kind::Set => of_reports("set-schema.json"),
            Kind::Comparison => of_reports("comparison-schema.json"),
            Kind::Map => of_reports("map-schema.json"),
            Kind::Bundle => of::<Manifest>(),
        }
    }

    /// Who reads it may leave keys out; who gets it wants to know which are always there.
    fn is_written_by_people(self) -> bool {
        matches!(self, Kind::Scenario | Kind::Profile | Kind::Baseline)
    }

    fn page(self, schema: &str) -> String {
        let schema = serde_json::from_str(schema).unwrap_or_default();
        let name = self.to_possible_value().map(|value| value.get_name().to_owned());
        let name = name.unwrap_or_default();
        let needed = if self.is_written_by_people() { "required" } else { "always there" };
        let command = format!("lockstorm schema {name}");
        markdown::page(&schema, &markdown::Words { title: self.title(), command, needed })
    }

    fn title(self) -> &'static str {
        match self {
            Kind::Scenario => "Scenario files",
            Kind::Profile => "Profiles",
            Kind::Baseline => "Baselines",
            Kind::History => "history.jsonl",
            Kind::Report => "report.json",
            Kind::Set => "Result sets",
            Kind::Comparison => "Comparisons",
            Kind::Map => "map.json",
            Kind::Bundle => "bundle.json",
        }
    }
}

fn of<T: JsonSchema>() -> String {
    let schema = schemars::schema_for!(T);
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

/// Of a document that the reports own.
fn of_reports(file: &str) -> String {
    let found = json::schemas().into_iter().find(|(name, _)| *name == file);
    found.map(|(_, text)| text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::path::Path;

    #[test]
    fn the_pages_of_the_book_are_up_to_date() {
        let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/formats");
        for kind in Kind::value_variants() {
            let name = kind.to_possible_value().unwrap().get_name().to_owned();
            let page = kind.page(&kind.schema());
            let path = pages.join(format!("{name}.md"));
            if std::env::var_os("UPDATE_SCHEMA").is_some() {
                std::fs::write(&path, &page).unwrap();
            }
            let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                checked_in == page,
                "docs/src/formats/{name}.md is out of date; `UPDATE_SCHEMA=1 cargo test -p \
                 lockstorm --lib schema` writes it anew"
            );
        }
    }

    /// No key of a schema, and no word that it knows, is missing from its page.
    #[test]
    fn a_page_has_every_key_that_its_schema_has() {
        for kind in Kind::value_variants() {
            let schema: Value = serde_json::from_str(&kind.schema()).unwrap();
            let page = kind.page(&schema.to_string());
            let mut words = Vec::new();
            collect(&schema, &mut words);
            assert!(!words.is_empty(), "{kind:?} has no keys");
            for word in words {
                assert!(page.contains(&format!("`{word}`")), "{kind:?} lacks {word}:\n{page}");
            }
        }
    }

    fn collect(schema: &Value, words: &mut Vec<String>) {
        match schema {
            Value::Object(keys) => {
                for (key, value) in keys {
                    match (key.as_str(), value) {
                        ("default", _) => {}
                        ("properties", Value::Object(properties)) => {
                            words.extend(properties.keys().cloned());
                            properties.values().for_each(|value| collect(value, words));
                        }
                        ("enum", Value::Array(values)) => {
                            words.extend(values.iter().map(|v| v.as_str().unwrap().to_owned()));
                        }
                        ("const", Value::String(word)) => words.push(word.clone()),
                        (_, value) => collect(value, words),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, words)),
            _ => {}
        }
    }

    /// Every event of the shipped samples is one that the schema of the history knows.
    #[test]
    fn an_event_is_what_the_schema_says() {
        let schema: Value = serde_json::from_str(&Kind::History.schema()).unwrap();
        let event = |kind| serde_json::to_value(Event { at_ns: 5, kind }).unwrap();
        let entered = event(crate::history::EventKind::Entered { client: "c1".into() });
        let variants = schema["oneOf"].as_array().unwrap();
        let named = |variant: &&Value| variant["properties"]["event"]["const"] == entered["event"];
        let variant = variants.iter().find(named).expect("the event has its schema");
        assert_eq!(variant["required"], serde_json::json!(["event", "client"]));
        assert_eq!(schema["required"], serde_json::json!(["at_ns"]));
    }
}
