//! What a lock assumes, as a report tells it.

use crate::text::seconds;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a lock needs to keep its promises.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assumes {
    /// The largest skew between any two clocks; absent: clocks play no part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew_ns: Option<u64>,
    /// How far from true any clock runs at most, in parts per million; absent: it measures no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_rate_ppm: Option<u64>,
    /// The longest that a client may be paused, or held up, between two steps of a call; absent:
    /// for as long as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_ns: Option<u64>,
    /// NFS versions; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nfs: Vec<String>,
    /// Clients stay in contact with the server, so that their leases are kept.
    #[serde(default, skip_serializing_if = "is_no")]
    pub lease_kept: bool,
    /// Its documentation does not claim that it works over NFS at all.
    #[serde(default, skip_serializing_if = "is_no")]
    pub no_network: bool,
    /// Where its documentation says so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

fn is_no(yes: &bool) -> bool {
    !yes
}

impl Assumes {
    /// Each in words that follow "the lock assumes".
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        words.extend(self.no_network.then(|| "no network file system".to_owned()));
        words.extend(self.clock_skew_ns.map(|skew| match skew {
            0 => "clocks that agree".to_owned(),
            _ => format!("clocks within {} of each other", seconds(skew)),
        }));
        words.extend(
            self.clock_rate_ppm.map(|ppm| format!("clocks that run within {ppm} ppm of true")),
        );
        words.extend(
            self.pause_ns
                .map(|pause| format!("no pause of {} or more within a call", seconds(pause))),
        );
        words.extend(self.lease_kept.then(|| "that clients keep their leases".to_owned()));
        if !self.nfs.is_empty() {
            words.push(format!("NFS {}", self.nfs.join(", ")));
        }
        words
    }
}
