//! Sets of promises that a story breaks.

use lockstorm_reports::Invariant;
use std::fmt;

/// All promises that stories of locks and clients are judged by. Descriptors and
/// refusals are no part of them.
pub const PROMISES: [Invariant; 7] = [
    Invariant::MutualExclusion,
    Invariant::NoEarlyBreak,
    Invariant::BreakAfterLifetime,
    Invariant::OwnerOnlyRelease,
    Invariant::NoLostUpdate,
    Invariant::HonestIsHeld,
    Invariant::ReleaseFrees,
];

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wrongs(u16);

impl Wrongs {
    pub const NONE: Wrongs = Wrongs(0);
    /// What no lock should do and no profile speaks of: an owner is told that it holds no more.
    pub const UNPROMISED: Wrongs = Wrongs(1 << 15);
    pub const ALL: Wrongs = Wrongs(u16::MAX);

    pub fn with(self, invariant: Invariant) -> Wrongs {
        Wrongs(self.0 | 1 << invariant as u16)
    }

    pub fn contains(self, invariant: Invariant) -> bool {
        self.0 & 1 << invariant as u16 != 0
    }

    pub fn and(self, other: Wrongs) -> Wrongs {
        Wrongs(self.0 | other.0)
    }

    pub fn in_both(self, other: Wrongs) -> Wrongs {
        Wrongs(self.0 & other.0)
    }

    pub fn is_within(self, other: Wrongs) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn promises(self) -> impl Iterator<Item = Invariant> {
        PROMISES.into_iter().filter(move |promise| self.contains(*promise))
    }
}

impl fmt::Debug for Wrongs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.promises().map(Invariant::words).collect();
        if Wrongs::UNPROMISED.is_within(*self) {
            names.push("what nobody promised");
        }
        write!(f, "{{{}}}", names.join(", "))
    }
}
