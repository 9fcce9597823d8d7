//! What can happen at a point of a run: the columns of a sweep.

use super::points::Point;
use super::stories::{self, Stories};
use crate::fault::clock::Clock;
use crate::fault::crash::Crash;
use crate::fault::cut::Cut;
use crate::fault::errno::Errno;
use crate::fault::hold::Hold;
use crate::fault::kill::Kill;
use crate::fault::lose::Lose;
use crate::fault::nfsd::Nfsd;
use crate::fault::pause::{AfterPause, Pause};
use crate::fault::refuse::{self, Refuse};
use crate::fault::stop::Stop;
use crate::fault::trigger::OTHER;
use crate::fault::{Asked, FaultSpec, Other, Phase, Situation, Strike, Trigger};
use crate::lock::profile::Primitive;
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::scenario::random::own_calls;
use crate::site::SERVER_NAME;
use crate::units::{MILLISECOND, Nanos, SECOND, SignedNanos};
use lockstorm_agent::SystemCall;

/// How much longer than needed what is to outlast something lasts.
const MARGIN: u64 = 10 * SECOND;
/// Longer than somebody stays in the section, and another needs to come in.
const TURN: Nanos = Nanos(4 * SECOND);
/// What the lock is asked for next has come to its first system calls by then, and nobody has come
/// back to ask again: what is in force no longer is no excuse for what comes after it.
const SOON: Nanos = Nanos(40 * MILLISECOND);
/// Another has entered by then, and works.
const WELL_INSIDE: Nanos = Nanos(300 * MILLISECOND);
/// How long a machine is down, or a server.
const DOWN: Nanos = Nanos(8 * SECOND);
/// How long a client is down that comes back: it may find what it left.
const CLIENT_DOWN: Nanos = Nanos(20 * SECOND);

/// What faults are measured by: the times of lock and server, and what the lock is made of.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Longer than a lock outlives its owner, and than the server keeps what a client has (ns).
    past: u64,
    /// Longer than the server takes back what was had before its restart (ns).
    past_grace: u64,
    /// The lock goes by clocks.
    has_lifetime: bool,
    /// How far apart clocks may be (ns), by what the lock says.
    skew: Option<u64>,
    /// Somebody frees the lock of a client that is gone.
    is_freed: bool,
    primitive: Primitive,
}

impl Setting {
    pub fn of(plan: &Plan) -> Setting {
        let server = &plan.blueprint.server;
        let slop = plan.profile.break_bound.map_or(0, |bound| bound.slop.0);
        let lifetime = plan.lifetime().map_or(0, |lifetime| lifetime.0.saturating_add(slop));
        let lease = u64::from(server.lease_s) * SECOND;
        let grace = u64::from(server.grace_s) * SECOND;
        Setting {
            past: lifetime.max(lease) + MARGIN,
            past_grace: DOWN.0 + grace + lease + MARGIN,
            has_lifetime: plan.lifetime().is_some(),
            skew: plan.profile.assumes.clock_skew.map(|skew| skew.0),
            is_freed: stories::is_freed(&plan.profile),
            primitive: plan.profile.primitive,
        }
    }
}

/// A column: what happens.
pub struct Column {
    /// In tables and names of runs.
    pub name: &'static str,
    /// What it means, in words that follow "at a point".
    pub about: &'static str,
    at: Strikes,
    /// The faults, if it can happen at this point.
    faults: fn(&Point, Setting) -> Option<Vec<FaultSpec>>,
}

/// What a fault strikes, and so at which points it does the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strikes {
    /// A message, which does not come. A question is asked again, whichever it was.
    Loss,
    /// A message, which comes late. What is told late is old; what is asked late is not.
    Delay,
    /// The answer to a call.
    Answer,
    /// A client's link. A question that it cuts off is asked again.
    Link,
    /// A client that goes on later, with what it has been told; what it had called for is done.
    Client,
    /// What was changed by then, and what a machine knows of that.
    State,
    /// A client that has the lock, loses it, and comes back.
    Owner,
    /// A client that asks, and finds nobody.
    Alone,
    /// What takes long to show, of a client that asks or has entered.
    Long,
}

impl Column {
    pub fn faults(&self, point: &Point, setting: Setting) -> Option<Vec<FaultSpec>> {
        (self.faults)(point, setting)
    }

    /// Of the stories of a search, the one that it is tried in.
    pub fn tried_in<'s>(&self, stories: &'s Stories) -> &'s Scenario {
        let other = match self.at {
            Strikes::Long => stories.long.as_ref(),
            Strikes::Owner => stories.away.as_ref(),
            Strikes::Alone => stories.once.as_ref(),
            _ => None,
        };
        other.unwrap_or(&stories.turns)
    }

    /// What points have in common at which this does the same.
    pub fn alike<'p>(&self, point: &'p Point) -> &'p str {
        const ASKED_AGAIN: &str = "a question is asked again";
        let phase = point.message().map(|(_, phase)| phase);
        let is_call = phase == Some(Phase::Call);
        match self.at {
            Strikes::Loss if point.asks_only => ASKED_AGAIN,
            Strikes::Delay if point.asks_only && is_call => ASKED_AGAIN,
            Strikes::Link if point.asks_only => &point.since,
            Strikes::Client if is_call => &point.since,
            Strikes::State => &point.since,
            // Whoever it is of: which of those that wait is first is another matter each time.
            Strikes::Long => &point.name,
            _ => &point.alike,
        }
    }
}

/// A system call of the process fails, of what it asks for next.
macro_rules! call_fails {
    ($name:literal, $call:ident, $error:literal) => {
        Column {
            name: $name,
            about: concat!("the process's next ", $name, " fails with ", $error),
            at: Strikes::Client,
            faults: |point, setting| errno(point, setting, SystemCall::$call, $error),
        }
    };
}

/// All of them, in the order of the map.
pub const COLUMNS: &[Column] = &[
    Column {
        name: "lose",
        about: "the message is lost, and its connection breaks",
        at: Strikes::Loss,
        faults: |point, _| {
            point.message()?;
            Some(vec![at(point, Strike::Lose(Lose {}), None)])
        },
    },
    Column {
        name: "hold",
        about: "the message comes when others have had their turn",
        at: Strikes::Delay,
        faults: |point, _| hold(point, TURN),
    },
    Column {
        name: "outlast",
        about: "the message comes when the lock's lifetime and the lease are over",
        at: Strikes::Delay,
        faults: |point, setting| hold(point, Nanos(setting.past)),
    },
    Column {
        name: "error",
        about: "the server answers with an error",
        at: Strikes::Answer,
        faults: |point, _| {
            let (op, phase) = point.message()?;
            let with = ["NFS4ERR_IO", "NFS4ERR_RESOURCE"];
            let with = with[usize::from(!matches!(op, "WRITE" | "READ" | "COMMIT"))];
            let is_it = phase == Phase::Call && refuse::OPERATIONS.contains(&op);
            is_it.then(|| vec![at(point, Strike::Refuse(Refuse { with: with.into() }), None)])
        },
    },
    Column {
        name: "kill",
        about: "the client's process is killed, and started again",
        at: Strikes::State,
        faults: |point, _| {
            let node = point.client.clone();
            Some(vec![at(point, Strike::Kill(Kill { node }), Some(DOWN))])
        },
    },
    Column {
        name: "crash",
        about: "the client loses power, and comes back",
        at: Strikes::State,
        faults: |point, _| {
            let crash = Crash::of(point.client.clone());
            Some(vec![at(point, Strike::Crash(crash), Some(CLIENT_DOWN))])
        },
    },
    Column {
        name: "pause",
        about: "the client stands still until lifetime and lease are over",
        at: Strikes::Client,
        faults: |point, setting| {
            let pause = Pause { node: point.client.clone(), clock: AfterPause::Jumps };
            Some(vec![at(point, Strike::Pause(pause), Some(Nanos(setting.past)))])
        },
    },
    Column {
        name: "cut",
        about: "the client is cut off until lifetime and lease are over",
        at: Strikes::Link,
        faults: |point, setting| {
            let cut = Cut::of(point.client.clone());
            Some(vec![at(point, Strike::Cut(cut), Some(Nanos(setting.past)))])
        },
    },
    Column {
        name: "return",
        about: "the client's process stands still until another has entered",
        at: Strikes::Owner,
        faults: |point, setting| {
            let node = point.client.clone();
            until_other(
                point,
                setting,
                match setting.has_lifetime {
                    true => Strike::Stop(Stop { node }),
                    // Its kernel keeps the lock, but for its machine's standing still.
                    false => Strike::Pause(Pause { node, clock: AfterPause::Jumps }),
                },
            )
        },
    },
    Column {
        name: "rejoin",
        about: "the client is cut off until another has entered",
        at: Strikes::Owner,
        faults: |point, setting| {
            until_other(point, setting, Strike::Cut(Cut::of(point.client.clone())))
        },
    },
    Column {
        name: "gone",
        about: "the client loses power, and others wait for its lock",
        at: Strikes::Long,
        faults: |point, setting| {
            let is_it = setting.has_lifetime && matches!(point.trigger, Trigger::Entered(_));
            let crash = Strike::Crash(Crash::of(point.client.clone()));
            is_it.then(|| vec![at(point, crash, Some(Nanos(setting.past.saturating_mul(2))))])
        },
    },
    Column {
        name: "fast",
        about: "the client's clock is as far ahead as the lock can bear",
        at: Strikes::Long,
        faults: |point, setting| skewed(point, setting, 1),
    },
    Column {
        name: "slow",
        about: "the client's clock is as far behind as the lock can bear",
        at: Strikes::Long,
        faults: |point, setting| skewed(point, setting, -1),
    },
    Column {
        name: "power",
        about: "the server loses power, and what its disk had not flushed",
        at: Strikes::State,
        faults: |point, _| Some(vec![at(point, power(0.0), Some(DOWN))]),
    },
    Column {
        name: "flushed",
        about: "the server loses power, and its disk keeps all",
        at: Strikes::State,
        faults: |point, _| Some(vec![at(point, power(1.0), Some(DOWN))]),
    },
    Column {
        name: "nfsd",
        about: "the server's service is started anew",
        at: Strikes::State,
        faults: |point, _| Some(vec![at(point, Strike::Nfsd(Nfsd {}), Some(DOWN))]),
    },
    Column {
        name: "late",
        about: "the server loses power, and the client comes back after its grace time",
        at: Strikes::State,
        faults: |point, setting| {
            let cut = Strike::Cut(Cut::of(point.client.clone()));
            let trigger = Trigger::Struck(Other { fault: 1, after: Nanos::ZERO });
            let cut =
                FaultSpec { when: trigger, ..at(point, cut, Some(Nanos(setting.past_grace))) };
            Some(vec![at(point, power(1.0), Some(DOWN)), cut])
        },
    },
    Column {
        name: "ahead",
        about: "the client's clock is set ahead by more than a lifetime",
        at: Strikes::Client,
        faults: |point, setting| clock(point, setting, 1),
    },
    Column {
        name: "behind",
        about: "the client's clock is set back by more than a lifetime",
        at: Strikes::Client,
        faults: |point, setting| clock(point, setting, -1),
    },
    call_fails!("open", Open, "EMFILE"),
    call_fails!("write", Write, "ENOSPC"),
    call_fails!("link", Link, "EIO"),
    call_fails!("unlink", Unlink, "EIO"),
    call_fails!("rename", Rename, "EIO"),
    call_fails!("mkdir", Mkdir, "EIO"),
    call_fails!("rmdir", Rmdir, "EBUSY"),
    call_fails!("symlink", Symlink, "EIO"),
    call_fails!("stat", Stat, "EIO"),
    call_fails!("flock", Flock, "EINTR"),
    call_fails!("fcntl", Fcntl, "ENOLCK"),
    Column {
        name: "denied",
        about: "the system call that takes the lock fails, and nobody has it",
        at: Strikes::Alone,
        faults: |point, setting| {
            let (call, error) = taker(setting.primitive)?;
            let errno = || errno(point, setting, call, error);
            asks_first(point).then(errno).flatten()
        },
    },
    Column {
        name: "calm",
        about: "nothing happens, in another story",
        at: Strikes::Long,
        faults: |_, _| None,
    },
];

/// The column of the stories in which nothing happens.
pub const CALM: usize = COLUMNS.len() - 1;

/// What the lock asks for next can come to a call that it does not make there: it may miss.
fn errno(point: &Point, setting: Setting, call: SystemCall, with: &str) -> Option<Vec<FaultSpec>> {
    let asks = matches!(point.trigger, Trigger::Calls(_) | Trigger::Left(_));
    if !asks || !own_calls(setting.primitive).contains(&call) {
        return None;
    }
    let node = point.client.clone();
    let (call, with) = (call.name().into(), with.into());
    let errno = Errno { node, call, with, path: None, nth: 1, times: 1 };
    Some(vec![FaultSpec { may_miss: true, ..at(point, Strike::Errno(errno), Some(SOON)) }])
}

fn at(point: &Point, strike: Strike, lasts: Option<Nanos>) -> FaultSpec {
    FaultSpec { when: point.trigger.clone(), strike, lasts, until: None, may_miss: false }
}

fn hold(point: &Point, late: Nanos) -> Option<Vec<FaultSpec>> {
    point.message()?;
    Some(vec![at(point, Strike::Hold(Hold { late }), None)])
}

fn power(keep: f64) -> Strike {
    Strike::Crash(Crash { keep, ..Crash::of(SERVER_NAME.into()) })
}

/// Whoever is away comes back while another is inside, if anybody comes in without it.
fn until_other(point: &Point, setting: Setting, strike: Strike) -> Option<Vec<FaultSpec>> {
    let is_once = match &point.trigger {
        Trigger::Entered(section) | Trigger::Left(section) => section.count == 1,
        Trigger::Calls(calls) => calls.op == Asked::Refresh && calls.count == 1,
        _ => false,
    };
    if !(setting.is_freed && is_once) {
        return None;
    }
    let inside = vec![OTHER.to_owned()];
    let until = Situation { inside, waiting: Vec::new(), after: WELL_INSIDE };
    let most = Nanos(setting.past.saturating_mul(2));
    Some(vec![FaultSpec { until: Some(until), ..at(point, strike, Some(most)) }])
}

/// A client calls acquire for the first time.
fn asks_first(point: &Point) -> bool {
    matches!(&point.trigger, Trigger::Calls(calls)
        if calls.count == 1 && calls.op == Asked::Acquire)
}

/// The system call by which a lock is taken, and an error of it that says nothing of others.
fn taker(primitive: Primitive) -> Option<(SystemCall, &'static str)> {
    Some(match primitive {
        Primitive::Posix | Primitive::Ofd => (SystemCall::Fcntl, "ENOLCK"),
        Primitive::Flock => (SystemCall::Flock, "ENOLCK"),
        Primitive::Create => (SystemCall::Open, "EMFILE"),
        Primitive::Link => (SystemCall::Link, "EIO"),
        Primitive::Mkdir => (SystemCall::Mkdir, "EIO"),
        Primitive::Symlink => (SystemCall::Symlink, "EIO"),
        Primitive::Rename => (SystemCall::Rename, "EIO"),
        Primitive::None => return None,
    })
}

/// As far apart as clocks may be, but for a tenth, from a client's first call on.
fn skewed(point: &Point, setting: Setting, sign: i64) -> Option<Vec<FaultSpec>> {
    let skew = i64::try_from(setting.skew? / 10 * 9).unwrap_or(i64::MAX);
    let is_it = asks_first(point);
    let step = SignedNanos(sign.saturating_mul(skew));
    let clock = Clock { node: point.client.clone(), step, drift_ppm: 0, stands: false };
    (is_it && setting.has_lifetime).then(|| vec![at(point, Strike::Clock(clock), None)])
}

/// Clocks are tried at the boundaries: between two calls of NFS a lock seldom looks at one.
fn clock(point: &Point, setting: Setting, sign: i64) -> Option<Vec<FaultSpec>> {
    if point.message().is_some() || !setting.has_lifetime {
        return None;
    }
    let step = SignedNanos(sign.saturating_mul(i64::try_from(setting.past).unwrap_or(i64::MAX)));
    let clock = Clock { node: point.client.clone(), step, drift_ppm: 0, stands: false };
    Some(vec![at(point, Strike::Clock(clock), None)])
}
