//! COMPOUND and its callbacks.

use super::*;

const SESSION: [u8; 16] = [5; 16];
const STATE: [u8; 16] = [0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];

fn sequence(slot: u32, number: u32) -> Xdr {
    xdr().u32(53).fixed(SESSION).u32(number).u32(slot).u32(7).u32(1)
}

fn sequenced(number: u32) -> Xdr {
    xdr().u32(53).u32(0).fixed(SESSION).u32(number).u32(0).u32(7).u32(7).u32(0)
}

fn put(handle: &[u8]) -> Xdr {
    xdr().u32(22).opaque(handle)
}

fn done(number: u32) -> Xdr {
    xdr().u32(number).u32(0)
}

fn change_info() -> Xdr {
    xdr().u32(1).u64(1).u64(2)
}

/// fattr4 with a filehandle, size, mode and numlinks.
fn attributes(handle: &[u8]) -> Xdr {
    let values = xdr().u64(12).opaque(handle).u32(0o644).u32(2);
    xdr().u32(2).u32(1 << 4 | 1 << 19).u32(1 << 1 | 1 << 3).opaque(values.0)
}

/// SEQUENCE PUTFH SAVEFH PUTFH LINK RESTOREFH GETATTR.
pub fn link_call(xid: u32, name: &str) -> Xdr {
    let operations = sequence(0, xid)
        .and(put(b"file"))
        .and(xdr().u32(32))
        .and(put(b"dir"))
        .and(xdr().u32(11).opaque(name))
        .and(xdr().u32(31))
        .and(xdr().u32(9).u32(1).u32(8));
    call(xid, 100_003, 4, 1, compound(2, 7, operations))
}

pub fn link_reply(xid: u32) -> Xdr {
    let results = sequenced(xid)
        .and(done(22))
        .and(done(32))
        .and(done(22))
        .and(done(11))
        .and(change_info())
        .and(done(31))
        .and(done(9))
        .and(attributes(b"file"));
    reply(xid, outcome(0, 7, results))
}

/// The client looks the directory up.
fn look_up(wire: &mut Wire, client: &mut Sender, server: &mut Sender) {
    let operations = sequence(0, 1)
        .and(xdr().u32(24))
        .and(xdr().u32(15).opaque("locks"))
        .and(xdr().u32(10))
        .and(xdr().u32(9).u32(1).u32(0));
    wire.one(&client.record(call(100, 100_003, 4, 1, compound(2, 5, operations))));
    let results = sequenced(1)
        .and(done(24))
        .and(done(15))
        .and(done(10))
        .and(xdr().opaque(b"dir"))
        .and(done(9))
        .and(xdr().u32(1).u32(0).opaque(b""));
    wire.one(&server.record(reply(100, outcome(0, 5, results))));
}

#[test]
fn a_link_is_told_with_both_its_names_and_its_file_is_known_by_it_afterwards() {
    let mut wire = Wire::default();
    let (mut client, mut server) = wire.connect(700);
    look_up(&mut wire, &mut client, &mut server);
    let asked = wire.one(&client.record(link_call(7, "a.lck")));
    assert_eq!(asked.minor, Some(2));
    assert_eq!(
        all_told(&asked),
        [
            "SEQUENCE [session=47c06315 seq=7 slot=0 cached]",
            "PUTFH fh:aaea5743",
            "SAVEFH fh:aaea5743",
            "PUTFH /locks",
            "LINK /locks/a.lck fh:aaea5743",
            "RESTOREFH fh:aaea5743",
            "GETATTR fh:aaea5743",
        ]
    );
    let answered = wire.one(&server.record(link_reply(7)));
    assert_eq!(answered.status.unwrap().name, "NFS4_OK");
    assert_eq!(answered.trouble, None);
    assert_eq!(
        all_told(&answered)[4..],
        [
            "LINK /locks/a.lck fh:aaea5743 NFS4_OK",
            "RESTOREFH fh:aaea5743 NFS4_OK",
            "GETATTR fh:aaea5743 [size=12 mode=644 numlinks=2] NFS4_OK",
        ]
    );
    let main: Vec<_> = answered.main().map(|operation| operation.name).collect();
    assert_eq!(main, ["LINK"]);
    let again = wire.one(&client.record(link_call(8, "b.lck")));
    assert_eq!(told(&again.operations[1]), "PUTFH /locks/a.lck");
}

#[test]
fn a_compound_that_fails_has_no_outcome_behind_the_failure() {
    let mut wire = Wire::default();
    let (mut client, mut server) = wire.connect(700);
    wire.one(&client.record(link_call(7, "a.lck")));
    let results = sequenced(7).and(done(22)).and(done(32)).and(done(22)).and(xdr().u32(11).u32(17));
    let answered = wire.one(&server.record(reply(7, outcome(17, 5, results))));
    assert_eq!(answered.status.unwrap().name, "NFS4ERR_EXIST");
    let statuses: Vec<_> =
        answered.operations.iter().map(|one| one.status.map(|status| status.code)).collect();
    assert_eq!(statuses, [Some(0), Some(0), Some(0), Some(0), Some(17), None, None]);
}

#[test]
fn an_exclusive_open_says_how_and_what_it_was_given() {
    let mut wire = Wire::default();
    let (mut client, mut server) = wire.connect(700);
    look_up(&mut wire, &mut client, &mut server);
    let open = xdr()
        .u32(18)
        .u32(0)
        .u32(2 | 4 << 8)
        .u32(0)
        .u64(3)
        .opaque(b"open id")
        .u32(1)
        .u32(3)
        .fixed([1; 8])
        .and(xdr().u32(2).u32(0).u32(2).opaque(xdr().u32(0o600).0))
        .u32(0)
        .opaque("a.lck");
    let operations = put(b"dir").and(open).and(xdr().u32(10));
    let asked = wire.one(&client.record(call(7, 100_003, 4, 1, compound(1, 3, operations))));
    assert_eq!(
        all_told(&asked)[1],
        "OPEN /locks/a.lck [access=write want=none owner=2cc44cef create exclusive4_1 mode=600]"
    );
    let opened = done(18).fixed(STATE).and(change_info()).u32(32).u32(0).u32(3).u32(1).u32(0);
    let results = done(22).and(opened).and(done(10)).opaque(b"new");
    let answered = wire.one(&server.record(reply(7, outcome(0, 3, results))));
    assert_eq!(answered.trouble, None);
    assert_eq!(
        answered.operations[1].result,
        "state=9e813ec1:1 flags=may_notify_lock delegation=contention"
    );
    let next = wire.one(&client.record(call(8, 100_003, 4, 1, compound(1, 1, put(b"new")))));
    assert_eq!(told(&next.operations[0]), "PUTFH /locks/a.lck");
}

#[test]
fn a_lock_says_its_range_and_who_holds_it_when_it_is_denied() {
    let mut wire = Wire::default();
    let (mut client, mut server) = wire.connect(700);
    let lock = xdr()
        .u32(12)
        .u32(4)
        .u32(0)
        .u64(10)
        .u64(u64::MAX)
        .u32(1)
        .u32(0)
        .fixed(STATE)
        .u32(0)
        .u64(3)
        .opaque(b"lock id");
    let operations = put(b"file").and(lock);
    let asked = wire.one(&client.record(call(7, 100_003, 4, 1, compound(0, 2, operations))));
    let words = "writew range=10.. open=9e813ec1:1 owner=6976d2aa";
    assert_eq!(asked.operations[1].arguments, words);
    let denied = xdr().u32(12).u32(10010).u64(0).u64(5).u32(2).u64(3).opaque(b"other id");
    let answered = wire.one(&server.record(reply(7, outcome(10010, 2, done(22).and(denied)))));
    assert_eq!(answered.trouble, None);
    assert_eq!(answered.operations[1].status.unwrap().name, "NFS4ERR_DENIED");
    assert_eq!(answered.operations[1].result, "held=0..5 write by=8181d470");
}

#[test]
fn a_callback_of_a_session_comes_on_the_same_connection_and_names_the_file() {
    let mut wire = Wire::default();
    let (mut client, mut server) = wire.connect(700);
    look_up(&mut wire, &mut client, &mut server);
    let channel = || xdr().fixed([0; 24]).u32(0);
    let session = xdr()
        .u32(43)
        .u64(3)
        .u32(1)
        .u32(2)
        .and(channel())
        .and(channel())
        .u32(0x4000_0007)
        .u32(1)
        .u32(0);
    let asked = wire.one(&client.record(call(7, 100_003, 4, 1, compound(1, 1, session))));
    assert_eq!(asked.operations[0].arguments, "client=3 seq=1 back_channel callback=0x40000007");
    let recall = xdr()
        .u32(11)
        .fixed(SESSION)
        .u32(1)
        .u32(0)
        .u32(0)
        .u32(0)
        .u32(0)
        .and(xdr().u32(4).fixed(STATE).u32(0).opaque(b"dir"));
    let body = xdr().opaque(b"").u32(1).u32(0).u32(2).and(recall);
    let called = wire.one(&server.record(call(7, 0x4000_0007, 1, 1, body)));
    assert_eq!((called.program_name, called.procedure), ("nfs callback", "CB_COMPOUND"));
    assert_eq!(told(&called.operations[1]), "CB_RECALL /locks [state=9e813ec1:1]");
    let results = xdr().u32(11).u32(0).fixed(SESSION).fixed([0; 16]).and(done(4));
    let answered = wire.one(&client.record(reply(7, outcome(0, 2, results))));
    assert_eq!(answered.trouble, None);
    assert_eq!(told(&answered.operations[1]), "CB_RECALL /locks [state=9e813ec1:1] NFS4_OK");
}

#[test]
fn an_unknown_operation_ends_what_can_be_read() {
    let mut wire = Wire::default();
    let (mut client, _) = wire.connect(700);
    let operations = put(b"file").and(xdr().u32(99));
    let asked = wire.one(&client.record(call(7, 100_003, 4, 1, compound(2, 2, operations))));
    assert_eq!(asked.trouble, Some("an operation of an unknown number"));
    assert_eq!(asked.operations.len(), 1);
}

#[test]
fn a_directory_names_the_files_in_it() {
    let mut wire = Wire::default();
    let (mut client, mut server) = wire.connect(700);
    look_up(&mut wire, &mut client, &mut server);
    let read = xdr().u32(26).u64(0).fixed([0; 8]).u32(1).u32(2).u32(0);
    let body = compound(2, 2, put(b"dir").and(read));
    wire.one(&client.record(call(7, 100_003, 4, 1, body)));
    let entry =
        |name: &str, handle: &[u8]| xdr().u32(1).u64(1).opaque(name).and(attributes(handle));
    let results = done(22)
        .and(done(26))
        .fixed([0; 8])
        .and(entry("one", b"file"))
        .and(entry("two", b"other"))
        .u32(0)
        .u32(1);
    let answered = wire.one(&server.record(reply(7, outcome(0, 2, results))));
    assert_eq!(answered.operations[1].result, "entries=2 eof");
    let next = wire.one(&client.record(call(8, 100_003, 4, 1, compound(2, 1, put(b"other")))));
    assert_eq!(told(&next.operations[0]), "PUTFH /locks/two");
}
