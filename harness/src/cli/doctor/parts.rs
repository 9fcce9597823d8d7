//! The parts that `ci/setup` builds, and whether they fit this host.

use super::Check;
use crate::assets::{Assets, KERNEL_KEY, NODE_KEY, cache_dir};
use std::path::Path;

const MEND: &str = "run `ci/setup`";

pub fn checks() -> Vec<Check> {
    let Some(cache) = cache_dir() else {
        let mend = "set HOME or XDG_CACHE_HOME";
        return vec![Check::missing("cache", "no place for a cache", mend)];
    };
    let assets = Assets::below(&cache);
    vec![
        part("kernel", &assets.linux, KERNEL_KEY),
        part("seeded random", &assets.seeded_random, KERNEL_KEY),
        part("node image", &assets.image, NODE_KEY),
        part("lock profiles", &assets.locks, NODE_KEY),
        cpu_state(&assets.cpu_state_size),
    ]
}

fn part(name: &'static str, path: &Path, key: &str) -> Check {
    if key == "none" {
        let saw = "this lockstorm was built without the recipes in containers/";
        return Check::missing(name, saw, "build it from a whole source tree");
    }
    if path.exists() {
        return Check::ok(name, format!("{}, key {key}", path.display()));
    }
    let others = path.parent().and_then(Path::parent).and_then(|all| all.read_dir().ok());
    let saw = match others.is_some_and(|mut all| all.next().is_some()) {
        true => format!("built for another recipe than {key}"),
        false => format!("{} is not there", path.display()),
    };
    Check::missing(name, saw, MEND)
}

/// User Mode Linux keeps a fixed number of bytes for a process's extended CPU state, and
/// panics on a CPU that has more.
fn cpu_state(built_for: &Path) -> Check {
    let name = "CPU state size";
    let text = std::fs::read_to_string(built_for).unwrap_or_default();
    let Ok(built_for) = text.trim().parse::<u32>() else {
        return Check::missing(name, "not known before the kernel is built", MEND);
    };
    match host_cpu_state() {
        Some(host) if host > built_for => {
            let saw = format!("this CPU has {host} bytes, the kernel takes {built_for}");
            let mend = "remove the kernel from the cache, and run `ci/setup` on this host";
            Check::missing(name, saw, mend)
        }
        Some(host) => Check::ok(name, format!("{host} bytes, the kernel takes {built_for}")),
        None => Check::missing(name, "this is not an x86-64 CPU", "use an x86-64 host"),
    }
}

/// What ptrace hands out for a process: all state components that the system has enabled.
#[cfg(target_arch = "x86_64")]
fn host_cpu_state() -> Option<u32> {
    let enabled = core::arch::x86_64::__cpuid_count(0xd, 0).ebx;
    (enabled > 0).then_some(enabled)
}

#[cfg(not(target_arch = "x86_64"))]
fn host_cpu_state() -> Option<u32> {
    None
}
