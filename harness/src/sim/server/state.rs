//! What the server knows of its clients (RFC 8881): who they are and their leases (section 8.3),
//! their sessions with the replies that were given (2.10.6), record locks (9), and who may reclaim
//! what after a restart (8.4.2).

use crate::sim::rpc::{Done, Errno, Name, Reply};
use crate::site::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// What is on stable storage, so that a client that lost its locks cannot reclaim them
/// (RFC 8881, section 8.4.3).
#[derive(Default)]
pub struct Recorded {
    /// Clients that had state when the server lost its power: they may reclaim.
    pub recoverable: BTreeSet<NodeId>,
    /// Clients of this incarnation; they are the recoverable ones of the next, once the grace time
    /// is over.
    current: BTreeSet<NodeId>,
    grace_is_over: bool,
}

impl Recorded {
    /// The server begins to serve. Who did not come back in a grace time that ran out has lost what
    /// it had; in one that a second restart cut short, nobody lost anything.
    pub fn restart(&mut self) {
        if std::mem::take(&mut self.grace_is_over) {
            self.recoverable = std::mem::take(&mut self.current);
        }
        self.current.clear();
    }
}

/// How this server makes use of the freedom that RFC 8881 leaves.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// It keeps what a client has whose lease is over until another asks for it (section 8.4.2.4),
    /// as Linux does since 5.19.
    pub courteous: bool,
    /// Its grace time is over when everybody has reclaimed (section 8.4.2.1), as Linux's is.
    pub ends_grace_early: bool,
}

/// The state of one incarnation. Times are those of the server's monotonic clock (ns).
pub struct State {
    /// Tells this incarnation from all others; its numbers begin with it.
    pub incarnation: u64,
    manners: Manners,
    lease: u64,
    grace_until: u64,
    grace_is_over: bool,
    reclaimed: BTreeSet<NodeId>,
    numbers: u64,
    clients: BTreeMap<u64, Client>,
    sessions: BTreeMap<u64, Session>,
    /// Who has the lock of a file.
    locks: BTreeMap<Name, Holder>,
}

/// Who has a lock: one of a client's lock-owners (RFC 8881, section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    pub client: u64,
    pub owner: u32,
}

struct Client {
    owner: NodeId,
    verifier: u64,
    /// It has made a session: until then it has nothing, and costs others nothing.
    confirmed: bool,
    session: Option<u64>,
    renewed_at: u64,
}

struct Session {
    client: u64,
    slots: BTreeMap<usize, Slot>,
}

/// The last call of a slot, and its reply when there is one.
struct Slot {
    seq: u32,
    reply: Option<Reply>,
}

/// What is to become of a call.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// It is new: carry it out.
    New,
    /// It is being carried out.
    InProgress,
    /// It is answered: with the reply that it was given, if it was carried out before.
    Answered(Reply),
}

impl State {
    pub fn new(
        incarnation: u64,
        manners: Manners,
        lease: u64,
        grace_until: u64,
        recorded: &mut Recorded,
    ) -> State {
        // Nobody has anything to reclaim.
        recorded.grace_is_over = recorded.recoverable.is_empty();
        State {
            incarnation,
            manners,
            lease,
            grace_until,
            grace_is_over: recorded.grace_is_over,
            reclaimed: BTreeSet::new(),
            numbers: incarnation << 32,
            clients: BTreeMap::new(),
            sessions: BTreeMap::new(),
            locks: BTreeMap::new(),
        }
    }

    pub fn manners(&self) -> Manners {
        self.manners
    }

    pub fn in_grace(&mut self, now: u64, recorded: &mut Recorded) -> bool {
        let all_have = recorded.recoverable.is_subset(&self.reclaimed);
        self.grace_is_over |= now >= self.grace_until || self.manners.ends_grace_early && all_have;
        recorded.grace_is_over = self.grace_is_over;
        !self.grace_is_over
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A client says who it is. One that has said so and did no more is forgotten by that: it may
    /// be the same that has restarted since, and what it sent before may still come.
    pub fn exchange_id(&mut self, owner: NodeId, verifier: u64) -> u64 {
        let same = |client: &Client| client.owner == owner && client.verifier == verifier;
        if let Some((number, _)) = self.clients.iter().find(|(_, client)| same(client)) {
            return *number;
        }
        self.clients.retain(|_, client| client.owner != owner || client.confirmed);
        let number = self.number();
        let client = Client { owner, verifier, confirmed: false, session: None, renewed_at: 0 };
        self.clients.insert(number, client);
        number
    }

    /// Confirms a client, and ends what earlier incarnations of it had.
    pub fn create_session(
        &mut self,
        client: u64,
        now: u64,
        recorded: &mut Recorded,
    ) -> Option<u64> {
        let Client { owner, session, .. } = self.clients.get(&client)?;
        let (owner, known) = (*owner, *session);
        let session = known.unwrap_or_else(|| self.number());
        let new = Session { client, slots: BTreeMap::new() };
        self.sessions.entry(session).or_insert(new);
        let state = self.clients.get_mut(&client)?;
        (state.confirmed, state.session, state.renewed_at) = (true, Some(session), now);
        let others = self.clients.iter().filter(|(number, other)| {
            other.owner == owner && other.confirmed && **number != client
        });
        for other in others.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.forget(other);
        }
        recorded.current.insert(owner);
        Some(session)
    }

    /// A call in a slot of a session, which renews the lease.
    pub fn sequence(&mut self, session: u64, slot: usize, seq: u32, now: u64) -> Verdict {
        let Some(session) = self.sessions.get_mut(&session) else {
            return Verdict::Answered(Reply::BadSession);
        };
        if let Some(client) = self.clients.get_mut(&session.client) {
            client.renewed_at = now;
        }
        let slot = session.slots.entry(slot).or_insert(Slot { seq: 0, reply: None });
        if seq == slot.seq + 1 {
            *slot = Slot { seq, reply: None };
            return Verdict::New;
        }
        match (seq == slot.seq, &slot.reply) {
            (true, Some(reply)) => Verdict::Answered(reply.clone()),
            (true, None) => Verdict::InProgress,
            (false, _) => Verdict::Answered(Reply::Misordered),
        }
    }

    /// Keeps the reply of a call, for the case that it is asked for again.
    pub fn replied(&mut self, session: u64, slot: usize, reply: &Reply) {
        let session = self.sessions.get_mut(&session);
        if let Some(slot) = session.and_then(|session| session.slots.get_mut(&slot)) {
            slot.reply = Some(reply.clone());
        }
    }

    /// Which client's a session is; none, if it is gone.
    pub fn client_of(&self, session: u64) -> Option<u64> {
        self.sessions.get(&session).map(|session| session.client)
    }

    pub fn lock(
        &mut self,
        holder: Holder,
        name: &Name,
        reclaim: bool,
        now: u64,
        recorded: &mut Recorded,
    ) -> Result<Done, Errno> {
        let in_grace = self.in_grace(now, recorded);
        let owner = self.clients.get(&holder.client).map(|client| client.owner);
        let may_reclaim = owner.is_some_and(|owner| recorded.recoverable.contains(&owner));
        match (reclaim, in_grace) {
            (false, true) => return Err(Errno::Grace),
            (true, false) => return Err(Errno::NoGrace),
            (true, true) if !may_reclaim => return Err(Errno::NoGrace),
            _ => {}
        }
        if let Some(other) = self.locks.get(name).copied()
            && other != holder
        {
            if other.client == holder.client || !self.is_over(other.client, now) {
                return Err(Errno::Again);
            }
            self.revoke(other.client, recorded);
        }
        self.locks.insert(name.clone(), holder);
        Ok(Done::Ok)
    }

    /// Whoever does not have the lock has nothing to let go.
    pub fn unlock(&mut self, holder: Holder, name: &Name) {
        if self.locks.get(name) == Some(&holder) {
            self.locks.remove(name);
        }
    }

    /// How many files somebody has the lock of.
    pub fn locked(&self) -> u64 {
        self.locks.len() as u64
    }

    pub fn reclaim_complete(&mut self, client: u64) {
        if let Some(client) = self.clients.get(&client) {
            self.reclaimed.insert(client.owner);
        }
    }

    fn is_over(&self, client: u64, now: u64) -> bool {
        let renewed_at = self.clients.get(&client).map(|client| client.renewed_at);
        renewed_at.is_none_or(|renewed_at| now >= renewed_at + self.lease)
    }

    /// Ends what clients have whose leases are over, unless it waits until others want it.
    pub fn expire(&mut self, now: u64, recorded: &mut Recorded) {
        if self.manners.courteous {
            return;
        }
        let over = self
            .clients
            .iter()
            .filter(|(number, client)| client.confirmed && self.is_over(**number, now));
        for client in over.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.revoke(client, recorded);
        }
    }

    /// Takes away what a client has. That it may not reclaim it is on the disk before another can
    /// get it.
    fn revoke(&mut self, client: u64, recorded: &mut Recorded) {
        if let Some(client) = self.clients.get(&client) {
            recorded.current.remove(&client.owner);
            recorded.recoverable.remove(&client.owner);
        }
        self.forget(client);
    }

    fn forget(&mut self, client: u64) {
        self.locks.retain(|_, holder| holder.client != client);
        self.sessions.retain(|_, session| session.client != client);
        self.clients.remove(&client);
    }
}
