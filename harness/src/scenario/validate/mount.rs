//! Rules about NFS versions and mount options.

use super::Findings;
use crate::scenario::NfsSpec;
use crate::source::{KeyPath, Problem};
use crate::suggest::closest;

/// The versions of the protocol that a site can have.
pub const VERSIONS: [&str; 4] = ["3", "4.0", "4.1", "4.2"];

/// Options that the harness sets itself, and what to write instead.
const OURS: [(&str, &str); 12] = [
    ("vers", "set `site.nfs.version`"),
    ("nfsvers", "set `site.nfs.version`"),
    ("minorversion", "set `site.nfs.version`"),
    ("addr", "leave it out: the harness knows the server's address"),
    ("clientaddr", "leave it out: the harness knows the client's address"),
    ("port", "leave it out: the server listens on port 2049"),
    ("proto", "leave it out: the wire carries TCP"),
    ("mountproto", "leave it out: the wire carries TCP"),
    ("mountaddr", "leave it out: the harness knows the server's address"),
    ("sec", "leave it out: the server knows sec=sys alone"),
    ("ro", "leave it out: nobody could take a lock on what cannot be written to"),
    ("remount", "leave it out: each run mounts anew"),
];

/// The options of nfs(5) and mount(8) that may be set.
const KNOWN: [&str; 46] = [
    "ac",
    "acdirmax",
    "acdirmin",
    "acregmax",
    "acregmin",
    "actimeo",
    "async",
    "atime",
    "cto",
    "diratime",
    "dirsync",
    "hard",
    "intr",
    "local_lock",
    "lock",
    "lookupcache",
    "max_connect",
    "migration",
    "nconnect",
    "noac",
    "noatime",
    "nocto",
    "nodev",
    "nodiratime",
    "noexec",
    "nolock",
    "nomigration",
    "nordirplus",
    "noresvport",
    "nosharecache",
    "nosuid",
    "rdirplus",
    "relatime",
    "resvport",
    "retrans",
    "retry",
    "rsize",
    "rw",
    "sharecache",
    "soft",
    "softerr",
    "softreval",
    "strictatime",
    "sync",
    "timeo",
    "wsize",
];

pub fn check(nfs: &NfsSpec, at: &KeyPath, findings: &mut Findings) {
    if !VERSIONS.contains(&nfs.version.as_str()) {
        let shown: String = nfs.version.chars().take(20).collect();
        let problem = Problem::new(at.key("version"), format!("no NFS version `{shown}`"));
        findings.0.push(problem.help("expected \"3\", \"4.0\", \"4.1\" or \"4.2\""));
    }
    for (index, option) in nfs.options.iter().enumerate() {
        if let Err((message, help)) = check_option(option) {
            let problem = Problem::new(at.key("options").index(index), message);
            findings.0.push(problem.help(help));
        }
    }
    contradictions(nfs, at, findings);
    for (name, value) in &nfs.parameters {
        if let Err((message, help)) = check_parameter(name, value) {
            let problem = Problem::new(at.key("parameters").key(name), message);
            findings.0.push(problem.help(help));
        }
    }
}

/// Options of which the last one alone would count.
const CONTRARY: [&[&str]; 9] = [
    &["hard", "soft", "softerr"],
    &["ac", "noac"],
    &["cto", "nocto"],
    &["lock", "nolock"],
    &["sync", "async"],
    &["sharecache", "nosharecache"],
    &["resvport", "noresvport"],
    &["rdirplus", "nordirplus"],
    &["migration", "nomigration"],
];

fn contradictions(nfs: &NfsSpec, at: &KeyPath, findings: &mut Findings) {
    for (index, option) in nfs.options.iter().enumerate() {
        let name = option.split('=').next().unwrap_or_default();
        let contrary = CONTRARY.iter().find(|group| group.contains(&name));
        let earlier = nfs.options[..index].iter().find(|earlier| {
            let other = earlier.split('=').next().unwrap_or_default();
            other == name || contrary.is_some_and(|group| group.contains(&other))
        });
        if let Some(earlier) = earlier {
            let message = format!("`{option}` after `{earlier}`: a mount has one of them");
            let problem = Problem::new(at.key("options").index(index), message);
            findings.0.push(problem.help("leave one of them out"));
        }
    }
}

/// The kernel's module parameters that the harness sets itself, and what to write instead.
const OUR_PARAMETERS: [(&str, &str); 1] =
    [("nfs4_unique_id", "set `site.nodes.c1.host_name`, and it is set with it")];

fn check_parameter(name: &str, value: &str) -> Result<(), (String, String)> {
    if let Some((_, mend)) = OUR_PARAMETERS.iter().find(|(ours, _)| *ours == name) {
        let message = format!("the parameter `{name}` is the harness's to set");
        return Err((message, (*mend).into()));
    }
    // It becomes the name of a file.
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        let shown: String = name.chars().take(40).collect();
        let help = "expected letters, digits and `_`, such as `recover_lost_locks`";
        return Err((format!("`{shown}` is no parameter of a kernel's module"), help.into()));
    }
    if value.is_empty() || !value.chars().all(|c| c.is_ascii_graphic()) {
        let help = "expected such as `Y` or \"3\"";
        return Err((format!("`{name}` cannot be set to that"), help.into()));
    }
    Ok(())
}

fn check_option(option: &str) -> Result<(), (String, String)> {
    let name = option.split('=').next().unwrap_or_default();
    if option.contains(',') {
        let message = format!("`{option}` holds several mount options");
        return Err((message, "write each as a list item of its own".into()));
    }
    if let Some((_, mend)) = OURS.iter().find(|(ours, _)| *ours == name) {
        let message = match name {
            "ro" => "a site is not mounted read-only".into(),
            _ => format!("the mount option `{name}` is the harness's to set"),
        };
        return Err((message, (*mend).into()));
    }
    if KNOWN.contains(&name) && !option.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Ok(());
    }
    let help = match closest(name, KNOWN) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "nfs(5) lists them, such as `hard`, `actimeo=3` or `lookupcache=none`".into(),
    };
    Err((format!("`{option}` is not a mount option of NFS"), help))
}
