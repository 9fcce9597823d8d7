//! Paths below a directory of results. What a scenario, a plan or another's result set says is no
//! reason to write or remove anything outside it.

use super::directory::host;
use super::exit::Failure;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// The path of `relative` below `root`. Refused: what leads out of it, by name or through a
/// symbolic link.
pub fn below(root: &Path, relative: &Path) -> Result<PathBuf, Failure> {
    let inside = |component| matches!(component, Component::Normal(_));
    let mut path = root.to_owned();
    let mut is_safe = relative.components().next().is_some();
    for component in relative.components() {
        path.push(component);
        is_safe &= inside(component) && !path.is_symlink();
    }
    match is_safe {
        true => Ok(path),
        false => {
            let (root, relative) = (root.display(), relative.display());
            let message =
                format!("{root}: `{relative}` is no place for results: it leads elsewhere");
            Err(Failure::Argument(message))
        }
    }
}

/// Removes a file, or a directory with all that is in it, if it is there. Of a symbolic link, the
/// link itself.
pub fn remove(root: &Path, relative: &Path) -> Result<(), Failure> {
    let path = beside(root, relative)?;
    let kind = match path.symlink_metadata() {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(host(&path)(error)),
    };
    // It follows no links on its way down.
    let removed = if kind.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    removed.map_err(host(&path))
}

/// Writes a file anew, in a directory that is made if it is not there. What was there is removed
/// before: it may be a link.
pub fn write(root: &Path, relative: &Path, text: &str) -> Result<PathBuf, Failure> {
    let path = beside(root, relative)?;
    let parent = path.parent().unwrap_or(root);
    fs::create_dir_all(parent).map_err(host(parent))?;
    if path.is_symlink() {
        remove(root, relative)?;
    }
    fs::write(&path, text).map_err(host(&path))?;
    Ok(path)
}

/// As [`below`], of what may be a link itself.
fn beside(root: &Path, relative: &Path) -> Result<PathBuf, Failure> {
    match (relative.parent(), relative.file_name()) {
        (Some(parent), Some(name)) if parent != Path::new("") => {
            Ok(below(root, parent)?.join(name))
        }
        (_, Some(name)) if Path::new(name) == relative => Ok(root.join(name)),
        _ => below(root, relative),
    }
}

/// A text as the name of a file: with `_` for all that could mean another place or trouble a
/// shell, and not longer than `most` characters.
pub fn file_name(text: &str, most: usize) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.@+".contains(c) { c } else { '_' };
    let name: String = text.chars().take(most).map(safe).collect();
    // `..`, or hidden.
    match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A root for results, and beside it something of the user's with a way to it.
    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("root/runs")).unwrap();
        fs::create_dir_all(home.path().join("thesis/calm")).unwrap();
        fs::write(home.path().join("thesis/calm/text"), "years of work").unwrap();
        symlink("../../thesis", home.path().join("root/runs/link")).unwrap();
        home
    }

    fn refused<T: std::fmt::Debug>(outcome: Result<T, Failure>) {
        let said = outcome.unwrap_err().to_string();
        assert!(said.contains("is no place for results"), "{said}");
    }

    #[test]
    fn no_name_and_no_link_leads_out_of_the_root() {
        let home = home();
        let root = home.path().join("root");
        for relative in
            ["..", "../thesis", "runs/../../thesis", "/etc/passwd", "", ".", "runs/link/calm"]
        {
            let relative = Path::new(relative);
            refused(below(&root, relative));
            refused(remove(&root, relative));
            refused(write(&root, relative, "gone"));
        }
        assert_eq!(below(&root, Path::new("runs/a")).unwrap(), root.join("runs/a"));
        let text = fs::read_to_string(home.path().join("thesis/calm/text")).unwrap();
        assert_eq!(text, "years of work");
    }

    #[test]
    fn of_a_link_the_link_is_removed_and_written_over() {
        let home = home();
        let root = home.path().join("root");
        let text = home.path().join("thesis/calm/text");
        symlink(&text, root.join("report.html")).unwrap();
        write(&root, Path::new("report.html"), "<html>").unwrap();
        assert_eq!(fs::read_to_string(root.join("report.html")).unwrap(), "<html>");
        remove(&root, Path::new("runs/link")).unwrap();
        remove(&root, Path::new("runs")).unwrap();
        remove(&root, Path::new("runs/not/there")).unwrap();
        assert!(!root.join("runs").exists());
        assert_eq!(fs::read_to_string(text).unwrap(), "years of work");
    }

    #[test]
    fn any_text_makes_a_file_name_of_its_own_place() {
        assert_eq!(file_name("flufl.lock@8.2.0+tree", 100), "flufl.lock@8.2.0+tree");
        assert_eq!(file_name("../my tree\n", 100), "_._my_tree_");
        assert_eq!(file_name("..", 100), "_.");
        assert_eq!(file_name(&"é".repeat(300), 4), "____");
    }
}
