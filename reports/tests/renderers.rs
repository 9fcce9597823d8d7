//! Every renderer on the same documents: what it makes, that others understand it, and that
//! hostile documents do it no harm.

mod common;

use common::hostile::{text as hostile_text, with_number, with_text};
use common::{beyond, clean, comparison, gated, map, set, unknown, violated};
use lockstorm_reports::Report;
use lockstorm_reports::compare::Comparison;
use lockstorm_reports::format::{FORMATS, Options, Subject, named};
use lockstorm_reports::set::{End, ResultSet};
use serde::Serialize;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

fn rendered(format: &str, subject: Subject) -> String {
    (named(format).unwrap().render)(subject, Options::default())
}

/// One snapshot of every format of a document.
fn snapshot(name: &str, subject: Subject) {
    for format in FORMATS.iter().filter(|format| !["json", "text"].contains(&format.name)) {
        let text = (format.render)(subject, Options::default());
        // The style and the script are files of their own, and are reviewed there.
        let text = without(&without(&text, "<style>", "</style>"), "<script>", "</script>");
        insta::assert_snapshot!(format!("{name}_as_{}", format.name), text);
    }
}

fn without(text: &str, from: &str, until: &str) -> String {
    match (text.find(from), text.find(until)) {
        (Some(start), Some(end)) => format!("{}{}", &text[..start + from.len()], &text[end..]),
        _ => text.to_owned(),
    }
}

#[test]
fn a_clean_run_in_every_format() {
    snapshot("clean", Subject::Run(&clean()));
}

#[test]
fn a_violated_run_in_every_format() {
    snapshot("violated", Subject::Run(&violated()));
}

#[test]
fn an_unknown_run_in_every_format() {
    snapshot("unknown", Subject::Run(&unknown()));
}

#[test]
fn a_run_beyond_the_assumptions_in_every_format() {
    snapshot("beyond", Subject::Run(&beyond()));
    insta::assert_snapshot!("beyond_as_text", rendered("text", Subject::Run(&beyond())));
}

#[test]
fn a_result_set_in_every_format() {
    snapshot("set", Subject::Set(&set()));
}

#[test]
fn a_gated_set_in_every_format() {
    snapshot("gated", Subject::Set(&gated()));
    insta::assert_snapshot!("gated_as_text", rendered("text", Subject::Set(&gated())));
}

/// The commands in a document, as people copy them.
fn commands(text: &str) -> Vec<String> {
    let plain = text.replace("&apos;", "'").replace("&#39;", "'").replace("%0A", "\n");
    let ends = ['\n', '<', '`', '"'];
    let from = plain.match_indices("lockstorm replay ").map(|(at, _)| &plain[at..]);
    from.filter_map(|rest| rest.split(ends).next()).map(|one| one.trim_end().to_owned()).collect()
}

#[test]
fn every_format_names_the_directory_that_a_run_is_made_again_from() {
    let mut set = set();
    for run in &mut set.runs {
        run.directory = Some(format!("runs/{}/{}/{}", run.lock, run.scenario, run.seed));
        if let End::Judged(judged) = &mut run.end {
            judged.reproduce.clear();
        }
    }
    let long = "a directory of ".repeat(8);
    let mut report = violated();
    report.reproduce.clear();
    let mut new = set.clone();
    new.runs.retain(|run| run.scenario != "partition");
    let comparison = Comparison::between((&set, Some(&long)), (&new, Some(&long)));
    let options = Options { directory: Some(&long), ..Options::default() };
    for format in FORMATS.iter().filter(|format| format.name != "json") {
        for subject in [Subject::Set(&set), Subject::Run(&report), Subject::Comparison(&comparison)]
        {
            let text = (format.render)(subject, options);
            let found = commands(&text);
            // A lone run is printed with its directory, and TAP tells no more of what was not run.
            let none = matches!((format.name, subject), ("text", Subject::Run(_)))
                || matches!((format.name, subject), (_, Subject::Comparison(_)));
            assert!(none || !found.is_empty(), "{}: {text}", format.name);
            let start = format!("lockstorm replay '{}", long.trim_end());
            for command in found {
                assert!(command.starts_with(&start), "{}: {command}", format.name);
                assert!(command.ends_with('\''), "whole, in one line: {command}");
            }
        }
    }
}

#[test]
fn a_comparison_in_every_format() {
    let comparison = comparison();
    snapshot("comparison", Subject::Comparison(&comparison));
    insta::assert_snapshot!(
        "comparison_as_text",
        rendered("text", Subject::Comparison(&comparison))
    );
}

#[test]
fn an_unknown_format_is_told_with_those_there_are() {
    let error = named("pdf").map(|_| ()).unwrap_err();
    assert_eq!(error, "no format `pdf`; there are: text, html, markdown, junit, tap, github, json");
}

// --- Others understand it ------------------------------------------------------------------

/// What a program says about a document on its standard input: nothing, if that is right.
fn judged_by(program: &str, arguments: &[&str], document: &str) -> Result<(), String> {
    let mut judge = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; `ci/setup --tests` brings it"));
    judge.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Validates XML with xmllint against the schema in data/.
fn junit(xml: &str) -> Result<(), String> {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/junit.xsd");
    judged_by("xmllint", &["--nonet", "--noout", "--schema", schema, "-"], xml)
}

fn assert_valid_junit(xml: &str) {
    junit(xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
}

/// Validates JSON against the schema of its type.
fn by_schema<T: schemars::JsonSchema>(document: &Value) -> Result<(), String> {
    valid_by(&serde_json::to_value(schemars::schema_for!(T)).unwrap(), document)
}

/// Validates JSON with Debian's jsonschema.
fn valid_by(schema: &Value, document: &Value) -> Result<(), String> {
    let script = "import json, sys, jsonschema\n\
                  schema, document = json.load(sys.stdin)\n\
                  jsonschema.Draft202012Validator.check_schema(schema)\n\
                  jsonschema.Draft202012Validator(schema).validate(document)";
    let both = serde_json::json!([schema, document]).to_string();
    judged_by("/usr/bin/python3", &["-c", script], &both)
}

#[test]
fn ci_servers_understand_the_junit_xml() {
    for report in [clean(), violated(), beyond(), unknown()] {
        assert_valid_junit(&rendered("junit", Subject::Run(&report)));
    }
    assert_valid_junit(&rendered("junit", Subject::Set(&set())));
    assert_valid_junit(&rendered("junit", Subject::Comparison(&comparison())));
    let empty = ResultSet::default();
    assert_valid_junit(&rendered("junit", Subject::Set(&empty)));
}

#[test]
fn the_schema_of_junit_refuses_what_is_none() {
    assert!(junit("<testsuites><testcase name='a'/></testsuites>").is_err());
}

#[test]
fn every_document_is_valid_by_its_schema() {
    fn check<T: Serialize + schemars::JsonSchema>(documents: &[T]) {
        for document in documents {
            let document = serde_json::to_value(document).unwrap();
            by_schema::<T>(&document).unwrap_or_else(|error| panic!("{error}"));
        }
        assert!(by_schema::<T>(&serde_json::json!({"format": "two"})).is_err());
    }
    check(&[clean(), violated(), beyond(), unknown()]);
    check(&[set()]);
    check(&[comparison()]);
    check(&[map::map(60, 25)]);
}

// --- Hostile documents ---------------------------------------------------------------------

/// Every document with such text in it, in this format.
fn hostile(format: &str) -> Vec<String> {
    let text = hostile_text();
    let mut report: Report = with_text(&violated(), &text);
    report.statistics.site.insert(text.clone(), 1);
    let unknown: Report = with_text(&unknown(), &text);
    let set: ResultSet = with_text(&set(), &text);
    let mut comparison: Comparison = with_text(&comparison(), &text);
    comparison.base.locks.insert(text.clone(), [text].into());
    vec![
        rendered(format, Subject::Run(&report)),
        rendered(format, Subject::Run(&unknown)),
        rendered(format, Subject::Set(&set)),
        rendered(format, Subject::Comparison(&comparison)),
    ]
}

/// No character that steers, reorders or hides, and no name of ten thousand.
fn assert_harmless(text: &str) {
    let harmful = ['\0', '\x1b', '\r', '\u{202e}', '\u{2028}', '\u{fffe}'];
    assert!(!text.contains(harmful), "a harmful character");
    assert!(!text.contains(&"x".repeat(1_000)), "a name without an end");
}

#[test]
fn hostile_documents_do_not_steer_a_terminal() {
    for text in hostile("text") {
        assert_harmless(&text);
        // A command is in one line, since it could not be pasted otherwise.
        let mut lines = text.lines().filter(|line| !line.starts_with("    $ "));
        assert!(lines.all(|line| line.chars().count() <= 80));
    }
}

#[test]
fn hostile_documents_put_nothing_of_theirs_into_a_page() {
    for page in hostile("html") {
        assert_harmless(&page);
        let tags = |tag: &str| page.matches(tag).count();
        assert_eq!((tags("<script"), tags("</script"), tags("<img")), (1, 1, 0));
        assert!(page.contains("&lt;script&gt;alert(1)"), "it is told, as text");
        for attribute in ["href=\"", "src=\""] {
            for link in page.split(attribute).skip(1) {
                let link = link.split('"').next().unwrap();
                let own = link.starts_with('#') || link.starts_with("./");
                assert!(own || link.starts_with("data:image/svg+xml"), "a link to {link}");
            }
        }
    }
}

#[test]
fn hostile_documents_are_no_markup_in_markdown() {
    for text in hostile("markdown") {
        assert_harmless(&text);
        assert!(!fenced_out(&text).contains("<script"), "{text}");
        assert!(!fenced_out(&text).contains("<img"));
        assert!(!fenced_out(&text).contains("@all"), "nobody is called");
    }
}

/// Markdown without its blocks of code, which are literal.
fn fenced_out(markdown: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<String> = None;
    for line in markdown.lines() {
        let trimmed = line.trim_start();
        let ticks: String = trimmed.chars().take_while(|c| *c == '`').collect();
        match &fence {
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => out.push_str(&format!("{line}\n")),
            Some(open) if trimmed == open => fence = None,
            Some(_) => {}
        }
    }
    assert_eq!(fence, None, "a block of code without an end");
    out
}

#[test]
fn hostile_documents_are_valid_junit_xml() {
    for xml in hostile("junit") {
        assert_harmless(&xml);
        assert_valid_junit(&xml);
    }
}

#[test]
fn hostile_documents_are_valid_tap() {
    for tap in hostile("tap") {
        assert_harmless(&tap);
        let mut lines = tap.lines();
        assert_eq!(lines.next(), Some("TAP version 14"));
        let plan: usize = lines.next().unwrap().strip_prefix("1..").unwrap().parse().unwrap();
        let is_point = |line: &&str| line.starts_with("ok ") || line.starts_with("not ok ");
        let others =
            ["# ", "  ---", "  ...", "  severity: ", "  message: \"", "  detail:", "    - \""];
        assert_eq!(lines.clone().filter(is_point).count(), plan);
        for line in lines.filter(|line| !is_point(line)) {
            assert!(others.iter().any(|start| line.starts_with(start)), "{line}");
        }
    }
}

#[test]
fn hostile_documents_are_no_commands_of_their_own_in_a_workflow() {
    for text in hostile("github") {
        assert_harmless(&text);
        for line in text.lines() {
            let known = ["::error title=", "::warning title=", "::notice title="];
            assert!(known.iter().any(|start| line.starts_with(start)), "{line}");
            let (properties, _) = line[2..].split_once("::").unwrap();
            assert!(!properties.contains(','), "{properties}");
        }
    }
}

#[test]
fn a_hostile_document_reads_back_from_json_as_it_was() {
    let report: Report = with_text(&violated(), &hostile_text());
    let json = rendered("json", Subject::Run(&report));
    assert_eq!(lockstorm_reports::json::read(&json).unwrap(), report);
}

#[test]
fn no_number_makes_a_renderer_panic() {
    for number in [Value::from(0), Value::from(u64::MAX), Value::from(i64::MAX), Value::from(1)] {
        let reports: [Report; 2] = [violated(), unknown()].map(|r| with_number(&r, number.clone()));
        let set: ResultSet = with_number(&set(), number.clone());
        let comparison: Comparison = with_number(&comparison(), number.clone());
        for format in &FORMATS {
            for report in &reports {
                (format.render)(Subject::Run(report), Options::default());
            }
            (format.render)(Subject::Set(&set), Options::default());
            (format.render)(Subject::Comparison(&comparison), Options::default());
        }
        Comparison::of(&set, &common::set());
    }
}

/// The samples are of real runs, and the schemas are what others have of us.
#[test]
fn every_sample_is_valid_by_the_checked_in_schema_of_its_kind() {
    let read = |name: &str| -> Value {
        let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    for (sample, schema) in [
        ("valid", "schema.json"),
        ("violated", "schema.json"),
        ("beyond-assumptions", "schema.json"),
        ("set", "set-schema.json"),
        ("comparison", "comparison-schema.json"),
    ] {
        let document = read(&format!("samples/{sample}/report.json"));
        valid_by(&read(schema), &document).unwrap_or_else(|error| panic!("{sample}: {error}"));
        for other in ["schema.json", "set-schema.json", "comparison-schema.json"] {
            assert!(other == schema || valid_by(&read(other), &document).is_err(), "{sample}");
        }
    }
}
