//! Larger arguments and results of NFSv4's operations, as items.

use crate::rpc::item::{Item, Item::*, NO, OTHERWISE, Reading};
use crate::rpc::status::nfs4 as codes;
use crate::rpc::xdr::Broken;

pub(super) const CHANGE_INFO: Item = Skip(20);
pub(super) const SESSION: Item = FixedDigest("session", 16);

pub(super) const ACCESS: &[(u32, &str)] = &[
    (1, "read"),
    (2, "lookup"),
    (4, "modify"),
    (8, "extend"),
    (16, "delete"),
    (32, "execute"),
    (64, "xaread"),
    (128, "xawrite"),
    (256, "xalist"),
];

/// nfs_lock_type4: RFC 8881, section 18.10.1.
pub(super) const LOCK_TYPE: Item = Among("", &["", "read", "write", "readw", "writew"]);
pub(super) const STABLE: &[&str] = &["unstable", "data_sync", "file_sync"];
pub(super) const CHANNELS: &[&str] =
    &["", "fore", "back", "fore_or_both", "", "", "", "back_or_both"];

// --- OPEN: RFC 8881, section 18.16, with RFC 9754 --------------------------------------------

pub(super) const SHARE_ACCESS: &[(u32, &str)] = &[(1, "read"), (2, "write")];
pub(super) const SHARE_DENY: &[&str] = &["", "read", "write", "both"];

pub(super) const OPEN: &[Item] = &[
    Skip(4),
    Special(share_access),
    Among("deny", SHARE_DENY),
    Owner("owner"),
    Switch(&[NO, (1, "create", &[Switch(CREATE_HOW)])]),
    Switch(CLAIM),
];

const CREATE_HOW: &[(u32, &str, &[Item])] = &[
    (0, "unchecked", &[Attributes]),
    (1, "guarded", &[Attributes]),
    (2, "exclusive", &[Skip(8)]),
    (3, "exclusive4_1", &[Skip(8), Attributes]),
];

const CLAIM: &[(u32, &str, &[Item])] = &[
    (0, "", &[Name]),
    (1, "claim=previous", &[Among("delegation", DELEGATIONS)]),
    (2, "claim=delegate_cur", &[State("delegation"), Name]),
    (3, "claim=delegate_prev", &[Name]),
    (4, "claim=fh", &[]),
    (5, "claim=deleg_cur_fh", &[State("delegation")]),
    (6, "claim=deleg_prev_fh", &[]),
];

const DELEGATIONS: &[&str] = &["", "read", "write"];

pub(super) const WANT_CLAIM: &[(u32, &str, &[Item])] =
    &[(1, "claim=previous", &[Skip(4)]), (4, "claim=fh", &[]), (6, "claim=deleg_prev_fh", &[])];

fn share_access(reading: &mut Reading) -> Result<(), Broken> {
    const WANTS: [&str; 6] = ["", "read", "write", "any", "none", "cancel"];
    let access = reading.xdr.u32()?;
    match access & 3 {
        1 => reading.say("access", "read"),
        2 => reading.say("access", "write"),
        3 => reading.say("access", "both"),
        _ => {}
    }
    match WANTS.get((access >> 8 & 0xff) as usize) {
        Some(&"") | None => {}
        Some(want) => reading.say("want", want),
    }
    Ok(())
}

pub(super) const OPENED: &[Item] = &[
    Status(codes),
    State("state"),
    CHANGE_INFO,
    Bits(
        "flags",
        &[(2, "confirm"), (4, "posix"), (8, "preserve_unlinked"), (32, "may_notify_lock")],
    ),
    AttributeNames(""),
    DELEGATION,
];

/// With the nfsace4 that says whom the delegation spares from asking.
const READ: &[Item] = &[State("delegation_state"), Flag("recalled"), Skip(12), SkipOpaque];
const WRITE: &[Item] = &[
    State("delegation_state"),
    Flag("recalled"),
    Switch(&[(1, "", &[Skip(8)]), (2, "", &[Skip(8)])]),
    Skip(12),
    SkipOpaque,
];

/// open_delegation4.
pub(super) const DELEGATION: Item = Switch(&[
    NO,
    (1, "delegation=read", READ),
    (2, "delegation=write", WRITE),
    (3, "", &[Switch(WHY_NONE)]),
    (4, "delegation=read_attrs", READ),
    (5, "delegation=write_attrs", WRITE),
]);

const WHY_NONE: &[(u32, &str, &[Item])] = &[
    (0, "delegation=not_wanted", &[]),
    (1, "delegation=contention", &[Skip(4)]),
    (2, "delegation=resource", &[Skip(4)]),
    (OTHERWISE, "delegation=none", &[]),
];

// --- READDIR: RFC 8881, section 18.23 --------------------------------------------------------

/// dirlist4. An entry's handle is only told by the server if it was asked for.
pub(super) fn directory(reading: &mut Reading) -> Result<(), Broken> {
    let mut count = 0u64;
    while reading.xdr.bool()? {
        reading.xdr.u64()?;
        let name = reading.xdr.opaque()?;
        let mut entry = Reading::quiet(reading.xdr);
        entry.read(&[Attributes])?;
        reading.xdr = entry.xdr;
        if let Some(handle) = entry.found.handle {
            reading.found.entries.push((name, handle));
        }
        count += 1;
    }
    reading.say("entries", count);
    if reading.xdr.bool()? {
        reading.word("eof");
    }
    Ok(())
}

// --- Clients and sessions: RFC 8881, sections 18.35 and 18.36; RFC 7530, section 16.33 -------

pub(super) fn callback_program(reading: &mut Reading) -> Result<(), Broken> {
    let program = reading.xdr.u32()?;
    reading.found.program = Some(program);
    reading.say("callback", format_args!("{program:#x}"));
    Ok(())
}

/// callback_sec_parms4: AUTH_NONE, AUTH_SYS, RPCSEC_GSS.
pub(super) const CALLBACK_SECURITY: &[Item] = &[Switch(&[
    NO,
    (1, "", &[Skip(4), SkipOpaque, Skip(8), List("", &[Skip(4)])]),
    (6, "", &[Skip(4), SkipOpaque, SkipOpaque]),
])];

/// nfs_impl_id4.
pub(super) const IMPLEMENTATION: &[Item] = &[SkipOpaque, SkipOpaque, Skip(12)];

/// state_protect4_a, state_protect4_r: what is enforced and what is allowed.
pub(super) const PROTECTION: Item = Switch(&[
    NO,
    (1, "mach_cred", &[AttributeNames(""), AttributeNames("")]),
    (
        2,
        "ssv",
        &[
            AttributeNames(""),
            AttributeNames(""),
            List("", &[SkipOpaque]),
            List("", &[SkipOpaque]),
            Skip(8),
        ],
    ),
]);

pub(super) const EXCHANGED: &[Item] = &[
    Status(codes),
    Id("client"),
    Skip(4),
    Bits("", &[(1 << 31, "confirmed")]),
    Switch(&[
        NO,
        (1, "", &[AttributeNames(""), AttributeNames("")]),
        (2, "", &[AttributeNames(""), AttributeNames(""), Skip(16), List("", &[SkipOpaque])]),
    ]),
    Skip(8),
    SkipOpaque,
    Digest("scope"),
    List("", IMPLEMENTATION),
];

/// channel_attrs4.
const SIZES: Item = Skip(24);
const RDMA: Item = List("", &[Skip(4)]);

pub(super) const CREATE_SESSION: &[Item] = &[
    Id("client"),
    Number("seq"),
    Bits("", &[(1, "persist"), (2, "back_channel")]),
    SIZES,
    RDMA,
    SIZES,
    RDMA,
    Special(callback_program),
    List("", CALLBACK_SECURITY),
];

pub(super) const SESSION_CREATED: &[Item] = &[
    Status(codes),
    SESSION,
    Number("seq"),
    Bits("", &[(1, "persist"), (2, "back_channel")]),
    SIZES,
    RDMA,
    SIZES,
    RDMA,
];

pub(super) const SEQUENCE: &[Item] =
    &[SESSION, Number("seq"), Number("slot"), Skip(4), Flag("cached")];

pub(super) const SEQUENCED: &[Item] = &[
    Status(codes),
    Skip(16),
    Skip(4),
    Skip(4),
    Skip(8),
    Bits(
        "flags",
        &[
            (0x1, "cb_path_down"),
            (0x8, "expired_all_state_revoked"),
            (0x10, "expired_some_state_revoked"),
            (0x20, "admin_state_revoked"),
            (0x40, "recallable_state_revoked"),
            (0x80, "lease_moved"),
            (0x100, "restart_reclaim_needed"),
            (0x200, "cb_path_down_session"),
            (0x400, "backchannel_fault"),
        ],
    ),
];

/// GET_DIR_DELEGATION: section 18.39.
pub(super) const DIR_DELEGATION: &[Item] =
    &[Flag("signal"), AttributeNames(""), Skip(24), AttributeNames(""), AttributeNames("")];

pub(super) const DIR_DELEGATED: &[Item] = &[
    Status(codes),
    Switch(&[
        (
            0,
            "granted",
            &[Skip(8), State("state"), AttributeNames(""), AttributeNames(""), AttributeNames("")],
        ),
        (1, "unavailable", &[Skip(4)]),
    ]),
];

// --- Layouts: RFC 8881, sections 18.42 to 18.44 ----------------------------------------------

pub(super) const LAYOUTCOMMIT: &[Item] = &[
    Range("range"),
    Flag("reclaim"),
    State("state"),
    Switch(&[NO, (1, "", &[Skip(8)])]),
    Switch(&[NO, (1, "", &[Skip(12)])]),
    Skip(4),
    SkipOpaque,
];

pub(super) const LAYOUTGET: &[Item] = &[
    Skip(4),
    Skip(4),
    Among("", &["", "read", "rw"]),
    Range("range"),
    Skip(8),
    State("state"),
    Skip(4),
];

pub(super) const LAYOUT: &[Item] = &[
    Status(codes),
    Skip(4),
    State("state"),
    List("layouts", &[Skip(16), Skip(4), Skip(4), SkipOpaque]),
    When(10058, &[Skip(4)]),
];

pub(super) const LAYOUT_RETURN: &[(u32, &str, &[Item])] = &[
    (1, "file", &[Range("range"), State("state"), SkipOpaque]),
    (2, "fsid", &[]),
    (3, "all", &[]),
];

// --- NFSv4.2: RFC 7862, section 15 -----------------------------------------------------------

/// netloc4: a name, a URL, or a network address.
pub(super) const NETLOC: Item =
    Switch(&[(1, "", &[SkipOpaque]), (2, "", &[SkipOpaque]), (3, "", &[SkipOpaque, SkipOpaque])]);

pub(super) const COPY: &[Item] = &[
    State("from"),
    State("to"),
    Long("from_offset"),
    Long("to_offset"),
    Long("count"),
    Skip(4),
    Flag("synchronous"),
    List("", &[NETLOC]),
];

const WRITE_RESPONSE: &[Item] = &[List("", &[Skip(16)]), Long("count"), Among("", STABLE), Skip(8)];
/// write_response4.
pub(super) const WRITTEN: Item = Special(written);

fn written(reading: &mut Reading) -> Result<(), Broken> {
    reading.read(WRITE_RESPONSE)
}

/// NFS4ERR_OFFLOAD_NO_REQS tells what would have been possible.
pub(super) const COPIED: &[Item] = &[Status(codes), WRITTEN, Skip(8), When(10094, &[Skip(8)])];

pub(super) const CONTENT: &[(u32, &str, &[Item])] =
    &[(0, "", &[Skip(8), SkipOpaque]), (1, "", &[Skip(16)])];

/// app_data_block4.
pub(super) const WRITE_SAME: &[Item] = &[
    State("state"),
    Among("", STABLE),
    Skip(8),
    Skip(8),
    Skip(8),
    Skip(8),
    Skip(4),
    Skip(8),
    SkipOpaque,
];

// --- Callbacks -------------------------------------------------------------------------------

/// layoutrecall4: RFC 8881, section 20.3.1.
pub(super) const LAYOUT_RECALL: &[(u32, &str, &[Item])] = &[
    (1, "file", &[Handle, Range("range"), State("state")]),
    (2, "fsid", &[Skip(16)]),
    (3, "all", &[]),
];

pub(super) const CHANGES: Item = List("changes", &[AttributeNames(""), SkipOpaque]);

/// A delegation that is pushed: section 20.5.
pub(super) const PUSHED: &[Item] = &[Handle, DELEGATION];

/// CB_OFFLOAD4args: RFC 7862, section 16.1.
pub(super) const OFFLOADED: &[Item] =
    &[Handle, State("state"), Switch(&[(0, "", &[WRITTEN]), (OTHERWISE, "", &[Long("count")])])];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::xdr::Reader;

    #[test]
    fn an_access_control_entry_is_what_ends_a_delegation() {
        let mut bytes = vec![0, 0, 0, 2, 0, 0, 0, 9];
        bytes.extend([7; 12]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend([0xff; 8]);
        bytes.extend([0; 12]);
        bytes.extend([0, 0, 0, 1, b'x', 0, 0, 0]);
        let mut reading = Reading::new(Reader::new(&bytes));
        reading.read(&[DELEGATION]).unwrap();
        assert!(reading.xdr.is_empty());
        assert_eq!(reading.words, "delegation=write delegation_state=8f7db3a9:9");
    }
}
