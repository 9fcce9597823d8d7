//! The book's pages, as mdBook makes them of their files: with what they include.

use crate::common::templates::repository;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// What a path of the repository begins with.
const TOP: [&str; 8] =
    ["ci/", "containers/", "docs/", "examples/", "harness/", "reports/", "scale/", "scenarios/"];

/// What stands before a block of commands that no test can wait for, with the reason.
const NOT_RUN: &str = "<!-- not run: ";

pub struct Block {
    pub language: String,
    pub text: String,
    pub not_run: bool,
}

pub struct Book {
    /// By their paths below `docs/src`.
    pages: BTreeMap<String, String>,
    summary: String,
}

impl Book {
    pub fn read() -> Book {
        let source = repository().join("docs/src");
        let mut files = Vec::new();
        list(&source, &mut files);
        let mut pages = BTreeMap::new();
        let mut summary = String::new();
        for file in files {
            let text = expanded(&file);
            let name = file.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
            match name.as_str() {
                "SUMMARY.md" => summary = text,
                _ => drop(pages.insert(name, text)),
            }
        }
        Book { pages, summary }
    }

    pub fn text(&self, page: &str) -> &str {
        self.pages.get(page).unwrap_or_else(|| panic!("no page {page}"))
    }

    pub fn blocks(&self, page: &str) -> Vec<Block> {
        blocks(self.text(page))
    }

    /// Pages that are in no summary, entries without a page, links to nowhere.
    pub fn dead_links(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let listed: BTreeSet<String> = links(&self.summary).into_iter().collect();
        let there: BTreeSet<String> = self.pages.keys().cloned().collect();
        wrong.extend(listed.symmetric_difference(&there).map(|page| {
            format!("{page}: docs/src/SUMMARY.md and the pages have to be the same ones")
        }));
        let ids: BTreeMap<&String, BTreeSet<String>> =
            self.pages.iter().map(|(page, text)| (page, ids(text))).collect();
        for (page, text) in &self.pages {
            for link in links(text).iter().filter(|link| !link.starts_with("http")) {
                let (path, id) = link.split_once('#').unwrap_or((link, ""));
                let target = if path.is_empty() { page.clone() } else { beside(page, path) };
                match ids.get(&target) {
                    None => wrong.push(format!("{page}: no page {link}")),
                    Some(ids) if !id.is_empty() && !ids.contains(id) => {
                        wrong.push(format!("{page}: no heading {link}; there are {ids:?}"));
                    }
                    Some(_) => {}
                }
            }
        }
        wrong
    }

    /// Paths of the repository that pages name, and that are not there.
    pub fn missing_files(&self) -> Vec<String> {
        let top = repository();
        let mut wrong = Vec::new();
        for (page, text) in &self.pages {
            for event in parser(text) {
                let Event::Code(code) = event else {
                    continue;
                };
                let path = code.split_whitespace().next().unwrap_or_default();
                let is_pattern = ["NAME", "VERSION", "*"].iter().any(|word| path.contains(word));
                let is_ours = TOP.iter().any(|top| path.starts_with(top)) && !is_pattern;
                if is_ours && !top.join(path).exists() {
                    wrong.push(format!("{page}: no file {path}"));
                }
            }
        }
        wrong
    }

    /// The command lines of lockstorm in blocks of commands, word by word, each with its page.
    pub fn commands(&self) -> Vec<(&str, Vec<String>)> {
        let mut commands = Vec::new();
        for (page, text) in &self.pages {
            let shells = ["console", "sh", ""];
            let blocks = blocks(text);
            let shells = blocks.iter().filter(|block| shells.contains(&block.language.as_str()));
            let text: Vec<String> = shells.map(|block| block.text.replace("\\\n> ", "")).collect();
            for line in text.iter().flat_map(|text| text.lines()) {
                let line = line.strip_prefix("$ ").unwrap_or(line).trim();
                for command in line.split(" && ").filter(|text| text.starts_with("lockstorm ")) {
                    commands.push((page.as_str(), words(command)));
                }
            }
        }
        commands
    }
}

fn list(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => list(&path, files),
            false => files.push(path),
        }
    }
}

/// A file's text with what it includes: mdBook's `include`, of whole files and of anchors.
fn expanded(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let mut out = String::new();
    for line in text.lines() {
        match line.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}")) {
            Some(what) => out.push_str(&included(file, what)),
            None => out.push_str(line),
        }
        out.push('\n');
    }
    assert!(!out.contains("{{#"), "{file:?}: an include stands in a line of its own");
    out
}

fn included(file: &Path, what: &str) -> String {
    let (path, anchor) = what.split_once(':').unwrap_or((what, ""));
    let path = file.parent().unwrap().join(path);
    let text = expanded(&path);
    if anchor.is_empty() {
        return text;
    }
    let is = |line: &str, mark: &str| line.contains(&format!("{mark}: {anchor} "));
    let mut after = text.lines().skip_while(|line| !is(line, "ANCHOR"));
    assert!(after.next().is_some(), "{file:?}: {path:?} has no anchor {anchor}");
    let inside: Vec<&str> = after.by_ref().take_while(|line| !is(line, "ANCHOR_END")).collect();
    inside.join("\n")
}

fn parser(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut current: Option<Block> = None;
    let mut not_run = false;
    for event in parser(text) {
        match event {
            Event::Html(html) => not_run = html.starts_with(NOT_RUN),
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                current = Some(Block { language, text: String::new(), not_run });
                not_run = false;
            }
            Event::Text(text) => {
                if let Some(block) = &mut current {
                    block.text.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(current.take()),
            _ => {}
        }
    }
    blocks
}

fn links(text: &str) -> Vec<String> {
    let to = |event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.into_string()),
        _ => None,
    };
    parser(text).filter_map(to).collect()
}

/// The names of a page's headings, as mdBook makes them.
fn ids(text: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in parser(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let words = heading.take().unwrap_or_default().to_lowercase();
                let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                let id: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
                assert!(ids.insert(id.clone()), "two headings of one page are called {id}");
            }
            _ => {}
        }
    }
    ids
}

/// A path that a page names, as one below `docs/src`.
fn beside(page: &str, path: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(part) => parts.push(part.to_str().unwrap()),
            _ => {}
        }
    }
    parts.join("/")
}

/// A command line's words, without comments; quotes are taken off.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in command.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('#', None) if words.last().is_some_and(String::is_empty) => break,
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().unwrap().push(c),
        }
    }
    // A redirection is the shell's.
    let words = words.into_iter().filter(|word| !word.is_empty());
    words.take_while(|word| word != ">").collect()
}
