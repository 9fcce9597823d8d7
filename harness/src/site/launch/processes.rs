//! Kernels as processes of this host.

use super::directory::SiteDirectory;
use super::group;
use super::guardian::Guardian;
use super::program::Program;
use super::{Kernel, Place, Running};
use crate::site::blueprint::NodeBlueprint;
use std::cell::RefCell;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// No file of a kernel grows longer than its memory, which is a file, and this; a kernel that
/// tries to is killed (SIGXFSZ).
const CONSOLE_MAX_MIB: u64 = 64;

/// Names where the kernels' memory is, if not in /dev/shm: a tmpfs from which a process may
/// execute.
const MEMORY_DIR: &str = "LOCKSTORM_MEMORY_DIR";

/// The longest file that a node's kernel may write (bytes).
pub fn file_size_max(node: &NodeBlueprint) -> u64 {
    (u64::from(node.memory_mib) + CONSOLE_MAX_MIB) << 20
}

pub struct Processes {
    guardian: Guardian,
}

impl Processes {
    pub fn new(dir: &Path) -> io::Result<Processes> {
        Ok(Processes { guardian: Guardian::start(dir)? })
    }
}

impl Place for Processes {
    /// prlimit(1), setpriv(1) and setarch(1) set what a process must set for itself before it
    /// becomes the kernel: that a guest cannot fill the host's disk through its console, that it
    /// dies with this thread, and that its addresses are not randomised. The
    /// kernel's own processes die with it (PR_SET_PDEATHSIG in arch/um/os-Linux/skas/process.c).
    fn start(
        &self,
        node: &NodeBlueprint,
        program: &Program,
        arguments: &[String],
        directory: &SiteDirectory,
    ) -> io::Result<Kernel> {
        let console = directory.console(&node.name)?;
        let memory = std::env::var_os(MEMORY_DIR).map(|dir| ("TMPDIR", dir));
        let child = Command::new("prlimit")
            .arg(format!("--fsize={}", file_size_max(node)))
            .args(["setpriv", "--pdeathsig", "KILL", "setarch", "-R"])
            .arg(&program.linux)
            .args(arguments)
            .current_dir(directory.path())
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(memory)
            .env("LD_PRELOAD", &program.preload)
            .env("LOCKSTORM_RANDOM_SEED", node.seed.to_string())
            .process_group(self.guardian.group())
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .spawn()?;
        Ok(Kernel::new(Process(RefCell::new(child))))
    }
}

/// How long a kernel that has closed its sockets may take to end. One that does not is killed when
/// this is dropped.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

struct Process(RefCell<Child>);

impl Running for Process {
    fn has_ended(&self) -> io::Result<bool> {
        Ok(self.0.borrow_mut().try_wait()?.is_some())
    }

    fn kill(&self) -> io::Result<()> {
        let mut child = self.0.borrow_mut();
        child.kill()?; // no error if it has ended by itself already
        child.wait()?;
        // It leads its own processes (setsid in arch/um/os-Linux/main.c), which die of its death.
        group::wait_for_end(child.id() as i32);
        Ok(())
    }

    fn processor_time(&self) -> Option<u64> {
        Some(group::processor_time(self.0.borrow().id() as i32))
    }

    fn epitaph(&self) -> String {
        match self.end() {
            Ok(Some(status)) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("the kernel exited with status {code}"),
                (_, Some(signal)) => format!("the kernel was killed by signal {signal}"),
                _ => "the kernel ended".into(),
            },
            Ok(None) => "the kernel left its devices or its clock, and went on".into(),
            Err(error) => format!("the kernel cannot be waited for: {error}"),
        }
    }
}

impl Process {
    /// Its exit status, if it ends by itself.
    fn end(&self) -> io::Result<Option<ExitStatus>> {
        let begun = Instant::now();
        loop {
            let ended = self.0.borrow_mut().try_wait()?;
            if ended.is_some() || begun.elapsed() >= ENDS_WITHIN {
                return Ok(ended);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
