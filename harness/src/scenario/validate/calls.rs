//! Rules about faults that wait for a call of NFS.

use super::Findings;
use crate::fault::passes::OK;
use crate::fault::refuse::{OPERATIONS, Refuse};
use crate::fault::{FaultSpec, Passes, Phase, Strike, Trigger};
use crate::rpc;
use crate::scenario::Scenario;
use crate::source::{KeyPath, Problem};
use crate::suggest::closest;
use crate::units::Nanos;
use std::collections::BTreeSet;

/// The operations of NFSv4.1 and later (RFC 8881, RFC 7862) that older mounts never make, and those
/// that only NFSv4.0 has (RFC 8881, section 17: "MUST NOT implement").
const SINCE_4_1: &[&str] = &[
    "BACKCHANNEL_CTL",
    "BIND_CONN_TO_SESSION",
    "EXCHANGE_ID",
    "CREATE_SESSION",
    "DESTROY_SESSION",
    "FREE_STATEID",
    "GET_DIR_DELEGATION",
    "SECINFO_NO_NAME",
    "SEQUENCE",
    "TEST_STATEID",
    "DESTROY_CLIENTID",
    "RECLAIM_COMPLETE",
    "CB_SEQUENCE",
    "CB_NOTIFY_LOCK",
];
const ONLY_4_0: &[&str] =
    &["OPEN_CONFIRM", "RENEW", "SETCLIENTID", "SETCLIENTID_CONFIRM", "RELEASE_LOCKOWNER"];

pub fn check(scenario: &Scenario, passes: &Passes, path: &KeyPath, findings: &mut Findings) {
    check_operation(scenario, &passes.op, &path.key("op"), findings);
    if let Some(client) = &passes.from {
        findings.node(path.key("from"), client, &super::clients(scenario));
    }
    if passes.path.as_deref() == Some("") {
        findings.add(path.key("path"), "no path is empty; expected a pattern like '*.lck'");
    }
    if let Some(status) = &passes.status {
        check_status(passes, status, &path.key("status"), findings);
    }
    findings.number(path.key("nth"), passes.nth.into(), 1, 1_000_000);
    findings.span(path.key("after"), passes.after, Nanos::ZERO);
}

fn check_operation(scenario: &Scenario, op: &str, path: &KeyPath, findings: &mut Findings) {
    if !rpc::operations().any(|name| name == op) {
        findings.0.push(unknown("operation", op, rpc::operations(), path));
        return;
    }
    let version = scenario.site.nfs.version.as_str();
    if (version == "3") != rpc::operations_of_nfs3().any(|name| name == op) && !is_of_both(op) {
        let known: Vec<&str> = match version {
            "3" => rpc::operations_of_nfs3().collect(),
            _ => Vec::new(),
        };
        let message = format!("NFS {version} has no {op}");
        let problem = Problem::new(path.clone(), message);
        findings.0.push(match known.is_empty() {
            true => problem.help("it is of NFSv3, or of a program beside that"),
            false => problem.help(format!("expected one of {}", known.join(", "))),
        });
        return;
    }
    let (others, exist) = match version {
        "4.0" => (SINCE_4_1, "since NFSv4.1"),
        _ => (ONLY_4_0, "in NFSv4.0 only"),
    };
    if others.contains(&op) {
        findings.add(path.clone(), format!("{op} exists {exist}; the mount is NFS {version}"));
    }
}

/// NFSv4 has it, and NFSv3 or a program beside that, too.
fn is_of_both(op: &str) -> bool {
    let nfs3 = rpc::operations_of_nfs3().any(|name| name == op);
    nfs3 && rpc::operations_of_nfs4().any(|name| name == op)
}

fn check_status(passes: &Passes, status: &str, path: &KeyPath, findings: &mut Findings) {
    if passes.phase == Phase::Call {
        let problem = Problem::new(path.clone(), "a call has no status").at_key();
        findings.0.push(problem.help("write `phase: reply` beside it"));
    } else if status != OK && !rpc::status_names().any(|name| name == status) {
        findings.0.push(unknown("status", status, rpc::status_names().chain([OK]), path));
    }
}

fn unknown(
    what: &str,
    given: &str,
    known: impl Iterator<Item = &'static str>,
    path: &KeyPath,
) -> Problem {
    let shown: String = given.chars().take(40).collect();
    let problem = Problem::new(path.clone(), format!("NFS has no {what} `{shown}`"));
    let upper = given.to_uppercase();
    let known: BTreeSet<&str> = known.collect();
    let exact = known.get(upper.as_str()).copied();
    match exact.or_else(|| closest(&upper, known.iter().copied())) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("write it as the RFC spells it: LINK, NFS4ERR_EXIST"),
    }
}

/// Whether what triggers a fault and what it does go together.
pub fn check_fit(version: &str, fault: &FaultSpec, path: &KeyPath, findings: &mut Findings) {
    if !fault.strike.fault().needs_message() {
        return;
    }
    let kind = fault.strike.kind();
    let Trigger::Rpc(passes) = &fault.when else {
        let problem = Problem::new(path.clone(), format!("`{kind}` strikes a message of NFS"));
        let help = "write `when: {rpc: {op: LINK, phase: reply}}`";
        findings.0.push(problem.at_key().help(help));
        return;
    };
    if let Strike::Refuse(refuse) = &fault.strike {
        check_refused(passes, refuse, path, findings);
        if version == "3" {
            let message = "only calls of NFSv4 can be answered in the server's place; expected \
                `site.nfs.version: \"4.2\"`, or another fault";
            findings.add_key(path.clone(), message);
        }
    }
    if passes.after > Nanos::ZERO {
        let message = format!("`{kind}` strikes the message that passes: expected no `after`");
        findings.add_key(path.clone(), message);
    }
    if fault.lasts.is_some() {
        findings.add_key(path.clone(), format!("`{kind}` ends by itself: expected no `for`"));
    }
}

fn check_refused(passes: &Passes, refuse: &Refuse, path: &KeyPath, findings: &mut Findings) {
    if passes.phase == Phase::Reply {
        let message = "a call that was answered cannot be refused: expected `phase: call`";
        findings.add_key(path.clone(), message);
    }
    if !refuse.means_an_error_of(&passes.op) {
        let message = "POSIX lets a lock that another holds be refused with EACCES (fcntl(2)), so \
                       that nobody could tell this from contention; expected another error";
        findings.add(path.key("with"), message);
    }
    if !OPERATIONS.contains(&passes.op.as_str()) {
        let known = OPERATIONS.join(", ");
        let message = format!("{} cannot be refused; expected one of {known}", passes.op);
        findings.add_key(path.clone(), message);
    }
}
