//! `--kernel host`: whether clients can run a plan on the host's own kernel.

use super::exit::Failure;
use crate::kernel::Kernel;
use crate::plan::{Plan, beyond};
use crate::site::launch::Launch;
use std::fs;
use std::path::Path;

/// The file system that is mounted, as the kernel calls it.
const NFS: &str = "nfs4";

/// Refuses what a plan for the host's kernel asks for and cannot have, with the reason.
pub fn fit(plan: &Plan, launch: Launch) -> Result<(), Failure> {
    if !plan.kernels.clients.as_ref().is_some_and(Kernel::is_host) {
        return Ok(());
    }
    let beyond = beyond(plan);
    if !beyond.is_empty() {
        let each: Vec<String> = beyond.iter().map(|each| format!("\n  {each}")).collect();
        let name = &plan.scenario.name;
        let all = each.concat();
        return Err(Failure::Argument(format!("--kernel host: not with {name}:{all}")));
    }
    if launch != Launch::Containers {
        return Err(Failure::Argument(
            "--kernel host: clients share the host's kernel in containers alone; add `--launch \
             containers`"
                .into(),
        ));
    }
    let host = this_host()?;
    if plan.kernels.clients.as_ref() != Some(&host) {
        return Err(Failure::SetUpMissing(format!(
            "the plan was made for {}, this host runs {}; run it where it was made, or its \
             scenario with `--kernel host`",
            plan.kernels, host.version
        )));
    }
    expect_nfs()
}

/// Expects that this host's kernel can mount the export.
pub fn expect_nfs() -> Result<(), Failure> {
    let host = this_host()?;
    let release = host.release().unwrap_or_default();
    match has_nfs(&read("/proc/filesystems")?, release) {
        true => Ok(()),
        false => Err(Failure::SetUpMissing(format!(
            "--kernel host: this host's kernel ({release}) has no NFS client: neither {NFS} in \
             /proc/filesystems nor a module for it; choose another kernel (`lockstorm list kernels`)"
        ))),
    }
}

/// The kernel that this host runs.
pub fn this_host() -> Result<Kernel, Failure> {
    let (release, version) =
        (read("/proc/sys/kernel/osrelease")?, read("/proc/sys/kernel/version")?);
    Ok(Kernel::host(release.trim(), version.trim()))
}

/// It is there, or the kernel loads it when something is to be mounted.
fn has_nfs(filesystems: &str, release: &str) -> bool {
    let is_there = filesystems.lines().any(|line| line.split_whitespace().last() == Some(NFS));
    let modules = Path::new("/lib/modules").join(release).join("modules.dep");
    is_there || fs::read_to_string(modules).is_ok_and(|modules| modules.contains("/nfsv4.ko"))
}

fn read(path: &str) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(super::directory::host(Path::new(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_has_nfs_when_it_names_it_among_its_file_systems() {
        assert!(has_nfs("nodev\tsysfs\n\text4\nnodev\tnfs\nnodev\tnfs4\n", "0"));
        assert!(!has_nfs("nodev\tsysfs\n\text4\nnodev\tnfs4d\n", "0"));
    }
}
