use super::manifest::Entry;
use super::*;
use crate::assets::{KERNEL_KEY, NODE_KEY};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::Command;
use tar::{Builder, EntryType, Header};

/// Keeps everything in memory, and notes what it was asked to keep.
#[derive(Default)]
struct Memory {
    files: BTreeMap<String, std::rc::Rc<std::cell::RefCell<Vec<u8>>>>,
    programs: Vec<String>,
}

struct InMemory(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

impl Write for InMemory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept for Memory {
    type File = InMemory;
    fn begin(&mut self, _: &Manifest) -> io::Result<()> {
        Ok(())
    }
    fn create(&mut self, path: &str, is_program: bool) -> io::Result<InMemory> {
        if is_program {
            self.programs.push(path.into());
        }
        let file = self.files.entry(path.into()).or_default();
        Ok(InMemory(file.clone()))
    }
}

fn manifest() -> Manifest {
    Manifest {
        format: FORMAT,
        lockstorm: "0.1.0".into(),
        commit: Some("0123abc".into()),
        run: "calm-fcntl-1-89ab4567".into(),
        parts: vec![Part {
            kind: PartKind::Kernel,
            name: "6.12".into(),
            key: "0123456789abcdef".into(),
            built_by: "ci/setup".into(),
        }],
        files: Vec::new(),
    }
}

fn contents() -> Vec<Content> {
    let bytes = |path: &str, bytes: &[u8]| Content::bytes(path.into(), bytes.to_vec(), false);
    vec![
        bytes("run/plan.yaml", b"format: 1\n"),
        bytes("run/history.jsonl", b"{}\n"),
        bytes("run/console/c1.log", &[7; 100_000]),
        Content::bytes("recipe/ci/setup".into(), b"#!/bin/sh\n".to_vec(), true),
    ]
}

fn bundle() -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, &manifest(), &contents()).unwrap();
    bytes
}

fn said(bytes: &[u8]) -> String {
    read(bytes, &mut Memory::default()).unwrap_err().to_string()
}

#[test]
fn what_goes_into_a_bundle_comes_out_of_it() {
    let mut memory = Memory::default();
    let found = read(bundle().as_slice(), &mut memory).unwrap();
    assert_eq!(Manifest { files: Vec::new(), ..found }, manifest());
    assert_eq!(*memory.files["run/plan.yaml"].borrow(), b"format: 1\n");
    assert_eq!(*memory.files["run/console/c1.log"].borrow(), [7; 100_000]);
    assert_eq!(memory.programs, ["recipe/ci/setup"]);
    assert_eq!(bundle(), bundle(), "the same contents, the same bytes");
}

#[test]
fn a_bundle_that_is_cut_short_anywhere_is_refused() {
    let whole = bundle();
    for length in 0..whole.len() {
        let said = said(&whole[..length]);
        assert!(said.contains("cut short") || said.contains("no bundle"), "{length}: {said}");
    }
    insta::assert_snapshot!(said(&whole[..whole.len() - 9]), @"the bundle is cut short: it ends within what ends it; fetch it once more");
}

#[test]
fn what_is_no_bundle_is_told() {
    insta::assert_snapshot!(said(b"scenario: calm\n"), @"this is no bundle: invalid gzip header; `lockstorm bundle DIR` makes one of a run");
    insta::assert_snapshot!(said(b""), @"the bundle is cut short: it ends within bundle.json; fetch it once more");
    let file = |name: &str| archive(&[(name, EntryType::Regular, b"text")]);
    insta::assert_snapshot!(said(&file("thesis.tex")), @"this is no bundle: it begins with thesis.tex, and not with bundle.json; `lockstorm bundle DIR` makes one of a run");
    insta::assert_snapshot!(said(&file(MANIFEST)), @"a bundle that cannot be read: bundle.json: expected ident at line 1 column 2");
}

/// An archive of whatever files.
fn archive(files: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, kind, bytes) in files {
        let mut header = Header::new_ustar();
        let name = &mut header.as_old_mut().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, *bytes).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// A bundle whose manifest was changed, and whose other files are as they were.
fn with_manifest(change: impl Fn(&mut Manifest)) -> Vec<u8> {
    let mut manifest = write(io::sink(), &manifest(), &contents()).unwrap();
    change(&mut manifest);
    let text = serde_json::to_vec(&manifest).unwrap();
    let console = [7; 100_000];
    archive(&[
        (MANIFEST, EntryType::Regular, text.as_slice()),
        ("run/plan.yaml", EntryType::Regular, b"format: 1\n"),
        ("run/history.jsonl", EntryType::Regular, b"{}\n"),
        ("run/console/c1.log", EntryType::Regular, &console),
        ("recipe/ci/setup", EntryType::Regular, b"#!/bin/sh\n"),
    ])
}

#[test]
fn a_bundle_of_another_format_is_told_with_both() {
    insta::assert_snapshot!(said(&with_manifest(|m| m.format = 2)), @"a bundle that cannot be read: bundle.json: its format is 2, and this lockstorm reads 1; take the lockstorm that made it, or a newer one");
}

#[test]
fn no_path_leads_out_of_a_bundle_and_none_is_there_twice() {
    let paths = [
        "/etc/passwd",
        "../run/plan.yaml",
        "run/../../plan.yaml",
        "run/./plan.yaml",
        "run//plan.yaml",
        "recipe/..",
        "run/bashrc",
        "run/console/c1.log/x",
        "lock/x.erofs",
        "lock/0123456789abcdef.erofs/x",
        "kernel/../linux",
        "recipe/a b",
        "recipe/\u{1b}[2J",
        "elsewhere",
        "",
    ];
    for path in paths {
        let said = said(&with_manifest(|m| m.files[3].path = path.into()));
        assert!(said.contains("is no place in a bundle"), "{path}: {said}");
        assert!(!said.contains('\x1b'));
    }
    let said_of = |path: &str| said(&with_manifest(|m| m.files[3].path = path.into()));
    assert!(said_of("run/plan.yaml").contains("`run/plan.yaml` is there twice"));
    let twice = said(&with_manifest(|m| {
        let file = Entry { path: "recipe/ci/setup/x".into(), ..m.files[3].clone() };
        m.files.push(file);
    }));
    assert!(twice.contains("`recipe/ci/setup` is a file and a directory"), "{twice}");
    assert!(said_of(&format!("recipe/{}", "x".repeat(300))).contains("no place"));
}

#[test]
fn what_a_run_cannot_do_without_is_missed() {
    for index in [0, 1] {
        let said = said(&with_manifest(|m| drop(m.files.remove(index))));
        assert!(said.contains("of the run is missing"), "{said}");
    }
}

#[test]
fn a_file_that_is_not_what_the_manifest_says_is_refused() {
    insta::assert_snapshot!(said(&with_manifest(|m| m.files[1].sha256 = "0".repeat(64))), @"the bundle is damaged at run/history.jsonl: it is not what the bundle says that it is; fetch it once more");
    insta::assert_snapshot!(said(&with_manifest(|m| m.files[1].size = 2)), @"the bundle has what it does not name, or in another order: run/history.jsonl (Regular, 3 bytes) where run/history.jsonl (2 bytes) was expected");
    insta::assert_snapshot!(said(&with_manifest(|m| drop(m.files.pop()))), @"the bundle has what it does not name, or in another order: recipe/ci/setup");
    insta::assert_snapshot!(said(&with_manifest(|m| m.files.swap(2, 3))), @"the bundle has what it does not name, or in another order: run/console/c1.log (Regular, 100000 bytes) where recipe/ci/setup (10 bytes) was expected");
    insta::assert_snapshot!(said(&with_manifest(|m| m.files[1].size = 1 << 40)), @"a bundle that cannot be read: bundle.json: 1099511727796 bytes when it is unpacked, of at most 4294967296");
}

#[test]
fn a_link_is_no_file() {
    let manifest = write(io::sink(), &manifest(), &contents()[..2]).unwrap();
    let text = serde_json::to_vec(&manifest).unwrap();
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::GNULongName] {
        let said = said(&archive(&[
            (MANIFEST, EntryType::Regular, text.as_slice()),
            ("run/plan.yaml", kind, b"format: 1\n"),
        ]));
        assert!(said.contains("run/plan.yaml") && said.contains("was expected"), "{said}");
    }
}

/// What a stranger can say is told without controls, and not at any length.
#[test]
fn a_bundle_that_unpacks_to_much_more_than_it_is_stops_where_it_was_said_to_end() {
    let zeros = vec![0; 50 << 20];
    let bomb = archive(&[(MANIFEST, EntryType::Regular, zeros.as_slice())]);
    assert!(bomb.len() < 1 << 20);
    assert!(said(&bomb).contains("bundle.json has 52428800 bytes"));
}

proptest! {
    /// Some bytes of a bundle are changed: it is refused, or each file is what it was said to be.
    #[test]
    fn a_mangled_bundle_is_refused_or_has_the_same_contents(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut plain = Vec::new();
        write_archive(&mut plain, &manifest(), &contents()).unwrap();
        for (at, byte) in changes {
            let at = at.index(plain.len());
            plain[at] = byte;
        }
        let mut memory = Memory::default();
        if let Ok(found) = read_archive(plain.as_slice(), &mut memory) {
            for file in &found.files {
                let kept = memory.files[&file.path].borrow();
                prop_assert_eq!(kept.len() as u64, file.size);
            }
        }
    }
}

/// In a directory of nothing else, the recipe has the keys that this harness looks for.
#[test]
fn the_recipe_in_a_bundle_is_the_one_of_our_keys() {
    let home = tempfile::tempdir().unwrap();
    for file in recipe::files() {
        let path = home.path().join(file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, file.bytes).unwrap();
    }
    for (name, key) in [("kernel", KERNEL_KEY), ("node", NODE_KEY)] {
        let script = home.path().join("ci/setup");
        let output = Command::new("bash").arg(script).args(["--key", name]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), key);
    }
    let is_program = |path| recipe::files().any(|file| file.path == path && file.is_program);
    assert!(is_program("ci/setup") && is_program("containers/kernel/build"));
}
