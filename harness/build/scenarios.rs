//! The repository's scenarios as a table of names and texts.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Writes shipped_scenarios.rs: `SHIPPED`, sorted by name; empty without scenarios.
pub fn compile_in(folder: &Path) {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    let mut table = String::from("const SHIPPED: &[(&str, &str)] = &[\n");
    for path in files {
        let (Ok(name), Ok(text)) = (path.strip_prefix(folder), fs::read_to_string(&path)) else {
            continue;
        };
        let _ = writeln!(table, "    ({:?}, {text:?}),", name.display().to_string());
    }
    table.push_str("];\n");
    let target = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    if let Err(error) = fs::write(target.join("shipped_scenarios.rs"), table) {
        println!("cargo::error=failed to write the table of scenarios: {error}");
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            files.push(path);
        }
    }
}
