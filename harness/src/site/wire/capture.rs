//! The packet capture: pcapng with virtual time, one interface a node, and the nodes' names for
//! their addresses.

use crate::site::NodeId;
use crate::site::blueprint::NodeBlueprint;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::name_resolution::{Ipv4Record, NameResolutionBlock, Record};
use pcap_file::{DataLink, PcapError};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// if_tsresol: timestamps count nanoseconds.
const NANOSECONDS: u8 = 9;

pub struct Capture {
    writer: PcapNgWriter<BufWriter<File>>,
    wall_start: Duration,
    /// Why the file is not whole.
    failure: Option<io::Error>,
}

impl Capture {
    /// A new capture file. `wall_start_s` is the wall clock at virtual time zero, seconds since
    /// 1970.
    pub fn create(path: &Path, wall_start_s: u64, nodes: &[NodeBlueprint]) -> io::Result<Capture> {
        let file = BufWriter::with_capacity(1 << 16, File::create(path)?);
        let mut writer = PcapNgWriter::new(file).map_err(to_io)?;
        for node in nodes {
            let mut interface = InterfaceDescriptionBlock::new(DataLink::ETHERNET, 0);
            interface.options = vec![
                InterfaceDescriptionOption::IfName(Cow::Borrowed(&node.name)),
                InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
            ];
            writer.write_pcapng_block(interface).map_err(to_io)?;
        }
        writer.write_pcapng_block(names(nodes)).map_err(to_io)?;
        Ok(Capture { writer, wall_start: Duration::from_secs(wall_start_s), failure: None })
    }

    /// Writes a frame as its sender sent it. `comment` says what the wire did to it. A failure is
    /// the host's and not the sender's: it is for [`Capture::failure`] to tell.
    pub fn frame(&mut self, now: u64, sender: NodeId, bytes: &[u8], comment: Option<&str>) {
        let block = EnhancedPacketBlock {
            interface_id: sender.index() as u32,
            timestamp: self.wall_start + Duration::from_nanos(now),
            original_len: bytes.len() as u32,
            data: Cow::Borrowed(bytes),
            options: comment
                .map(|text| EnhancedPacketOption::Comment(Cow::Borrowed(text)))
                .into_iter()
                .collect(),
        };
        if let Err(error) = self.writer.write_pcapng_block(block) {
            self.failure.get_or_insert(to_io(error));
        }
    }

    /// Why frames could not be written, told once.
    pub fn failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    pub fn finish(&mut self) -> io::Result<()> {
        self.writer.get_mut().flush()
    }
}

/// Which node has which address.
fn names(nodes: &[NodeBlueprint]) -> NameResolutionBlock<'_> {
    let records = nodes.iter().map(|node| {
        Record::Ipv4(Ipv4Record {
            ip_addr: Cow::Owned(node.ip.octets().to_vec()),
            names: vec![Cow::Borrowed(node.name.as_str())],
        })
    });
    NameResolutionBlock { records: records.collect(), options: Vec::new() }
}

fn to_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
