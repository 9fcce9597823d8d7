//! Completions and man pages: made from the command line itself, and understood by what reads them.

use crate::common::lockstorm;
use lockstorm::cli::exit::Exit;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn printed(arguments: &[&str]) -> String {
    let output = lockstorm(Path::new("."), arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a program makes of a text on its standard input; `None` where the program is not there.
fn through(program: &str, arguments: &[&str], text: &str) -> Option<(bool, String, String)> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Some((output.status.success(), text(output.stdout), text(output.stderr)))
}

#[test]
fn every_shell_gets_completions_that_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        for command in lockstorm::cli::command().get_subcommands() {
            assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
        }
        assert!(script.contains("baseline"), "{shell} knows no options");
    }
}

#[test]
fn the_shells_that_are_here_can_read_their_completions() {
    for (shell, arguments) in
        [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["--no-execute", "/dev/stdin"])]
    {
        let read = through(shell, arguments, &printed(&["completions", shell]));
        let Some((good, _, said)) = read else {
            assert_ne!(shell, "bash", "bash is everywhere");
            continue;
        };
        assert!(good && said.is_empty(), "{shell}: {said}");
    }
}

#[test]
fn bash_completes_a_command_and_an_option_of_it() {
    let complete = |words: &str, index: usize| {
        let script = printed(&["completions", "bash"]);
        let ask = format!(
            "{script}\nCOMP_WORDS=({words}) COMP_CWORD={index}\n\
             _lockstorm lockstorm \"${{COMP_WORDS[$COMP_CWORD]}}\" \
             \"${{COMP_WORDS[$COMP_CWORD - 1]}}\"\necho \"${{COMPREPLY[@]}}\""
        );
        through("bash", &["-s"], &ask).unwrap().1
    };
    assert_eq!(complete("lockstorm ga", 1).trim(), "gate");
    assert_eq!(complete("lockstorm gate --basel", 2).trim(), "--baseline");
    assert_eq!(complete("lockstorm gate --suite s", 3).trim(), "smoke standard");
}

#[test]
fn the_man_page_has_every_command_and_every_exit_code() {
    let page = printed(&["man"]);
    assert_eq!(page, printed(&["man"]), "the same bytes each time");
    for command in lockstorm::cli::command().get_subcommands() {
        let name = command.get_name().replace('-', "\\-");
        assert!(page.contains(&format!("lockstorm\\-{name}(1)")), "{page}");
    }
    let section = page.split_once(".SH \"EXIT STATUS\"").expect("the section").1;
    for (exit, meaning) in Exit::MEANINGS {
        assert!(section.contains(&format!(".TP\n\\fB{}\\fR\n{meaning}", exit as u8)), "{section}");
    }
}

#[test]
fn every_command_has_a_page_of_its_own_that_can_be_typeset() {
    let home = tempfile::tempdir().unwrap();
    let output = lockstorm(home.path(), &["man", "man1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).unwrap();
    let mut files: Vec<String> = fs::read_dir(home.path().join("man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files.len(), listed.lines().count(), "{listed}");
    for name in ["lockstorm.1", "lockstorm-gate.1", "lockstorm-lock.1", "lockstorm-lock-check.1"] {
        assert!(files.iter().any(|file| file == name), "{files:?}");
    }
    for file in files {
        assert!(!file.contains("help"), "{file} would say nothing");
        let page = fs::read_to_string(home.path().join("man1").join(&file)).unwrap();
        assert!(page.contains("EXIT STATUS"), "{file}");
        typeset(&file, &page);
    }
}

/// With whichever of the usual programs is there: without a complaint, and nothing lost.
fn typeset(file: &str, page: &str) {
    for (program, arguments) in
        [("groff", &["-man", "-Tutf8", "-ww"][..]), ("mandoc", &["-Tlint", "-Werror"])]
    {
        if let Some((good, text, said)) = through(program, arguments, page) {
            assert!(good && said.is_empty(), "{program}, {file}: {said}");
            assert!(program != "groff" || text.contains("lockstorm"), "{file}: {text}");
        }
    }
}
