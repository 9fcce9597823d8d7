//! What lies on the export, as the server has it: names, and locks on files.

use lockstorm_agent::{LeftBehind, NAMES_MAX};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What all names may take in an answer (bytes).
const TOLD_MAX: usize = 16 << 10;

/// Lists everything beneath a directory that fits no one of `stays`, and counts the locks on all of
/// it. Names begin with a slash, for the directory.
pub fn look(top: &Path, stays: &[String]) -> io::Result<LeftBehind> {
    let (mut found, mut told) = (LeftBehind::default(), 0);
    let (mut directories, mut inodes) = (vec![top.to_owned()], Vec::new());
    while let Some(directory) = directories.pop() {
        let mut entries = fs::read_dir(&directory)?.collect::<io::Result<Vec<_>>>()?;
        // A directory has an order of its own.
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let metadata = match fs::symlink_metadata(&path) {
                // It is gone since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            inodes.push(metadata.ino());
            if metadata.is_dir() {
                directories.push(path.clone());
            }
            let beneath = path.strip_prefix(top).map_err(io::Error::other)?;
            let name = format!("/{}", beneath.to_string_lossy());
            if stays.iter().any(|pattern| lockstorm_agent::glob::matches(pattern, &name)) {
                continue;
            }
            told += name.len();
            match found.names.len() < NAMES_MAX && told < TOLD_MAX {
                true => found.names.push(name),
                false => found.more += 1,
            }
        }
    }
    found.locks = locks(&fs::read_to_string("/proc/locks")?, &inodes);
    Ok(found)
}

/// How many locks of proc_locks(5) somebody holds on one of these inodes: leases, delegations and
/// those who wait are none.
fn locks(table: &str, inodes: &[u64]) -> u64 {
    let held = table.lines().filter(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_lock = matches!(words.next(), Some("POSIX" | "OFDLCK" | "FLOCK"));
        // MAJOR:MINOR:INODE, behind ADVISORY, WRITE and the process.
        let inode = words.nth(3).and_then(|place| place.rsplit(':').next()?.parse().ok());
        is_lock && inode.is_some_and(|inode| inodes.contains(&inode))
    });
    held.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_stay_are_left_out_and_those_of_directories_are_looked_through() {
        let top = tempfile::tempdir().unwrap();
        for directory in ["d", "d/e"] {
            fs::create_dir(top.path().join(directory)).unwrap();
        }
        for file in ["counter", "lock", "lock.c1.7", "d/.nfs01", "d/e/f"] {
            fs::write(top.path().join(file), "").unwrap();
        }
        std::os::unix::fs::symlink("nowhere", top.path().join("link")).unwrap();
        let stays = ["/counter", "lock", "d"].map(String::from);
        let found = look(top.path(), &stays).unwrap();
        assert_eq!(found.names, ["/link", "/lock.c1.7", "/d/.nfs01", "/d/e", "/d/e/f"]);
        assert_eq!((found.more, found.locks), (0, 0));
    }

    #[test]
    fn more_names_than_can_be_told_are_counted() {
        let top = tempfile::tempdir().unwrap();
        for number in 0..NAMES_MAX + 3 {
            fs::write(top.path().join(number.to_string()), "").unwrap();
        }
        let found = look(top.path(), &[]).unwrap();
        assert_eq!((found.names.len(), found.more), (NAMES_MAX, 3));
    }

    #[test]
    fn only_locks_that_are_held_on_these_files_are_counted() {
        let table = "1: POSIX  ADVISORY  WRITE 77 fe:10:12 0 EOF\n\
            1: -> POSIX  ADVISORY  WRITE 78 fe:10:12 0 EOF\n\
            2: FLOCK  ADVISORY  WRITE 79 fe:10:13 0 EOF\n\
            3: OFDLCK ADVISORY  READ -1 fe:10:12 1 1\n\
            4: DELEG  ACTIVE    READ 80 fe:10:12 0 EOF\n\
            5: LEASE  ACTIVE    READ 80 fe:10:12 0 EOF\n\
            6: POSIX  ADVISORY  WRITE 77 fe:10:99 0 EOF\nbroken\n";
        assert_eq!(locks(table, &[12, 13]), 3);
        assert_eq!(locks(table, &[99]), 1);
        assert_eq!(locks("", &[12]), 0);
    }
}
