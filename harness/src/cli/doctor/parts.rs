//! The parts that `ci/setup` builds, and whether they fit this host.

use super::super::kernels::command;
use super::{Check, State};
use crate::assets::{Assets, KERNEL_KEY, KernelFiles, NODE_KEY, cache_dir};
use crate::kernel::{self, Kernel};
use std::path::Path;

const MEND: &str = "run `ci/setup`";

pub fn checks() -> Vec<Check> {
    let Some(cache) = cache_dir() else {
        let mend = "set HOME or XDG_CACHE_HOME";
        return vec![Check::missing("cache", "no place for a cache", mend)];
    };
    let assets = Assets::below(&cache);
    let mut checks = vec![
        part("kernel", &assets.kernel.linux, KERNEL_KEY),
        part("seeded random", &assets.kernel.seeded_random, KERNEL_KEY),
        part("node image", &assets.image, NODE_KEY),
        part("lock profiles", &assets.locks, NODE_KEY),
        cpu_state(host_cpu_state(), &CpuState::read(&assets.kernel)),
    ];
    let others = kernel::shipped().into_iter().filter(|one| *one != kernel::default());
    checks.extend(others.map(|other| another_kernel(&cache, &other)));
    checks
}

/// A kernel that only those need who ask for it.
fn another_kernel(cache: &Path, kernel: &Kernel) -> Check {
    let name = "another kernel";
    let Kernel { version, key } = kernel;
    let files = KernelFiles::below(cache, key);
    let check = match files.are_there() {
        false => {
            let mend = format!("only `--kernel {version}` needs it; run {}", command(version));
            Check::missing(name, format!("{version} is not built"), mend)
        }
        true => match cpu_state(host_cpu_state(), &CpuState::read(&files)) {
            Check { state: State::Ok, .. } => {
                return Check::ok(name, format!("{version}, {}, key {key}", files.linux.display()));
            }
            trouble => Check { name, saw: format!("{version}: {}", trouble.saw), ..trouble },
        },
    };
    Check { state: State::Optional, ..check }
}

fn part(name: &'static str, path: &Path, key: &str) -> Check {
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

/// How many bytes of extended CPU state a kernel keeps for a process.
#[derive(Debug, PartialEq, Eq)]
enum CpuState {
    /// User Mode Linux before seccomp mode keeps a fixed number, and panics on a CPU with more.
    AtMost(u32),
    /// It asks the CPU when it starts.
    Any,
    NotKnown,
}

impl CpuState {
    fn read(kernel: &KernelFiles) -> CpuState {
        let text = std::fs::read_to_string(&kernel.cpu_state_size).unwrap_or_default();
        match text.trim() {
            "any" => CpuState::Any,
            size => size.parse().map_or(CpuState::NotKnown, CpuState::AtMost),
        }
    }
}

/// Whether a kernel can run on this host's CPU.
fn cpu_state(host: Option<u32>, kernel: &CpuState) -> Check {
    let name = "CPU state size";
    match (host, kernel) {
        (None, _) => Check::missing(name, "this is not an x86-64 CPU", "use an x86-64 host"),
        (_, CpuState::NotKnown) => {
            Check::missing(name, "not known before the kernel is built", MEND)
        }
        (Some(host), CpuState::AtMost(most)) if host > *most => {
            let saw = format!("this CPU has {host} bytes, the kernel takes {most}");
            let mend = "remove the kernel from the cache, and run `ci/setup` on this host, which \
                        makes room for them; or `ci/setup --kernels 7.2`, and run with \
                        `--kernel 7.2`, which takes any";
            Check::missing(name, saw, mend)
        }
        (Some(host), CpuState::AtMost(most)) => {
            Check::ok(name, format!("{host} bytes, the kernel takes {most}"))
        }
        (Some(host), CpuState::Any) => {
            Check::ok(name, format!("{host} bytes, the kernel takes any"))
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_with_more_state_than_the_kernel_takes_is_told_with_both_mends() {
        // AMX: 11 KiB.
        let check = cpu_state(Some(11_008), &CpuState::AtMost(2_696));
        assert!(check.state == State::Missing);
        assert_eq!(check.saw, "this CPU has 11008 bytes, the kernel takes 2696");
        let mend = check.mend.unwrap();
        assert!(mend.contains("run `ci/setup` on this host") && mend.contains("--kernel 7.2"));
        for kernel in [CpuState::AtMost(11_008), CpuState::Any] {
            assert!(cpu_state(Some(11_008), &kernel).state == State::Ok, "{kernel:?}");
        }
        assert!(cpu_state(Some(1), &CpuState::NotKnown).state == State::Missing);
    }

    #[test]
    fn a_kernel_beside_the_default_is_never_missed() {
        let cache = tempfile::tempdir().unwrap();
        let newest = kernel::shipped().pop().unwrap();
        let check = another_kernel(cache.path(), &newest);
        assert!(check.state == State::Optional);
        assert!(check.mend.unwrap().contains("run `ci/setup --kernels 7.2`"));
        let files = KernelFiles::below(cache.path(), &newest.key);
        std::fs::create_dir_all(files.linux.parent().unwrap()).unwrap();
        for file in [&files.linux, &files.seeded_random] {
            std::fs::write(file, "").unwrap();
        }
        std::fs::write(&files.cpu_state_size, "any\n").unwrap();
        assert!(another_kernel(cache.path(), &newest).state == State::Ok);
    }
}
