//! Names whose maker loses the reply, or the server its power.

use super::names::{finish, fit};
use crate::conformance::bench::{Bench, EXCLUSIVE, Step, open};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::units::Nanos;
use lockstorm_agent::probe::{Call, Rename};

/// Nothing that the server sends reaches c1; what c1 sends reaches the server.
const SILENT_SERVER: &str = "{partition: {between: [server], and: [c1], one_way: true}}";

pub const PROBES: &[Probe] = &[
    Probe {
        name: "names-outlive-restart",
        rule: "what made, moved or removed a name, and was answered, outlives the server's loss \
               of power",
        source: "RFC 1813, section 3; RFC 7530, section 14.3; exports(5), sync",
        alone: true,
        needs: Needs::Network,
        run: names_outlive_restart,
    },
    Probe {
        name: "link-through-cut",
        rule: "a link(2) that is cut off for longer than a lease is done and answered afterwards",
        source: "nfs(5), hard",
        alone: true,
        needs: Needs::Network,
        run: link_through_cut,
    },
    Probe {
        name: "link-lost-reply",
        rule: "link(2) whose reply is lost is answered and done: with ok, or the EEXIST of its \
               own making",
        source: "RFC 8881, section 2.10.6; RFC 1813, duplicate request cache",
        alone: true,
        needs: Needs::Network,
        run: link_lost_reply,
    },
    Probe {
        name: "mkdir-lost-reply",
        rule: "mkdir(2) whose reply is lost is answered and done: with ok, or the EEXIST of its \
               own making",
        source: "RFC 8881, section 2.10.6; RFC 1813, duplicate request cache",
        alone: true,
        needs: Needs::Network,
        run: mkdir_lost_reply,
    },
    Probe {
        name: "create-excl-lost-reply",
        rule: "O_EXCL whose reply is lost succeeds, since the server knows the create by its \
               verifier",
        source: "RFC 8881, section 18.16; RFC 1813, section 3.3.8",
        alone: true,
        needs: Needs::Network,
        run: create_excl_lost_reply,
    },
    Probe {
        name: "rename-lost-reply",
        rule: "rename(2) whose reply is lost is answered and done: with ok, or the ENOENT of its \
               own making",
        source: "RFC 8881, section 2.10.6; RFC 1813, duplicate request cache",
        alone: true,
        needs: Needs::Network,
        run: rename_lost_reply,
    },
    Probe {
        name: "unlink-lost-reply",
        rule: "unlink(2) whose reply is lost is answered and done: with ok, or the ENOENT of its \
               own making",
        source: "RFC 8881, section 2.10.6; RFC 1813, duplicate request cache",
        alone: true,
        needs: Needs::Network,
        run: unlink_lost_reply,
    },
    Probe {
        name: "link-lost-restart",
        rule: "link(2) whose reply is lost with the server's power is answered and done, with ok \
               or EEXIST",
        source: "RFC 8881, section 2.10.6.5; nfs(5), hard",
        alone: true,
        needs: Needs::Network,
        run: link_lost_restart,
    },
    Probe {
        name: "mkdir-lost-restart",
        rule: "mkdir(2) whose reply is lost with the server's power is answered and done, with ok \
               or EEXIST",
        source: "RFC 8881, section 2.10.6.5; nfs(5), hard",
        alone: true,
        needs: Needs::Network,
        run: mkdir_lost_restart,
    },
    Probe {
        name: "create-excl-lost-restart",
        rule: "O_EXCL whose reply is lost with the server's power is answered and done: with ok, \
               or over NFSv4 EEXIST",
        source: "RFC 1813, section 3.3.8; RFC 8881, section 18.16",
        alone: true,
        needs: Needs::Network,
        run: create_excl_lost_restart,
    },
    Probe {
        name: "rename-lost-restart",
        rule: "rename(2) whose reply is lost with the server's power is answered and done, with \
               ok or ENOENT",
        source: "RFC 8881, section 2.10.6.5; nfs(5), hard",
        alone: true,
        needs: Needs::Network,
        run: rename_lost_restart,
    },
    Probe {
        name: "unlink-lost-restart",
        rule: "unlink(2) whose reply is lost with the server's power is answered and done, with \
               ok or ENOENT",
        source: "RFC 8881, section 2.10.6.5; nfs(5), hard",
        alone: true,
        needs: Needs::Network,
        run: unlink_lost_restart,
    },
];

/// A call, and the name that is there once it is done, or is not.
struct Change {
    call: Call,
    name: &'static str,
    is_there: bool,
}

impl Change {
    fn link() -> Change {
        let call = Call::Link { from: "claim".into(), to: "lock".into() };
        Change { call, name: "lock", is_there: true }
    }

    fn mkdir() -> Change {
        Change { call: Call::Mkdir { path: "lock".into() }, name: "lock", is_there: true }
    }

    fn create() -> Change {
        Change { call: open("lock", EXCLUSIVE, "f"), name: "lock", is_there: true }
    }

    fn rename() -> Change {
        let (from, to) = ("claim".into(), "lock".into());
        let call = Call::Rename { from, to, how: Rename::Plain };
        Change { call, name: "lock", is_there: true }
    }

    fn unlink() -> Change {
        Change { call: Call::Unlink { path: "claim".into() }, name: "claim", is_there: false }
    }

    /// Whether the server has done it.
    fn is_done(&self, bench: &mut Bench) -> Step<bool> {
        let at_server = bench.server()?;
        Ok(bench.exists(&at_server, self.name)? == self.is_there)
    }
}

/// Makes a call that the server does and whose reply is lost: with the connection, so that the
/// client sends the call again on a new one, or with the server's power. What it is answered in
/// the end.
fn lose_reply(bench: &mut Bench, change: &Change, restarts: bool) -> Step<String> {
    let one = bench.client(0)?;
    let at_server = bench.server()?;
    // Made on the server, so that no client has a delegation of it.
    bench.touch(&at_server, "claim")?;
    fit(bench.done(&at_server, Call::Sync)?)?;
    // What the call has to look up and to ask leave for is known by now, or that would lose its
    // reply.
    fit(bench.link(&one, "claim", "known")?)?;
    fit(bench.unlink(&one, "known")?)?;
    for _ in 0..3 {
        fit(bench.stat(&one, "claim")?)?;
    }
    let silence = bench.strike(SILENT_SERVER)?;
    let ticket = bench.begin(&one, change.call.clone())?;
    bench.seconds(1)?;
    if !change.is_done(bench)? {
        return Err(Stop::Unfit("the call did not reach the server".into()));
    }
    if bench.answer(ticket, Nanos(0))?.is_some() {
        return Err(Stop::Unfit("the reply was not lost".into()));
    }
    let reset = match restarts {
        true => {
            bench.restart_server()?;
            None
        }
        false => Some(bench.strike("{reset: {node: c1}}")?),
    };
    bench.seconds(3)?;
    bench.end(silence)?;
    let told = finish(bench, ticket)?;
    if let Some(reset) = reset {
        bench.end(reset)?;
    }
    match change.is_done(bench)? {
        true => Ok(told),
        false => broken(format!("{told}, and it is not done")),
    }
}

fn lost(bench: &mut Bench, change: &Change, restarts: bool, allowed: &[&str]) -> Seen {
    let told = lose_reply(bench, change, restarts)?;
    match allowed.contains(&told.as_str()) {
        true => seen(told),
        false => broken(told),
    }
}

fn link_lost_reply(bench: &mut Bench) -> Seen {
    lost(bench, &Change::link(), false, &["ok", "EEXIST"])
}

fn mkdir_lost_reply(bench: &mut Bench) -> Seen {
    lost(bench, &Change::mkdir(), false, &["ok", "EEXIST"])
}

fn create_excl_lost_reply(bench: &mut Bench) -> Seen {
    lost(bench, &Change::create(), false, &["ok"])
}

fn rename_lost_reply(bench: &mut Bench) -> Seen {
    lost(bench, &Change::rename(), false, &["ok", "ENOENT"])
}

fn unlink_lost_reply(bench: &mut Bench) -> Seen {
    lost(bench, &Change::unlink(), false, &["ok", "ENOENT"])
}

fn link_lost_restart(bench: &mut Bench) -> Seen {
    lost(bench, &Change::link(), true, &["ok", "EEXIST"])
}

fn mkdir_lost_restart(bench: &mut Bench) -> Seen {
    lost(bench, &Change::mkdir(), true, &["ok", "EEXIST"])
}

/// A client of NFSv4 that has lost its session may open afresh, with another verifier. One of
/// NFSv3 sends the same call again, and the verifier is on disk.
fn create_excl_lost_restart(bench: &mut Bench) -> Seen {
    let allowed: &[&str] = if bench.is_nfs3() { &["ok"] } else { &["ok", "EEXIST"] };
    lost(bench, &Change::create(), true, allowed)
}

fn rename_lost_restart(bench: &mut Bench) -> Seen {
    lost(bench, &Change::rename(), true, &["ok", "ENOENT"])
}

fn unlink_lost_restart(bench: &mut Bench) -> Seen {
    lost(bench, &Change::unlink(), true, &["ok", "ENOENT"])
}

fn link_through_cut(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "claim")?;
    let ticket = bench.begin(&one, Change::link().call)?;
    let cut = bench.strike("{cut: {node: c1}}")?;
    let away = Nanos(bench.lease().0 * 3);
    bench.pass(away)?;
    bench.end(cut)?;
    let told = finish(bench, ticket)?;
    if !Change::link().is_done(bench)? {
        return broken(format!("{told}, and it is not done"));
    }
    match told.as_str() {
        "ok" | "EEXIST" => seen(told),
        _ => broken(told),
    }
}

/// The server loses its power after each call, since the next would put on disk what this one has
/// left undone.
fn names_outlive_restart(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    for name in ["claim", "old", "doomed"] {
        bench.touch(&one, name)?;
    }
    let at_server = bench.server()?;
    fit(bench.done(&at_server, Call::Sync)?)?;
    let rename = Call::Rename { from: "old".into(), to: "new".into(), how: Rename::Plain };
    let changes = [
        ("linked", true, Call::Link { from: "claim".into(), to: "linked".into() }),
        ("made", true, Call::Mkdir { path: "made".into() }),
        ("pointer", true, Call::Symlink { target: "claim".into(), path: "pointer".into() }),
        ("new", true, rename),
        ("doomed", false, Call::Unlink { path: "doomed".into() }),
        ("created", true, open("created", EXCLUSIVE, "f")),
    ];
    let mut undone = Vec::new();
    for (name, is_there, call) in changes {
        fit(bench.done(&one, call)?)?;
        bench.restart_server()?;
        let at_server = bench.server()?;
        let names = bench.list(&at_server, ".")?;
        if names.iter().any(|found| found == name) != is_there {
            undone.push(name);
        }
    }
    match undone.is_empty() {
        true => seen("all"),
        false => broken(format!("undone: {}", undone.join(", "))),
    }
}
