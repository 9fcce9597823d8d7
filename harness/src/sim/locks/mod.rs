//! Locks that are right by construction, and what can be wrong with each.
//!
//! What they promise and assume is in their [`profiles`].

mod aging;
mod faltering;
mod heartbeat;
mod lease;
mod lifetime;
mod name;
pub mod profiles;
mod record;
mod reentrant;
mod watching;

use super::process::Os;
use super::rpc::{Errno, Name};
use crate::lock::adapter::{Answer, Request};
use crate::units::Nanos;
use name::{How, Named};
use std::pin::Pin;

/// What a lock is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A record lock of the server's, which lasts as long as the client's lease.
    Lease,
    /// It may be broken when it is too old by the server's wall clock.
    Lifetime,
    /// It may be broken by one that has watched for long enough that it is not renewed.
    Watching,
    /// The same, and it renews itself for as long as its process lives.
    Heartbeat,
    /// As [`Kind::Lifetime`], and its calls fail now and then.
    Faltering,
    /// A name that link(2) makes. Nobody ever breaks it.
    Link,
    /// A directory.
    Mkdir,
    /// A symbolic link.
    Symlink,
    /// As [`Kind::Link`], and its owner may acquire it again.
    Reentrant,
    /// A file that may be renamed away when it is too old by the contender's clock. It is never
    /// perfect: see [`Defect::LooksThenRenames`].
    Aging,
}

impl Kind {
    /// Those that can be right.
    pub const PERFECT: [Kind; 9] = [
        Kind::Lease,
        Kind::Lifetime,
        Kind::Watching,
        Kind::Heartbeat,
        Kind::Faltering,
        Kind::Link,
        Kind::Mkdir,
        Kind::Symlink,
        Kind::Reentrant,
    ];
}

/// What is wrong with a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    None,
    /// It always says yes.
    GrantsAlways,
    /// It looks whether there is a lock, and makes one in a second step.
    ChecksThenCreates,
    /// It takes "there is one" for success.
    IgnoresExisting,
    /// It is broken when half its lifetime is over.
    BreaksEarly,
    /// Its age is told by the contender's clock, with no allowance.
    OwnClock,
    NeverBreaks,
    /// Who finds it too old frees whatever is there a moment later, and then takes it.
    BreaksInTwoSteps,
    /// Who breaks or releases it looks whose it is, and then takes away whatever is there;
    /// another's is put back, a moment later.
    LooksThenRenames,
    /// A release frees the lock, whoever's it is by then.
    ReleasesAny,
    /// A refresh is answered, and nothing is done.
    ForgetsRefresh,
    /// A refresh makes the lock its caller's, whoever's it is by then.
    RefreshRevives,
    /// The heart stops after two beats, and nobody is told.
    StopsBeating,
    /// It always says that it is held.
    ClaimsToHold,
    /// It says from memory that it is held.
    RemembersHeld,
    /// A release is answered, and nothing is done.
    KeepsOnRelease,
    /// Each third release fails, and the lock is forgotten and stays.
    ForgetsFailedRelease,
    LeaksDescriptors,
    /// Whoever is refused leaves its claim behind.
    LeavesClaim,
    /// An acquire with a time limit that failed is said to have been refused.
    RefusesOnError,
    /// Each third acquire with a time limit is refused at once, whoever holds.
    RefusesAtRandom,
    /// The site's, and no lock's: each tenth write of the counter is lost.
    LosesCounts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    pub kind: Kind,
    pub defect: Defect,
}

/// What a lock's process is started with.
pub struct Settings {
    pub lock: Lock,
    pub lifetime: Option<Nanos>,
    /// Unlike any other process's.
    pub owner: String,
}

/// Runs a lock.
pub fn run(settings: Settings, os: Os) -> Pin<Box<dyn Future<Output = ()>>> {
    let defect = settings.lock.defect;
    match settings.lock.kind {
        Kind::Lease => Box::pin(serve(lease::Lease::new(&settings), defect, os)),
        Kind::Lifetime => Box::pin(serve(lifetime::Lifetime::new(&settings), defect, os)),
        Kind::Watching => Box::pin(serve(watching::Watching::new(&settings), defect, os)),
        Kind::Heartbeat => Box::pin(serve(heartbeat::Heartbeat::new(&settings), defect, os)),
        Kind::Faltering => Box::pin(serve(faltering::Faltering::new(&settings), defect, os)),
        Kind::Aging => Box::pin(serve(aging::Aging::new(&settings), defect, os)),
        Kind::Link => Box::pin(serve(Named::new(How::Link, &settings), defect, os)),
        Kind::Mkdir => Box::pin(serve(Named::new(How::Mkdir, &settings), defect, os)),
        Kind::Symlink => Box::pin(serve(Named::new(How::Symlink, &settings), defect, os)),
        Kind::Reentrant => Box::pin(serve(reentrant::Reentrant::new(&settings), defect, os)),
    }
}

type Result<T> = std::result::Result<T, Errno>;

/// How long a contender waits between two tries: a share of the time that it has waited already.
const POLL_LEAST: Nanos = Nanos::from_millis(250);
const POLL_MOST: Nanos = Nanos::from_secs(2);
const POLL_SHARE: u64 = 4;

/// The lock's name on the mount.
fn path() -> Name {
    "lock".into()
}

/// What a kind of lock does. An error leaves open what happened.
trait Program {
    /// Tries once: whether the lock was taken.
    async fn attempt(&mut self, os: &Os) -> Result<bool>;

    /// Whether there was a lock to release.
    async fn release(&mut self, os: &Os) -> Result<bool>;

    /// Whether there was a lock to refresh; `None`: there is no such operation.
    async fn refresh(&mut self, _os: &Os, _lifetime: Nanos) -> Result<Option<bool>> {
        Ok(None)
    }

    async fn is_held(&mut self, os: &Os) -> Result<bool>;

    /// Waits for the lock; false, if it was not to be had in time.
    async fn acquire(&mut self, os: &Os, timeout: Option<Nanos>) -> Result<bool> {
        wait(self, os, timeout).await
    }

    /// The longest that a contender waits between two tries.
    fn poll_most(&self) -> Nanos {
        POLL_MOST
    }

    /// When it wants to do something by itself (by the monotonic clock, ns).
    fn beats_at(&self) -> Option<u64> {
        None
    }

    async fn beat(&mut self, _os: &Os) {}
}

/// Tries until the lock was taken, or the time is up.
async fn wait(lock: &mut (impl Program + ?Sized), os: &Os, timeout: Option<Nanos>) -> Result<bool> {
    let began = os.monotonic();
    let deadline = timeout.map(|timeout| began.saturating_add(timeout.0));
    loop {
        if lock.attempt(os).await? {
            return Ok(true);
        }
        let waited = Nanos((os.monotonic() - began) / POLL_SHARE);
        let most = waited.clamp(Nanos(2 * POLL_LEAST.0), lock.poll_most());
        let poll = os.draw(POLL_LEAST, most);
        let left = deadline.map(|deadline| Nanos(deadline.saturating_sub(os.monotonic())));
        if left == Some(Nanos::ZERO) {
            return Ok(false);
        }
        os.sleep(poll.min(left.unwrap_or(poll))).await;
    }
}

/// The adapter: answers requests, one after the other.
async fn serve(mut lock: impl Program, defect: Defect, os: Os) {
    os.say(r#"{"ready": {"library": "simulated", "version": "1"}}"#.into());
    loop {
        let Some((id, request)) = os.request(lock.beats_at()).await else {
            lock.beat(&os).await;
            continue;
        };
        let answer = match request {
            Request::Acquire { timeout } => {
                let limit = timeout.map(nanos);
                match acquire(&mut lock, limit, defect, &os).await {
                    Ok(true) => Answer::Ok { held: None },
                    Ok(false) if limit == Some(Nanos::ZERO) => Answer::Busy,
                    Ok(false) => Answer::Timeout,
                    Err(errno) => error(errno),
                }
            }
            Request::Release => done(lock.release(&os).await.map(Some)),
            Request::Refresh { lifetime } => done(lock.refresh(&os, nanos(lifetime)).await),
            Request::IsHeld => match lock.is_held(&os).await {
                Ok(held) => Answer::Ok { held: Some(held) },
                Err(errno) => error(errno),
            },
            Request::Quit => return os.answer(id, &Answer::Ok { held: None }),
        };
        os.answer(id, &answer);
    }
}

async fn acquire(
    lock: &mut impl Program,
    limit: Option<Nanos>,
    defect: Defect,
    os: &Os,
) -> Result<bool> {
    if limit.is_none() {
        return lock.acquire(os, limit).await;
    }
    if defect == Defect::RefusesAtRandom && os.draw(Nanos(1), Nanos(3)) == Nanos(1) {
        return Ok(false);
    }
    match lock.acquire(os, limit).await {
        Err(_) if defect == Defect::RefusesOnError => Ok(false),
        taken => taken,
    }
}

fn done(result: Result<Option<bool>>) -> Answer {
    match result {
        Ok(Some(true)) => Answer::Ok { held: None },
        Ok(Some(false)) => Answer::NotHeld,
        Ok(None) => Answer::Unsupported,
        Err(errno) => error(errno),
    }
}

fn error(errno: Errno) -> Answer {
    let symbol = errno.symbol().to_owned();
    Answer::Error { message: symbol.clone(), errno: Some(symbol), class: "OSError".into() }
}

fn nanos(seconds: f64) -> Nanos {
    Nanos((seconds * 1e9).round() as u64)
}
