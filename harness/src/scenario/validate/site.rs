//! Rules about the site.

use super::{DELAY_MAX, Findings, mount};
use crate::scenario::{CLIENTS_MAX, SiteSpec};
use crate::source::KeyPath;
use crate::units::{MICROSECOND, Nanos};

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
    findings.number(at("disk.size_mib"), site.disk.size_mib.into(), 16, 4096);
    findings.between(at("disk.latency"), site.disk.latency, DELAY_MIN, DELAY_MAX);
    findings.between(at("disk.flush"), site.disk.flush, DELAY_MIN, DELAY_MAX);
}
