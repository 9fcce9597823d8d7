//! A client's kernel: its NFS client with its connection, its session, its lease and its locks, as
//! Linux has them and RFC 8881 wants them.
//!
//! A call is never given up (a `hard` mount): it is sent again on the next connection, in the same
//! slot; and after the server has forgotten the session, in the next session.

use super::frame::{Carried, End, Segment};
use super::node::Io;
use super::rpc::{Body, Call, Done, Errno, Name, Op, Reply, Rpc};
use super::server::PORT;
use super::tcp::{self, Tcp};
use crate::rpc::{NFS4ERR_DELAY, NFS4ERR_OP_ILLEGAL};
use crate::site::NodeId;
use crate::units::{MILLISECOND, SECOND};
use std::collections::{BTreeSet, VecDeque};

/// The slots of a session, so many calls may be under way.
const SLOTS: usize = 4;
/// XS_TCP_INIT_REEST_TO and XS_TCP_MAX_REEST_TO in net/sunrpc/xprtsock.c: how long after a try to
/// connect the next one comes at the earliest; twice as long each time.
const CONNECT_LEAST: u64 = 3 * SECOND;
const CONNECT_MOST: u64 = 300 * SECOND;
/// NFS4_POLL_RETRY_MIN and NFS4_POLL_RETRY_MAX in fs/nfs/nfs4proc.c: when the server says "later".
const LATER_LEAST: u64 = 100 * MILLISECOND;
const LATER_MOST: u64 = 15 * SECOND;
/// NFS4_LOCK_MINTIMEOUT and NFS4_LOCK_MAXTIMEOUT there: when a lock is waited for.
const WAIT_LEAST: u64 = SECOND;
const WAIT_MOST: u64 = 30 * SECOND;
/// The least between two looks at the lease (nfs4_schedule_state_renewal in fs/nfs/nfs4renewd.c).
const RENEWAL_LEAST: u64 = 5 * SECOND;
/// mount(2) gives up after so long: timeo and two more tries.
const MOUNT_WITHIN: u64 = 180 * SECOND;

pub struct Client {
    node: NodeId,
    /// Tells this incarnation of the client from its others.
    verifier: u64,
    lease: u64,
    connection: Connection,
    xids: u64,
    session: Option<u64>,
    slots: [Slot; SLOTS],
    recovery: Option<Recovery>,
    /// Which incarnation of the server it knows.
    server: u64,
    waiting: VecDeque<Ask>,
    later: Vec<(u64, Ask)>,
    /// When the latest call was sent that the server has answered.
    renewed_at: u64,
    renew_at: Option<u64>,
    renewing: bool,
    /// The files whose locks it has.
    held: BTreeSet<Name>,
    /// How many processes of locks have ended here: the number of the one that runs.
    process: u32,
    mount: Mount,
    /// What has been done, for those who asked.
    done: VecDeque<(Asker, Result<Done, Errno>)>,
}

/// All times are those of the client's monotonic clock (ns).
struct Connection {
    tcp: Option<Tcp>,
    /// Ports that it has had: none is used twice.
    ports: u16,
    tried_at: u64,
    /// How long after the last try the next one may come.
    back_off: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    Not,
    Until(u64),
    Mounted,
    Failed(&'static str),
}

/// Who wants an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    Process,
    Counter,
    Renewal,
    Recovery,
    /// A process that has ended meanwhile, or the kernel that tidies up after it.
    Ended,
}

#[derive(Clone, Debug)]
struct Ask {
    asker: Asker,
    op: Op,
    /// How long it waited for its last try.
    delay: u64,
}

#[derive(Default)]
struct Slot {
    seq: u32,
    busy: Option<Sent>,
}

struct Sent {
    xid: u64,
    ask: Ask,
    at: u64,
}

/// The way back to a session and to the locks (RFC 8881, section 8.4.2).
struct Recovery {
    /// EXCHANGE_ID or CREATE_SESSION, until there is a session.
    call: Option<(u64, Call)>,
    reclaim: Vec<Name>,
}

impl Client {
    pub fn new(node: NodeId, verifier: u64, lease: u64, ports: u16) -> Client {
        Client {
            node,
            verifier,
            lease,
            connection: Connection { tcp: None, ports, tried_at: 0, back_off: 0 },
            xids: 0,
            session: None,
            slots: Default::default(),
            recovery: None,
            server: 0,
            waiting: VecDeque::new(),
            later: Vec::new(),
            renewed_at: 0,
            renew_at: None,
            renewing: false,
            held: BTreeSet::new(),
            process: 0,
            mount: Mount::Not,
            done: VecDeque::new(),
        }
    }

    pub fn mount(&mut self, io: &mut Io) {
        self.mount = Mount::Until(io.now.monotonic + MOUNT_WITHIN);
        self.recover(io);
    }

    /// How far the mount has come; what came of it is told once.
    pub fn mounted(&mut self) -> Mount {
        let mount = self.mount;
        if matches!(mount, Mount::Mounted | Mount::Failed(_)) {
            self.mount = Mount::Not;
        }
        mount
    }

    /// The ports that it has used.
    pub fn ports(&self) -> u16 {
        self.connection.ports
    }

    /// Asks the server for something, sooner or later.
    pub fn ask(&mut self, asker: Asker, op: Op, io: &mut Io) {
        if let Op::Unlock { name, .. } = &op {
            self.held.remove(name);
        }
        let op = match op {
            Op::Lock { name, reclaim, wait, .. } => {
                Op::Lock { name, reclaim, wait, owner: self.process }
            }
            Op::Unlock { name, .. } => Op::Unlock { name, owner: self.process },
            other => other,
        };
        self.waiting.push_back(Ask { asker, op, delay: 0 });
        self.go_on(io);
    }

    /// Its process was killed. What was not sent yet never is, nobody hears of what was, and the
    /// files are closed whose locks it had.
    pub fn process_has_ended(&mut self, io: &mut Io) {
        self.waiting.retain(|ask| ask.asker != Asker::Process);
        self.later.retain(|(_, ask)| ask.asker != Asker::Process);
        self.done.retain(|(asker, _)| *asker != Asker::Process);
        for sent in self.slots.iter_mut().filter_map(|slot| slot.busy.as_mut()) {
            if sent.ask.asker == Asker::Process {
                sent.ask.asker = Asker::Ended;
            }
        }
        for name in std::mem::take(&mut self.held) {
            self.ask(Asker::Ended, Op::Unlock { name, owner: self.process }, io);
        }
        self.process += 1;
    }

    /// What has been done, each told once.
    pub fn done(&mut self) -> Option<(Asker, Result<Done, Errno>)> {
        self.done.pop_front()
    }

    /// When it next has something to do by itself.
    pub fn deadline(&self) -> Option<u64> {
        let connection = match &self.connection.tcp {
            Some(tcp) => tcp.deadline(),
            None if self.has_work() => Some(self.connection.tried_at + self.connection.back_off),
            None => None,
        };
        let mount = match self.mount {
            Mount::Until(at) => Some(at),
            _ => None,
        };
        let later = self.later.iter().map(|(at, _)| *at).min();
        [connection, mount, later, self.renew_at].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn look_at_clock(&mut self, io: &mut Io) {
        let now = io.now.monotonic;
        if let Some(tcp) = &mut self.connection.tcp
            && !tcp.look_at_timer(now, io.out)
        {
            self.disconnected(io);
        }
        if matches!(self.mount, Mount::Until(at) if now >= at) {
            self.give_up_mount("ETIMEDOUT");
        }
        if self.renew_at.is_some_and(|at| now >= at) {
            self.renew(now);
        }
        let (due, later) = self.later.drain(..).partition(|(at, _)| *at <= now);
        self.later = later;
        let due: Vec<(u64, Ask)> = due;
        self.waiting.extend(due.into_iter().map(|(_, ask)| ask));
        self.go_on(io);
    }

    /// nfs4_renew_state in fs/nfs/nfs4renewd.c.
    fn renew(&mut self, now: u64) {
        if now > self.renewed_at + self.lease / 3 && !self.renewing {
            self.renewing = true;
            self.waiting.push_back(Ask { asker: Asker::Renewal, op: Op::Renew, delay: 0 });
        }
        self.schedule_renewal(now);
    }

    fn schedule_renewal(&mut self, now: u64) {
        let due = self.renewed_at + 2 * (self.lease / 3);
        self.renew_at = Some(due.max(now + RENEWAL_LEAST));
    }

    fn has_work(&self) -> bool {
        let busy = self.slots.iter().any(|slot| slot.busy.is_some());
        busy || self.recovery.is_some() || !self.waiting.is_empty()
    }

    /// Sends what waits, as far as there is a connection, a session, and a slot.
    fn go_on(&mut self, io: &mut Io) {
        match &self.connection.tcp {
            None => return self.connect(io),
            Some(tcp) if !tcp.is_open() => return,
            Some(_) => {}
        }
        while self.recovery.is_none()
            && let Some(free) = self.slots.iter().position(|slot| slot.busy.is_none())
            && let Some(ask) = self.waiting.pop_front()
        {
            self.send_in(free, ask, io);
        }
    }

    fn connect(&mut self, io: &mut Io) {
        let now = io.now.monotonic;
        let Connection { tcp, ports, tried_at, back_off } = &mut self.connection;
        let too_soon = *ports > 0 && now < *tried_at + *back_off;
        if too_soon
            || tcp.is_some()
            || !self.slots.iter().any(|slot| slot.busy.is_some())
                && self.recovery.is_none()
                && self.waiting.is_empty()
        {
            return;
        }
        *ports += 1;
        let local = End { node: self.node, port: 600 + *ports };
        let first = u32::from(*ports) << 20;
        *tried_at = now;
        *back_off = (2 * *back_off).clamp(CONNECT_LEAST, CONNECT_MOST);
        *tcp =
            Some(Tcp::connect(local, End { node: NodeId::SERVER, port: PORT }, first, now, io.out));
    }

    fn disconnected(&mut self, io: &mut Io) {
        self.connection.tcp = None;
        self.connect(io);
    }

    /// A segment has come.
    pub fn receive(&mut self, segment: &Segment, io: &mut Io) {
        let tcp = self.connection.tcp.as_mut().filter(|tcp| tcp.takes(segment));
        let Some(tcp) = tcp else {
            io.out.extend(tcp::reset(segment));
            return;
        };
        let was_open = tcp.is_open();
        let received = tcp.receive(segment, io.now.monotonic, io.out);
        if received.opened {
            self.connected(io);
        }
        if received.closed {
            if !was_open {
                self.give_up_mount("ECONNREFUSED");
            }
            return self.disconnected(io);
        }
        for Carried { number, changed } in received.messages {
            if let Some(rpc) = io.book.read(number)
                && let Body::Reply(reply) = &rpc.body
            {
                match (changed, reply) {
                    (Some(status), Reply::Compound(Err(Errno::Illegal))) => {
                        self.replied(rpc.xid, &Reply::Compound(Err(refused_with(status))), io);
                    }
                    _ => self.replied(rpc.xid, reply, io),
                }
            }
        }
        self.go_on(io);
    }

    /// Acknowledges what came, if nothing was sent that did.
    pub fn acknowledge(&mut self, io: &mut Io) {
        if let Some(tcp) = &mut self.connection.tcp {
            tcp.acknowledge(io.out);
        }
    }

    fn give_up_mount(&mut self, errno: &'static str) {
        if matches!(self.mount, Mount::Until(_)) {
            self.mount = Mount::Failed(errno);
            (self.recovery, self.session) = (None, None);
        }
    }

    /// There is a connection: what was under way is sent again, as it was.
    fn connected(&mut self, io: &mut Io) {
        self.connection.back_off = 0;
        if let Some(Recovery { call: Some((xid, call)), .. }) = &self.recovery {
            let (xid, call) = (*xid, call.clone());
            self.transmit(xid, call, io);
        }
        for slot in 0..SLOTS {
            if let Some(sent) = &self.slots[slot].busy {
                let (xid, op) = (sent.xid, sent.ask.op.clone());
                self.transmit_in(slot, xid, op, io);
            }
        }
    }

    fn send_in(&mut self, slot: usize, ask: Ask, io: &mut Io) {
        self.xids += 1;
        let (xid, op) = (self.xids, ask.op.clone());
        let state = &mut self.slots[slot];
        state.seq += 1;
        state.busy = Some(Sent { xid, ask, at: io.now.monotonic });
        self.transmit_in(slot, xid, op, io);
    }

    fn transmit_in(&mut self, slot: usize, xid: u64, op: Op, io: &mut Io) {
        let (Some(session), seq) = (self.session, self.slots[slot].seq) else {
            return;
        };
        self.transmit(xid, Call::Compound { session, slot, seq, op }, io);
    }

    fn transmit(&mut self, xid: u64, call: Call, io: &mut Io) {
        let open = self.connection.tcp.as_mut().filter(|tcp| tcp.is_open());
        if let Some(tcp) = open {
            let number = io.book.enter(Rpc { xid, body: Body::Call(call) });
            tcp.send(number, io.now.monotonic, io.out);
        }
    }

    fn replied(&mut self, xid: u64, reply: &Reply, io: &mut Io) {
        if let Some(Recovery { call: Some((asked, _)), .. }) = &self.recovery {
            if *asked == xid {
                self.recovery_replied(reply, io);
            }
            return;
        }
        let known = |slot: &Slot| slot.busy.as_ref().is_some_and(|sent| sent.xid == xid);
        let Some(slot) = self.slots.iter().position(known) else {
            return;
        };
        match reply {
            Reply::Compound(result) => {
                if let Some(sent) = self.slots[slot].busy.take() {
                    self.answered(sent, result.clone(), io);
                }
            }
            Reply::BadSession => self.recover(io),
            // To a call of a slot that was sent before another one was answered in it.
            _ => {}
        }
    }

    fn answered(&mut self, sent: Sent, result: Result<Done, Errno>, io: &mut Io) {
        let now = io.now.monotonic;
        let Sent { ask: Ask { asker, op, delay }, at, .. } = sent;
        if at > self.renewed_at {
            self.renewed_at = at;
            self.schedule_renewal(now);
        }
        let (least, most) = match (&result, &op) {
            // Granted to nobody.
            (Ok(_), Op::Lock { name, owner, .. }) if asker == Asker::Ended => {
                let op = Op::Unlock { name: name.clone(), owner: *owner };
                return self.waiting.push_back(Ask { asker, op, delay: 0 });
            }
            (Err(_), Op::Lock { .. }) if asker == Asker::Ended => return,
            (Err(Errno::Grace), _) => (LATER_LEAST, LATER_MOST),
            (Err(Errno::Again), Op::Lock { wait: true, .. }) => (WAIT_LEAST, WAIT_MOST),
            _ => {
                if let (Ok(_), Op::Lock { name, .. }) = (&result, &op) {
                    self.held.insert(name.clone());
                }
                return match asker {
                    Asker::Recovery => self.reclaimed(&op, &result, io),
                    Asker::Renewal => self.renewing = false,
                    Asker::Ended => {}
                    _ => self.done.push_back((asker, result)),
                };
            }
        };
        let delay = (2 * delay).clamp(least, most);
        self.later.push((now + delay, Ask { asker, op, delay }));
    }

    /// The server does not know the session: what was under way waits for the next one.
    fn recover(&mut self, io: &mut Io) {
        self.session = None;
        let slots = std::mem::take(&mut self.slots);
        let mut asks: Vec<Sent> = slots.into_iter().filter_map(|slot| slot.busy).collect();
        asks.sort_by_key(|sent| sent.xid);
        for sent in asks.into_iter().rev().filter(|sent| sent.ask.asker != Asker::Recovery) {
            self.waiting.push_front(sent.ask);
        }
        let call = Call::ExchangeId { owner: self.node, verifier: self.verifier };
        self.recovery = Some(Recovery { call: None, reclaim: Vec::new() });
        self.call_for_recovery(call, io);
    }

    fn call_for_recovery(&mut self, call: Call, io: &mut Io) {
        self.xids += 1;
        let xid = self.xids;
        if let Some(recovery) = &mut self.recovery {
            recovery.call = Some((xid, call.clone()));
        }
        match self.connection.tcp {
            None => self.connect(io),
            Some(_) => self.transmit(xid, call, io),
        }
    }

    fn recovery_replied(&mut self, reply: &Reply, io: &mut Io) {
        match reply {
            Reply::ExchangeId { client } => {
                // What it had from a server that has been there all the while went with its lease;
                // from one that has restarted it may be reclaimed (RFC 8881, section 8.4.2).
                let incarnation = client >> 32;
                if std::mem::replace(&mut self.server, incarnation) == incarnation {
                    self.held.clear();
                }
                self.call_for_recovery(Call::CreateSession { client: *client }, io);
            }
            Reply::CreateSession(Some(session)) => {
                self.session = Some(*session);
                self.renewed_at = io.now.monotonic;
                self.schedule_renewal(io.now.monotonic);
                let reclaim = self.held.iter().cloned().collect();
                self.recovery = Some(Recovery { call: None, reclaim });
                self.reclaim_next(io);
            }
            _ => self.recover(io),
        }
    }

    fn reclaim_next(&mut self, io: &mut Io) {
        let next = self.recovery.as_mut().and_then(|recovery| recovery.reclaim.pop());
        let op = match next {
            Some(name) => Op::Lock { name, reclaim: true, wait: false, owner: self.process },
            None => Op::ReclaimComplete,
        };
        self.send_in(0, Ask { asker: Asker::Recovery, op, delay: 0 }, io);
    }

    fn reclaimed(&mut self, op: &Op, result: &Result<Done, Errno>, io: &mut Io) {
        match op {
            Op::Lock { name, .. } => {
                if result.is_err() {
                    self.held.remove(name);
                }
                self.reclaim_next(io);
            }
            _ => {
                self.recovery = None;
                if matches!(self.mount, Mount::Until(_)) {
                    self.mount = Mount::Mounted;
                }
            }
        }
    }
}

/// What a program is told of an error that a fault has put into a reply, or what its kernel does
/// (nfs4_map_errors in fs/nfs/nfs4proc.c).
fn refused_with(status: u32) -> Errno {
    match status {
        NFS4ERR_OP_ILLEGAL => Errno::Illegal,
        NFS4ERR_DELAY => Errno::Grace,
        _ => Errno::Io,
    }
}
