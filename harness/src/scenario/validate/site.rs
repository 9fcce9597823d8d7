//! Rules about the site.

use super::{DELAY_MAX, Findings, mount};
use crate::fault::clock;
use crate::scenario::{CLIENTS_MAX, SiteSpec, WireSpec};
use crate::site::SERVER_NAME;
use crate::site::blueprint::Implementation;
use crate::site::settings::{NodeSettings, is_host_name, is_posix_zone};
use crate::source::KeyPath;
use crate::suggest::closest;
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
    check_server(site, &at("server"), findings);
    findings.range(at("wire.latency"), site.wire.latency, DELAY_MIN, DELAY_MAX);
    check_link(&site.wire, &at("wire"), findings);
    findings.number(at("disk.size_mib"), site.disk.size_mib.into(), 16, 4096);
    findings.between(at("disk.latency"), site.disk.latency, DELAY_MIN, DELAY_MAX);
    findings.between(at("disk.flush"), site.disk.flush, DELAY_MIN, DELAY_MAX);
    for (name, settings) in &site.nodes {
        check_node(site, name, settings, &at("nodes"), findings);
    }
}

/// What a server is asked for that it has not.
fn check_server(site: &SiteSpec, path: &KeyPath, findings: &mut Findings) {
    if site.server.implementation == Implementation::Ganesha && site.server.is_async {
        let message = "`async` is an option of exports(5), which nfs-ganesha does not have; expected \
            `knfsd`, or no `async`";
        findings.add_key(path.key("async"), message);
    }
    let parameters = &site.nfs.parameters;
    let of_nfs4 = ["recover_lost_locks", "directory_delegations", "nfs4_disable_idmapping"];
    for name in
        of_nfs4.iter().filter(|name| site.nfs.version == "3" && parameters.contains_key(**name))
    {
        let path = KeyPath::keys("site.nfs.parameters").key(name);
        findings.add_key(path, format!("`{name}` is about NFSv4; the mount is NFS 3"));
    }
}

fn check_node(
    site: &SiteSpec,
    name: &str,
    settings: &NodeSettings,
    path: &KeyPath,
    findings: &mut Findings,
) {
    let known: Vec<String> = site.node_ids().map(|id| id.to_string()).collect();
    let own = path.key(name);
    if !known.iter().any(|node| node == name) {
        let expected = match closest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected one of {}", known.join(", ")),
        };
        findings.add_key(own, format!("there is no node `{name}`; {expected}"));
        return;
    }
    if Nanos(settings.clock.0.unsigned_abs()) > clock::STEP_MAX {
        let message = format!("`clock` is {}; expected at most a year", settings.clock);
        findings.add(own.key("clock"), message);
    }
    if let Some(zone) = settings.zone.as_ref().filter(|zone| !is_posix_zone(zone)) {
        let message = format!(
            "`{zone}` is no time zone that needs no database; expected name and offset of tzset(3), \
             such as `<+0530>-5:30`"
        );
        findings.add(own.key("zone"), message);
    }
    if settings.no_statd && site.nfs.version != "3" {
        let message = "NFSv4 needs no rpc.statd; expected `site.nfs.version: \"3\"`";
        findings.add_key(own.key("no_statd"), message);
    }
    let host_name = settings.host_name.as_ref();
    if let Some(host_name) = host_name.filter(|host_name| !is_host_name(host_name)) {
        let message = format!(
            "`{host_name}` is no host name; expected letters, digits, `-` and `.`, at most 64"
        );
        findings.add(own.key("host_name"), message);
    }
    if name == SERVER_NAME {
        let keys = [
            ("zone", settings.zone.is_some()),
            ("host_name", settings.host_name.is_some()),
            ("pid_namespace", settings.pid_namespace),
        ];
        for (key, _) in keys.into_iter().filter(|(_, is_set)| *is_set) {
            let message = "no lock runs on the server, to which this would matter; expected it of \
                a client";
            findings.add_key(own.key(key), message);
        }
    }
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
