//! The programs beside NFS: MOUNT (RFC 1813, appendix I), the lock manager and the status monitor
//! (Open Group, Protocols for Interworking: XNFS, chapters 9 to 11 and 14), the port mapper
//! (RFC 1833).

use super::item::{Item, Item::*, Reading};
use super::nfs4::operations::{Row, row};
use super::status::{mount, nlm, nsm};
use super::xdr::Broken;

/// MOUNT, version 3. Its one argument is a path.
pub(super) static MOUNT: [Row; 6] = [
    row(0, "NULL", &[], &[]),
    row(1, "MNT", &[Name], &[Status(mount), Handle]),
    row(2, "DUMP", &[], &[]),
    row(3, "UMNT", &[Name], &[]),
    row(4, "UMNTALL", &[], &[]),
    row(5, "EXPORT", &[], &[]),
];

// --- The lock manager ------------------------------------------------------------------------

/// What tells a caller's requests apart.
const COOKIE: Item = SkipOpaque;
/// nlm4_lock.
const LOCK: Item = Special(lock);
const TEST: &[Item] = &[COOKIE, Flag("exclusive"), LOCK];
const SET: &[Item] =
    &[COOKIE, Flag("block"), Flag("exclusive"), LOCK, Flag("reclaim"), Number("state")];
const CANCEL: &[Item] = &[COOKIE, Flag("block"), Flag("exclusive"), LOCK];
const UNLOCK: &[Item] = &[COOKIE, LOCK];
const RESULT: &[Item] = &[COOKIE, Status(nlm)];
/// LCK_DENIED, and then nlm4_holder.
const TESTED: &[Item] = &[
    COOKIE,
    Status(nlm),
    When(1, &[Flag("exclusive"), Number("svid"), Digest("owner"), Special(held)]),
];
const SHARE: &[Item] = &[
    COOKIE,
    Text("caller"),
    Handle,
    Digest("owner"),
    Among("mode", SHARES),
    Among("access", SHARES),
    Flag("reclaim"),
];
const SHARED: &[Item] = &[COOKIE, Status(nlm)];
const SHARES: &[&str] = &["none", "read", "write", "both"];

/// NLM, version 4. Where a procedure ends in `_MSG`, the answer is a call of its own.
pub(super) static LOCKS: [Row; 20] = [
    row(0, "NULL", &[], &[]),
    row(1, "TEST", TEST, TESTED),
    row(2, "LOCK", SET, RESULT),
    row(3, "CANCEL", CANCEL, RESULT),
    row(4, "UNLOCK", UNLOCK, RESULT),
    row(5, "GRANTED", TEST, RESULT),
    row(6, "TEST_MSG", TEST, &[]),
    row(7, "LOCK_MSG", SET, &[]),
    row(8, "CANCEL_MSG", CANCEL, &[]),
    row(9, "UNLOCK_MSG", UNLOCK, &[]),
    row(10, "GRANTED_MSG", TEST, &[]),
    row(11, "TEST_RES", TESTED, &[]),
    row(12, "LOCK_RES", RESULT, &[]),
    row(13, "CANCEL_RES", RESULT, &[]),
    row(14, "UNLOCK_RES", RESULT, &[]),
    row(15, "GRANTED_RES", RESULT, &[]),
    row(20, "SHARE", SHARE, SHARED),
    row(21, "UNSHARE", SHARE, SHARED),
    row(22, "NM_LOCK", SET, RESULT),
    row(23, "FREE_ALL", &[Text("caller"), Number("state")], &[]),
];

/// An owner is told by a hash, as in NFSv4; `svid` is the number of its process.
fn lock(reading: &mut Reading) -> Result<(), Broken> {
    reading.read(&[Text("caller"), Handle, Digest("owner"), Number("svid")])?;
    range(reading, "range")
}

fn held(reading: &mut Reading) -> Result<(), Broken> {
    range(reading, "held")
}

/// Here it is a length of 0 that means to the end of the file.
fn range(reading: &mut Reading, label: &str) -> Result<(), Broken> {
    let (offset, length) = (reading.xdr.u64()?, reading.xdr.u64()?);
    match offset.checked_add(length) {
        Some(end) if length > 0 => reading.say(label, format_args!("{offset}..{end}")),
        _ => reading.say(label, format_args!("{offset}..")),
    }
    Ok(())
}

// --- The status monitor and the port mapper ----------------------------------------------------

/// NSM, version 1.
pub(super) static MONITOR: [Row; 7] = [
    row(0, "NULL", &[], &[]),
    row(1, "STAT", &[Text("host")], &[Status(nsm), Number("state")]),
    row(2, "MON", &[Text("host"), Text("by"), Skip(12), Skip(16)], &[Status(nsm), Number("state")]),
    row(3, "UNMON", &[Text("host"), Text("by"), Skip(12)], &[Number("state")]),
    row(4, "UNMON_ALL", &[Text("by"), Skip(12)], &[Number("state")]),
    row(5, "SIMU_CRASH", &[], &[]),
    row(6, "NOTIFY", &[Text("host"), Number("state")], &[]),
];

const MAPPING: &[Item] =
    &[Number("program"), Number("version"), Number("protocol"), Number("port")];
const SERVICE: &[Item] =
    &[Number("program"), Number("version"), Text("netid"), Text("address"), SkipOpaque];

/// The port mapper, version 2.
pub(super) static PORTS: [Row; 6] = [
    row(0, "NULL", &[], &[]),
    row(1, "SET", MAPPING, &[Flag("done")]),
    row(2, "UNSET", MAPPING, &[Flag("done")]),
    row(3, "GETPORT", MAPPING, &[Number("port")]),
    row(4, "DUMP", &[], &[]),
    row(
        5,
        "CALLIT",
        &[Number("program"), Number("version"), Number("procedure")],
        &[Number("port")],
    ),
];

/// rpcbind, versions 3 and 4.
pub(super) static ADDRESSES: [Row; 13] = [
    row(0, "NULL", &[], &[]),
    row(1, "SET", SERVICE, &[Flag("done")]),
    row(2, "UNSET", SERVICE, &[Flag("done")]),
    row(3, "GETADDR", SERVICE, &[Text("address")]),
    row(4, "DUMP", &[], &[]),
    row(5, "BCAST", &[], &[]),
    row(6, "GETTIME", &[], &[]),
    row(7, "UADDR2TADDR", &[], &[]),
    row(8, "TADDR2UADDR", &[], &[]),
    row(9, "GETVERSADDR", SERVICE, &[Text("address")]),
    row(10, "INDIRECT", &[], &[]),
    row(11, "GETADDRLIST", SERVICE, &[]),
    row(12, "GETSTAT", &[], &[]),
];
