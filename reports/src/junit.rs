//! JUnit XML, as Jenkins, GitLab and others read it (tests/data/junit.xsd).

use crate::cases::{Case, CaseStatus, Suite, suites};
use crate::subject::{Options, Subject};
use crate::text::{clean, clean_name};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use std::io;

/// Renders a document as one `<testsuites>`.
pub fn render(subject: Subject, options: Options) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Nothing fails to be written to memory.
    let _ = document(&mut writer, &suites(subject, options.directory));
    let mut text = String::from_utf8(writer.into_inner()).unwrap_or_default();
    text.push('\n');
    text
}

type Xml = Writer<Vec<u8>>;

fn document(writer: &mut Xml, suites: &[Suite]) -> io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let total = |status| suites.iter().map(|suite| suite.count(status)).sum::<usize>().to_string();
    let tests: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    let element = writer
        .create_element("testsuites")
        .with_attribute(("name", "lockstorm"))
        .with_attribute(("tests", &*tests.to_string()))
        .with_attribute(("failures", &*total(CaseStatus::Failed)))
        .with_attribute(("errors", &*total(CaseStatus::Error)));
    element.write_inner_content(|writer| suites.iter().try_for_each(|one| suite(writer, one)))?;
    Ok(())
}

fn suite(writer: &mut Xml, suite: &Suite) -> io::Result<()> {
    let name = clean(&suite.name);
    let wall_ms = suite.cases.iter().filter_map(|case| case.wall_ms);
    let wall_ms = wall_ms.fold(0, u64::saturating_add);
    let element = writer
        .create_element("testsuite")
        .with_attribute(("name", &*name))
        .with_attribute(("tests", &*suite.cases.len().to_string()))
        .with_attribute(("failures", &*suite.count(CaseStatus::Failed).to_string()))
        .with_attribute(("errors", &*suite.count(CaseStatus::Error).to_string()))
        .with_attribute(("skipped", &*suite.count(CaseStatus::Skipped).to_string()))
        .with_attribute(("time", &*time(wall_ms)));
    element.write_inner_content(|writer| {
        suite.cases.iter().try_for_each(|case| testcase(writer, &name, case))
    })?;
    Ok(())
}

fn testcase(writer: &mut Xml, suite: &str, case: &Case) -> io::Result<()> {
    let element = writer
        .create_element("testcase")
        .with_attribute(("classname", suite))
        .with_attribute(("name", &*clean(&case.name)))
        .with_attribute(("time", &*time(case.wall_ms.unwrap_or(0))));
    let message = clean(&case.message);
    match case.status {
        CaseStatus::Passed => element.write_empty()?,
        CaseStatus::Skipped => element.write_inner_content(|writer| {
            let skipped = writer.create_element("skipped");
            skipped.with_attribute(("message", &*message)).write_empty().map(drop)
        })?,
        CaseStatus::Failed => {
            element.write_inner_content(|writer| trouble(writer, "failure", &message, case))?
        }
        CaseStatus::Error => {
            element.write_inner_content(|writer| trouble(writer, "error", &message, case))?
        }
    };
    Ok(())
}

fn trouble(writer: &mut Xml, what: &str, message: &str, case: &Case) -> io::Result<()> {
    let indented = |line: &String| {
        let margin = if line.starts_with("  ") { "  " } else { "" };
        format!("{margin}{}", clean(line))
    };
    let lines: Vec<String> = case.detail.iter().map(indented).collect();
    writer
        .create_element(what)
        .with_attribute(("message", message))
        .with_attribute(("type", &*clean_name(&case.name)))
        .write_text_content(BytesText::new(&lines.join("\n")))?;
    Ok(())
}

fn time(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}
