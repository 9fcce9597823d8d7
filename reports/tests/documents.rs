//! Three documents, as JSON and as a person reads them; and what hostile names do to neither.

mod common;

use common::{clean, set, unknown, violated};
use lockstorm_reports::*;

fn text(report: &Report) -> String {
    let options =
        terminal::Options { colour: false, directory: Some("lockstorm-runs/partition-7") };
    terminal::render(report, options)
}

#[test]
fn a_person_reads_a_clean_run() {
    insta::assert_snapshot!(text(&clean()));
}

#[test]
fn a_person_reads_which_kernels_met_where_they_are_not_the_default() {
    let mut report = clean();
    let kernel = |nodes: &str, version: &str| NodeKernel {
        nodes: nodes.into(),
        version: version.into(),
        key: format!("key-{version}"),
    };
    assert_eq!(report.provenance.kernel_keys(), "k-1");
    report.provenance.kernels = vec![kernel("server", "7.2"), kernel("clients", "7.2")];
    assert!(text(&report).contains("  on    NFS 4.2, Linux 7.2\n"));
    assert_eq!(report.provenance.kernel_keys(), "key-7.2");
    report.provenance.kernels[0] = kernel("server", "6.1");
    assert!(text(&report).contains("NFS 4.2, Linux 6.1 on the server, 7.2 on the clients\n"));
    assert_eq!(report.provenance.kernel_keys(), "key-6.1 on the server, key-7.2 on the clients");
}

#[test]
fn a_person_reads_a_violation() {
    insta::assert_snapshot!(text(&violated()));
}

#[test]
fn a_person_reads_why_a_run_proves_nothing() {
    insta::assert_snapshot!(text(&unknown()));
}

#[test]
fn a_person_reads_a_result_set() {
    insta::assert_snapshot!(terminal::render_set(&set(), terminal::SetOptions::default()));
}

#[test]
fn a_narrow_terminal_has_fewer_scenarios_side_by_side() {
    for columns in [40, 60, 100] {
        let options = terminal::SetOptions { columns, ..terminal::SetOptions::default() };
        let text = terminal::render_set(&set(), options);
        // A command is in one line, since it could not be pasted otherwise.
        let mut lines = text.lines().filter(|line| !line.starts_with("    $ "));
        assert!(lines.all(|line| line.chars().count() <= columns), "{columns}:\n{text}");
        assert!(["calm", "partition", "crash"].iter().all(|name| text.contains(name)));
    }
}

#[test]
fn colours_change_no_word_of_a_set() {
    let options =
        terminal::SetOptions { colour: true, columns: 80, ..terminal::SetOptions::default() };
    let mut text = terminal::render_set(&set(), options);
    for code in ["1", "1;31", "1;32", "1;33", "0"] {
        text = text.replace(&format!("\x1b[{code}m"), "");
    }
    assert_eq!(text, terminal::render_set(&set(), terminal::SetOptions::default()));
}

#[test]
fn a_run_is_summed_up_in_a_line() {
    let lines: String = set().runs.iter().map(set::RunSummary::line).collect();
    insta::assert_snapshot!(lines);
}

#[test]
fn programs_read_a_clean_run() {
    insta::assert_snapshot!(json::render(&clean()));
}

#[test]
fn programs_read_a_violation() {
    insta::assert_snapshot!(json::render(&violated()));
}

#[test]
fn programs_read_why_a_run_proves_nothing() {
    insta::assert_snapshot!(json::render(&unknown()));
}

#[test]
fn a_document_reads_back_as_it_was() {
    for report in [clean(), violated(), unknown()] {
        let read = json::read(&json::render(&report)).unwrap();
        assert_eq!(read, report);
    }
}

#[test]
fn a_report_of_format_1_reads_as_one_of_today_with_less_in_it() {
    let old = json::read(include_str!("data/format-1.json")).unwrap();
    let mut expected = violated();
    expected.lock.summary.clear();
    expected.lock.assumes = None;
    expected.provenance.site = None;
    expected.provenance.plan_sha256 = None;
    expected.provenance.kernel_version.clear();
    expected.artefacts.pop();
    expected.findings[0].story.clear();
    expected.findings[0].wire = None;
    expected.timeline = None;
    expected.plots = None;
    expected.plan.clear();
    for result in &mut expected.invariants {
        result.promise.clear();
    }
    expected.reproduce.clear();
    expected.statistics.waiting = None;
    assert_eq!(old, expected);
}

#[test]
fn a_document_of_another_format_is_refused() {
    let mut report = clean();
    report.format = 99;
    let error = json::read(&json::render(&report)).unwrap_err();
    assert!(error.contains("format 99 is not known"), "{error}");
}

#[test]
fn colour_is_only_used_when_asked_for_and_changes_no_word() {
    for report in [clean(), violated(), unknown()] {
        let options =
            terminal::Options { colour: true, directory: Some("lockstorm-runs/partition-7") };
        let coloured = terminal::render(&report, options);
        assert!(coloured.contains("\x1b["));
        let mut plain = coloured;
        for code in ["1", "1;31", "1;32", "1;33", "0"] {
            plain = plain.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(plain, text(&report));
    }
}

#[test]
fn hostile_names_break_neither_lines_nor_the_terminal() {
    let hostile = format!("\x1b[2J\r\n\u{202e}{}\u{0}", "x".repeat(5_000));
    let mut report = violated();
    report.scenario.name.clone_from(&hostile);
    report.scenario.about.clone_from(&hostile);
    report.lock.name.clone_from(&hostile);
    report.lock.version = Some(hostile.clone());
    report.provenance.history_sha256.clone_from(&hostile);
    report.provenance.plan_sha256 = Some(hostile.clone());
    report.provenance.nfs_version.clone_from(&hostile);
    report.notes = vec![hostile.clone(); 50];
    report.unknown_because = vec![hostile.clone()];
    report.invariants[0].note.clone_from(&hostile);
    report.findings[0].holds[0].client.clone_from(&hostile);
    report.findings[0].faults = vec![hostile.clone()];
    report.findings[0].explanation.clone_from(&hostile);
    report.faults[0].kind.clone_from(&hostile);
    report.faults[0].effect.clone_from(&hostile);
    report.unmet_steps[0].text.clone_from(&hostile);
    report.artefacts[0].file.clone_from(&hostile);
    for line in text(&report).lines() {
        assert!(!line.contains(['\x1b', '\r', '\0', '\u{202e}']), "{line:?}");
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn the_checked_in_schemas_are_up_to_date() {
    for (name, schema) in json::schemas() {
        let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &schema).unwrap();
        }
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            checked_in == schema,
            "run `UPDATE_SCHEMA=1 cargo test -p lockstorm-reports` and commit reports/{name}"
        );
    }
}
