//! NFSv3 (RFC 1813, section 3.3) and the access control lists that Linux asks for beside it.

use super::item::{Item, Item::*, NO, OTHERWISE, Reading};
use super::nfs4::operations::{Row, row};
use super::status::nfs3 as codes;
use super::xdr::Broken;

const STATUS: &[Item] = &[Status(codes)];
/// post_op_attr.
const AFTER: Item = Switch(&[NO, (OTHERWISE, "", &[Skip(84)])]);
/// pre_op_attr and post_op_attr: wcc_data.
const BEFORE_AND_AFTER: Item = Special(before_and_after);
/// What CREATE, MKDIR, SYMLINK and MKNOD answer: post_op_fh3, and more.
const MADE: &[Item] = &[Status(codes), Switch(&[NO, (OTHERWISE, "", &[Handle])])];

const STABLE: &[&str] = &["unstable", "data_sync", "file_sync"];
const ACCESS: &[(u32, &str)] =
    &[(1, "read"), (2, "lookup"), (4, "modify"), (8, "extend"), (16, "delete"), (32, "execute")];

/// The procedures of NFSv3.
pub(super) static PROCEDURES: [Row; 22] = [
    row(0, "NULL", &[], &[]),
    row(1, "GETATTR", &[Handle], &[Status(codes), Special(attributes)]),
    row(
        2,
        "SETATTR",
        &[Handle, Special(new_attributes), Switch(&[NO, (OTHERWISE, "guarded", &[Skip(8)])])],
        STATUS,
    ),
    row(3, "LOOKUP", &[Handle, Name], &[Status(codes), Handle]),
    row(4, "ACCESS", &[Handle, Bits("", ACCESS)], &[Status(codes), AFTER, Bits("granted", ACCESS)]),
    row(5, "READLINK", &[Handle], &[Status(codes), AFTER, Text("target")]),
    row(
        6,
        "READ",
        &[Handle, Long("offset"), Number("count")],
        &[Status(codes), AFTER, Number("count"), Flag("eof")],
    ),
    row(
        7,
        "WRITE",
        &[Handle, Long("offset"), Number("count"), Among("", STABLE)],
        &[Status(codes), BEFORE_AND_AFTER, Number("count"), Among("", STABLE)],
    ),
    row(
        8,
        "CREATE",
        &[
            Handle,
            Name,
            Switch(&[
                (0, "unchecked", &[Special(new_attributes)]),
                (1, "guarded", &[Special(new_attributes)]),
                (2, "exclusive", &[Skip(8)]),
            ]),
        ],
        MADE,
    ),
    row(9, "MKDIR", &[Handle, Name, Special(new_attributes)], MADE),
    row(10, "SYMLINK", &[Handle, Name, Special(new_attributes), Text("target")], MADE),
    row(11, "MKNOD", &[Handle, Name, Among("type", TYPES)], MADE),
    row(12, "REMOVE", &[Handle, Name], STATUS),
    row(13, "RMDIR", &[Handle, Name], STATUS),
    row(14, "RENAME", &[Handle, OldName, Handle, Name], STATUS),
    row(15, "LINK", &[Handle, Handle, Name], STATUS),
    row(
        16,
        "READDIR",
        &[Handle, Long("cookie"), Skip(8), Skip(4)],
        &[Status(codes), AFTER, Skip(8), Special(directory)],
    ),
    row(
        17,
        "READDIRPLUS",
        &[Handle, Long("cookie"), Skip(8), Skip(8)],
        &[Status(codes), AFTER, Skip(8), Special(directory_plus)],
    ),
    row(18, "FSSTAT", &[Handle], STATUS),
    row(19, "FSINFO", &[Handle], STATUS),
    row(20, "PATHCONF", &[Handle], STATUS),
    row(21, "COMMIT", &[Handle, Long("offset"), Number("count")], STATUS),
];

/// NFSACL, version 3 (no RFC: include/uapi/linux/nfsacl.h).
pub(super) static LISTS: [Row; 3] = [
    row(0, "NULL", &[], &[]),
    row(1, "GETACL", &[Handle], STATUS),
    row(2, "SETACL", &[Handle], STATUS),
];

const TYPES: &[&str] = &["", "file", "dir", "block", "char", "link", "socket", "fifo"];

/// wcc_data.
fn before_and_after(reading: &mut Reading) -> Result<(), Broken> {
    reading.read(&[Switch(&[NO, (OTHERWISE, "", &[Skip(24)])]), AFTER])
}

/// fattr3.
fn attributes(reading: &mut Reading) -> Result<(), Broken> {
    reading.read(&[Among("type", TYPES)])?;
    let mode = reading.xdr.u32()?;
    reading.say("mode", format_args!("{mode:o}"));
    reading.read(&[Number("numlinks"), Skip(8), Long("size"), Skip(8), Skip(8), Skip(8)])?;
    reading.read(&[Long("fileid")])?;
    for name in ["time_access", "time_modify", "time_metadata"] {
        time(reading, name)?;
    }
    Ok(())
}

/// sattr3.
fn new_attributes(reading: &mut Reading) -> Result<(), Broken> {
    if reading.xdr.bool()? {
        let mode = reading.xdr.u32()?;
        reading.say("mode", format_args!("{mode:o}"));
    }
    for name in ["owner", "owner_group"] {
        if reading.xdr.bool()? {
            reading.read(&[Number(name)])?;
        }
    }
    if reading.xdr.bool()? {
        reading.read(&[Long("size")])?;
    }
    for name in ["time_access", "time_modify"] {
        match reading.xdr.u32()? {
            0 => {}
            1 => reading.say(name, "now"),
            _ => time(reading, name)?,
        }
    }
    Ok(())
}

fn time(reading: &mut Reading, name: &str) -> Result<(), Broken> {
    let (seconds, nanos) = (reading.xdr.u32()?, reading.xdr.u32()?);
    reading.say(name, format_args!("{seconds}.{nanos:09}"));
    Ok(())
}

fn directory(reading: &mut Reading) -> Result<(), Broken> {
    entries(reading, |_, _| Ok(()))
}

fn directory_plus(reading: &mut Reading) -> Result<(), Broken> {
    entries(reading, |reading, name| {
        reading.read(&[AFTER])?;
        if reading.xdr.bool()? {
            let handle = reading.xdr.opaque()?;
            reading.found.entries.push((name, handle));
        }
        Ok(())
    })
}

fn entries<'a>(
    reading: &mut Reading<'a>,
    rest: impl Fn(&mut Reading<'a>, &'a [u8]) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let mut count = 0u64;
    while reading.xdr.bool()? {
        reading.xdr.u64()?;
        let name = reading.xdr.opaque()?;
        reading.xdr.u64()?;
        rest(reading, name)?;
        count += 1;
    }
    reading.say("entries", count);
    reading.read(&[Flag("eof")])
}
