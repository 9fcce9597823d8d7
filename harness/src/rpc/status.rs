//! The names of statuses.

/// Later: RFC 8881, section 15.1.1.3.
pub const NFS4ERR_DELAY: u32 = 10008;
/// Of an operation that no server knows: RFC 8881, section 15.1.3.4.
pub const NFS4ERR_OP_ILLEGAL: u32 = 10044;

/// nfsstat4: RFC 8881, section 15.1; RFC 7862, section 11; RFC 8276, section 8.
pub(super) fn nfs4(code: u32) -> &'static str {
    match code {
        0..=99 => low(code).1,
        10000..=10099 => NFS4[(code - 10000) as usize],
        _ => "?",
    }
}

/// nfsstat3: RFC 1813, section 2.6.
pub(super) fn nfs3(code: u32) -> &'static str {
    match code {
        0..=99 => low(code).0,
        10001 => "NFS3ERR_BADHANDLE",
        10002 => "NFS3ERR_NOT_SYNC",
        10003 => "NFS3ERR_BAD_COOKIE",
        10004 => "NFS3ERR_NOTSUPP",
        10005 => "NFS3ERR_TOOSMALL",
        10006 => "NFS3ERR_SERVERFAULT",
        10007 => "NFS3ERR_BADTYPE",
        10008 => "NFS3ERR_JUKEBOX",
        _ => "?",
    }
}

/// mountstat3: RFC 1813, section 5.1.5.
pub(super) fn mount(code: u32) -> &'static str {
    match code {
        0 => "MNT3_OK",
        1 => "MNT3ERR_PERM",
        2 => "MNT3ERR_NOENT",
        5 => "MNT3ERR_IO",
        13 => "MNT3ERR_ACCES",
        20 => "MNT3ERR_NOTDIR",
        22 => "MNT3ERR_INVAL",
        63 => "MNT3ERR_NAMETOOLONG",
        10004 => "MNT3ERR_NOTSUPP",
        10006 => "MNT3ERR_SERVERFAULT",
        _ => "?",
    }
}

/// nlm4_stats.
pub(super) fn nlm(code: u32) -> &'static str {
    match code {
        0 => "NLM4_GRANTED",
        1 => "NLM4_DENIED",
        2 => "NLM4_DENIED_NOLOCKS",
        3 => "NLM4_BLOCKED",
        4 => "NLM4_DENIED_GRACE_PERIOD",
        5 => "NLM4_DEADLCK",
        6 => "NLM4_ROFS",
        7 => "NLM4_STALE_FH",
        8 => "NLM4_FBIG",
        9 => "NLM4_FAILED",
        _ => "?",
    }
}

/// sm_res.
pub(super) fn nsm(code: u32) -> &'static str {
    match code {
        0 => "STAT_SUCC",
        1 => "STAT_FAIL",
        _ => "?",
    }
}

/// The statuses that NFSv3 and NFSv4 have in common.
fn low(code: u32) -> (&'static str, &'static str) {
    match code {
        0 => ("NFS3_OK", "NFS4_OK"),
        1 => ("NFS3ERR_PERM", "NFS4ERR_PERM"),
        2 => ("NFS3ERR_NOENT", "NFS4ERR_NOENT"),
        5 => ("NFS3ERR_IO", "NFS4ERR_IO"),
        6 => ("NFS3ERR_NXIO", "NFS4ERR_NXIO"),
        13 => ("NFS3ERR_ACCES", "NFS4ERR_ACCESS"),
        17 => ("NFS3ERR_EXIST", "NFS4ERR_EXIST"),
        18 => ("NFS3ERR_XDEV", "NFS4ERR_XDEV"),
        19 => ("NFS3ERR_NODEV", "?"),
        20 => ("NFS3ERR_NOTDIR", "NFS4ERR_NOTDIR"),
        21 => ("NFS3ERR_ISDIR", "NFS4ERR_ISDIR"),
        22 => ("NFS3ERR_INVAL", "NFS4ERR_INVAL"),
        27 => ("NFS3ERR_FBIG", "NFS4ERR_FBIG"),
        28 => ("NFS3ERR_NOSPC", "NFS4ERR_NOSPC"),
        30 => ("NFS3ERR_ROFS", "NFS4ERR_ROFS"),
        31 => ("NFS3ERR_MLINK", "NFS4ERR_MLINK"),
        63 => ("NFS3ERR_NAMETOOLONG", "NFS4ERR_NAMETOOLONG"),
        66 => ("NFS3ERR_NOTEMPTY", "NFS4ERR_NOTEMPTY"),
        69 => ("NFS3ERR_DQUOT", "NFS4ERR_DQUOT"),
        70 => ("NFS3ERR_STALE", "NFS4ERR_STALE"),
        71 => ("NFS3ERR_REMOTE", "?"),
        _ => ("?", "?"),
    }
}

/// From 10000 on.
const NFS4: [&str; 100] = [
    "?",
    "NFS4ERR_BADHANDLE",
    "?",
    "NFS4ERR_BAD_COOKIE",
    "NFS4ERR_NOTSUPP",
    "NFS4ERR_TOOSMALL",
    "NFS4ERR_SERVERFAULT",
    "NFS4ERR_BADTYPE",
    "NFS4ERR_DELAY",
    "NFS4ERR_SAME",
    "NFS4ERR_DENIED",
    "NFS4ERR_EXPIRED",
    "NFS4ERR_LOCKED",
    "NFS4ERR_GRACE",
    "NFS4ERR_FHEXPIRED",
    "NFS4ERR_SHARE_DENIED",
    "NFS4ERR_WRONGSEC",
    "NFS4ERR_CLID_INUSE",
    "NFS4ERR_RESOURCE",
    "NFS4ERR_MOVED",
    "NFS4ERR_NOFILEHANDLE",
    "NFS4ERR_MINOR_VERS_MISMATCH",
    "NFS4ERR_STALE_CLIENTID",
    "NFS4ERR_STALE_STATEID",
    "NFS4ERR_OLD_STATEID",
    "NFS4ERR_BAD_STATEID",
    "NFS4ERR_BAD_SEQID",
    "NFS4ERR_NOT_SAME",
    "NFS4ERR_LOCK_RANGE",
    "NFS4ERR_SYMLINK",
    "NFS4ERR_RESTOREFH",
    "NFS4ERR_LEASE_MOVED",
    "NFS4ERR_ATTRNOTSUPP",
    "NFS4ERR_NO_GRACE",
    "NFS4ERR_RECLAIM_BAD",
    "NFS4ERR_RECLAIM_CONFLICT",
    "NFS4ERR_BADXDR",
    "NFS4ERR_LOCKS_HELD",
    "NFS4ERR_OPENMODE",
    "NFS4ERR_BADOWNER",
    "NFS4ERR_BADCHAR",
    "NFS4ERR_BADNAME",
    "NFS4ERR_BAD_RANGE",
    "NFS4ERR_LOCK_NOTSUPP",
    "NFS4ERR_OP_ILLEGAL",
    "NFS4ERR_DEADLOCK",
    "NFS4ERR_FILE_OPEN",
    "NFS4ERR_ADMIN_REVOKED",
    "NFS4ERR_CB_PATH_DOWN",
    "NFS4ERR_BADIOMODE",
    "NFS4ERR_BADLAYOUT",
    "NFS4ERR_BAD_SESSION_DIGEST",
    "NFS4ERR_BADSESSION",
    "NFS4ERR_BADSLOT",
    "NFS4ERR_COMPLETE_ALREADY",
    "NFS4ERR_CONN_NOT_BOUND_TO_SESSION",
    "NFS4ERR_DELEG_ALREADY_WANTED",
    "NFS4ERR_BACK_CHAN_BUSY",
    "NFS4ERR_LAYOUTTRYLATER",
    "NFS4ERR_LAYOUTUNAVAILABLE",
    "NFS4ERR_NOMATCHING_LAYOUT",
    "NFS4ERR_RECALLCONFLICT",
    "NFS4ERR_UNKNOWN_LAYOUTTYPE",
    "NFS4ERR_SEQ_MISORDERED",
    "NFS4ERR_SEQUENCE_POS",
    "NFS4ERR_REQ_TOO_BIG",
    "NFS4ERR_REP_TOO_BIG",
    "NFS4ERR_REP_TOO_BIG_TO_CACHE",
    "NFS4ERR_RETRY_UNCACHED_REP",
    "NFS4ERR_UNSAFE_COMPOUND",
    "NFS4ERR_TOO_MANY_OPS",
    "NFS4ERR_OP_NOT_IN_SESSION",
    "NFS4ERR_HASH_ALG_UNSUPP",
    "?",
    "NFS4ERR_CLIENTID_BUSY",
    "NFS4ERR_PNFS_IO_HOLE",
    "NFS4ERR_SEQ_FALSE_RETRY",
    "NFS4ERR_BAD_HIGH_SLOT",
    "NFS4ERR_DEADSESSION",
    "NFS4ERR_ENCR_ALG_UNSUPP",
    "NFS4ERR_PNFS_NO_LAYOUT",
    "NFS4ERR_NOT_ONLY_OP",
    "NFS4ERR_WRONG_CRED",
    "NFS4ERR_WRONG_TYPE",
    "NFS4ERR_DIRDELEG_UNAVAIL",
    "NFS4ERR_REJECT_DELEG",
    "NFS4ERR_RETURNCONFLICT",
    "NFS4ERR_DELEG_REVOKED",
    "NFS4ERR_PARTNER_NOTSUPP",
    "NFS4ERR_PARTNER_NO_AUTH",
    "NFS4ERR_UNION_NOTSUPP",
    "NFS4ERR_OFFLOAD_DENIED",
    "NFS4ERR_WRONG_LFS",
    "NFS4ERR_BADLABEL",
    "NFS4ERR_OFFLOAD_NO_REQS",
    "NFS4ERR_NOXATTR",
    "NFS4ERR_XATTR2BIG",
    "?",
    "?",
    "?",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// As RFC 8881 and RFC 7862 number them.
    #[test]
    fn statuses_have_their_numbers() {
        for (code, name) in [
            (0, "NFS4_OK"),
            (13, "NFS4ERR_ACCESS"),
            (10008, "NFS4ERR_DELAY"),
            (10010, "NFS4ERR_DENIED"),
            (10013, "NFS4ERR_GRACE"),
            (10023, "NFS4ERR_STALE_STATEID"),
            (10025, "NFS4ERR_BAD_STATEID"),
            (10036, "NFS4ERR_BADXDR"),
            (10044, "NFS4ERR_OP_ILLEGAL"),
            (10052, "NFS4ERR_BADSESSION"),
            (10063, "NFS4ERR_SEQ_MISORDERED"),
            (10074, "NFS4ERR_CLIENTID_BUSY"),
            (10078, "NFS4ERR_DEADSESSION"),
            (10087, "NFS4ERR_DELEG_REVOKED"),
            (10094, "NFS4ERR_OFFLOAD_NO_REQS"),
            (10096, "NFS4ERR_XATTR2BIG"),
            (10100, "?"),
            (3, "?"),
        ] {
            assert_eq!(nfs4(code), name, "{code}");
        }
        assert_eq!((nfs3(13), nfs3(10008)), ("NFS3ERR_ACCES", "NFS3ERR_JUKEBOX"));
        assert_eq!((nlm(3), mount(13), nsm(1)), ("NLM4_BLOCKED", "MNT3ERR_ACCES", "STAT_FAIL"));
    }
}
