//! The operations of NFSv4: what each is called with and what comes back.
//!
//! RFC 7530 (NFSv4.0), section 16; RFC 8881 (NFSv4.1), section 18; RFC 7862 (NFSv4.2), section 15;
//! RFC 8276 (extended attributes), section 8.

use super::shapes::*;
use crate::rpc::item::{Item, Item::*, NO, OTHERWISE};
use crate::rpc::status::nfs4 as codes;

/// One operation, or one procedure of another program.
pub(in crate::rpc) struct Row {
    pub number: u32,
    pub name: &'static str,
    pub arguments: &'static [Item],
    /// From the status on.
    pub results: &'static [Item],
}

pub(in crate::rpc) const fn row(
    number: u32,
    name: &'static str,
    arguments: &'static [Item],
    results: &'static [Item],
) -> Row {
    Row { number, name, arguments, results }
}

const STATUS: &[Item] = &[Status(codes)];
/// A status, and then a state id.
const NEW_STATE: &[Item] = &[Status(codes), State("state")];
const CHANGED: &[Item] = &[Status(codes), CHANGE_INFO];
/// The numbers that NFSv4.0 gives its requests are of no use to a reader.
const SEQID: Item = Skip(4);

const DENIED: Item = When(10010, &[Range("held"), LOCK_TYPE, Owner("by")]);

/// By number, from [`FIRST`] on.
pub(in crate::rpc) static OPERATIONS: [Row; 73] = [
    row(3, "ACCESS", &[Bits("", ACCESS)], &[Status(codes), Skip(4), Bits("granted", ACCESS)]),
    row(4, "CLOSE", &[SEQID, State("state")], &[Status(codes), Skip(16)]),
    row(5, "COMMIT", &[Long("offset"), Number("count")], &[Status(codes), Skip(8)]),
    row(6, "CREATE", CREATE, &[Status(codes), CHANGE_INFO, AttributeNames("")]),
    row(7, "DELEGPURGE", &[Id("client")], STATUS),
    row(8, "DELEGRETURN", &[State("state")], STATUS),
    row(9, "GETATTR", &[AttributeNames("")], &[Status(codes), Attributes]),
    row(10, "GETFH", &[], &[Status(codes), Handle]),
    row(11, "LINK", &[Name], CHANGED),
    row(12, "LOCK", LOCK, &[Status(codes), State("state"), DENIED]),
    row(13, "LOCKT", &[LOCK_TYPE, Range("range"), Owner("owner")], &[Status(codes), DENIED]),
    row(
        14,
        "LOCKU",
        &[LOCK_TYPE, SEQID, State("state"), Range("range")],
        &[Status(codes), State("state")],
    ),
    row(15, "LOOKUP", &[Name], STATUS),
    row(16, "LOOKUPP", &[], STATUS),
    row(17, "NVERIFY", &[Attributes], STATUS),
    row(18, "OPEN", OPEN, OPENED),
    row(19, "OPENATTR", &[Flag("create")], STATUS),
    row(20, "OPEN_CONFIRM", &[State("state"), SEQID], NEW_STATE),
    row(
        21,
        "OPEN_DOWNGRADE",
        &[State("state"), SEQID, Bits("access", SHARE_ACCESS), Among("deny", SHARE_DENY)],
        NEW_STATE,
    ),
    row(22, "PUTFH", &[Handle], STATUS),
    row(23, "PUTPUBFH", &[], STATUS),
    row(24, "PUTROOTFH", &[], STATUS),
    row(
        25,
        "READ",
        &[State("state"), Long("offset"), Number("count")],
        &[Status(codes), Flag("eof"), Length("count")],
    ),
    row(
        26,
        "READDIR",
        &[Long("cookie"), Skip(8), Skip(4), Skip(4), AttributeNames("")],
        &[Status(codes), Skip(8), Special(directory)],
    ),
    row(27, "READLINK", &[], &[Status(codes), Text("target")]),
    row(28, "REMOVE", &[Name], CHANGED),
    row(29, "RENAME", &[OldName, Name], &[Status(codes), CHANGE_INFO, CHANGE_INFO]),
    row(30, "RENEW", &[Id("client")], STATUS),
    row(31, "RESTOREFH", &[], STATUS),
    row(32, "SAVEFH", &[], STATUS),
    row(33, "SECINFO", &[Name], SECINFO),
    row(
        34,
        "SETATTR",
        &[State("state"), Attributes],
        &[Status(codes), Always(&[AttributeNames("set")])],
    ),
    row(
        35,
        "SETCLIENTID",
        &[Skip(8), Text("id"), Special(callback_program), Text("netid"), Text("address"), Skip(4)],
        &[Status(codes), Id("client"), Skip(8), When(10017, &[SkipOpaque, Text("by")])],
    ),
    row(36, "SETCLIENTID_CONFIRM", &[Id("client"), Skip(8)], STATUS),
    row(37, "VERIFY", &[Attributes], STATUS),
    row(
        38,
        "WRITE",
        &[State("state"), Long("offset"), Among("", STABLE), Length("count")],
        &[Status(codes), Number("count"), Among("", STABLE), Skip(8)],
    ),
    row(39, "RELEASE_LOCKOWNER", &[Owner("owner")], STATUS),
    row(40, "BACKCHANNEL_CTL", &[Special(callback_program), List("", CALLBACK_SECURITY)], STATUS),
    row(
        41,
        "BIND_CONN_TO_SESSION",
        &[SESSION, Among("", CHANNELS), Skip(4)],
        &[Status(codes), Skip(16), Among("", CHANNELS), Skip(4)],
    ),
    row(
        42,
        "EXCHANGE_ID",
        &[Skip(8), Text("owner"), Skip(4), PROTECTION, List("", IMPLEMENTATION)],
        EXCHANGED,
    ),
    row(43, "CREATE_SESSION", CREATE_SESSION, SESSION_CREATED),
    row(44, "DESTROY_SESSION", &[SESSION], STATUS),
    row(45, "FREE_STATEID", &[State("state")], STATUS),
    row(46, "GET_DIR_DELEGATION", DIR_DELEGATION, DIR_DELEGATED),
    row(
        47,
        "GETDEVICEINFO",
        &[FixedDigest("device", 16), Skip(4), Skip(4), AttributeNames("")],
        &[Status(codes), Skip(4), SkipOpaque, AttributeNames(""), When(10005, &[Skip(4)])],
    ),
    row(
        48,
        "GETDEVICELIST",
        &[Skip(4), Skip(4), Skip(8), Skip(8)],
        &[Status(codes), Skip(8), Skip(8), List("devices", &[Skip(16)]), Flag("eof")],
    ),
    row(
        49,
        "LAYOUTCOMMIT",
        LAYOUTCOMMIT,
        &[Status(codes), Switch(&[NO, (1, "", &[Long("size")])])],
    ),
    row(50, "LAYOUTGET", LAYOUTGET, LAYOUT),
    row(
        51,
        "LAYOUTRETURN",
        &[Skip(4), Skip(4), Skip(4), Switch(LAYOUT_RETURN)],
        &[Status(codes), Switch(&[NO, (1, "", &[State("state")])])],
    ),
    row(52, "SECINFO_NO_NAME", &[Among("", &["current", "parent"])], SECINFO),
    row(53, "SEQUENCE", SEQUENCE, SEQUENCED),
    row(54, "SET_SSV", &[SkipOpaque, SkipOpaque], &[Status(codes), SkipOpaque]),
    row(55, "TEST_STATEID", &[List("states", &[Skip(16)])], &[Status(codes), List("", &[Skip(4)])]),
    row(56, "WANT_DELEGATION", &[Skip(4), Switch(WANT_CLAIM)], &[Status(codes), DELEGATION]),
    row(57, "DESTROY_CLIENTID", &[Id("client")], STATUS),
    row(58, "RECLAIM_COMPLETE", &[Flag("one_fs")], STATUS),
    row(59, "ALLOCATE", &[State("state"), Range("range")], STATUS),
    row(60, "COPY", COPY, COPIED),
    row(
        61,
        "COPY_NOTIFY",
        &[State("state"), NETLOC],
        &[Status(codes), Skip(12), State("state"), List("", &[NETLOC])],
    ),
    row(62, "DEALLOCATE", &[State("state"), Range("range")], STATUS),
    row(
        63,
        "IO_ADVISE",
        &[State("state"), Range("range"), AttributeNames("")],
        &[Status(codes), AttributeNames("")],
    ),
    row(64, "LAYOUTERROR", &[Range("range"), Skip(16), List("errors", &[Skip(24)])], STATUS),
    row(
        65,
        "LAYOUTSTATS",
        &[Range("range"), Skip(16), Skip(16), Skip(16), Skip(16), Skip(4), SkipOpaque],
        STATUS,
    ),
    row(66, "OFFLOAD_CANCEL", &[State("state")], STATUS),
    row(
        67,
        "OFFLOAD_STATUS",
        &[State("state")],
        &[Status(codes), Long("count"), List("", &[Skip(4)])],
    ),
    row(
        68,
        "READ_PLUS",
        &[State("state"), Long("offset"), Number("count")],
        &[Status(codes), Flag("eof"), List("parts", &[Switch(CONTENT)])],
    ),
    row(
        69,
        "SEEK",
        &[State("state"), Long("offset"), Among("what", &["data", "hole"])],
        &[Status(codes), Flag("eof"), Long("offset")],
    ),
    row(70, "WRITE_SAME", WRITE_SAME, &[Status(codes), WRITTEN]),
    row(
        71,
        "CLONE",
        &[State("from"), State("to"), Long("from_offset"), Long("to_offset"), Long("count")],
        STATUS,
    ),
    row(72, "GETXATTR", &[Text("name")], &[Status(codes), Length("count")]),
    row(73, "SETXATTR", &[Skip(4), Text("name"), Length("count")], CHANGED),
    row(
        74,
        "LISTXATTRS",
        &[Skip(8), Skip(4)],
        &[Status(codes), Skip(8), List("names", &[SkipOpaque]), Flag("eof")],
    ),
    row(75, "REMOVEXATTR", &[Text("name")], CHANGED),
];

static ILLEGAL: Row = row(10044, "ILLEGAL", &[], STATUS);
const FIRST: u32 = 3;

/// The operation of a number.
pub(super) fn of_number(number: u32) -> Option<&'static Row> {
    match number {
        10044 => Some(&ILLEGAL),
        _ => OPERATIONS.get(usize::try_from(number.checked_sub(FIRST)?).ok()?),
    }
}

/// CREATE4args: RFC 8881, section 18.4.1.
const CREATE: &[Item] = &[
    Switch(&[
        (2, "type=dir", &[]),
        (3, "type=block", &[Skip(8)]),
        (4, "type=char", &[Skip(8)]),
        (5, "type=link", &[Text("target")]),
        (6, "type=socket", &[]),
        (7, "type=fifo", &[]),
        (OTHERWISE, "type=?", &[]),
    ]),
    Name,
    Attributes,
];

/// LOCK4args: RFC 8881, section 18.10.1.
const LOCK: &[Item] = &[
    LOCK_TYPE,
    Flag("reclaim"),
    Range("range"),
    Switch(&[
        (0, "", &[State("state"), SEQID]),
        (OTHERWISE, "", &[SEQID, State("open"), SEQID, Owner("owner")]),
    ]),
];

/// SECINFO4res: RFC 8881, section 18.29.2; RPCSEC_GSS is 6.
const SECINFO: &[Item] = &[
    Status(codes),
    List("flavors", &[Switch(&[(6, "", &[SkipOpaque, Skip(8)]), (OTHERWISE, "", &[])])]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_stands_at_its_number() {
        for (index, row) in OPERATIONS.iter().enumerate() {
            assert_eq!(row.number as usize, index + FIRST as usize, "{}", row.name);
        }
        assert_eq!(of_number(53).unwrap().name, "SEQUENCE");
        assert!(of_number(0).is_none() && of_number(76).is_none() && of_number(10044).is_some());
    }
}
