//! Calls and answers in words, for people.

use crate::run::lab::Told;
use crate::units::SECOND;
use lockstorm_agent::probe::{Answer, Call, Kind, Lock};
use lockstorm_agent::{EXPORT, MOUNT_POINT};
use lockstorm_reports::conformance;

/// Longer texts are cut short (characters).
const TEXT_MOST: usize = 60;

pub fn told(told: &Told) -> conformance::Call {
    conformance::Call {
        at_s: told.at_ns as f64 / SECOND as f64,
        who: format!("{} {}", told.node, told.by),
        call: short(&call(&told.call)),
        answer: told.answer.as_ref().map(|given| short(&answer(given))),
    }
}

fn short(text: &str) -> String {
    let text = text.replace(&format!("{MOUNT_POINT}/"), "").replace(&format!("{EXPORT}/"), "");
    match text.char_indices().nth(TEXT_MOST) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

/// The call's name and all that it was given, in their order.
fn call(call: &Call) -> String {
    if let Call::Lock { fd, lock, wait } = call {
        return format!(
            "{} {fd}: {}",
            if *wait { "lock, waiting," } else { "lock" },
            of_lock(lock)
        );
    }
    if let Call::TestLock { fd, lock } = call {
        return format!("test lock {fd}: {}", of_lock(lock));
    }
    let json = serde_json::to_value(call).unwrap_or_default();
    let name = json.get("do").and_then(|name| name.as_str()).unwrap_or("?").replace('_', " ");
    let given = json.as_object().into_iter().flatten().filter(|(key, _)| *key != "do");
    let given = given.map(|(key, value)| match value {
        serde_json::Value::String(text) => format!(" {key}={text}"),
        other => format!(" {key}={other}"),
    });
    name + &given.collect::<String>()
}

fn of_lock(lock: &Lock) -> String {
    let kind = match lock.kind {
        Kind::Shared => "shared",
        Kind::Exclusive => "exclusive",
        Kind::Unlock => "unlock",
    };
    let owner = if lock.ofd { ", of the open file description" } else { "" };
    match (lock.start, lock.length) {
        (0, 0) => format!("{kind}, whole file{owner}"),
        (start, length) => format!("{kind}, from {start}, length {length}{owner}"),
    }
}

fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Done => "ok".into(),
        Answer::Number(number) => number.to_string(),
        Answer::Text(text) => format!("{text:?}"),
        Answer::Names(names) => names.join(" "),
        Answer::Status(status) => {
            let seconds = status.mtime_ns as f64 / SECOND as f64;
            format!(
                "inode {}, links {}, size {}, mtime {seconds:.3}",
                status.inode, status.links, status.size
            )
        }
        Answer::InTheWay(None) => "none is in the way".into(),
        Answer::InTheWay(Some((lock, process))) => format!("{} of {process}", of_lock(lock)),
        Answer::Ended { how, output, .. } => format!("{how}: {output}"),
        Answer::Error(errno) => errno.clone(),
        Answer::Refused(why) => format!("refused: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_by_its_name_and_what_it_is_given() {
        let link = Call::Link { from: format!("{MOUNT_POINT}/d/a"), to: "b".into() };
        assert_eq!(short(&call(&link)), "link from=d/a to=b");
        let lock = Lock { kind: Kind::Shared, ofd: true, start: 4, length: 2 };
        let lock = Call::Lock { fd: "f".into(), lock, wait: true };
        let words = "lock, waiting, f: shared, from 4, length 2, of the open file description";
        assert_eq!(call(&lock), words);
    }
}
