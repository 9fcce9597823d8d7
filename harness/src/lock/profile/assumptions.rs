//! What a lock must be able to rely on to keep its promises.

use crate::units::Nanos;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumptions {
    /// The largest skew between any two clocks; `None`: clocks play no part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew: Option<Nanos>,
    /// How far from true any clock runs at most. Where a profile does not say, a lock with a
    /// lifetime assumes [`Ppm::SLEWED`], and one without measures no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_rate: Option<Ppm>,
    /// How long a client may at most be paused, or held up, between two calls of its own by which
    /// it looks and then acts; `None`: for as long as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// NFS versions; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nfs: Vec<String>,
    /// The client keeps in contact with the server, so that its NFSv4 lease never runs out
    /// (RFC 8881, section 8.3): file locks are gone with the lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseAssumption>,
    /// The server does nothing twice: what was under way when it restarted, and is asked again, may
    /// have been done already, and be done again (RFC 8881, section 2.10.6: a reply cache that does
    /// not outlast a restart).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exactly_once: bool,
    /// `true`: machines may have the same host name, and processes on them the same number. Without
    /// it, the lock tells owners apart by these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared_names: bool,
    /// `false`: the lock's documentation does not claim NFS at all.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub network: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

impl Default for Assumptions {
    fn default() -> Assumptions {
        Assumptions {
            clock_skew: None,
            clock_rate: None,
            pause: None,
            nfs: Vec::new(),
            lease: None,
            exactly_once: false,
            shared_names: false,
            network: true,
            because: String::new(),
        }
    }
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseAssumption {
    Kept,
}

/// The rate of a clock's error, in parts per million: `500ppm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ppm(pub u64);

impl Ppm {
    /// What the kernel lets NTP slew a clock by (adjtimex(2), ADJ_FREQUENCY; MAXFREQ in
    /// include/linux/timex.h): a clock that is further from true is broken.
    pub const SLEWED: Ppm = Ppm(500);
}

impl FromStr for Ppm {
    type Err = String;

    fn from_str(text: &str) -> Result<Ppm, String> {
        let digits = text.trim().strip_suffix("ppm").map(str::trim_end);
        match digits.map(str::parse) {
            Some(Ok(ppm)) => Ok(Ppm(ppm)),
            _ => Err(format!("`{text}` is no rate of a clock; expected such as 500ppm")),
        }
    }
}

impl fmt::Display for Ppm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ppm", self.0)
    }
}

impl Serialize for Ppm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ppm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ppm, D::Error> {
        struct Rate;
        impl Visitor<'_> for Rate {
            type Value = Ppm;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a clock's rate such as 500ppm")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ppm, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Ppm, E> {
                Err(E::custom(format!("`{number}` has no unit; did you mean `{number}ppm`?")))
            }
        }
        deserializer.deserialize_any(Rate)
    }
}

/// The longest pause of a client that a lock copes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// As long as the lock's lifetime is.
    Lifetime,
    Within(Nanos),
}

const LIFETIME: &str = "lifetime";

impl Pause {
    /// In nanoseconds, of a lock with this lifetime; `None`: it has none, and waits for no time.
    pub fn longest_ns(self, lifetime_ns: Option<u64>) -> Option<u64> {
        match self {
            Pause::Lifetime => lifetime_ns,
            Pause::Within(time) => Some(time.0),
        }
    }
}

impl Serialize for Pause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Pause::Lifetime => serializer.serialize_str(LIFETIME),
            Pause::Within(time) => time.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pause, D::Error> {
        struct Longest;
        impl Visitor<'_> for Longest {
            type Value = Pause;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as 15s, or `lifetime`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Pause, E> {
                match text.trim() {
                    LIFETIME => Ok(Pause::Lifetime),
                    time => time.parse().map(Pause::Within).map_err(|_| {
                        let expected = "a duration such as 15s, or `lifetime`";
                        E::custom(format!("`{time}` is no time; expected {expected}"))
                    }),
                }
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Pause, E> {
                Err(E::custom(format!("`{number}` has no unit; expected such as `{number}s`")))
            }
        }
        deserializer.deserialize_any(Longest)
    }
}
