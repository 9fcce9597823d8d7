//! The rules of style that can be counted. CONTRIBUTING.md says why they are there.

use std::path::{Path, PathBuf};
use std::process::Command;

const COLUMNS_MAX: usize = 100;
const FUNCTION_LINES_MAX: usize = 72;
const FILE_LINES_MAX: usize = 600;

/// Attributes and calls that are not to be had, each with what is to be used.
const FORBIDDEN: &[(&str, &str)] = &[
    ("serde(untagged", "a type of its own, whose messages say what was expected"),
    ("serde(flatten", "the fields themselves, or a map"),
    ("seed_from_u64(", "seeds::generator, whose meaning no library changes"),
    ("todo!(", "the real thing"),
    ("unimplemented!(", "the real thing"),
    ("#[ignore", "a test that runs, or none"),
];

/// Formats that others read, and that have had these from the begin.
const FLATTENED: &[&str] = &["harness/src/history/mod.rs", "reports/src/set/mod.rs"];

/// Where memory is shared with guests, or the kernel is spoken to.
const UNSAFE: &[&str] = &["harness/agent/", "harness/src/site/virtio/", "containers/locks/"];

/// Words that strangers stumble over, each with the plain ones.
const WORDS: &[(&str, &str)] = &[
    ("how-manieth", "nth"),
    ("kindest order", "the order that favours the lock"),
    ("of the living", "say who"),
    ("murky", "indeterminate"),
    ("severed", "what was lost, and to whom"),
    ("unwell", "unsettled, or unreachable"),
];

struct File {
    path: String,
    text: String,
}

/// The files of the repository whose names end so.
fn files(ends: &[&str]) -> Vec<File> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(&top)
        .output()
        .expect("git lists the files");
    let listed = String::from_utf8(listed.stdout).unwrap();
    let paths = listed.lines().filter(|path| ends.iter().any(|end| path.ends_with(end)));
    let read = |path: &str| std::fs::read_to_string(top.join(PathBuf::from(path)));
    let files = paths.filter(|path| !path.ends_with("tests/tidy.rs")).filter_map(|path| {
        // One that has been removed and not committed yet is listed all the same.
        Some(File { path: path.to_owned(), text: read(path).ok()? })
    });
    files.collect()
}

fn rust() -> Vec<File> {
    let files = files(&[".rs"]);
    assert!(files.len() > 100, "the files of the project are there");
    files
}

/// Every line of the files that a rule refuses, with what the rule says of it.
fn refuse(files: &[File], rule: impl Fn(&File, usize, &str) -> Option<String>) {
    let mut refused = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(why) = rule(file, index, line) {
                refused.push(format!("{}:{}: {why}", file.path, index + 1));
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn no_line_is_wider_than_two_files_beside_each_other_leave_room_for() {
    // Text that a test expects is as wide as it is.
    let is_quoted = |line: &str| line.contains("| ") || line.contains('"');
    refuse(&rust(), |file, _, line| {
        let width = line.chars().count();
        let expected = file.path.contains("tests") && is_quoted(line);
        let text = line.contains('"') && !line.trim_start().starts_with("//");
        (width > COLUMNS_MAX && !expected && !text).then(|| format!("{width} columns"))
    });
}

#[test]
fn a_function_fits_a_screen() {
    refuse(&rust(), |file, index, line| {
        let indent = line.len() - line.trim_start().len();
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = words.iter().position(|word| *word == "fn")?;
        let modifiers = ["pub", "pub(super)", "pub(crate)", "const", "unsafe", "async"];
        if !words[..name].iter().all(|word| modifiers.contains(word)) || line.ends_with('}') {
            return None;
        }
        // rustfmt puts the brace that ends it below its first letter.
        let end = format!("{}}}", " ".repeat(indent));
        let length = file.text.lines().skip(index).position(|line| line == end)? + 1;
        let is_table = file.path.contains("tests");
        let over = length > FUNCTION_LINES_MAX && !is_table;
        over.then(|| format!("`{}` has {length} lines", words.get(name + 1).unwrap_or(&"")))
    });
}

#[test]
fn a_file_is_about_one_idea() {
    refuse(&rust(), |file, index, _| {
        let lines = file.text.lines().count();
        (index == 0 && lines > FILE_LINES_MAX).then(|| format!("the file has {lines} lines"))
    });
}

#[test]
fn what_ruins_messages_or_hides_work_is_not_used() {
    refuse(&rust(), |file, _, line| {
        let code = line.split("//").next().unwrap_or("");
        let (found, instead) = FORBIDDEN.iter().find(|(word, _)| code.contains(word))?;
        let is_known = found.contains("flatten") && FLATTENED.contains(&file.path.as_str());
        (!is_known).then(|| format!("`{found}`; expected {instead}"))
    });
}

#[test]
fn unsafe_code_stands_only_where_memory_is_shared_and_says_why_it_is_right() {
    refuse(&rust(), |file, index, line| {
        let code = line.split("//").next().unwrap_or("");
        if !code.contains("unsafe {")
            && !code.contains("unsafe fn")
            && !code.contains("unsafe impl")
        {
            return None;
        }
        if !UNSAFE.iter().any(|place| file.path.starts_with(place)) {
            return Some("`unsafe` outside of the agent and the devices".into());
        }
        let before = file.text.lines().take(index + 1).collect::<Vec<_>>();
        let says = before.iter().rev().take(8).any(|line| line.contains("SAFETY"));
        (!says).then(|| "`unsafe` without a SAFETY line".into())
    });
}

#[test]
fn no_file_knows_where_it_was_written() {
    let places = ["/work/", "/root/", "/home/"];
    refuse(&files(&[".rs", ".md", ".yaml", ".py", ".toml", ".js"]), |_, _, line| {
        // A path in a guest, in a container or in an example begins elsewhere.
        let found = places.iter().find(|place| {
            let starts = line.match_indices(*place).map(|(at, _)| at);
            let mut bare = starts.filter(|at| {
                let before = line[..*at].chars().last();
                before.is_none_or(|c| !c.is_alphanumeric() && !"._-~}$/".contains(c))
            });
            bare.next().is_some()
        })?;
        Some(format!("a path of some machine: `{found}`"))
    });
}

#[test]
fn words_are_plain() {
    refuse(&files(&[".rs", ".md"]), |_, _, line| {
        let (word, plain) = WORDS.iter().find(|(word, _)| line.to_lowercase().contains(word))?;
        Some(format!("`{word}`; expected: {plain}"))
    });
}
