//! Calls from a capture, with what became of them.

use super::*;
use crate::rpc::capture::{Call, Captured, Passage, calls_of};
use pcap_file::DataLink;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use std::time::Duration;

const START: Duration = Duration::from_secs(1_767_225_600);
const SERVER_NODE: u32 = 0;
const CLIENT_NODE: u32 = 1;

/// A capture in memory, of a server and a client.
struct Recorder {
    writer: PcapNgWriter<Vec<u8>>,
    now: u64,
}

impl Recorder {
    fn new() -> Recorder {
        let mut writer = PcapNgWriter::new(Vec::new()).unwrap();
        for name in ["server", "c1"] {
            let mut interface = InterfaceDescriptionBlock::new(DataLink::ETHERNET, 0);
            interface.options = vec![
                InterfaceDescriptionOption::IfName(name.into()),
                InterfaceDescriptionOption::IfTsResol(9),
            ];
            writer.write_pcapng_block(interface).unwrap();
        }
        Recorder { writer, now: 0 }
    }

    /// A frame, ten nanoseconds after the last one; where it is lost, the comment says so.
    fn frame(&mut self, node: u32, frame: &[u8], lost: Option<&'static str>) {
        self.now += 10;
        let block = EnhancedPacketBlock {
            interface_id: node,
            timestamp: START + Duration::from_nanos(self.now),
            original_len: frame.len() as u32,
            data: frame.into(),
            options: lost
                .map(|text| EnhancedPacketOption::Comment(text.into()))
                .into_iter()
                .collect(),
        };
        self.writer.write_pcapng_block(block).unwrap();
    }

    fn connect(&mut self, port: u16) -> (Sender, Sender) {
        let mut node = [CLIENT_NODE, SERVER_NODE].into_iter();
        connection(port, |frame| self.frame(node.next().unwrap(), &frame, None))
    }

    fn bytes(self) -> Vec<u8> {
        self.writer.into_inner()
    }

    fn calls(self) -> Vec<Call> {
        let Captured { calls, is_cut } = calls_of(&self.bytes()[..], START).unwrap();
        assert!(!is_cut);
        calls
    }
}

const TO_SERVER: Option<&str> = Some("lost on the way to server");
const TO_CLIENT: Option<&str> = Some("lost on the way to c2, c1");

#[test]
fn a_call_is_told_with_what_was_lost_of_it_and_of_its_reply() {
    let mut wire = Recorder::new();
    let (mut client, mut server) = wire.connect(700);
    let asked = client.record(nfs4::link_call(7, "a.lck"));
    wire.frame(CLIENT_NODE, &asked, TO_SERVER);
    wire.frame(CLIENT_NODE, &asked, None);
    let answered = server.record(nfs4::link_reply(7));
    wire.frame(SERVER_NODE, &answered, TO_CLIENT);
    wire.frame(SERVER_NODE, &answered, Some("lost on the way to c2"));
    let lost = client.record(nfs4::link_call(8, "b.lck"));
    wire.frame(CLIENT_NODE, &lost, TO_SERVER);
    let calls = wire.calls();
    let [made, lost] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((&*made.from, &*made.to, made.status.as_deref()), ("c1", "server", Some("NFS4_OK")));
    let passage =
        |sent_ns, passed_ns| Passage { sent_ns, passed_ns, sent_again: 1, lost: 1, late_ns: 0 };
    assert_eq!(made.call, passage(30, Some(40)));
    assert_eq!(made.reply, Some(passage(50, Some(60))));
    assert_eq!(made.round_trip_ns(), Some(30));
    let never = Passage { sent_ns: 70, lost: 1, ..Passage::default() };
    assert_eq!((lost.call, lost.reply, lost.round_trip_ns()), (never, None, None));
}

#[test]
fn a_call_that_is_sent_again_on_the_next_connection_is_one_call() {
    let mut wire = Recorder::new();
    let (mut client, _) = wire.connect(700);
    wire.frame(CLIENT_NODE, &client.record(nfs4::link_call(7, "a.lck")), TO_SERVER);
    let (mut client, mut server) = wire.connect(701);
    wire.frame(CLIENT_NODE, &client.record(nfs4::link_call(7, "a.lck")), None);
    wire.frame(SERVER_NODE, &server.record(nfs4::link_reply(7)), None);
    // The number alone makes no call the same.
    let null = client.record(call(7, 100_003, 4, 0, xdr()));
    wire.frame(CLIENT_NODE, &null, None);
    let calls = wire.calls();
    assert_eq!(calls.len(), 2, "{calls:?}");
    let passage = Passage { sent_ns: 30, passed_ns: Some(60), sent_again: 1, lost: 1, late_ns: 0 };
    assert_eq!((calls[0].call, calls[0].status.as_deref()), (passage, Some("NFS4_OK")));
    assert_eq!((calls[1].procedure.as_str(), calls[1].reply), ("NULL", None));
}

#[test]
fn a_call_is_written_as_a_line_and_read_again() {
    let mut wire = Recorder::new();
    let (mut client, mut server) = wire.connect(700);
    wire.frame(CLIENT_NODE, &client.record(nfs4::link_call(7, "a.lck")), None);
    wire.frame(SERVER_NODE, &server.record(nfs4::link_reply(7)), None);
    let calls = wire.calls();
    let line = serde_json::to_string(&calls[0]).unwrap();
    assert_eq!(serde_json::from_str::<Call>(&line).unwrap(), calls[0]);
    let begin = r#"{"from":"c1","to":"server","xid":7,"program":"nfs","version":4,"minor":2,"#;
    assert!(line.starts_with(begin), "{line}");
    assert!(
        line.contains(r#""call":{"sent_ns":30,"passed_ns":30},"reply":{"sent_ns":40,"#),
        "{line}"
    );
    let link = r#"{"operation":"LINK","path":"fh:e962b194/a.lck","from":"#;
    assert!(line.contains(link), "{line}");
}

#[test]
fn a_capture_that_is_cut_is_read_as_far_as_it_goes() {
    let mut wire = Recorder::new();
    let (mut client, _) = wire.connect(700);
    wire.frame(CLIENT_NODE, &client.record(nfs4::link_call(7, "a.lck")), None);
    wire.frame(CLIENT_NODE, &client.record(nfs4::link_call(8, "a.lck")), None);
    let bytes = wire.bytes();
    let captured = calls_of(&bytes[..bytes.len() - 5], START).unwrap();
    assert_eq!((captured.calls.len(), captured.is_cut), (1, true));
    assert!(calls_of(&b"no capture, but long enough to be one"[..], START).is_err());
    assert!(calls_of(&b""[..], START).is_err());
}

proptest! {
    #[test]
    fn a_spoilt_capture_upsets_nobody(
        changes in prop::collection::vec((0usize..2000, any::<u8>()), 0..6),
        cut in 0usize..2000,
    ) {
        let mut wire = Recorder::new();
        let (mut client, mut server) = wire.connect(700);
        wire.frame(CLIENT_NODE, &client.record(nfs4::link_call(7, "a.lck")), TO_SERVER);
        wire.frame(SERVER_NODE, &server.record(nfs4::link_reply(7)), None);
        let mut bytes = wire.bytes();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        bytes.truncate(cut.max(100));
        let _ = calls_of(&bytes[..], START);
    }
}
