//! The samples in samples/ are what the renderers make today of what is saved beside them.
//!
//! They come from real runs; samples/README.md says how to make them anew. After a change of a
//! renderer, `UPDATE_SAMPLES=1 cargo test -p lockstorm-reports --test samples` writes them.

use lockstorm_reports::compare::Comparison;
use lockstorm_reports::format::{FORMATS, Options, Subject};
use lockstorm_reports::{json, set};
use std::fs;
use std::path::{Path, PathBuf};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// Renders a document in every format into a directory, or finds it there.
fn hold(subject: Subject, directory: &Path) {
    let update = std::env::var_os("UPDATE_SAMPLES").is_some();
    for format in &FORMATS {
        let path = directory.join(format.file);
        let made = (format.render)(subject, Options::default());
        if update {
            fs::write(&path, &made).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == made,
            "{}: run `UPDATE_SAMPLES=1 cargo test -p lockstorm-reports --test samples`",
            path.display()
        );
    }
}

fn run(name: &str) {
    let directory = samples().join(name);
    let text = fs::read_to_string(directory.join("report.json")).unwrap();
    hold(Subject::Run(&json::read(&text).unwrap()), &directory);
}

#[test]
fn the_sample_of_a_valid_run_is_of_today() {
    run("valid");
}

#[test]
fn the_sample_of_a_violated_run_is_of_today() {
    run("violated");
}

#[test]
fn the_sample_of_a_run_beyond_the_assumptions_is_of_today() {
    run("beyond-assumptions");
}

#[test]
fn the_sample_of_a_result_set_is_of_today() {
    let directory = samples().join("set");
    hold(Subject::Set(&set::read(&directory).unwrap()), &directory);
}

#[test]
fn the_sample_of_a_comparison_is_of_today() {
    let directory = samples().join("comparison");
    let side = |name: &str| set::read(&directory.join(name)).unwrap();
    hold(Subject::Comparison(&Comparison::of(&side("base"), &side("new"))), &directory);
}
