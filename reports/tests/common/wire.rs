//! Calls of every fate around a violation.

use lockstorm_reports::wire::{Fate, Wire, WireCall};

fn call(at_us: u64, from: &str, what: &str, status: &str) -> WireCall {
    let (operations, path) = what.split_once(' ').unwrap_or((what, ""));
    let to = if from == "server" { "c1" } else { "server" };
    WireCall {
        at_ns: at_us * 1_000,
        from: from.into(),
        to: to.into(),
        operations: operations.into(),
        path: path.into(),
        status: (!status.is_empty()).then(|| status.into()),
        fate: Fate::Answered,
        answered_ns: Some(at_us * 1_000 + 700_000),
        sent_again: 0,
        late_ns: 0,
        lock: "in acquire".into(),
    }
}

pub fn wire() -> Wire {
    let lost = |fate, call| WireCall { fate, answered_ns: None, ..call };
    let calls = vec![
        call(12_000_250, "c1", "LINK /lock = /lock|c1.113", "ok"),
        WireCall {
            sent_again: 3,
            lock: "inside".into(),
            ..lost(Fate::CallLost, call(14_000_000, "c1", "SETATTR /lock", ""))
        },
        call(20_500_000, "c2", "LINK /lock = /lock|c2.7261", "NFS4ERR_EXIST"),
        lost(Fate::Unanswered, call(21_000_000, "server", "CB_RECALL /lock", "")),
        WireCall {
            lock: "in release".into(),
            late_ns: 1_234_000_000,
            sent_again: 1,
            ..call(27_100_000, "c3", "REMOVE /lock", "ok")
        },
        lost(Fate::ReplyLost, call(27_119_000, "c2", "LINK /lock = /lock|c2.7261", "ok")),
        call(27_130_000, "c2", "REMOVE /lock|c2.7261", "ok"),
    ];
    Wire {
        nodes: ["c1", "c2", "c3", "server"].map(str::to_owned).into(),
        calls,
        left_out: 5,
        taken: Some(
            "c3 removed /lock at 27.100 s, and was answered ok: c1 had made it at 12.000 s to \
             get the lock, and was still inside."
                .into(),
        ),
    }
}
