//! Rules about the site.

use super::{DELAY_MAX, Findings, mount};
use crate::scenario::{CLIENTS_MAX, SiteSpec, WireSpec};
use crate::source::KeyPath;
use crate::units::{Bytes, MICROSECOND, Nanos, Rate, SECOND};

/// A frame must fit into it, and a host have room for it.
const QUEUE: std::ops::RangeInclusive<Bytes> = Bytes(16 << 10)..=Bytes(1 << 30);
const BANDWIDTH: std::ops::RangeInclusive<Rate> = Rate(64_000)..=Rate(1_000_000_000_000);
/// Below this, frames and requests of one instant pile up, and order would be all there is.
const DELAY_MIN: Nanos = Nanos(20 * MICROSECOND);

pub fn check(site: &SiteSpec, findings: &mut Findings) {
    let at = |key: &str| KeyPath::keys("site").join(key);
    findings.number(at("clients"), site.clients.into(), 1, CLIENTS_MAX.into());
    mount::check(&site.nfs, &at("nfs"), findings);
    findings.whole_seconds(at("server.lease"), site.server.lease, 10, 3600);
    findings.whole_seconds(at("server.grace"), site.server.grace, 10, 3600);
    findings.number(at("server.threads"), site.server.threads.into(), 1, 64);
    findings.range(at("wire.latency"), site.wire.latency, DELAY_MIN, DELAY_MAX);
    check_link(&site.wire, &at("wire"), findings);
    findings.number(at("disk.size_mib"), site.disk.size_mib.into(), 16, 4096);
    findings.between(at("disk.latency"), site.disk.latency, DELAY_MIN, DELAY_MAX);
    findings.between(at("disk.flush"), site.disk.flush, DELAY_MIN, DELAY_MAX);
}

/// A link that nothing comes through in time is no link.
fn check_link(wire: &WireSpec, path: &KeyPath, findings: &mut Findings) {
    let WireSpec { bandwidth, queue, .. } = wire;
    if !QUEUE.contains(queue) {
        let (least, most) = QUEUE.into_inner();
        findings.add(path.key("queue"), format!("`queue` is {queue}; expected {least} to {most}"));
    }
    let Some(bandwidth) = bandwidth else {
        return;
    };
    if !BANDWIDTH.contains(bandwidth) {
        let (least, most) = BANDWIDTH.into_inner();
        let message = format!("`bandwidth` is {bandwidth}; expected {least} to {most}");
        findings.add(path.key("bandwidth"), message);
    } else if Nanos(bandwidth.time_of(queue.0)) > DELAY_MAX {
        let fits = Bytes(bandwidth.0 / 8 * (DELAY_MAX.0 / SECOND) / 1024 * 1024);
        let message = format!(
            "at {bandwidth} a queue of {queue} takes longer than {DELAY_MAX} to send; expected \
             `queue: {fits}` or less"
        );
        findings.add_key(path.key("bandwidth"), message);
    }
}
