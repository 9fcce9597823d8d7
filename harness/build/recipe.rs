//! The recipes of kernels and node image as a table of files, which bundles carry.

use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What builds the parts of a site, from a checkout or from a directory with nothing else.
const PARTS: [&str; 4] = ["Cargo.toml", "ci/image", "ci/setup", "containers"];

/// Writes recipe.rs: `RECIPE`, sorted by path, each with whether it is a program.
pub fn compile_in(repository: &Path) {
    let mut files = Vec::new();
    for part in PARTS {
        println!("cargo::rerun-if-changed={}", repository.join(part).display());
        collect(&repository.join(part), &mut files);
    }
    files.sort();
    let mut table = String::from("const RECIPE: &[(&str, bool, &[u8])] = &[\n");
    for path in files {
        let (Ok(name), Ok(metadata)) = (path.strip_prefix(repository), fs::metadata(&path)) else {
            continue;
        };
        let is_program = metadata.permissions().mode() & 0o100 != 0;
        let path = fs::canonicalize(&path).unwrap_or(path.clone());
        let (name, path) = (name.display().to_string(), path.display().to_string());
        let _ = writeln!(table, "    ({name:?}, {is_program}, include_bytes!({path:?})),");
    }
    table.push_str("];\n");
    let target = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    if let Err(error) = fs::write(target.join("recipe.rs"), table) {
        println!("cargo::error=failed to write the table of recipes: {error}");
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_symlink() {
        return;
    }
    if path.is_file() {
        files.push(path.to_owned());
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        collect(&entry.path(), files);
    }
}
