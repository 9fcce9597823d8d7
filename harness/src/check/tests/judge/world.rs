//! What nobody has seen: one of the states that lock, file and clients may be in.

use super::parameters::{NEVER, Tick};
use super::wrongs::Wrongs;
use crate::site::ClientId;

/// Sites of the judge have at most so many clients.
pub const CLIENTS_MAX: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct World {
    pub lock: Lock,
    pub minds: [Mind; CLIENTS_MAX],
    /// What the dead and those that failed have sent, and what may still arrive. In order.
    pub flights: Vec<Flight>,
    /// The counter's value on the server; unknown once somebody without a claim has written.
    pub file: Option<u16>,
    /// What had to be broken for it to come to this.
    pub wrongs: Wrongs,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lock {
    Free {
        since: Tick,
        /// It was released, and does not only seem so.
        released: bool,
        left: Option<Left>,
    },
    Held(Record),
}

/// A time with the lock: from the last time that it was obtained or renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stay {
    pub since: Tick,
    pub life: Tick,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    pub owner: ClientId,
    /// Which of the owner's processes.
    pub process: u8,
    pub stay: Stay,
    /// Its owner has acquired it more than once, and may have to release it as often.
    pub nested: bool,
    /// How it was before, as long as its owner has not been told that it has it.
    pub before: Before,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Before {
    /// Nobody waited for it, or its owner knows.
    Settled,
    Broken(Stay),
    /// It was free since then.
    Released(Tick, Option<Left>),
}

/// A stay that was ended by a call of its owner's, and nobody knows that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Left {
    pub owner: ClientId,
    pub stay: Stay,
}

/// What a client's open call has come to, and what it was left with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mind {
    /// When its open call took effect.
    pub done: Option<Tick>,
    /// The open call freed the lock of another.
    pub foreign: bool,
    /// At some time of the open call nobody else surely held the lock; of a release: it was not the
    /// caller's, so that there was nothing to release.
    pub yes: bool,
    /// At some time of it the client did not surely hold the lock.
    pub no: bool,
    pub hold: Option<Hold>,
    /// It was let in beside the lock's owner.
    pub beside: bool,
    pub count: Count,
}

/// What a client's last successful call gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hold {
    pub stay: Stay,
    /// It has lost the lock, and no promise was broken by that.
    pub void: bool,
    /// It was got while another had the lock.
    pub wrongly: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Count {
    #[default]
    No,
    Begun,
    Read {
        value: u16,
        /// Another that held the lock has written since.
        overtaken: bool,
    },
    Written,
}

/// A request that arrives later than its client lived, or knew of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flight {
    pub client: ClientId,
    pub process: u8,
    pub what: Sent,
    /// The last time at which it can arrive; [`NEVER`] as long as nobody knows.
    pub until: Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sent {
    Acquire,
    Release,
    Refresh(Tick),
    Write(u16),
}

impl Stay {
    /// The first time at which it is over.
    pub fn end(self) -> Tick {
        if self.life == NEVER { NEVER } else { self.since + self.life }
    }
}

impl World {
    pub fn first() -> World {
        World {
            lock: Lock::Free { since: 0, released: false, left: None },
            minds: [Mind::default(); CLIENTS_MAX],
            flights: Vec::new(),
            file: Some(0),
            wrongs: Wrongs::NONE,
        }
    }

    pub fn record(&self) -> Option<&Record> {
        match &self.lock {
            Lock::Held(record) => Some(record),
            Lock::Free { .. } => None,
        }
    }

    pub fn send(&mut self, flight: Flight) {
        self.flights.push(flight);
        self.flights.sort_unstable();
    }
}
