//! Follows every link of a directory of pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// All files below a directory, by their paths from there.
pub fn files(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => left.push(path),
                false => {
                    found.insert(path.strip_prefix(root).unwrap().to_owned());
                }
            }
        }
    }
    found
}

/// What is wrong with the links of a site: each that leads nowhere, out of it, or to a part of a
/// page that is not there; and pages that no link leads to.
pub fn complaints(root: &Path) -> Vec<String> {
    let files = files(root);
    let is_page = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "html");
    let pages: BTreeMap<&PathBuf, String> = files
        .iter()
        .filter(is_page)
        .map(|path| (path, fs::read_to_string(root.join(path)).unwrap()))
        .collect();
    let mut complaints = Vec::new();
    let mut reached: BTreeMap<&PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for (page, text) in &pages {
        for link in links(text) {
            match target(page, &link) {
                Err(why) => complaints.push(format!("{}: {link}: {why}", page.display())),
                Ok((path, id)) => {
                    let there = files.contains(&path);
                    let known = id.is_none_or(|id| {
                        pages.get(&path).is_some_and(|text| text.contains(&format!("id=\"{id}\"")))
                    });
                    if !there || !known {
                        complaints.push(format!("{}: {link} leads nowhere", page.display()));
                    }
                    reached.entry(page).or_default().insert(path);
                }
            }
        }
    }
    let mut seen: BTreeSet<PathBuf> = BTreeSet::new();
    let mut left = vec![PathBuf::from("index.html")];
    while let Some(page) = left.pop() {
        if seen.insert(page.clone()) {
            left.extend(reached.get(&page).into_iter().flatten().cloned());
        }
    }
    let lost = pages.keys().filter(|page| !seen.contains(**page));
    complaints.extend(lost.map(|page| format!("no link leads to {}", page.display())));
    complaints
}

/// What `href` and `src` say.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for attribute in [" href=\"", " src=\""] {
        for rest in text.split(attribute).skip(1) {
            let link = rest.split('"').next().unwrap().replace("&amp;", "&");
            if !link.starts_with("data:") {
                found.push(link);
            }
        }
    }
    found
}

/// The file from the root, and the part of it.
fn target(page: &Path, link: &str) -> Result<(PathBuf, Option<String>), &'static str> {
    let (path, id) = match link.split_once('#') {
        Some((path, id)) => (path, Some(id.to_owned())),
        None => (link, None),
    };
    if path.is_empty() {
        return Ok((page.to_owned(), id));
    }
    if !path.starts_with("./") {
        return Err("it is not relative");
    }
    let mut whole = page.parent().unwrap().to_owned();
    for component in Path::new(&decoded(path)).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => whole.push(name),
            Component::ParentDir if whole.pop() => {}
            _ => return Err("it leads out of the site"),
        }
    }
    Ok((whole, id))
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, more @ ..] = rest {
        match (first, more) {
            (b'%', [a, b, after @ ..]) => {
                let digits = [*a, *b];
                let digits = std::str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}
