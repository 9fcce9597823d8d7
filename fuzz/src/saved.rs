//! Tables, maps and corpora that were saved, lists of known findings, and what is said of faults on
//! the command line. Each function answers whether it could be read.

use super::{Target, has_no_controls, is_for_people};
use lockstorm::conformance::suite::Planned;
use lockstorm::lock::profile::Primitive;
use lockstorm::search::explore::corpus::{Corpus, Entry, merged, minimised};
use lockstorm::search::explore::coverage::Coverage;
use lockstorm::search::explore::index::{self, Head};
use lockstorm::search::fingerprint::Fingerprint;
use lockstorm::search::known::Known;
use lockstorm::source::Source;
use lockstorm::units::Nanos;
use lockstorm_reports::conformance::{self, Call, Chapter, Outcome, Table, differences, told};
use lockstorm_reports::map::{self, Cell, Column, Counts, Finding, Made, Map, Row};
use lockstorm_reports::terminal::SetOptions;
use lockstorm_reports::{Class, Invariant, Verdict, html};

pub const TARGETS: [Target; 5] = [
    Target {
        name: "conformance",
        run: |data| {
            table(data);
        },
        seeds: || vec![conformance::json(&a_table()).into_bytes()],
    },
    Target {
        name: "map",
        run: |data| {
            map(data);
        },
        seeds: || vec![map::json(&a_map()).into_bytes()],
    },
    Target {
        name: "corpus",
        run: |data| {
            corpus(data);
        },
        seeds: || vec![a_corpus()],
    },
    Target {
        name: "known",
        run: |data| {
            known(data);
        },
        seeds: || KNOWN.map(|text| text.into()).to_vec(),
    },
    Target {
        name: "strike",
        run: |data| {
            strike(data);
        },
        seeds: || STRIKES.map(|text| text.into()).to_vec(),
    },
];

const KNOWN: [&str; 2] = [
    "known:\n- {lock: a, reason: issue 7}\n- fingerprint: '3f2a9c01'\n  reason: allowed\n",
    "known:\n- invariant: no_lost_update\n  situation: 'holds (late); *'\n  reason: issue 8\n",
];

const STRIKES: [&str; 4] = [
    "{cut: {node: c1}} at 5s for 60s",
    "{crash: {node: server}} at 5s",
    "{clock: {node: c2, step: -10s, drift_ppm: 200}} for 1m",
    "{kill: {node: c1}} at 1ms for 2s",
];

/// A table of probes: read, told in every way, and compared with itself.
pub fn table(data: &[u8]) -> bool {
    let table = match conformance::read(&String::from_utf8_lossy(data)) {
        Ok(table) => table,
        Err(problem) => return refused(&problem),
    };
    assert_eq!(conformance::read(&conformance::json(&table)).as_ref(), Ok(&table));
    has_no_controls(&conformance::text(&table));
    has_no_controls(&conformance::markdown(&table));
    has_no_controls(&told(&differences(&table, &table)));
    html::conformance(&table);
    true
}

/// The map of a sweep.
pub fn map(data: &[u8]) -> bool {
    let map = match map::read(&String::from_utf8_lossy(data)) {
        Ok(map) => map,
        Err(problem) => return refused(&problem),
    };
    assert_eq!(map::read(&map::json(&map)).as_ref(), Ok(&map));
    has_no_controls(&map::text(&map, SetOptions::default()));
    has_no_controls(&map::markdown(&map));
    html::map(&map, "report.html");
    true
}

/// The index of a corpus, which is then covered, merged and minimised.
pub fn corpus(data: &[u8]) -> bool {
    let entries = match index::read(&String::from_utf8_lossy(data)) {
        Ok(entries) => entries,
        Err(problem) => return refused(&problem),
    };
    let covered = |entries: &[Entry]| {
        let mut corpus = Corpus::default();
        for entry in entries {
            corpus.cover(&entry.lock, &entry.coverage);
            corpus.weariness(entry);
        }
        (corpus.situations(), corpus.steps())
    };
    let merged = merged([entries.clone(), entries]);
    let least = minimised(merged.clone());
    assert_eq!(covered(&least), covered(&merged));
    true
}

/// A list of findings that somebody knows.
pub fn known(data: &[u8]) -> bool {
    let Ok(source) = Source::from_bytes("known.yaml", data.to_vec()) else { return false };
    match Known::from_source(source) {
        Ok(known) => {
            known.of(
                &Fingerprint {
                    lock: "a".into(),
                    invariant: Invariant::NoLostUpdate.words(),
                    class: Class::BrokenPromise,
                    situation: "holds (late); holds; server (hit by crash)".into(),
                },
                Primitive::Link,
            );
            true
        }
        Err(problems) => refused(&problems.to_string()),
    }
}

/// A fault of `lockstorm suite --strike`.
pub fn strike(data: &[u8]) -> bool {
    match String::from_utf8_lossy(data).parse::<Planned>() {
        Ok(_) => true,
        Err(problem) => refused(&problem),
    }
}

fn refused(problem: &str) -> bool {
    is_for_people(problem);
    false
}

fn a_table() -> Table {
    let column = |name: &str, version: Option<&str>| conformance::Column {
        name: name.into(),
        version: version.map(str::to_owned),
        kernel: "6.12".into(),
        options: vec!["noac".into()],
    };
    let cell = |outcome, seen: &str, answer: Option<&str>| conformance::Cell {
        outcome,
        seen: seen.into(),
        site: Some("sites/knfsd-4.2".into()),
        calls: vec![Call {
            at_s: 1.25,
            who: "c1 p1".into(),
            call: "link from=lock-1 to=lock".into(),
            answer: answer.map(str::to_owned),
        }],
    };
    let row = |name: &str, cells: [conformance::Cell; 2]| conformance::Row {
        name: name.into(),
        rule: "a name is had once".into(),
        source: "link(2), EEXIST; RFC 8881, section 18.9".into(),
        cells: cells.to_vec(),
    };
    let (kept, broken) = (Outcome::Kept, Outcome::Broken);
    let names = vec![
        row("once", [cell(kept, "EEXIST", Some("EEXIST")), cell(broken, "two", Some("ok"))]),
        row("hangs", [cell(Outcome::Hung, "200 s", None), cell(Outcome::NotHere, "", None)]),
    ];
    Table {
        format: conformance::FORMAT,
        columns: vec![column("knfsd 4.2", Some("4.2")), column("local", None)],
        chapters: vec![Chapter { name: "names".into(), rows: names }],
    }
}

fn a_map() -> Map {
    let made = |verdict, class: Option<Class>| Made {
        verdict,
        class,
        struck: true,
        fingerprints: class.map(|_| "3f2a9c01".into()).into_iter().collect(),
        directory: Some("runs/1".into()),
        reason: "two were inside".into(),
    };
    let broken = || made(Verdict::Violated, Some(Class::BrokenPromise));
    let valid = || made(Verdict::Valid, None);
    let row = |name: &str, cells: [Cell; 2]| Row {
        name: name.into(),
        about: "c1 calls LINK of lock".into(),
        client: "c1".into(),
        at_ns: 1_500_000_000,
        cells: cells.to_vec(),
    };
    let rows = vec![
        row("c1.acquire1.LINK-lock.call1", [Cell::Made(broken()), Cell::Made(valid())]),
        row(
            "c1.acquire1.LINK-lock.reply1",
            [Cell::Alike { row: 0 }, Cell::Proof { row: 0, agrees: true, made: valid() }],
        ),
        row(
            "c1.release1.begin",
            [Cell::NotApplicable, Cell::NotMade { why: "no budget was left".into() }],
        ),
    ];
    let column = |name: &str| Column { name: name.into(), about: "its reply is lost".into() };
    Map {
        format: map::FORMAT,
        lock: "flufl.lock".into(),
        lock_version: Some("10.0.0".into()),
        story: "Three clients take turns.".into(),
        seed: 1,
        command: Some("lockstorm sweep flufl.lock".into()),
        columns: vec![column("lose"), column("crash")],
        counts: Counts::of(&rows),
        rows,
        findings: vec![Finding {
            fingerprint: "3f2a9c01".into(),
            invariant: Invariant::MutualExclusion,
            class: Class::BrokenPromise,
            situation: "holds; holds".into(),
            explanation: "Two were inside.".into(),
            seen: 1,
            first: (0, 0),
            directory: Some("runs/1".into()),
            reproduce: "lockstorm scenario x.yaml".into(),
            known: None,
        }],
        processors_ms: 3078,
    }
}

fn a_corpus() -> Vec<u8> {
    let entry = |name: &str, situations: &[&str]| Entry {
        name: name.into(),
        lock: "flufl.lock".into(),
        seed: 7,
        moments: vec![Nanos(5)],
        coverage: Coverage {
            situations: situations.iter().map(|name| ((*name).into(), Nanos(5))).collect(),
            steps: [(0, 1)].into(),
        },
        scenario: None,
        children: 0,
    };
    let head = serde_json::to_string(&Head::ours()).unwrap();
    let entries = [entry("explore-1", &["a", "b"]), entry("explore-2", &["b", "c"])];
    let entries = entries.map(|entry| serde_json::to_string(&entry).unwrap());
    format!("{head}\n{}\n{}\n", entries[0], entries[1]).into_bytes()
}
