//! What a fault of a random scenario does.

use super::{Draw, SKEW, SLOW_DRIFT};
use crate::fault::clock::{Clock, DRIFT_MAX_PPM};
use crate::fault::crash::Crash;
use crate::fault::cut::Cut;
use crate::fault::disk::Disk;
use crate::fault::impair::Impair;
use crate::fault::kill::Kill;
use crate::fault::nfsd::Nfsd;
use crate::fault::partition::{Flapping, Partition};
use crate::fault::pause::{AfterPause, Pause};
use crate::fault::reset::Reset;
use crate::fault::slow::Slow;
use crate::fault::stop::Stop;
use crate::fault::{OWNER, Strike};
use crate::site::{ClientId, SERVER_NAME};
use crate::units::{MILLISECOND, NanosRange, Rate, SECOND, SignedNanos};
use rand::RngExt;
use std::collections::BTreeSet;

impl Draw<'_> {
    pub(super) fn strike_of(&mut self, kind: &str, node: String) -> Strike {
        match kind {
            "crash" => {
                let keep = *self.one_of(&[0.0, 0.0, 0.3, 1.0]);
                Strike::Crash(Crash { keep, ..Crash::of(node) })
            }
            "clock" => Strike::Clock(self.clock(node)),
            "impair" => Strike::Impair(self.impair(node)),
            _ => Strike::Cut(Cut::of(node)),
        }
    }

    pub(super) fn newer_strike(&mut self, node: String, clients: u8) -> Strike {
        let kind = self.kind(self.bounds.newer_weights);
        self.newer_strike_of(kind, node, clients)
    }

    /// A strike of any kind that needs no message, of those that have it in more than one way in
    /// any of these.
    pub fn strike(&mut self, kind: &str, node: String, clients: u8) -> Strike {
        let newer_share = match kind {
            "cut" => 0.0,
            "crash" | "clock" => 0.1,
            "impair" => 0.5,
            _ => 1.0,
        };
        match self.chance(newer_share) {
            true => self.newer_strike_of(kind, node, clients),
            false => self.strike_of(kind, node),
        }
    }

    fn newer_strike_of(&mut self, kind: &str, node: String, clients: u8) -> Strike {
        match kind {
            "kill" => Strike::Kill(Kill { node: on_client(node) }),
            "stop" => Strike::Stop(Stop { node: on_client(node) }),
            "reset" => {
                let every = self.chance(0.5).then(|| self.time(&(500 * MILLISECOND..=10 * SECOND)));
                Strike::Reset(Reset { node, every })
            }
            "impair" => Strike::Impair(self.impair_more(node)),
            "disk" => Strike::Disk(self.disk()),
            "nfsd" => Strike::Nfsd(Nfsd {}),
            "errno" => Strike::Errno(self.errno(node)),
            "crash" => self.crash_of_another(node, clients),
            "slow" => {
                let (stands, runs) =
                    (10 * MILLISECOND..=3 * SECOND, MILLISECOND..=100 * MILLISECOND);
                let (stands, runs) = (self.time(&stands), self.time(&runs));
                Strike::Slow(Slow { node: on_client(node), stands, runs })
            }
            "clock" => {
                let step = SignedNanos(0);
                Strike::Clock(Clock { node, step, drift_ppm: 0, stands: true })
            }
            "pause" => {
                let clock = *self.one_of(&[AfterPause::Jumps, AfterPause::Stands]);
                Strike::Pause(Pause { node, clock })
            }
            _ => Strike::Partition(self.partition(node, clients)),
        }
    }

    /// The server and some clients on two sides; `node` is the first of one.
    fn partition(&mut self, node: String, clients: u8) -> Partition {
        let all = ClientId::all(clients.into()).map(|client| client.to_string());
        let others: Vec<String> = all.filter(|name| *name != node && self.chance(0.3)).collect();
        let (between, and) = match node.as_str() {
            SERVER_NAME => (vec![node], [vec!["c1".into()], others].concat()),
            OWNER => (vec![node], vec![SERVER_NAME.into()]),
            _ => ([vec![node], others].concat(), vec![SERVER_NAME.into()]),
        };
        let and = and.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let (between, and) = match self.chance(0.7) || between == [SERVER_NAME] {
            true => (between, and),
            false => (and, between),
        };
        let phase = 100 * MILLISECOND..=8 * SECOND;
        let flapping =
            self.chance(0.4).then(|| Flapping { up: self.time(&phase), down: self.time(&phase) });
        Partition { between, and, one_way: self.chance(0.5), flapping }
    }

    /// Most stay within what the lock assumes, even if all faults are at clocks.
    fn clock(&mut self, node: String) -> Clock {
        let assumed = self.profile.assumes.clock_skew.map_or(SKEW, |skew| skew.0);
        let within = self.chance(0.75);
        let faults = i64::from(*self.bounds.faults.end()).max(1);
        let nearly = self.bounds.nearly > 0.0 && self.chance(self.bounds.nearly);
        let (step, drift) = match within {
            _ if nearly => (assumed as i64, SLOW_DRIFT),
            true => (assumed as i64 / 2 / faults, SLOW_DRIFT / faults),
            false => (6 * SKEW as i64, DRIFT_MAX_PPM / faults),
        };
        let whole = MILLISECOND as i64;
        let step = self.rng.random_range(-step..=step) / whole * whole;
        let drift_ppm = match self.chance(0.5) {
            true => self.rng.random_range(1..=drift) * *self.one_of(&[-1, 1]),
            false => 0,
        };
        let step = if step == 0 && drift_ppm == 0 { whole } else { step };
        Clock { node, step: SignedNanos(step), drift_ppm, stands: false }
    }

    /// Most are slow.
    fn disk(&mut self) -> Disk {
        let late = MILLISECOND..=200 * MILLISECOND;
        match self.rng.random_range(0..10) {
            0 => Disk { full: true, ..Disk::default() },
            1 => Disk { errors: 0.3, ..Disk::default() },
            2 => Disk { read_only: true, ..Disk::default() },
            3 => Disk { ignores_flush: true, ..Disk::default() },
            _ => Disk { latency: self.time(&late), flush: self.time(&late), ..Disk::default() },
        }
    }

    /// With what links could not suffer at first.
    fn impair_more(&mut self, node: String) -> Impair {
        let mut share = |most: u32| {
            let drawn = f64::from(self.rng.random_range(1..=most)) / 100.0;
            if self.rng.random::<bool>() { drawn } else { 0.0 }
        };
        let (loss, corrupt, reorder) = (share(90), share(50), share(90));
        let burst = (loss > 0.0 && self.chance(0.5)).then(|| self.within(&(1..=20)).into());
        if self.chance(0.03) {
            return Impair { node, undetected: 0.02, ..Impair::default() };
        }
        let slow = self.chance(0.3) || loss + corrupt + reorder == 0.0;
        let bandwidth = slow.then(|| Rate(self.within(&(20..=2000)) * 1000));
        Impair { node, loss, corrupt, reorder, burst, bandwidth, ..Impair::default() }
    }

    fn impair(&mut self, node: String) -> Impair {
        let mut share = || (self.rng.random_range(0..100) as f64) / 100.0;
        let (loss, duplicate) = (share(), share());
        let [loses, doubles] = [self.chance(0.5), self.chance(0.5)];
        let delays = self.chance(0.5) || !(loses || doubles);
        Impair {
            node,
            loss: if loses { loss.max(0.01) } else { 0.0 },
            duplicate: if doubles { duplicate.max(0.01) } else { 0.0 },
            delay: if delays { self.range(&self.bounds.late) } else { NanosRange::default() },
            ..Impair::default()
        }
    }
}

/// On the server no process runs.
pub(super) fn on_client(node: String) -> String {
    if node == SERVER_NAME { "c1".into() } else { node }
}
