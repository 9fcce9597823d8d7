//! What happened, and what was violated, as comments on the packets of the capture: so that who
//! reads packets sees between which of them it was.
//!
//! An event stands on the first packet that was sent after it; what follows the last packet stands
//! on that one.

use crate::history::{Event, EventKind};
use crate::verdict::recheck::CAPTURE;
use lockstorm_reports::Report;
use lockstorm_reports::text::{clean, seconds};
use pcap_file::PcapError;
use pcap_file::pcapng::blocks::Block;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::{PcapNgReader, PcapNgWriter};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::time::Duration;

/// A sentence is cut off here: a message of an adapter may be long.
const CHARS_MAX: usize = 300;
/// On one packet there are no more than so many; of the rest, their number.
const ON_A_PACKET_MAX: usize = 32;

/// Something that happened: when (ns), and in words.
type Comment = (u64, String);

/// Puts comments into the capture of a run, if it has one. A capture that cannot be read is left as
/// it is: others say so.
pub fn put(report: &Report, history: &[Event], wall_start_s: u64, run: &Path) -> io::Result<()> {
    let path = run.join(CAPTURE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let commented = tempfile::Builder::new()
        .prefix(".wire-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(run)?;
    let reader = BufReader::with_capacity(1 << 20, file);
    let writer = BufWriter::with_capacity(1 << 20, commented.as_file());
    let wall_start = Duration::from_secs(wall_start_s);
    match copy(reader, writer, wall_start, comments(report, history)) {
        Ok(()) => commented.persist(&path).map(drop).map_err(|error| error.error),
        Err(Trouble::Writing(error)) => Err(error),
        Err(Trouble::Reading) => Ok(()),
    }
}

#[derive(Debug)]
enum Trouble {
    Reading,
    Writing(io::Error),
}

/// All that is told, by time: what happened, and behind it what that violates.
fn comments(report: &Report, history: &[Event]) -> VecDeque<Comment> {
    let events = history.iter().filter_map(|event| Some((event.at_ns, words(&event.kind)?)));
    let findings = report.findings.iter().map(|finding| {
        let (invariant, class) = (finding.invariant.words(), finding.class.words());
        (finding.at_ns, format!("violation of {invariant} ({class}): {}", finding.explanation))
    });
    let mut all: Vec<Comment> = events.chain(findings).collect();
    // Stable: a finding stays behind the event that it is about.
    all.sort_by_key(|(at_ns, _)| *at_ns);
    all.into_iter().map(|(at_ns, words)| (at_ns, line(at_ns, &words))).collect()
}

/// As a comment has it, with the time that a report has.
fn line(at_ns: u64, words: &str) -> String {
    let words = clean(words);
    let mut line = format!("{} {}", seconds(at_ns), words);
    if line.chars().count() > CHARS_MAX {
        line = line.chars().take(CHARS_MAX).chain("...".chars()).collect();
    }
    line
}

/// An event, if it is one that packets have to do with.
fn words(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::Entered { client } => format!("section: {client} enters"),
        EventKind::Left { client } => format!("section: {client} leaves"),
        EventKind::FaultStruck { fault, kind, node, detail, .. } => {
            let detail = if detail.is_empty() { kind } else { detail };
            format!("fault {}: {kind} {node}: {detail}", fault.index() + 1)
        }
        EventKind::FaultEnded { fault, effect } => {
            format!("fault {} ends: {effect}", fault.index() + 1)
        }
        EventKind::NodeDied { node, cause, .. } => format!("site: {node} dies: {cause}"),
        EventKind::NodeReady { node, .. } => format!("site: {node} is up and ready"),
        EventKind::AdapterKilled { client } => format!("site: the process of {client} is killed"),
        _ => return None,
    })
}

/// Copies a capture, with comments on its packets.
fn copy(
    reader: impl Read,
    writer: impl Write,
    wall_start: Duration,
    mut comments: VecDeque<Comment>,
) -> Result<(), Trouble> {
    let reading = |_: PcapError| Trouble::Reading;
    let mut reader = PcapNgReader::new(reader).map_err(reading)?;
    let section = reader.section().clone();
    let mut writer = PcapNgWriter::with_section_header(writer, section).map_err(writing)?;
    // One packet is kept back: only then it is known which is the last.
    let mut held: Option<EnhancedPacketBlock<'static>> = None;
    while let Some(block) = reader.next_block() {
        match block.map_err(reading)? {
            Block::EnhancedPacket(packet) => {
                let mut packet = packet.into_owned();
                let now = packet.timestamp.saturating_sub(wall_start).as_nanos();
                let due = comments.iter().take_while(|(at_ns, _)| u128::from(*at_ns) <= now);
                let due = due.count();
                attach(&mut packet, comments.drain(..due));
                if let Some(before) = held.replace(packet) {
                    writer.write_pcapng_block(before).map_err(writing)?;
                }
            }
            other => {
                writer.write_block(&other).map_err(writing)?;
            }
        }
    }
    if let Some(mut last) = held {
        attach(&mut last, comments.drain(..));
        writer.write_pcapng_block(last).map_err(writing)?;
    }
    writer.into_inner().flush().map_err(Trouble::Writing)
}

fn attach(packet: &mut EnhancedPacketBlock, comments: impl ExactSizeIterator<Item = Comment>) {
    let more = comments.len().saturating_sub(ON_A_PACKET_MAX);
    let told = comments.take(ON_A_PACKET_MAX).map(|(_, words)| words);
    let rest = (more > 0).then(|| format!("and {more} more events; history.jsonl has them"));
    let comment = |words: String| EnhancedPacketOption::Comment(Cow::Owned(words));
    packet.options.extend(told.chain(rest).map(comment));
}

fn writing(error: PcapError) -> Trouble {
    match error {
        PcapError::IoError(error) => Trouble::Writing(error),
        other => Trouble::Writing(io::Error::other(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::story::{plan, story};
    use crate::site::NodeId;
    use crate::site::wire::capture::Capture;
    use crate::verdict::{Circumstances, judge};

    const BROKEN: &str = "
        1s c1 acquires
        2s c2 acquires
        3s c2 releases
        9s workload ends";

    /// A capture with a frame at each of these times (ms).
    fn captured(run: &Path, at_ms: &[u64], comment: Option<&str>) {
        let mut capture =
            Capture::create(&run.join(CAPTURE), 1000, &plan().blueprint.nodes).unwrap();
        for at in at_ms {
            capture.frame(at * 1_000_000, NodeId::SERVER, &[0; 60], comment);
        }
        capture.finish().unwrap();
    }

    /// The time of each packet (ms), with its comments.
    fn read(run: &Path) -> Vec<(u64, Vec<String>)> {
        let file = File::open(run.join(CAPTURE)).unwrap();
        let mut reader = PcapNgReader::new(file).unwrap();
        let mut packets = Vec::new();
        while let Some(block) = reader.next_block() {
            if let Block::EnhancedPacket(packet) = block.unwrap() {
                let at = packet.timestamp - Duration::from_secs(1000);
                let comments = packet.options.iter().filter_map(|option| match option {
                    EnhancedPacketOption::Comment(text) => Some(text.to_string()),
                    _ => None,
                });
                packets.push((at.as_millis() as u64, comments.collect()));
            }
        }
        packets
    }

    fn put_story(run: &Path, text: &str) {
        let history = story(text);
        let report = judge(&plan(), &history, Circumstances::default());
        put(&report, &history, 1000, run).unwrap();
    }

    #[test]
    fn what_happened_stands_on_the_first_packet_after_it_and_the_rest_on_the_last() {
        let home = tempfile::tempdir().unwrap();
        captured(home.path(), &[500, 1500, 1600, 2000, 2001], None);
        put_story(home.path(), BROKEN);
        let told = read(home.path()).into_iter().map(|(at, comments)| {
            let comments = comments.iter().map(|comment| format!("  {comment}\n"));
            format!("{at} ms\n{}", comments.collect::<String>())
        });
        insta::assert_snapshot!(told.collect::<String>());
    }

    #[test]
    fn what_the_wire_did_stays_the_first_comment() {
        let home = tempfile::tempdir().unwrap();
        captured(home.path(), &[1500], Some("lost on the way to c1"));
        put_story(home.path(), BROKEN);
        assert_eq!(read(home.path())[0].1[0], "lost on the way to c1");
    }

    #[test]
    fn a_capture_that_is_cut_or_not_there_is_left_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        put_story(home.path(), BROKEN);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
        captured(home.path(), &[500, 1500], None);
        let path = home.path().join(CAPTURE);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 7]).unwrap();
        put_story(home.path(), BROKEN);
        assert_eq!(std::fs::read(&path).unwrap(), whole[..whole.len() - 7]);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_flood_of_events_on_one_packet_is_counted() {
        let home = tempfile::tempdir().unwrap();
        captured(home.path(), &[500_000], None);
        let rounds = |n: u64| format!("{n}s c1 acquires\n{n}s c1 releases\n");
        let text: String = (1..=100).map(rounds).collect();
        put_story(home.path(), &format!("{text}400s workload ends"));
        let comments = &read(home.path())[0].1;
        assert_eq!(comments.len(), ON_A_PACKET_MAX + 1);
        assert!(comments.last().unwrap().starts_with("and 168 more events"), "{comments:?}");
    }
}
