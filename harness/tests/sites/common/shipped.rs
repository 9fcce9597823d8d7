//! Shipped scenarios as they are, each run once for every test that looks at it.

use super::scenario;
use lockstorm_reports::Report;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

/// What a scenario came to, with its own lock and its own seed.
pub struct Reference {
    pub code: i32,
    pub report: Report,
    pub said: String,
}

/// The scenario of this file; whoever asks first runs it, and the others wait.
pub fn reference(file: &Path) -> Arc<Reference> {
    static RUNS: Mutex<BTreeMap<String, Arc<OnceLock<Arc<Reference>>>>> =
        Mutex::new(BTreeMap::new());
    let path = file.to_str().unwrap();
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let run = Arc::clone(RUNS.lock().unwrap().entry(name).or_default());
    let reference = run.get_or_init(|| {
        let run = scenario(path, &[]);
        Arc::new(Reference { code: run.code, report: run.report(), said: run.said() })
    });
    Arc::clone(reference)
}
