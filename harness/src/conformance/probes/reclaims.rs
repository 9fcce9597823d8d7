//! Reclaims after a restart of the server: all of them, late ones, and those that come from a
//! client which has lost its lock before and does not know.
//!
//! A client's machine is suspended rather than cut off: when it goes on it is connected again
//! within milliseconds, and so within the grace time, whereas one that was cut off for as long
//! waits longer and longer between its tries.

use super::leases::{How, gets, gets_within, hand_over, held, long, set, written};
use crate::conformance::bench::{BOTH, Bench, CREATE, Outcome, Step, word};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::run::lab::{Hand, InForce};
use crate::units::{Nanos, SECOND};
use lockstorm_agent::probe::Kind;

/// The first client, whose process has the lock, stands still.
const PAUSE: &str = "{pause: {node: c1}}";
/// The files that one client has locked.
const MANY: usize = 40;
/// By then a file system has written out all that it holds back, whether it was asked to or not.
const WRITTEN_OUT: Nanos = Nanos::from_secs(40);
/// So long before the end of the grace time a client is back.
const BEFORE_END: Nanos = Nanos::from_secs(4);

pub const PROBES: &[Probe] = &[
    Probe {
        name: "restart-keeps-many",
        rule: "the locks of one client on forty files outlive a restart of the server",
        source: "RFC 8881, section 8.4.2.1; sm-notify(8)",
        alone: true,
        needs: Needs::Network,
        run: keeps_many,
    },
    Probe {
        name: "grace-late-reclaim",
        rule: "a client that is back some seconds before the grace time ends has its lock again",
        source: "RFC 8881, section 8.4.2.1; RFC 7530, section 9.6.2",
        alone: true,
        needs: Needs::Leases,
        run: late_reclaim,
    },
    Probe {
        name: "lost-lock-restart",
        rule: "a lock that was lost with its lease, and that another has had meanwhile, is not \
               reclaimed when the server has restarted",
        source: "RFC 8881, section 8.4.3; RFC 7530, section 9.6.3.4 (first edge condition)",
        alone: true,
        needs: Needs::Leases,
        run: |bench| lost_and_restarted(bench, Meanwhile::Had),
    },
    Probe {
        name: "lost-lock-restart-at-once",
        rule: "the same where the server loses its power right after it has given the lock to \
               the other: by then it has put down for good that the first has lost it",
        source: "RFC 8881, section 8.4.3; RFC 7530, section 9.6.3.4.3 (stable storage)",
        alone: true,
        needs: Needs::Leases,
        run: |bench| lost_and_restarted(bench, Meanwhile::HadJustNow),
    },
    Probe {
        name: "lost-lock-restart-held",
        rule: "a lock that was lost with its lease, and that another has, is the other's when the \
               server has restarted, though who lost it comes back first",
        source: "RFC 8881, section 8.4.3; RFC 7530, section 9.6.3.4 (first edge condition)",
        alone: true,
        needs: Needs::Leases,
        run: |bench| lost_and_restarted(bench, Meanwhile::Has),
    },
    Probe {
        name: "missed-grace-restart",
        rule: "a lock that was not reclaimed after one restart, and that another has had \
               meanwhile, is not reclaimed after the next",
        source: "RFC 8881, section 8.4.3; RFC 7530, section 9.6.3.4 (second edge condition)",
        alone: true,
        needs: Needs::Leases,
        run: missed_grace,
    },
];

/// Until the grace time is over, and everybody has noticed.
fn after_grace(bench: &mut Bench) -> Step<()> {
    let time = Nanos(bench.lease().0 + 15 * SECOND);
    bench.pass(time)
}

/// Two hold the lock if the other gets it as well.
fn kept_for(bench: &mut Bench, holder: &Hand, other: &Hand) -> Step<()> {
    if gets(bench, other, How::Process)? {
        let write = written(bench, holder, "mine")?;
        return broken(format!("the other got it; a write of the holder: {}", word(&write)));
    }
    hand_over(bench, holder, other, How::Process)
}

fn keeps_many(bench: &mut Bench) -> Seen {
    let (holder, other) = bench.two()?;
    let files: Vec<String> = (0..MANY).map(|number| format!("lock-{number}")).collect();
    for file in &files {
        bench.open(&holder, file, CREATE, file)?;
        let lock = bench.lock(&holder, file, Kind::Exclusive)?;
        if lock.is_err() {
            return broken(format!("a lock that nobody had was answered with {}", word(&lock)));
        }
    }
    bench.sync_server()?;
    bench.restart_server()?;
    after_grace(bench)?;
    let mut got = 0;
    for file in &files {
        bench.open(&other, file, BOTH, file)?;
        match word(&bench.lock(&other, file, Kind::Exclusive)?) {
            "ok" => got += 1,
            "EAGAIN" | "EACCES" => {}
            errno => return broken(format!("the other's lock was answered with {errno}")),
        }
    }
    match got {
        0 => seen(format!("all {MANY} are there")),
        got => broken(format!("the other got {got} of {MANY}")),
    }
}

/// The holder's client asks as soon as it goes on.
fn late_reclaim(bench: &mut Bench) -> Seen {
    let (holder, other) = held(bench, How::Process)?;
    let pause = bench.strike(PAUSE)?;
    bench.restart_server()?;
    let late = Nanos(bench.lease().0.saturating_sub(BEFORE_END.0));
    bench.pass(late)?;
    bench.end(pause)?;
    let write = written(bench, &holder, "mine")?;
    if write.is_err() {
        return broken(format!("back after {late}, its write is answered with {}", word(&write)));
    }
    after_grace(bench)?;
    kept_for(bench, &holder, &other)?;
    seen(format!("back {late} after the server, it writes, and has its lock"))
}

/// The holder's client goes on, in the grace time that has just begun, and its process writes: what
/// came of that.
fn returns(bench: &mut Bench, holder: &Hand, pause: InForce) -> Step<Outcome<()>> {
    bench.end(pause)?;
    written(bench, holder, "late")
}

/// A lock that its holder has lost goes to the other, who has had it before; the holder was told.
fn stays_lost(bench: &mut Bench, other: &Hand, late: &Outcome<()>) -> Seen {
    after_grace(bench)?;
    if !gets(bench, other, How::Process)? {
        return broken(format!(
            "the other is refused: it was reclaimed; the write of who lost it: {}",
            word(late)
        ));
    }
    match word(late) {
        "ok" => broken("who lost it writes as before, though another has had the lock"),
        errno => seen(format!("the other got it; the write of who lost it: {errno}")),
    }
}

/// The lease of the holder, who is suspended, runs out, and the other has the lock.
fn other_takes(bench: &mut Bench, other: &Hand) -> Step<()> {
    let most = long(bench);
    match gets_within(bench, other, How::Process, most)? {
        Some(_) => Ok(()),
        None => Err(Stop::Unfit(format!("the other has not got the lock within {most}"))),
    }
}

/// What the other has to do with the lock that the first has lost.
#[derive(Clone, Copy, PartialEq)]
enum Meanwhile {
    /// It has had it, and unlocked, some time before the server restarts.
    Had,
    /// It unlocks, and the server loses its power at once.
    HadJustNow,
    /// It has it when the server restarts.
    Has,
}

fn lost_and_restarted(bench: &mut Bench, meanwhile: Meanwhile) -> Seen {
    let (holder, other) = held(bench, How::Process)?;
    let pause = bench.strike(PAUSE)?;
    other_takes(bench, &other)?;
    if meanwhile != Meanwhile::Has {
        unlock(bench, &other)?;
    }
    if meanwhile != Meanwhile::HadJustNow {
        bench.pass(WRITTEN_OUT)?;
    }
    bench.restart_server()?;
    let late = returns(bench, &holder, pause)?;
    if meanwhile != Meanwhile::Has {
        return stays_lost(bench, &other, &late);
    }
    let own = written(bench, &other, "mine")?;
    after_grace(bench)?;
    let third = bench.client(0)?;
    bench.open(&third, "lock", BOTH, "f")?;
    match (word(&late), word(&own), gets(bench, &third, How::Process)?) {
        ("ok", own, _) => broken(format!("who lost it writes as before; the other: {own}")),
        (late, "ok", false) => {
            seen(format!("the other has it, and writes; the write of who lost it: {late}"))
        }
        (_, own, is_free) => broken(format!("the other's write: {own}; a third got it: {is_free}")),
    }
}

fn unlock(bench: &mut Bench, by: &Hand) -> Step<()> {
    let left = set(bench, by, How::Process, Kind::Unlock)?;
    match left {
        Ok(()) => Ok(()),
        Err(errno) => broken(format!("the unlock was answered with {errno}")),
    }
}

fn missed_grace(bench: &mut Bench) -> Seen {
    let (holder, other) = held(bench, How::Process)?;
    let pause = bench.strike(PAUSE)?;
    bench.restart_server()?;
    after_grace(bench)?;
    other_takes(bench, &other)?;
    unlock(bench, &other)?;
    bench.restart_server()?;
    let late = returns(bench, &holder, pause)?;
    stays_lost(bench, &other, &late)
}
