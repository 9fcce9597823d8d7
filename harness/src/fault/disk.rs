use super::{Effect, Fault, Named};
use crate::history::Consequence;
use crate::site::disk::trouble::Trouble;
use crate::site::{NodeId, SERVER_NAME};
use crate::units::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Trouble with the server's disk. A file system that has met an error may refuse to write until
/// the server is restarted, and what it then finds on the disk is nobody's promise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Share of requests that fail (EIO): 0 to 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub errors: f64,
    /// The first and the last sector (of 512 bytes) that the rest is about; default: the whole
    /// disk, and flushes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sectors: Option<[u64; 2]>,
    /// The disk takes no writes any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// Reads and writes take so much longer.
    #[serde(default, skip_serializing_if = "is_none")]
    pub latency: Nanos,
    /// Flushes take so much longer.
    #[serde(default, skip_serializing_if = "is_none")]
    pub flush: Nanos,
    /// A file that nobody asked for takes all the room that is left (ENOSPC).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full: bool,
    /// A flush is answered and not carried out, as by disks that lie about it: what was written
    /// meanwhile, a power cut takes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignores_flush: bool,
}

fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

fn is_none(time: &Nanos) -> bool {
    *time == Nanos::ZERO
}

/// A commit of the journal may wait for many requests, one after the other.
const LATE_MOST: Nanos = Nanos::from_secs(1);

impl Disk {
    fn is_slow(&self) -> bool {
        self.latency > Nanos::ZERO || self.flush > Nanos::ZERO
    }

    fn fails(&self) -> bool {
        self.errors != 0.0 || self.read_only
    }
}

impl Fault for Disk {
    fn target(&self) -> &str {
        SERVER_NAME
    }

    fn named(&self) -> Vec<Named<'_>> {
        Vec::new()
    }

    fn effects(&self, _: NodeId, seed: u64) -> Vec<Effect> {
        let trouble = Trouble {
            errors: self.errors,
            sectors: self.sectors.map(|[first, last]| (first, last)),
            read_only: self.read_only,
            late_ns: self.latency.0,
            flush_late_ns: self.flush.0,
            ignores_flush: self.ignores_flush,
        };
        let troubled = self.fails() || self.is_slow() || self.ignores_flush;
        let troubled = troubled.then_some(Effect::Disk { trouble, seed });
        troubled.into_iter().chain(self.full.then_some(Effect::FullDisk)).collect()
    }

    fn consequences(&self, _: &str) -> Vec<Consequence> {
        vec![Consequence::Disk {
            late_ns: self.latency.0,
            flush_late_ns: self.flush.0,
            fails: self.fails(),
            forgets: self.ignores_flush,
        }]
    }

    fn describe(&self) -> String {
        let mut words = Vec::new();
        if self.errors > 0.0 {
            words.push(format!("fails {}% of requests", self.errors * 100.0));
        }
        if self.read_only {
            words.push("takes no writes".into());
        }
        if self.is_slow() {
            words
                .push(format!("is slow (requests by {}, flushes by {})", self.latency, self.flush));
        }
        if self.full {
            words.push("is full".into());
        }
        if self.ignores_flush {
            words.push("ignores flushes".into());
        }
        match self.sectors {
            Some([first, last]) => {
                format!("has a disk that {} in sectors {first} to {last}", words.join(", "))
            }
            None => format!("has a disk that {}", words.join(", ")),
        }
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        let mut problems = Vec::new();
        // Not `<`: a share may be "not a number" too.
        if !(0.0..=1.0).contains(&self.errors) {
            let message = format!("`errors` is {}; expected a share from 0 to 1", self.errors);
            problems.push((Some("errors"), message));
        }
        for (key, time) in [("latency", self.latency), ("flush", self.flush)] {
            if time > LATE_MOST {
                let message = format!("`{key}` is {time}; expected 0s to {LATE_MOST}");
                problems.push((Some(key), message));
            }
        }
        if let Some([first, last]) = self.sectors
            && first > last
        {
            let message = format!("`sectors` is [{first}, {last}]; expected the first one first");
            problems.push((Some("sectors"), message));
        }
        if self.ignores_flush && self.sectors.is_some() {
            let message = "a flush is about the whole disk; expected one of `sectors` and \
                `ignores_flush`";
            problems.push((Some("ignores_flush"), message.into()));
        }
        if !self.fails() && !self.is_slow() && !self.full && !self.ignores_flush {
            let message = "this troubles no disk; expected `errors`, `read_only`, `latency`, \
                `flush`, `full` or `ignores_flush`";
            problems.push((None, message.into()));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(yaml: &str) -> Disk {
        serde_yaml::from_str(yaml).unwrap()
    }

    #[test]
    fn what_may_come_of_it_is_lateness_and_failure() {
        let told = |yaml| disk(yaml).consequences("server").remove(0);
        let disk = |late_ns, flush_late_ns, fails| Consequence::Disk {
            late_ns,
            flush_late_ns,
            fails,
            forgets: false,
        };
        assert_eq!(told("{latency: 5ms, flush: 20ms}"), disk(5_000_000, 20_000_000, false));
        assert_eq!(told("{errors: 0.5}"), disk(0, 0, true));
        assert_eq!(told("{read_only: true}"), disk(0, 0, true));
        assert_eq!(told("{full: true}"), disk(0, 0, false));
        let Consequence::Disk { fails, forgets, .. } = told("{ignores_flush: true}") else {
            panic!("another consequence")
        };
        assert_eq!((fails, forgets), (false, true));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let keys = |yaml: &str| {
            let problems = disk(yaml).problems().into_iter();
            problems.map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert_eq!(keys("{full: true, latency: 10ms}"), []);
        assert_eq!(keys("{}"), [None]);
        assert_eq!(keys("{errors: 2}"), [Some("errors")]);
        assert_eq!(keys("{errors: .nan}"), [Some("errors")]);
        assert_eq!(keys("{latency: 2s, flush: 3s}"), [Some("latency"), Some("flush")]);
        assert_eq!(keys("{errors: 0.1, sectors: [9, 8]}"), [Some("sectors")]);
        let flush = "{errors: 0.1, sectors: [8, 9], ignores_flush: true}";
        assert_eq!(keys(flush), [Some("ignores_flush")]);
    }
}
