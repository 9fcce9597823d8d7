use super::reader::{self, ReadError};
use super::writer::Writer;
use super::*;
use proptest::prelude::*;
use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;

/// Any event: hostile names, largest numbers.
pub fn any_event() -> impl Strategy<Value = Event> {
    (any::<u64>(), any_event_kind()).prop_map(|(at_ns, kind)| Event { at_ns, kind })
}

fn any_event_kind() -> impl Strategy<Value = EventKind> {
    let name = || prop_oneof![3 => "c[1-3]|server", 1 => any::<String>()];
    let client = name();
    prop_oneof![
        name().prop_map(|node| EventKind::NodeBooted { node }),
        (name(), any::<String>())
            .prop_map(|(node, options)| EventKind::NodeReady { node, options }),
        (name(), any::<bool>(), any::<String>())
            .prop_map(|(node, by_plan, cause)| { EventKind::NodeDied { node, by_plan, cause } }),
        (client, any::<String>())
            .prop_map(|(client, cause)| EventKind::AdapterFailed { client, cause }),
        (name(), 0..9u64, any_operation())
            .prop_map(|(client, call, operation)| EventKind::Called { client, call, operation }),
        (name(), 0..9u64, any_answer()).prop_map(|(client, call, answer)| EventKind::Answered {
            client,
            call,
            answer
        }),
        name().prop_map(|client| EventKind::Entered { client }),
        name().prop_map(|client| EventKind::Left { client }),
        name().prop_map(|client| EventKind::CountBegan { client }),
        (name(), any::<String>()).prop_map(|(client, why)| EventKind::CountDropped { client, why }),
        (name(), any::<u64>()).prop_map(|(client, read)| EventKind::Counted { client, read }),
        (name(), 0..99u64).prop_map(|(client, open)| EventKind::Descriptors { client, open }),
        (name(), any::<String>())
            .prop_map(|(client, error)| EventKind::CountFailed { client, error }),
        any::<u64>().prop_map(|value| EventKind::CounterRead { value }),
        ((0..4usize).prop_map(FaultId::at), "cut|crash|clock|impair|x", name(), any::<String>())
            .prop_map(|(fault, kind, node, detail)| EventKind::FaultStruck {
                fault,
                consequences: Consequence::of_kind(&kind, &node),
                kind,
                node,
                detail
            }),
        ((0..4usize).prop_map(FaultId::at), any::<String>())
            .prop_map(|(fault, effect)| EventKind::FaultEnded { fault, effect }),
        (any::<usize>().prop_map(FaultId::at), any::<String>())
            .prop_map(|(fault, why)| EventKind::FaultMissed { fault, why }),
        (name(), any::<i64>(), any::<i64>()).prop_map(|(node, offset_ns, drift_ppm)| {
            EventKind::ClockSet { node, offset_ns, drift_ppm }
        }),
        (any::<usize>(), any::<String>(), any::<bool>(), any::<String>())
            .prop_map(|(step, text, met, saw)| EventKind::StepDone { step, text, met, saw }),
        (any::<bool>(), any::<String>())
            .prop_map(|(completed, why)| EventKind::WorkloadEnded { completed, why }),
        Just(EventKind::WorkloadBegan),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        any::<Option<u64>>().prop_map(|t| Operation::Acquire { timeout: t.map(Nanos) }),
        Just(Operation::Release),
        any::<u64>().prop_map(|l| Operation::Refresh { lifetime: Nanos(l) }),
        Just(Operation::IsHeld),
    ]
}

fn any_answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        3 => any::<Option<bool>>().prop_map(|held| Answer::Ok { held }),
        1 => Just(Answer::Busy),
        1 => Just(Answer::Timeout),
        1 => Just(Answer::NotHeld),
        1 => Just(Answer::Unsupported),
        1 => any::<(Option<String>, String, String)>().prop_map(|(errno, class, message)| {
            Answer::Error { errno, class, message }
        }),
    ]
}

/// A file in memory that takes only so many bytes.
#[derive(Clone)]
struct Disk {
    bytes: Rc<RefCell<Vec<u8>>>,
    size: usize,
}

impl Write for Disk {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut bytes = self.bytes.borrow_mut();
        if bytes.len() + buf.len() > self.size {
            return Err(io::ErrorKind::StorageFull.into());
        }
        bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn disk(size: usize) -> Disk {
    Disk { bytes: Rc::default(), size }
}

fn path() -> &'static Path {
    Path::new("history.jsonl")
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_with_the_same_hash(
        events in prop::collection::vec(any_event(), 0..20),
    ) {
        let disk = disk(usize::MAX);
        let mut writer = Writer::to(Box::new(disk.clone()), path());
        for event in &events {
            writer.append(event.at_ns, event.kind.clone()).unwrap();
        }
        let finished = writer.finish().unwrap();
        let saved = reader::parse(&disk.bytes.borrow(), path()).unwrap();
        prop_assert_eq!(&saved.events, &events);
        prop_assert_eq!(&finished.events, &events);
        prop_assert_eq!(saved.sha256, finished.sha256);
    }

    #[test]
    fn hostile_bytes_are_an_error_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in "[{}\\[\\]\",:a-z0-9_ \n]{0,200}",
    ) {
        let _ = reader::parse(&bytes, path());
        let _ = reader::parse(text.as_bytes(), path());
    }

    #[test]
    fn a_history_cut_anywhere_is_told_as_cut(
        events in prop::collection::vec(any_event(), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        for event in &events {
            serde_json::to_writer(&mut bytes, event).unwrap();
            bytes.push(b'\n');
        }
        let whole = cut.index(bytes.len());
        let cut = &bytes[..whole];
        match reader::parse(cut, path()) {
            Ok(_) => prop_assert!(cut.is_empty() || cut.ends_with(b"\n")),
            Err(ReadError::Truncated { line, .. }) => {
                prop_assert_eq!(line, 1 + cut.iter().filter(|b| **b == b'\n').count());
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

#[test]
fn a_history_that_does_not_tell_the_consequences_of_a_fault_is_read_with_them() {
    let text = "{\"at_ns\":1,\"event\":\"fault_struck\",\"fault\":0,\"kind\":\"cut\",\
                \"node\":\"c1\",\"detail\":\"\"}\n";
    let saved = reader::parse(text.as_bytes(), path()).unwrap();
    let EventKind::FaultStruck { consequences, .. } = &saved.events[0].kind else { panic!() };
    assert_eq!(*consequences, Consequence::of_link("c1", consequence::Pass::None, 0));
}

#[test]
fn an_error_names_file_line_and_column() {
    let text = "{\"at_ns\":1,\"event\":\"workload_began\"}\n{\"at_ns\":2,\"event\":\"sneezed\"}\n";
    let error = reader::parse(text.as_bytes(), path()).unwrap_err().to_string();
    assert!(
        error.starts_with("history.jsonl:2:") && error.contains("unknown variant `sneezed`"),
        "{error}"
    );
    let error = reader::parse(b"\n", path()).unwrap_err().to_string();
    assert!(error.contains("an empty line"), "{error}");
    let error = reader::read(Path::new("nowhere/history.jsonl")).unwrap_err();
    assert!(error.to_string().starts_with("failed to read nowhere/history.jsonl"));
}

#[test]
fn a_full_disk_is_an_error_value() {
    let mut writer = Writer::to(Box::new(disk(60)), path());
    writer.append(1, EventKind::WorkloadBegan).unwrap();
    let error = writer.append(2, EventKind::WorkloadBegan).unwrap_err();
    assert!(error.to_string().starts_with("failed to write history.jsonl: "));
    assert_eq!(writer.events().len(), 2);
}

#[test]
fn a_dropped_writer_leaves_its_events_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.jsonl");
    let mut writer = Writer::create(&path).unwrap();
    writer.append(1, EventKind::WorkloadBegan).unwrap();
    drop(writer);
    assert_eq!(reader::read(&path).unwrap().events.len(), 1);
}

#[test]
fn observers_see_every_event_and_tick() {
    struct Seen(Rc<RefCell<Vec<u64>>>);
    impl Observer for Seen {
        fn event(&mut self, event: &Event) {
            self.0.borrow_mut().push(event.at_ns);
        }
        fn tick(&mut self, now_ns: u64) {
            self.0.borrow_mut().push(now_ns);
        }
    }
    let seen = Rc::new(RefCell::new(Vec::new()));
    let mut writer = Writer::to(Box::new(disk(1000)), path());
    writer.observe(Box::new(Seen(seen.clone())));
    writer.append(5, EventKind::WorkloadBegan).unwrap();
    writer.tick(7);
    assert_eq!(*seen.borrow(), [5, 7]);
}
