//! The NFS server of the simulated site: one thread that answers calls in the order in which they
//! are done.
//!
//! What it loses with its power is in [`Server`]; what is on its disk in [`Disk`].

mod state;
mod store;
#[cfg(test)]
mod tests;

pub use state::Manners;

use super::agent::COUNTER;
use super::frame::{Carried, End, SYN, Segment};
use super::node::Io;
use super::rpc::{Body, Call, Done, Errno, Op, Reply, Rpc};
use super::tcp::{self, Tcp};
use crate::site::blueprint::{DiskBlueprint, ServerBlueprint};
use crate::site::disk::trouble::{Outcome, Request, Troubles};
use crate::units::SECOND;
use lockstorm_agent::glob;
use state::{Holder, Recorded, State, Verdict};
use std::collections::BTreeMap;
use std::rc::Rc;
use store::Store;

/// NFS's port.
pub const PORT: u16 = 2049;

/// What a power cut leaves.
#[derive(Default)]
pub struct Disk {
    /// What faults do to requests.
    pub troubles: Troubles,
    /// There is no room left.
    pub full: bool,
    store: Store,
    recorded: Recorded,
    /// How many times it has been served from.
    incarnations: u64,
    /// A defect of the site: of the writes of the counter, each nth is answered and not done.
    forgets: Option<u64>,
    counts: u64,
}

impl Disk {
    /// An empty one, which forgets each nth write of the counter.
    pub fn new(forgets: Option<u64>) -> Disk {
        Disk { forgets, ..Disk::default() }
    }

    pub fn lose_power(&mut self, keep: &mut dyn FnMut(u64) -> bool) -> usize {
        self.store.lose_power(keep)
    }

    /// A file's text, as a process on the server reads it.
    pub fn read(&self, name: &str) -> Option<Rc<str>> {
        self.store.look(name).map(|file| file.text)
    }

    /// The names on the export that fit none of these patterns.
    pub fn names_but(&self, stays: &[String]) -> Vec<String> {
        let names = self.store.names().map(|name| format!("/{name}"));
        names.filter(|name| !stays.iter().any(|pattern| glob::matches(pattern, name))).collect()
    }

    fn forgets(&mut self, op: &Op) -> bool {
        let (Some(nth), Op::Write { name, .. }) = (self.forgets, op) else {
            return false;
        };
        self.counts += u64::from(&**name == COUNTER);
        &**name == COUNTER && self.counts.is_multiple_of(nth)
    }
}

/// A server that serves.
pub struct Server {
    state: State,
    connections: BTreeMap<End, Tcp>,
    /// Calls that are being carried out, by when they are done (ns of its monotonic clock) and
    /// the order in which they came.
    work: BTreeMap<(u64, u64), Work>,
    works: u64,
    disk_latency: u64,
    flush: u64,
    /// It answers before its disk has it.
    is_async: bool,
}

/// A call that is being carried out.
struct Work {
    from: End,
    xid: u64,
    session: u64,
    slot: usize,
    op: Op,
    /// Whether what is to last after this does.
    lasts: bool,
}

impl Server {
    /// Begins to serve. Whoever had something before may reclaim it now.
    pub fn serve(
        disk: &mut Disk,
        hardware: &DiskBlueprint,
        spec: &ServerBlueprint,
        manners: Manners,
        now: u64,
    ) -> Server {
        disk.incarnations += 1;
        disk.recorded.restart();
        let seconds = |seconds: u32| u64::from(seconds) * SECOND;
        let (lease, grace_until) = (seconds(spec.lease_s), now + seconds(spec.grace_s));
        let recorded = &mut disk.recorded;
        Server {
            state: State::new(disk.incarnations, manners, lease, grace_until, recorded),
            connections: BTreeMap::new(),
            work: BTreeMap::new(),
            works: 0,
            disk_latency: hardware.latency.0,
            flush: hardware.flush.0,
            is_async: spec.is_async,
        }
    }

    /// How many files are locked.
    pub fn locked(&self) -> u64 {
        self.state.locked()
    }

    /// When it next has something to do by itself (ns of its monotonic clock).
    pub fn deadline(&self) -> Option<u64> {
        let connections = self.connections.values().filter_map(Tcp::deadline);
        let work = self.work.keys().next().map(|(at, _)| *at);
        connections.chain(work).min()
    }

    /// Does what is due.
    pub fn look_at_clock(&mut self, io: &mut Io, disk: &mut Disk) {
        let now = io.now.monotonic;
        while let Some(first) = self.work.first_entry()
            && first.key().0 <= now
        {
            let work = first.remove();
            self.carry_out(work, io, disk);
        }
        self.connections.retain(|_, connection| connection.look_at_timer(now, io.out));
    }

    /// A segment has come.
    pub fn receive(&mut self, segment: &Segment, io: &mut Io, disk: &mut Disk) {
        let now = io.now.monotonic;
        let Some(connection) = self.connections.get_mut(&segment.from) else {
            if segment.flags == SYN && segment.to.port == PORT {
                // Each incarnation has sequence numbers of its own.
                let first = (self.state.incarnation as u32) << 20 | u32::from(segment.from.port);
                let accepted = Tcp::accept(segment, first, now, io.out);
                self.connections.insert(segment.from, accepted);
            } else {
                io.out.extend(tcp::reset(segment));
            }
            return;
        };
        let received = connection.receive(segment, now, io.out);
        if received.closed {
            self.connections.remove(&segment.from);
        }
        for Carried { number, changed } in received.messages {
            if let Some(rpc) = io.book.read(number)
                && let Body::Call(call) = &rpc.body
            {
                match (changed, call) {
                    (Some(_), Call::Compound { session, slot, seq, .. }) => {
                        self.called_illegally(segment.from, rpc.xid, (*session, *slot, *seq), io);
                    }
                    _ => self.called(segment.from, rpc.xid, call, io, disk),
                }
            }
        }
    }

    fn called(&mut self, from: End, xid: u64, call: &Call, io: &mut Io, disk: &mut Disk) {
        let (now, recorded) = (io.now.monotonic, &mut disk.recorded);
        self.state.expire(now, recorded);
        let reply = match call {
            Call::ExchangeId { owner, verifier } => {
                Reply::ExchangeId { client: self.state.exchange_id(*owner, *verifier) }
            }
            Call::CreateSession { client } => {
                Reply::CreateSession(self.state.create_session(*client, now, recorded))
            }
            Call::Compound { session, slot, seq, op } => {
                match self.state.sequence(*session, *slot, *seq, now) {
                    Verdict::Answered(reply) => reply,
                    Verdict::InProgress => return,
                    Verdict::New => {
                        let (session, slot, op) = (*session, *slot, op.clone());
                        let work = Work { from, xid, session, slot, op, lasts: true };
                        return self.begin(work, io, disk);
                    }
                }
            }
        };
        self.reply(from, xid, reply, io);
    }

    /// Of a COMPOUND whose operation it does not know, it carries out the SEQUENCE.
    fn called_illegally(&mut self, from: End, xid: u64, slot: (u64, usize, u32), io: &mut Io) {
        let (session, slot, seq) = slot;
        let reply = match self.state.sequence(session, slot, seq, io.now.monotonic) {
            Verdict::Answered(reply) => reply,
            Verdict::InProgress => return,
            Verdict::New => {
                let reply = Reply::Compound(Err(Errno::Illegal));
                self.state.replied(session, slot, &reply);
                reply
            }
        };
        self.reply(from, xid, reply, io);
    }

    /// Carries a call out, as soon as the disk allows.
    fn begin(&mut self, mut work: Work, io: &mut Io, disk: &mut Disk) {
        let changes = !matches!(
            work.op,
            Op::Renew
                | Op::Look(_)
                | Op::Open(_)
                | Op::ReclaimComplete
                | Op::Lock { .. }
                | Op::Unlock { .. }
        );
        let mut met = Outcome::default();
        if changes {
            met = disk.troubles.meet(Request::Write(0, 8));
        }
        if changes && !matches!(work.op, Op::Write { .. }) {
            let flush = disk.troubles.meet(Request::Flush);
            work.lasts = !flush.ignored && !self.is_async;
            met.fails |= flush.fails;
            met.late_ns += flush.late_ns;
        }
        if met.fails || (disk.full && matches!(work.op, Op::Write { .. })) {
            let Work { from, xid, session, slot, .. } = work;
            let reply = Reply::Compound(Err(Errno::Io));
            self.state.replied(session, slot, &reply);
            return self.reply(from, xid, reply, io);
        }
        let time = match &work.op {
            // What is only read is in memory.
            Op::Renew | Op::Look(_) | Op::Open(_) | Op::ReclaimComplete => 0,
            Op::Lock { .. } | Op::Unlock { .. } => 0,
            Op::Write { .. } => self.disk_latency,
            _ => self.disk_latency + self.flush,
        };
        let time = time + met.late_ns;
        if time == 0 {
            return self.carry_out(work, io, disk);
        }
        self.works += 1;
        self.work.insert((io.now.monotonic + time, self.works), work);
    }

    fn carry_out(&mut self, work: Work, io: &mut Io, disk: &mut Disk) {
        let Work { from, xid, session, slot, op, lasts } = work;
        let reply = Reply::Compound(match op {
            Op::Commit(_) if !lasts => Ok(Done::Written { verifier: self.state.incarnation }),
            _ => self.execute(&op, session, io, disk),
        });
        self.state.replied(session, slot, &reply);
        self.reply(from, xid, reply, io);
    }

    fn execute(&mut self, op: &Op, session: u64, io: &Io, disk: &mut Disk) -> Result<Done, Errno> {
        let now = io.now.monotonic;
        let client = self.state.client_of(session);
        match (op, client) {
            (Op::Lock { name, reclaim, owner, .. }, Some(client)) => {
                let holder = Holder { client, owner: *owner };
                self.state.lock(holder, name, *reclaim, now, &mut disk.recorded)
            }
            (Op::Unlock { name, owner }, Some(client)) => {
                self.state.unlock(Holder { client, owner: *owner }, name);
                Ok(Done::Ok)
            }
            (Op::ReclaimComplete, Some(client)) => {
                self.state.reclaim_complete(client);
                Ok(Done::Ok)
            }
            _ if waits_for_grace(op) && self.state.in_grace(now, &mut disk.recorded) => {
                Err(Errno::Grace)
            }
            _ if disk.forgets(op) => Ok(Done::Written { verifier: self.state.incarnation }),
            _ => disk.store.execute(op, io.now.wall, self.state.incarnation),
        }
    }

    fn reply(&mut self, to: End, xid: u64, reply: Reply, io: &mut Io) {
        let connection = self.connections.get_mut(&to).filter(|connection| connection.is_open());
        if let Some(connection) = connection {
            let number = io.book.enter(Rpc { xid, body: Body::Reply(reply) });
            connection.send(number, io.now.monotonic, io.out);
        }
    }
}

/// What makes or takes away names that others may have open, or state that they may reclaim
/// (opens_in_grace in fs/nfsd/nfs4proc.c).
fn waits_for_grace(op: &Op) -> bool {
    matches!(
        op,
        Op::Open(_)
            | Op::Create { .. }
            | Op::Rename { .. }
            | Op::Remove(_)
            | Op::RemoveFile { .. }
            | Op::Swap { .. }
    )
}
