//! COMPOUND and CB_COMPOUND: RFC 7530, sections 15.2 and 17.2; RFC 8881, sections 16.2 and 20.

pub(super) mod attributes;
mod callbacks;
pub(super) mod operations;
mod shapes;

use super::handles::{Names, join, parent};
use super::item::{Found, Reading};
use super::message::{Operation, Status};
use super::status::nfs4 as codes;
use super::xdr::{Broken, Reader};
use operations::Row;
use std::sync::Arc;

/// Operations of one COMPOUND that are read. Servers take less (Linux 50, later 200).
const OPERATIONS_MAX: u32 = 512;

const TOO_MANY: Broken = Broken("more operations than any server takes");
const UNKNOWN: Broken = Broken("an operation of an unknown number");

/// Of which of the two programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// From a client to its server.
    Fore,
    /// From a server to its client.
    Back,
}

/// All operations of callbacks.
pub(super) fn callbacks() -> &'static [Row] {
    &callbacks::CALLBACKS
}

impl Side {
    fn row(self, number: u32) -> Option<&'static Row> {
        match self {
            Side::Fore => operations::of_number(number),
            Side::Back => callbacks::of_number(number),
        }
    }
}

/// What a call asks for, as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub minor: Option<u32>,
    pub operations: Vec<Operation>,
    /// The handle of the file that is linked.
    pub source: Option<Arc<[u8]>>,
    /// The program by which a client wants to be called back.
    pub program: Option<u32>,
}

/// The current file handle, or the saved one: RFC 8881, section 16.2.3.1.
#[derive(Clone, Debug, Default)]
struct Current {
    path: Option<Arc<str>>,
    /// None if only its name is known.
    handle: Option<Arc<[u8]>>,
}

impl From<Arc<str>> for Current {
    fn from(path: Arc<str>) -> Current {
        Current { path: Some(path), handle: None }
    }
}

/// Reads COMPOUND4args, or CB_COMPOUND4args.
pub(super) fn call(
    mut xdr: Reader,
    side: Side,
    names: &Names,
    asked: &mut Asked,
) -> Result<(), Broken> {
    xdr.opaque()?;
    asked.minor = Some(xdr.u32()?);
    if side == Side::Back {
        xdr.u32()?;
    }
    let count = xdr.u32()?;
    asked.operations.reserve(count.min(16) as usize);
    let (mut current, mut saved) = (Current::default(), Current::default());
    for index in 0..count {
        if index == OPERATIONS_MAX {
            return Err(TOO_MANY);
        }
        let remaining = u32::try_from(xdr.remaining()).unwrap_or(0);
        let row = side.row(xdr.u32()?).ok_or(UNKNOWN)?;
        let mut reading = Reading::new(xdr);
        let outcome = reading.read(row.arguments);
        let Reading { found, words, xdr: rest, .. } = reading;
        let mut operation = Operation {
            name: row.name,
            number: row.number,
            arguments: words,
            remaining,
            ..Operation::default()
        };
        match side {
            Side::Fore => place(&mut operation, &found, &mut current, &mut saved, names),
            Side::Back => operation.path = found.handle.map(|handle| names.path(handle)),
        }
        asked.operations.push(operation);
        if row.name == "LINK" {
            asked.source = saved.handle.clone();
        }
        asked.program = found.program.or(asked.program);
        outcome?;
        xdr = rest;
    }
    Ok(())
}

/// Says what an operation is done to, and follows the current file handle.
fn place(
    operation: &mut Operation,
    found: &Found,
    current: &mut Current,
    saved: &mut Current,
    names: &Names,
) {
    let child = |name: &[u8]| join(current.path.as_ref(), name);
    match (operation.name, found.name) {
        ("PUTROOTFH" | "PUTPUBFH", _) => *current = Current::from(Arc::from("/")),
        ("PUTFH", _) => {
            *current = Current {
                path: found.handle.map(|handle| names.path(handle)),
                handle: found.handle.map(Arc::from),
            };
        }
        ("LOOKUPP", _) => {
            *current = match &current.path {
                Some(path) => Current::from(parent(path)),
                None => Current::default(),
            };
        }
        ("SAVEFH", _) => *saved = current.clone(),
        ("RESTOREFH", _) => *current = saved.clone(),
        ("OPENATTR", _) => *current = Current::from(child(b"(named attributes)")),
        ("LOOKUP" | "OPEN" | "CREATE", Some(name)) => *current = Current::from(child(name)),
        ("LINK", Some(name)) => {
            operation.from = saved.path.clone();
            operation.path = Some(child(name));
        }
        ("RENAME", Some(name)) => {
            operation.from = found.old_name.map(|old| join(saved.path.as_ref(), old));
            operation.path = Some(child(name));
        }
        (_, Some(name)) => operation.path = Some(child(name)),
        _ => {}
    }
    if operation.path.is_none() {
        operation.path = current.path.clone();
    }
}

/// Reads COMPOUND4res: puts the outcomes to the operations of the call, and what they teach into
/// the names. Answers its status as far as it is there.
pub(super) fn reply(
    mut xdr: Reader,
    side: Side,
    names: &mut Names,
    asked: &mut Asked,
) -> (Option<Status>, Result<(), Broken>) {
    match xdr.u32() {
        Err(broken) => (None, Err(broken)),
        Ok(code) => {
            let status = Status { code, name: codes(code) };
            (Some(status), results(xdr, side, names, asked))
        }
    }
}

fn results(
    mut xdr: Reader,
    side: Side,
    names: &mut Names,
    asked: &mut Asked,
) -> Result<(), Broken> {
    xdr.opaque()?;
    let count = xdr.u32()?;
    for index in 0..count {
        let row = side.row(xdr.u32()?).ok_or(UNKNOWN)?;
        let Some(operation) = asked.operations.get_mut(index as usize) else {
            return Err(Broken("more results than operations"));
        };
        // An operation that the server does not know is answered as ILLEGAL.
        if row.name != operation.name && row.number != 10044 {
            return Err(Broken("the result of another operation"));
        }
        let mut reading = Reading::new(xdr);
        let outcome = reading.read(row.results);
        operation.status = reading.found.status;
        if outcome.is_ok() {
            names.learn_from(operation, &reading.found, asked.source.as_deref());
        }
        operation.result = reading.words;
        outcome?;
        xdr = reading.xdr;
    }
    Ok(())
}
