//! Bundles, of which each is somebody else's.

use super::is_for_people;
use lockstorm::bundle::{self, Content, FORMAT, Kept, Manifest, Part, PartKind};
use std::cell::Cell;
use std::io::{self, Sink, Write};
use std::rc::Rc;

/// Counts what it is given, and keeps nothing.
#[derive(Default)]
struct Nowhere {
    paths: Vec<String>,
    bytes: Rc<Cell<u64>>,
}

struct Counted(Sink, Rc<Cell<u64>>);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.set(self.1.get() + bytes.len() as u64);
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept for Nowhere {
    type File = Counted;

    fn begin(&mut self, manifest: &Manifest) -> io::Result<()> {
        is_for_people(&manifest.maker());
        Ok(())
    }

    fn create(&mut self, path: &str, _: bool) -> io::Result<Counted> {
        self.paths.push(path.to_owned());
        Ok(Counted(io::sink(), Rc::clone(&self.bytes)))
    }
}

/// An archive, compressed and not. Answers whether it could be read.
pub fn bundle(data: &[u8]) -> bool {
    let _ = bundle::read(data, &mut Nowhere::default());
    let mut kept = Nowhere::default();
    let read = bundle::read_archive(data, &mut kept);
    let leads_out =
        |path: &String| path.starts_with('/') || path.split('/').any(|part| part == "..");
    assert!(!kept.paths.iter().any(leads_out), "{:?}", kept.paths);
    // Nothing grows that is not compressed.
    assert!(kept.bytes.get() <= data.len() as u64);
    match read {
        Ok(manifest) => {
            assert_eq!(manifest.files.len(), kept.paths.len());
            true
        }
        Err(problem) => {
            is_for_people(&problem.to_string());
            false
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let part = |kind, name: &str, built_by: &str| Part {
        kind,
        name: name.into(),
        key: "0123456789abcdef".into(),
        built_by: built_by.into(),
    };
    let manifest = Manifest {
        format: FORMAT,
        lockstorm: "0.1.0".into(),
        commit: Some("89ab4567".into()),
        run: "calm-mylock-1-89ab4567".into(),
        parts: vec![
            part(PartKind::Kernel, "6.12", "ci/setup"),
            part(PartKind::NodeImage, "python", "ci/setup --locks python"),
            part(PartKind::Lock, "mylock", ""),
        ],
        files: Vec::new(),
    };
    let content = |path: &str| Content::bytes(path.into(), path.into(), false);
    let paths = [
        "run/plan.yaml",
        "run/history.jsonl",
        "run/console/c1.log",
        "lock/0123456789abcdef.erofs",
        "recipe/ci/setup",
    ];
    let mut bytes = Vec::new();
    bundle::write_archive(&mut bytes, &manifest, &paths.map(content)).unwrap();
    vec![bytes]
}
