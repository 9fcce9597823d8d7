//! The calls of a capture, as lockstorm tells them and as Wireshark does.

use super::tshark;
use lockstorm::rpc::{Decoder, Kind, Message, Operation};
use pcap_file::pcapng::PcapNgReader;
use pcap_file::pcapng::blocks::Block;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Of the messages that end in one frame: XIDs, kinds, operations, statuses, and operations of
/// callbacks.
type Told = [String; 5];

/// Every frame of the capture ends the same messages, with the same operations and statuses, for
/// both. Answers how many frames end any.
pub fn assert_told_as_by_wireshark(capture: &Path) -> usize {
    let (ours, theirs) = (told(capture), wireshark(capture));
    for number in ours.keys().chain(theirs.keys()) {
        let (ours, theirs) = (ours.get(number), theirs.get(number));
        assert_eq!(ours, theirs, "frame {number} of {}, ours and Wireshark's", capture.display());
    }
    ours.len()
}

fn wireshark(capture: &Path) -> BTreeMap<u64, Told> {
    let fields =
        ["frame.number", "rpc.xid", "rpc.msgtyp", "nfs.opcode", "nfs.nfsstat4", "nfs.cb.operation"];
    let lines = tshark::frames(capture, "rpc && !tcp.analysis.retransmission", &fields);
    let frame = |mut line: Vec<String>| -> (u64, Told) {
        let told = line.split_off(1).try_into().unwrap();
        (line[0].parse().unwrap(), told)
    };
    lines.into_iter().map(frame).collect()
}

fn told(capture: &Path) -> BTreeMap<u64, Told> {
    let mut reader = PcapNgReader::new(BufReader::new(File::open(capture).unwrap())).unwrap();
    let (mut decoder, mut all, mut number) = (Decoder::new(), BTreeMap::new(), 0);
    while let Some(block) = reader.next_block() {
        let Block::EnhancedPacket(packet) = block.unwrap() else {
            continue;
        };
        number += 1;
        let messages = decoder.frame(number, &packet.data);
        assert!(messages.iter().all(|message| message.trouble.is_none()), "{messages:?}");
        if !messages.is_empty() {
            all.insert(number, columns(&messages));
        }
    }
    all
}

fn columns(messages: &[Message]) -> Told {
    let is_back = |message: &&Message| message.program_name == "nfs callback";
    let compounds = || messages.iter().filter(|message| message.procedure.ends_with("COMPOUND"));
    [
        listed(messages.iter().map(|message| format!("0x{:08x}", message.xid))),
        listed(messages.iter().map(|message| u8::from(message.kind == Kind::Reply))),
        listed(compounds().filter(|message| !is_back(message)).flat_map(operations)),
        listed(compounds().flat_map(statuses)),
        listed(compounds().filter(is_back).flat_map(operations)),
    ]
}

fn listed(values: impl Iterator<Item = impl ToString>) -> String {
    values.map(|value| value.to_string()).collect::<Vec<_>>().join(",")
}

/// Of a reply, those that were made.
fn operations(message: &Message) -> impl Iterator<Item = u32> {
    let is_call = message.kind == Kind::Call;
    let made = message.operations.iter().filter(move |one| is_call || one.status.is_some());
    made.map(|operation| operation.number)
}

/// Wireshark counts the status of each entry of a directory (rdattr_error), too.
fn statuses(message: &Message) -> Vec<u32> {
    if message.kind == Kind::Call {
        return Vec::new();
    }
    let of_operation = |operation: &Operation| {
        let entries = operation
            .result
            .strip_prefix("entries=")
            .map_or(0, |rest| rest.split(' ').next().unwrap().parse().unwrap());
        let status = operation.status.map(|status| status.code);
        status.into_iter().chain(std::iter::repeat_n(0, entries)).collect::<Vec<u32>>()
    };
    let of_operations = message.operations.iter().flat_map(of_operation);
    message.status.iter().map(|status| status.code).chain(of_operations).collect()
}
