//! `lockstorm init --lock LANGUAGE DIR`: a profile and an adapter to begin with, which run at once.

use super::directory::host;
use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use lockstorm_reports::text::quoted;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// What the adapter is written in; `command`: what drives a program.
    #[arg(long, value_name = "LANGUAGE")]
    lock: Language,
    /// A directory that is not there yet, or empty; its name becomes the lock's.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    Python,
    Node,
    Go,
    Rust,
    Command,
}

/// A file of a template: its path and its text.
type File = (&'static str, &'static str);

const PROFILE: &str = include_str!("../../templates/profile.yaml");

impl Language {
    /// What the profile says of it.
    fn how(self) -> &'static str {
        match self {
            Language::Python | Language::Command => "layer: python\nstart: [python3, adapter.py]",
            Language::Node => {
                "layer: node\nstart: [node, adapter.js]\nmemory: 128MiB       # of a client's node"
            }
            Language::Go => "layer: go\ninstall: go\nstart: [./adapter]",
            Language::Rust => "layer: rust\ninstall: cargo\nstart: [./adapter]",
        }
    }

    fn files(self) -> &'static [File] {
        match self {
            Language::Python => {
                &[("adapter.py", include_str!("../../templates/python/adapter.py"))]
            }
            Language::Command => {
                &[("adapter.py", include_str!("../../templates/command/adapter.py"))]
            }
            Language::Node => &[("adapter.js", include_str!("../../templates/node/adapter.js"))],
            Language::Go => &[
                ("main.go", include_str!("../../templates/go/main.go")),
                ("go.mod", include_str!("../../templates/go/go.mod")),
                (
                    "lockstorm/lockstorm.go",
                    include_str!("../../../containers/locks/lib/go/lockstorm.go"),
                ),
                ("lockstorm/go.mod", include_str!("../../../containers/locks/lib/go/go.mod")),
            ],
            Language::Rust => &[
                ("src/main.rs", include_str!("../../templates/rust/main.rs")),
                ("Cargo.toml", include_str!("../../templates/rust/Cargo.toml")),
                (
                    "lockstorm-adapter/src/lib.rs",
                    include_str!("../../../containers/locks/lib/rust/src/lib.rs"),
                ),
                (
                    "lockstorm-adapter/Cargo.toml",
                    include_str!("../../../containers/locks/lib/rust/Cargo.toml"),
                ),
            ],
        }
    }
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let directory = &args.directory;
    if fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::Argument(format!(
            "{} is not empty; name a new directory",
            directory.display()
        )));
    }
    let name = name_of(directory);
    let profile = PROFILE.replace("@HOW@", args.lock.how());
    let files = args.lock.files().iter().map(|(path, text)| (*path, *text));
    for (path, text) in files.chain([("profile.yaml", profile.as_str())]) {
        let path = directory.join(path);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent).map_err(host(parent))?;
        // Inside the adapter's workspace, the support library is no workspace of its own.
        let text = match path.ends_with("lockstorm-adapter/Cargo.toml") {
            true => text.replace("\n[workspace]\n", ""),
            false => text.replace("@NAME@", &name),
        };
        fs::write(&path, text).map_err(host(&path))?;
    }
    let path = quoted(&format!("{}/profile.yaml", directory.display()));
    terminal.print(&format!(
        "{name} is in {}: a lock file to begin with. Put your own lock where it says YOURS, and\n\
         your promises into profile.yaml. It runs as it is:\n\n  \
         lockstorm lock check {path}\n  lockstorm scenario calm --lock {path}\n",
        directory.display()
    ))?;
    Ok(Exit::Valid)
}

/// A lock's name is part of file names, of code and of YAML.
fn name_of(directory: &Path) -> String {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let name = absolute.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(safe).collect();
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => name,
        // YAML would take it for a number.
        false => format!("lock-{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::profile::Profile;
    use clap::ValueEnum;

    #[test]
    fn a_template_of_every_language_has_a_profile_that_loads() {
        let terminal = Terminal::new(crate::cli::terminal::ColorWish::Never);
        for language in Language::value_variants() {
            let home = tempfile::tempdir().unwrap();
            let directory = home.path().join("My Lock");
            let args = Args { lock: *language, directory: directory.clone() };
            run(&args, &terminal).unwrap();
            let profile = Profile::read(&directory.join("profile.yaml"), None).unwrap();
            assert_eq!(profile.name, "my-lock");
            let refused = run(&args, &terminal).unwrap_err();
            assert!(refused.to_string().contains("is not empty"), "{refused}");
        }
    }

    #[test]
    fn the_template_has_every_promise_those_not_made_as_comments() {
        for checker in crate::check::CHECKERS {
            let key = serde_json::to_string(&checker.invariant).unwrap();
            let line = format!("  {}: \"", key.trim_matches('"'));
            assert!(PROFILE.contains(&line), "{line}");
        }
    }

    #[test]
    fn whatever_the_directory_is_called_the_lock_has_a_name() {
        assert_eq!(name_of(Path::new("/tmp/7 äß")), "lock-7---");
        assert_eq!(name_of(Path::new("/")), "lock-");
        assert_eq!(name_of(Path::new("/tmp/flufl.lock")), "flufl.lock");
    }
}
