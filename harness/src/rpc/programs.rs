//! Which program a call is for, by its number, on whatever port.

use super::nfs3::{LISTS, PROCEDURES};
use super::nfs4::operations::Row;
use super::nfs4::{self, Side};
use super::side_programs::{ADDRESSES, LOCKS, MONITOR, MOUNT, PORTS};
use super::status;
use std::collections::BTreeSet;

/// The first of the numbers that are nobody's (RFC 5531, section 8.3); Linux calls its clients
/// back by it, whatever they ask for.
const CALLBACK: u32 = 0x4000_0000;
/// Programs that clients have asked to be called back by.
const CALLBACKS_MAX: usize = 256;

/// How arguments and results are read.
#[derive(Clone, Copy)]
pub(super) enum Language {
    /// One row a procedure.
    Rows(&'static [Row]),
    /// NULL, and COMPOUND.
    Compound(Side),
    /// Not known.
    Foreign,
}

#[derive(Clone, Copy)]
pub(super) struct Program {
    pub name: &'static str,
    pub language: Language,
}

/// The programs of NFSv4's callbacks.
#[derive(Debug, Default)]
pub(super) struct Callbacks(BTreeSet<u32>);

impl Callbacks {
    /// A client wants to be called back by this program. A number of one that is well known is
    /// none that it may ask for.
    pub fn learn(&mut self, program: u32) {
        if program >= CALLBACK && self.0.len() < CALLBACKS_MAX {
            self.0.insert(program);
        }
    }

    /// The program of a number and version.
    pub fn program(&self, number: u32, version: u32) -> Program {
        let (name, language) = match (number, version) {
            (100_000, 2) => ("portmap", Language::Rows(&PORTS)),
            (100_000, _) => ("portmap", Language::Rows(&ADDRESSES)),
            (100_003, 4) => ("nfs", Language::Compound(Side::Fore)),
            (100_003, 3) => ("nfs", Language::Rows(&PROCEDURES)),
            (100_003, _) => ("nfs", Language::Foreign),
            (100_005, 3) => ("mount", Language::Rows(&MOUNT)),
            (100_005, _) => ("mount", Language::Foreign),
            (100_021, 4) => ("nlm", Language::Rows(&LOCKS)),
            (100_021, _) => ("nlm", Language::Foreign),
            (100_024, _) => ("nsm", Language::Rows(&MONITOR)),
            (100_227, 3) => ("nfsacl", Language::Rows(&LISTS)),
            (CALLBACK, _) => ("nfs callback", Language::Compound(Side::Back)),
            _ if self.0.contains(&number) => ("nfs callback", Language::Compound(Side::Back)),
            _ => ("?", Language::Foreign),
        };
        Program { name, language }
    }
}

impl Language {
    /// The name of a procedure.
    pub fn procedure(&self, number: u32) -> &'static str {
        match (self, number) {
            (_, 0) => "NULL",
            (Language::Compound(Side::Fore), 1) => "COMPOUND",
            (Language::Compound(Side::Back), 1) => "CB_COMPOUND",
            (Language::Rows(_), _) => self.row(number).map_or("?", |row| row.name),
            _ => "?",
        }
    }

    /// The procedure of a program that has rows.
    pub fn row(&self, number: u32) -> Option<&'static Row> {
        match self {
            Language::Rows(rows) => rows.iter().find(|row| row.number == number),
            _ => None,
        }
    }
}

/// The names of all operations that calls are told by: NFSv4's, its callbacks', and the procedures
/// of the other programs. Some stand twice.
pub fn operations() -> impl Iterator<Item = &'static str> {
    let tables: [&'static [Row]; 8] =
        [&PROCEDURES, &LISTS, &MOUNT, &LOCKS, &MONITOR, &PORTS, &ADDRESSES, nfs4::callbacks()];
    let tables = tables.into_iter().flatten();
    nfs4::operations::OPERATIONS.iter().chain(tables).map(|row| row.name)
}

/// Those of NFSv4, and of its callbacks.
pub fn operations_of_nfs4() -> impl Iterator<Item = &'static str> {
    let tables = nfs4::operations::OPERATIONS.iter().chain(nfs4::callbacks());
    tables.map(|row| row.name)
}

/// Those of NFSv3, and of MOUNT, the lock manager and the status monitor.
pub fn operations_of_nfs3() -> impl Iterator<Item = &'static str> {
    let tables: [&'static [Row]; 4] = [&PROCEDURES, &MOUNT, &LOCKS, &MONITOR];
    tables.into_iter().flatten().map(|row| row.name)
}

/// The number of a status of NFSv4.
pub fn nfs4_status(name: &str) -> Option<u32> {
    (0..100).chain(10_000..10_100).find(|code| status::nfs4(*code) == name)
}

/// The names of all statuses that operations end with. Some stand twice.
pub fn status_names() -> impl Iterator<Item = &'static str> {
    let codes = (0..100).chain(10_000..10_100);
    let names = codes.flat_map(|code| {
        [status::nfs4(code), status::nfs3(code), status::mount(code), status::nlm(code)]
    });
    names.filter(|name| *name != "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_called_back_by_the_program_that_it_asked_for() {
        let mut callbacks = Callbacks::default();
        assert_eq!(callbacks.program(0x4000_0001, 1).name, "?");
        callbacks.learn(0x4000_0001);
        assert_eq!(callbacks.program(0x4000_0001, 1).name, "nfs callback");
        callbacks.learn(100_021);
        assert_eq!(callbacks.program(100_021, 4).name, "nlm");
        (0..1000).for_each(|number| callbacks.learn(0x5000_0000 + number));
        assert_eq!(callbacks.0.len(), CALLBACKS_MAX);
    }
}
