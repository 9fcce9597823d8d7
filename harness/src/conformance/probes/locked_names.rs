//! A file that one client has open and locked, and whose names, or mode, another client changes.
//!
//! Nobody else has the file open, so that its client has it delegated where the server does that,
//! and the server may not know of the lock before it asks for the file back.

use super::locks::{gets, is_refused};
use super::names::fit;
use crate::conformance::bench::{BOTH, Bench, Outcome, READ, Step, whole, word};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use crate::run::lab::Hand;
use lockstorm_agent::probe::Kind::{self, Exclusive, Shared, Unlock};
use lockstorm_agent::probe::{Call, Flag};

pub const PROBES: &[Probe] = &[
    Probe {
        name: "locked-chmod-elsewhere",
        rule: "chmod(2) by another client leaves the lock of a file to its holder",
        source: "RFC 8881, section 10.4.4: SETATTR recalls, locks are sent first; POSIX, fcntl",
        alone: false,
        needs: Needs::Nothing,
        run: chmod,
    },
    Probe {
        name: "locked-unlink-elsewhere",
        rule: "unlink(2) of a name of the file by another client leaves the lock to its holder",
        source: "RFC 8881, section 10.4.4: REMOVE recalls, locks are sent first; POSIX, fcntl",
        alone: false,
        needs: Needs::Nothing,
        run: unlink,
    },
    Probe {
        name: "locked-rename-elsewhere",
        rule: "rename(2) of the file by another client leaves the lock to its holder",
        source: "RFC 8881, section 10.4.4: RENAME recalls, locks are sent first; POSIX, fcntl",
        alone: false,
        needs: Needs::Nothing,
        run: rename,
    },
    Probe {
        name: "locked-rename-over-elsewhere",
        rule: "rename(2) of another file over a locked one, by another client, leaves the lock to \
               its holder, and the new file is free",
        source: "RFC 8881, section 10.4.4: RENAME recalls, locks are sent first; POSIX, fcntl",
        alone: false,
        needs: Needs::Nothing,
        run: rename_over,
    },
    Probe {
        name: "locked-link-elsewhere",
        rule: "link(2) of the file by another client leaves the lock to its holder",
        source: "POSIX, fcntl: a lock is of the file, whatever its names; link(2)",
        alone: false,
        needs: Needs::Nothing,
        run: link,
    },
];

/// How the holder has the file open, and its lock: under a delegation for reading, and for writing.
const MANNERS: [(&str, &[Flag], Kind); 2] =
    [("shared", READ, Shared), ("exclusive", BOTH, Exclusive)];

/// The names of a file of that manner; what another client does is done to the first.
fn first(manner: &str) -> String {
    format!("{manner}-lock")
}

fn second(manner: &str) -> String {
    format!("{manner}-second")
}

/// Another client changes something, and opens the file by the name that it answers.
fn tried(
    bench: &mut Bench,
    change: impl Fn(&mut Bench, &Hand, &str) -> Step<(Outcome<()>, String)>,
) -> Seen {
    let (one, other) = bench.two()?;
    for (manner, flags, kind) in MANNERS {
        let name = first(manner);
        bench.touch(&one, &name)?;
        fit(bench.link(&one, &name, &second(manner))?)?;
        bench.open(&one, &name, flags, "f")?;
        gets(bench, &one, whole(kind), "the first")?;
        let (changed, path) = change(bench, &other, manner)?;
        if changed.is_err() {
            return broken(format!("the change: {}", word(&changed)));
        }
        bench.open(&other, &path, BOTH, "f")?;
        is_refused(bench, &other, whole(Exclusive), "the other after its change")?;
        gets(bench, &one, whole(Unlock), "the holder's unlock")?;
        gets(bench, &other, whole(Exclusive), "the other after the unlock")?;
        for by in [&one, &other] {
            bench.close(by, "f")?;
        }
    }
    seen("refused, until the holder unlocks")
}

fn chmod(bench: &mut Bench) -> Seen {
    tried(bench, |bench, other, manner| {
        let call = Call::Chmod { path: first(manner), mode: 0o600 };
        Ok((bench.done(other, call)?, first(manner)))
    })
}

fn unlink(bench: &mut Bench) -> Seen {
    tried(bench, |bench, other, manner| Ok((bench.unlink(other, &first(manner))?, second(manner))))
}

fn rename(bench: &mut Bench) -> Seen {
    tried(bench, |bench, other, manner| {
        let moved = format!("{manner}-moved");
        Ok((bench.rename(other, &first(manner), &moved)?, moved))
    })
}

fn rename_over(bench: &mut Bench) -> Seen {
    tried(bench, |bench, other, manner| {
        let (name, new) = (first(manner), format!("{manner}-new"));
        bench.touch(other, &new)?;
        let renamed = bench.rename(other, &new, &name)?;
        bench.open(other, &name, BOTH, "new")?;
        let lock = bench.lock(other, "new", Exclusive)?;
        if lock.is_err() {
            return broken(format!("the new file, which nobody has locked: {}", word(&lock)));
        }
        bench.close(other, "new")?;
        Ok((renamed, second(manner)))
    })
}

fn link(bench: &mut Bench) -> Seen {
    tried(bench, |bench, other, manner| {
        let third = format!("{manner}-third");
        Ok((bench.link(other, &first(manner), &third)?, third))
    })
}
