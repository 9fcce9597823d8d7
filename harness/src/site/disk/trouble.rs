//! What faults do to the requests of the server's disk, and how the effects of several add up: a
//! request fails that one of them fails, and delays are added.

use crate::seeds;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// What one fault does to requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trouble {
    /// Share of requests that fail.
    pub errors: f64,
    /// The first sector and the last that any of this is about; default: all, and flushes.
    pub sectors: Option<(u64, u64)>,
    /// Every write fails.
    pub read_only: bool,
    /// How much later a read or a write is done (ns), and a flush.
    pub late_ns: u64,
    pub flush_late_ns: u64,
    /// A flush is answered, and nothing is flushed.
    pub ignores_flush: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Of so many sectors, from one on.
    Read(u64, u64),
    Write(u64, u64),
    Flush,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub fails: bool,
    pub late_ns: u64,
    /// It is answered, and not carried out.
    pub ignored: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TroubleId(u64);

/// All that is in force.
#[derive(Default)]
pub struct Troubles {
    laid: Vec<Laid>,
    next: u64,
}

struct Laid {
    id: TroubleId,
    trouble: Trouble,
    rng: ChaCha8Rng,
    hits: u64,
}

impl Troubles {
    /// Puts one into force. What it draws at random comes from `seed`.
    pub fn lay(&mut self, trouble: Trouble, seed: u64) -> TroubleId {
        let id = TroubleId(self.next);
        self.next += 1;
        self.laid.push(Laid { id, trouble, rng: seeds::generator(seed), hits: 0 });
        id
    }

    /// Lifts one; answers how many requests it hit.
    pub fn lift(&mut self, id: TroubleId) -> u64 {
        let found = self.laid.iter().position(|laid| laid.id == id);
        found.map_or(0, |index| self.laid.remove(index).hits)
    }

    /// Decides about one request.
    pub fn meet(&mut self, request: Request) -> Outcome {
        let mut outcome = Outcome::default();
        for laid in &mut self.laid {
            let one = laid.trouble.decide(request, &mut laid.rng);
            laid.hits += u64::from(one != Outcome::default());
            outcome.fails |= one.fails;
            outcome.ignored |= one.ignored;
            outcome.late_ns = outcome.late_ns.saturating_add(one.late_ns);
        }
        outcome
    }
}

impl Trouble {
    fn decide(&self, request: Request, rng: &mut ChaCha8Rng) -> Outcome {
        // A draw for every request, so that none shifts another's.
        let drawn = rng.random::<f64>() < self.errors;
        let meets = match (request, self.sectors) {
            (_, None) => true,
            (Request::Flush, Some(_)) => false,
            (Request::Read(from, count) | Request::Write(from, count), Some((first, last))) => {
                from <= last && from.saturating_add(count) > first
            }
        };
        if !meets {
            return Outcome::default();
        }
        let refused = self.read_only && matches!(request, Request::Write(..));
        let is_flush = request == Request::Flush;
        let late_ns = if is_flush { self.flush_late_ns } else { self.late_ns };
        Outcome { fails: drawn || refused, late_ns, ignored: is_flush && self.ignores_flush }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_add_up_and_lifting_one_leaves_the_others() {
        let mut troubles = Troubles::default();
        let slow = Trouble { late_ns: 5, flush_late_ns: 7, ..Trouble::default() };
        let one = troubles.lay(slow, 1);
        let two = troubles.lay(Trouble { read_only: true, late_ns: 3, ..Trouble::default() }, 2);
        let met = |fails, late_ns| Outcome { fails, late_ns, ignored: false };
        assert_eq!(troubles.meet(Request::Write(0, 8)), met(true, 8));
        assert_eq!(troubles.meet(Request::Read(0, 8)), met(false, 8));
        assert_eq!(troubles.meet(Request::Flush), met(false, 7));
        assert_eq!(troubles.lift(two), 2);
        assert_eq!(troubles.meet(Request::Write(0, 8)), met(false, 5));
        assert_eq!((troubles.lift(one), troubles.lift(one)), (4, 0));
    }

    #[test]
    fn only_flushes_are_ignored() {
        let mut troubles = Troubles::default();
        let id = troubles.lay(Trouble { ignores_flush: true, ..Trouble::default() }, 1);
        let requests = [Request::Flush, Request::Write(0, 8), Request::Read(0, 8)];
        let ignored = requests.map(|request| troubles.meet(request).ignored);
        assert_eq!((ignored, troubles.lift(id)), ([true, false, false], 1));
    }

    #[test]
    fn a_share_of_the_requests_fails_and_of_a_range_those_that_touch_it() {
        let mut troubles = Troubles::default();
        let id = troubles.lay(Trouble { errors: 0.3, ..Trouble::default() }, 1);
        let failed = (0..1000).filter(|at| troubles.meet(Request::Read(*at, 1)).fails).count();
        assert!((250..350).contains(&failed), "{failed}");
        troubles.lift(id);
        troubles.lay(Trouble { errors: 1.0, sectors: Some((8, 15)), ..Trouble::default() }, 1);
        let mut fails = |from| troubles.meet(Request::Write(from, 8)).fails;
        assert_eq!([fails(0), fails(1), fails(15), fails(16)], [false, true, true, false]);
        assert!(!troubles.meet(Request::Flush).fails);
    }
}
