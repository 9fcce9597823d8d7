//! Byte-range locks of one owner that meet its own, unlocks of parts, and many of them: what every
//! byte is afterwards, held against a model.

use super::locks::{gets, is_refused, two_on_a_file};
use crate::conformance::bench::{BOTH, Bench, Step, range, whole, word};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use crate::run::lab::Hand;
use crate::seeds;
use lockstorm_agent::probe::Kind::{self, Exclusive, Shared, Unlock};
use lockstorm_agent::probe::Lock;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// So many bytes are looked at. The last one stands for all that lie behind it: a lock has it if it
/// reaches to the end of the file, and only then.
const BYTES: usize = 11;
/// Where the first lock is, beside which others are tried.
const FIRST: (i64, i64) = (3, 4);
/// Where the others are: the same bytes, around them, inside, across the begin and across the end,
/// inside at the begin and at the end, just before and just behind.
const PLACES: [(i64, i64); 9] =
    [(3, 4), (1, 8), (4, 2), (1, 4), (5, 4), (3, 2), (5, 2), (1, 2), (7, 2)];
/// To the end of the file, and from its begin.
const TO_END: [(i64, i64); 2] = [(5, 0), (0, 0)];
/// The bytes that are locked one by one.
const NEIGHBOURS: i64 = 64;
/// The calls that are drawn. Those who try it again must see the same.
const CALLS: usize = 150;
const SEED: u64 = 14;

pub const PROBES: &[Probe] = &[
    Probe {
        name: "lock-overlap-own",
        rule: "a lock that overlaps one of the same owner and kind is had, and all bytes of both \
               shut others out",
        source: "POSIX, fcntl, F_SETLK (the previous lock type for each byte is replaced)",
        alone: false,
        needs: Needs::Nothing,
        run: overlap_own,
    },
    Probe {
        name: "lock-other-kind",
        rule: "a shared lock in, across or around one's own exclusive one makes these bytes \
               shared, and no others",
        source: "POSIX, fcntl, F_SETLK (the previous lock type for each byte is replaced)",
        alone: false,
        needs: Needs::Nothing,
        run: other_kind,
    },
    Probe {
        name: "lock-exclusive-in-shared",
        rule: "an exclusive lock in, across or around one's own shared one makes these bytes \
               exclusive, and no others",
        source: "POSIX, fcntl, F_SETLK (the previous lock type for each byte is replaced)",
        alone: false,
        needs: Needs::Nothing,
        run: exclusive_in_shared,
    },
    Probe {
        name: "lock-unlock-beyond",
        rule: "an unlock that reaches beyond the locked bytes, at either end or both, frees those \
               in it",
        source: "POSIX, fcntl, F_UNLCK; RFC 8881, section 18.12",
        alone: false,
        needs: Needs::Nothing,
        run: unlock_beyond,
    },
    Probe {
        name: "lock-unlock-shared",
        rule: "an unlock of a part of a shared lock frees these bytes, and leaves the rest shared",
        source: "POSIX, fcntl, F_UNLCK; RFC 8881, section 18.12",
        alone: false,
        needs: Needs::Nothing,
        run: unlock_shared,
    },
    Probe {
        name: "lock-neighbours",
        rule: "64 neighbouring bytes that are locked one by one, out of order, shut others out as \
               one lock does, and are freed one by one",
        source: "POSIX, fcntl; RFC 8881, section 18.10",
        alone: false,
        needs: Needs::Nothing,
        run: neighbours,
    },
    Probe {
        name: "lock-neighbours-shared",
        rule: "two clients have shared locks on 64 neighbouring bytes, taken one by one, and a \
               third process none of them exclusively",
        source: "POSIX, fcntl, F_RDLCK; RFC 8881, section 18.10",
        alone: false,
        needs: Needs::Nothing,
        run: neighbours_shared,
    },
    Probe {
        name: "lock-random",
        rule: "of 150 drawn calls of three processes, those succeed to which no other's lock is in \
               the way",
        source: "POSIX, fcntl, F_SETLK",
        alone: false,
        needs: Needs::Nothing,
        run: random,
    },
    Probe {
        name: "getlk-random",
        rule: "F_GETLK tells a lock that is in the way, or F_UNLCK where none is, beside drawn \
               locks of three processes",
        source: "POSIX, fcntl, F_GETLK; RFC 8881, section 18.11",
        alone: false,
        needs: Needs::Nothing,
        run: random_told,
    },
];

// --- The model ----------------------------------------------------------------------------------

/// What an owner has on each byte.
type Bytes = [char; BYTES];

const FREE: char = '-';
const SHARED: char = 's';
const EXCLUSIVE: char = 'x';

/// The bytes of a lock, as far as they are looked at.
fn span(lock: &Lock) -> std::ops::Range<usize> {
    let at = |offset: i64| usize::try_from(offset).unwrap_or(BYTES).min(BYTES);
    match lock.length {
        0 => at(lock.start)..BYTES,
        length => at(lock.start)..at(lock.start.saturating_add(length)),
    }
}

fn state(kind: Kind) -> char {
    match kind {
        Shared => SHARED,
        Exclusive => EXCLUSIVE,
        Unlock => FREE,
    }
}

/// What a lock that was had, or an unlock, makes of its owner's bytes.
fn paint(bytes: &mut Bytes, lock: &Lock) {
    bytes[span(lock)].fill(state(lock.kind));
}

/// Whether a lock is in the way of another's.
fn is_in_the_way(of: Kind, state: char) -> bool {
    match of {
        Exclusive => state != FREE,
        Shared => state == EXCLUSIVE,
        Unlock => false,
    }
}

/// Whether an owner may have a lock, beside what all have.
fn may_have(owners: &[Bytes], by: usize, lock: &Lock) -> bool {
    let others = owners.iter().enumerate().filter(|(owner, _)| *owner != by);
    let mut states = others.flat_map(|(_, bytes)| &bytes[span(lock)]);
    !states.any(|state| is_in_the_way(lock.kind, *state))
}

fn shown(bytes: &Bytes) -> String {
    bytes.iter().collect()
}

pub(super) fn said(lock: &Lock) -> String {
    format!("{:?}, from {}, length {}", lock.kind, lock.start, lock.length)
}

// --- Two locks of one owner ---------------------------------------------------------------------

/// A lock, and a call that meets it in each of these places; and one that meets two.
pub(super) fn over(first: Kind, then: Kind, places: &[(i64, i64)]) -> Vec<Vec<Lock>> {
    let pair = |(start, length): &(i64, i64)| {
        vec![range(first, FIRST.0, FIRST.1), range(then, *start, *length)]
    };
    let mut cases: Vec<Vec<Lock>> = places.iter().map(pair).collect();
    cases.push(vec![range(first, 1, 3), range(first, 6, 3), range(then, 2, 6)]);
    cases
}

/// In each case an owner makes calls, one after the other, on a file that it has no lock of: each
/// must succeed, and in the end every byte is what the last call to name it has made of it.
pub(super) fn each_comes_to(bench: &mut Bench, cases: &[Vec<Lock>]) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    for steps in cases {
        let mut wanted = [FREE; BYTES];
        let mut said_all = Vec::new();
        for lock in steps {
            said_all.push(said(lock));
            gets(bench, &one, *lock, &said_all.join("; "))?;
            paint(&mut wanted, lock);
        }
        let found = bytes_of(bench, &other)?;
        if found != wanted {
            let calls = said_all.join("; ");
            return broken(format!("{} for {} after {calls}", shown(&found), shown(&wanted)));
        }
        let all = Lock { kind: Unlock, start: 0, length: 0, ..steps[0] };
        gets(bench, &one, all, "the unlock of all")?;
    }
    seen(format!("{} cases", cases.len()))
}

/// What another has on each byte, by what can be had beside it. F_GETLK is another probe's.
fn bytes_of(bench: &mut Bench, by: &Hand) -> Step<Bytes> {
    let mut found = [FREE; BYTES];
    for (at, state) in (0..).zip(&mut found) {
        *state = byte(bench, by, at)?;
    }
    Ok(found)
}

fn byte(bench: &mut Bench, by: &Hand, at: i64) -> Step<char> {
    for (kind, state) in [(Exclusive, FREE), (Shared, SHARED)] {
        let outcome = bench.set_lock(by, "f", range(kind, at, 1))?;
        match word(&outcome) {
            "ok" => {
                gets(bench, by, range(Unlock, at, 1), "the unlock of a byte")?;
                return Ok(state);
            }
            "EAGAIN" | "EACCES" => {}
            errno => return broken(format!("{kind:?}, byte {at}: {errno}")),
        }
    }
    Ok(EXCLUSIVE)
}

fn overlap_own(bench: &mut Bench) -> Seen {
    let overlaps = &PLACES[..5];
    let cases = [over(Exclusive, Exclusive, overlaps), over(Shared, Shared, overlaps)].concat();
    each_comes_to(bench, &cases)
}

fn other_kind(bench: &mut Bench) -> Seen {
    each_comes_to(bench, &over(Exclusive, Shared, &PLACES))
}

fn exclusive_in_shared(bench: &mut Bench) -> Seen {
    each_comes_to(bench, &over(Shared, Exclusive, &PLACES))
}

fn unlock_beyond(bench: &mut Bench) -> Seen {
    each_comes_to(bench, &over(Exclusive, Unlock, &[&PLACES[..], &TO_END].concat()))
}

fn unlock_shared(bench: &mut Bench) -> Seen {
    each_comes_to(bench, &over(Shared, Unlock, &[&PLACES[..], &TO_END].concat()))
}

// --- Many neighbours ----------------------------------------------------------------------------

/// All neighbours, out of order: 37 and 64 have no factor in common.
fn scattered() -> impl Iterator<Item = i64> {
    (0..NEIGHBOURS).map(|at| at * 37 % NEIGHBOURS)
}

fn neighbours(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    for at in scattered() {
        gets(bench, &one, range(Exclusive, at, 1), "one of many")?;
    }
    for at in 0..NEIGHBOURS {
        is_refused(bench, &other, range(Shared, at, 1), "one of many")?;
    }
    is_refused(bench, &other, range(Exclusive, 0, 0), "the whole file")?;
    gets(bench, &other, range(Exclusive, NEIGHBOURS, 1), "the byte behind all")?;
    let found = bench.test_lock(&other, "f", whole(Exclusive))?.map(|(lock, _)| lock);
    let told = match found {
        Some(lock) if (lock.start, lock.length) == (0, NEIGHBOURS) => "one range",
        Some(lock) if lock.length > 0 && lock.start + lock.length <= NEIGHBOURS => "a part",
        _ => return broken(format!("F_GETLK tells {found:?}")),
    };
    for at in scattered() {
        gets(bench, &one, range(Unlock, at, 1), "the unlock of one of many")?;
        gets(bench, &other, range(Exclusive, at, 1), "the byte that is free")?;
    }
    is_refused(bench, &one, range(Shared, 0, NEIGHBOURS), "what the other has now")?;
    seen(format!("F_GETLK tells {told}"))
}

fn neighbours_shared(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let third = bench.client(1)?;
    bench.open(&third, "f", BOTH, "f")?;
    for at in scattered() {
        gets(bench, &one, range(Shared, at, 1), "one of many")?;
        gets(bench, &other, range(Shared, NEIGHBOURS - 1 - at, 1), "one of many, of the other")?;
    }
    for at in 0..NEIGHBOURS {
        is_refused(bench, &third, range(Exclusive, at, 1), "exclusive beside two who share")?;
    }
    gets(bench, &one, range(Unlock, 0, NEIGHBOURS), "the unlock of all by one")?;
    is_refused(bench, &third, range(Exclusive, 0, NEIGHBOURS), "exclusive beside the other")?;
    for at in scattered() {
        is_refused(bench, &third, range(Exclusive, at, 1), "exclusive beside one who shares")?;
        gets(bench, &other, range(Unlock, at, 1), "the unlock of one of many")?;
        gets(bench, &third, range(Exclusive, at, 1), "exclusive when nobody shares")?;
    }
    seen(format!("{NEIGHBOURS} bytes"))
}

// --- Drawn calls --------------------------------------------------------------------------------

/// Two processes on the first client and one on the second, and what they have by the model.
struct Drawn {
    hands: Vec<Hand>,
    owners: Vec<Bytes>,
    rng: ChaCha8Rng,
}

impl Drawn {
    fn new(bench: &mut Bench) -> Step<Drawn> {
        let (one, other) = two_on_a_file(bench)?;
        let second = bench.client(0)?;
        bench.open(&second, "f", BOTH, "f")?;
        let hands = vec![one, other, second];
        let owners = vec![[FREE; BYTES]; hands.len()];
        Ok(Drawn { hands, owners, rng: seeds::generator(SEED) })
    }

    /// Somebody, and a lock of one of these kinds. One in eight reaches to the end of the file.
    fn draw(&mut self, kinds: &[Kind]) -> (usize, Lock) {
        let by = self.rng.random_range(0..self.hands.len());
        let kind = kinds[self.rng.random_range(0..kinds.len())];
        let last = BYTES as i64 - 1;
        let start = self.rng.random_range(0..last);
        let length = match self.rng.random_range(0..8) {
            0 => 0,
            _ => self.rng.random_range(1..=last - start),
        };
        (by, range(kind, start, length))
    }

    /// One sets a lock: whether it has it, which must be as the model says.
    fn set(&mut self, bench: &mut Bench) -> Step<bool> {
        let (by, lock) = self.draw(&[Shared, Exclusive, Unlock]);
        let outcome = bench.set_lock(&self.hands[by], "f", lock)?;
        match (may_have(&self.owners, by, &lock), word(&outcome)) {
            (true, "ok") => {
                paint(&mut self.owners[by], &lock);
                Ok(true)
            }
            (false, "EAGAIN" | "EACCES") => Ok(false),
            (_, answer) => broken(format!("{}: {answer}; {}", self.asked(by, &lock), self.all())),
        }
    }

    /// One asks what is in the way: whether anything is, which must be as the model says.
    fn ask(&mut self, bench: &mut Bench) -> Step<bool> {
        let (by, lock) = self.draw(&[Shared, Exclusive]);
        let told = bench.test_lock(&self.hands[by], "f", lock)?.map(|(told, _)| told);
        let is_right = match &told {
            None => may_have(&self.owners, by, &lock),
            Some(told) => self.is_there(by, &lock, told),
        };
        if !is_right {
            let told = told.as_ref().map_or("F_UNLCK".to_owned(), said);
            return broken(format!("{} is told {told}; {}", self.asked(by, &lock), self.all()));
        }
        Ok(told.is_some())
    }

    /// Whether another has what is told, and that is in the way. It may be a part of a lock.
    fn is_there(&self, by: usize, asked: &Lock, told: &Lock) -> bool {
        let (asked_for, told_of) = (span(asked), span(told));
        let meets = told_of.start < asked_for.end && asked_for.start < told_of.end;
        let mut others = self.owners.iter().enumerate().filter(|(owner, _)| *owner != by);
        let has = |bytes: &Bytes| bytes[told_of.clone()].iter().all(|at| *at == state(told.kind));
        meets && is_in_the_way(asked.kind, state(told.kind)) && others.any(|(_, all)| has(all))
    }

    fn asked(&self, by: usize, lock: &Lock) -> String {
        format!("process {by}, {}", said(lock))
    }

    fn all(&self) -> String {
        let all: Vec<String> = self.owners.iter().map(shown).collect();
        format!("they have {}", all.join(" "))
    }
}

fn random(bench: &mut Bench) -> Seen {
    let mut drawn = Drawn::new(bench)?;
    let mut refused = 0;
    for _ in 0..CALLS {
        refused += usize::from(!drawn.set(bench)?);
    }
    seen(format!("{CALLS} calls, of which {refused} are refused"))
}

fn random_told(bench: &mut Bench) -> Seen {
    let mut drawn = Drawn::new(bench)?;
    let mut told = 0;
    for _ in 0..CALLS {
        drawn.set(bench)?;
        told += usize::from(drawn.ask(bench)?);
    }
    seen(format!("{CALLS} questions, of which {told} are told a lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_byte_is_had_by_what_reaches_to_the_end_alone() {
        let mut bytes = [FREE; BYTES];
        paint(&mut bytes, &range(Exclusive, 8, 2));
        assert_eq!(shown(&bytes), "--------xx-");
        paint(&mut bytes, &range(Shared, 9, 0));
        assert_eq!(shown(&bytes), "--------xss");
        paint(&mut bytes, &range(Unlock, 0, 9));
        assert_eq!(shown(&bytes), "---------ss");
    }

    #[test]
    fn only_what_another_has_is_in_the_way() {
        let mut owners = [[FREE; BYTES]; 2];
        paint(&mut owners[0], &range(Shared, 2, 2));
        paint(&mut owners[0], &range(Exclusive, 4, 2));
        assert!(may_have(&owners, 0, &whole(Exclusive)));
        assert!(may_have(&owners, 1, &range(Shared, 2, 2)));
        assert!(may_have(&owners, 1, &range(Exclusive, 6, 0)));
        assert!(may_have(&owners, 1, &whole(Unlock)));
        assert!(!may_have(&owners, 1, &range(Exclusive, 3, 1)));
        assert!(!may_have(&owners, 1, &range(Shared, 5, 1)));
    }

    #[test]
    fn the_neighbours_are_all_there() {
        let all: std::collections::BTreeSet<i64> = scattered().collect();
        assert!(all.into_iter().eq(0..NEIGHBOURS));
    }
}
