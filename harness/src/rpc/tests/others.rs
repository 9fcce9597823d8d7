//! NFSv3 and the programs beside it.

use super::*;

#[test]
fn nfsv3_is_told_by_the_names_that_mount_and_lookup_give() {
    let mut wire = Wire::default();
    let udp = Sender::new((CLIENT, 900), (SERVER, 635), 0);
    let back = Sender::new((SERVER, 635), (CLIENT, 900), 0);
    let asked = wire.one(&udp.datagram(&call(1, 100_005, 3, 1, xdr().opaque("/export"))));
    assert_eq!(
        (asked.place, told(&asked.operations[0])),
        (None, "MNT / [directory=/export]".into())
    );
    let mounted = xdr().u32(0).opaque(b"root").u32(1).u32(1);
    assert_eq!(wire.one(&back.datagram(&reply(1, mounted))).status.unwrap().name, "MNT3_OK");

    let (mut client, mut server) = wire.connect(700);
    let create = xdr().opaque(b"root").opaque("a.lck").u32(2).fixed([3; 8]);
    let asked = wire.one(&client.record(call(2, 100_003, 3, 8, create)));
    assert_eq!(told(&asked.operations[0]), "CREATE /a.lck [exclusive]");
    let made = xdr().u32(0).u32(1).opaque(b"file").u32(0).u32(0).u32(0);
    wire.one(&server.record(reply(2, made)));
    let link = xdr().opaque(b"file").opaque(b"root").opaque("b.lck");
    let asked = wire.one(&client.record(call(3, 100_003, 3, 15, link)));
    assert_eq!(told(&asked.operations[0]), "LINK /b.lck /a.lck");
    let answered = wire.one(&server.record(reply(3, xdr().u32(17).u32(0).u32(0).u32(0))));
    assert_eq!(answered.status.unwrap().name, "NFS3ERR_EXIST");
    let rename = xdr().opaque(b"root").opaque("a.lck").opaque(b"root").opaque("c.lck");
    wire.one(&client.record(call(4, 100_003, 3, 14, rename)));
    let answered = wire.one(&server.record(reply(4, xdr().u32(0))));
    assert_eq!(told(&answered.operations[0]), "RENAME /c.lck /a.lck NFS3_OK");
    let asked = wire.one(&client.record(call(5, 100_003, 3, 1, xdr().opaque(b"file"))));
    assert_eq!(told(&asked.operations[0]), "GETATTR /c.lck");
}

#[test]
fn the_lock_manager_says_who_locks_what() {
    let mut wire = Wire::default();
    let (mut client, mut server) = wire.connect(700);
    let lock = xdr().opaque("c1").opaque(b"file").opaque(b"oh").u32(42).u64(0).u64(0);
    let body = xdr().opaque(b"1").u32(1).u32(1).and(lock).u32(0).u32(3);
    let asked = wire.one(&client.record(call(1, 100_021, 4, 2, body)));
    assert_eq!(
        told(&asked.operations[0]),
        "LOCK fh:aaea5743 [block exclusive caller=c1 owner=67343942 svid=42 range=0.. state=3]"
    );
    let answered = wire.one(&server.record(reply(1, xdr().opaque(b"1").u32(3))));
    assert_eq!(answered.status.unwrap().name, "NLM4_BLOCKED");
    // An answer that is a call.
    let tested = xdr().opaque(b"1").u32(1).u32(1).u32(7).opaque(b"oh").u64(0).u64(9);
    let asked = wire.one(&server.record(call(9, 100_021, 4, 11, tested)));
    assert_eq!(asked.status.unwrap().name, "NLM4_DENIED");
    assert_eq!(asked.operations[0].arguments, "exclusive svid=7 owner=67343942 held=0..9");
}

#[test]
fn the_monitor_and_the_port_mapper_are_told() {
    let mut wire = Wire::default();
    let client = Sender::new((CLIENT, 900), (SERVER, 111), 0);
    let server = Sender::new((SERVER, 111), (CLIENT, 900), 0);
    let port = xdr().u32(100_003).u32(3).u32(6).u32(0);
    let asked = wire.one(&client.datagram(&call(1, 100_000, 2, 3, port)));
    assert_eq!(told(&asked.operations[0]), "GETPORT [program=100003 version=3 protocol=6 port=0]");
    let answered = wire.one(&server.datagram(&reply(1, xdr().u32(2049))));
    assert_eq!(answered.operations[0].result, "port=2049");
    let notify = xdr().opaque("server").u32(5);
    let asked = wire.one(&client.datagram(&call(2, 100_024, 1, 6, notify)));
    assert_eq!(told(&asked.operations[0]), "NOTIFY [host=server state=5]");
}
