//! What sets a random site or one of its nodes apart from others.

use super::{Draw, SKEW};
use crate::fault::crash::Crash;
use crate::fault::{OWNER, Strike};
use crate::scenario::SiteSpec;
use crate::site::SERVER_NAME;
use crate::site::settings::NodeSettings;
use crate::units::{MILLISECOND, SECOND, SignedNanos};
use rand::RngExt;
use std::net::Ipv4Addr;

/// From UTC-12 to UTC+14, half hours among them, and one whose summer begins while a run lasts.
const ZONES: &[&str] = &["AAA12", "<+0530>-5:30", "<+14>-14", "CCC0DDD,J1/0:00:30,J300/2"];

impl Draw<'_> {
    /// The site, now and then as no site should be.
    pub fn perhaps_unusual(&mut self, site: SiteSpec) -> SiteSpec {
        self.apart(|draw| match draw.chance(draw.bounds.unusual) {
            true => draw.unusual(site),
            false => site,
        })
    }

    fn unusual(&mut self, mut site: SiteSpec) -> SiteSpec {
        let one = self.client(site.clients);
        let other = self.client(site.clients);
        let mut set = |node: &str, settings| drop(site.nodes.insert(node.to_owned(), settings));
        let usual = NodeSettings::default();
        match self.rng.random_range(0..5) {
            0 => site.server.is_async = true,
            1 => {
                let zone = Some((*self.one_of(ZONES)).to_owned());
                set(&one, NodeSettings { zone, ..usual });
            }
            2 => {
                let node = if self.chance(0.3) { SERVER_NAME.to_owned() } else { one };
                set(&node, NodeSettings { clock: self.wrong_clock(), ..usual });
            }
            3 => {
                for node in [one, other] {
                    set(&node, NodeSettings { pid_namespace: true, ..usual.clone() });
                }
            }
            _ => set(&one, NodeSettings { host_name: Some(other), ..usual }),
        }
        site
    }

    /// Most are within what the lock assumes.
    fn wrong_clock(&mut self) -> SignedNanos {
        let assumed = self.profile.assumes.clock_skew.map_or(SKEW, |skew| skew.0);
        let most = if self.chance(0.8) { assumed / 2 } else { 3_600 * SECOND };
        let most = (most / MILLISECOND) as i64;
        let off = self.rng.random_range(-most..=most) * MILLISECOND as i64;
        SignedNanos(off)
    }

    /// A client's machine that comes back as somebody else.
    pub(super) fn crash_of_another(&mut self, node: String, clients: u8) -> Strike {
        let node = match node.as_str() {
            SERVER_NAME | OWNER => self.client(clients),
            _ => node,
        };
        let mut crash = Crash::of(node);
        match self.chance(0.5) {
            true => crash.host_name = Some(self.client(clients)),
            false => {
                let host = self.rng.random_range(100..200);
                crash.address = Some(Ipv4Addr::new(10, 0, 0, host));
            }
        }
        Strike::Crash(crash)
    }
}
