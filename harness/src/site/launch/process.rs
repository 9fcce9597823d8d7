//! A node's kernel as a child process.

use super::guardian::Guardian;
use super::initrd;
use super::program::Programs;
use crate::site::blueprint::NodeBlueprint;
use crate::site::node::machine::Slot;
use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::net::UnixListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// No file of a kernel grows longer than its memory, which is a file, and this; a kernel that
/// tries to is killed (SIGXFSZ).
const CONSOLE_MAX_MIB: u64 = 64;

/// Starts kernels for one site.
pub struct Launcher {
    programs: Programs,
    guardian: Guardian,
    /// Sockets and the ramdisk; short-lived, with a short path, since the path of a socket may
    /// have 107 bytes only (unix(7)).
    dir: tempfile::TempDir,
    consoles: PathBuf,
}

/// The sockets that one kernel connects to.
pub struct Listeners {
    pub time: UnixListener,
    pub devices: Vec<UnixListener>,
}

/// A started kernel. It is killed when this is dropped, and also when the thread that started it
/// ends, however that comes about: see [`Launcher::start`].
pub struct Kernel {
    child: RefCell<Child>,
}

impl Launcher {
    /// `consoles` is the directory for the console logs, which outlive the site.
    pub fn new(programs: &Programs, consoles: &Path) -> io::Result<Launcher> {
        sweep_abandoned();
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let dir = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        fs::create_dir_all(consoles)?;
        let mut ramdisk = File::create(dir.path().join("initrd"))?;
        initrd::write(&mut ramdisk)?;
        Ok(Launcher {
            programs: programs.clone(),
            guardian: Guardian::start(dir.path())?,
            dir,
            consoles: fs::canonicalize(consoles)?,
        })
    }

    /// Starts a node's kernel with these devices. Its command line holds nothing of the host, and
    /// nothing but its `node` tells one kernel of a role from another.
    ///
    /// prlimit(1), setpriv(1) and setarch(1) set what a process must set for itself before it
    /// becomes the kernel: that a guest cannot fill the host's disk through its console, that it
    /// dies with this thread, and that its addresses are not randomised. The
    /// kernel's own processes die with it (PR_SET_PDEATHSIG in arch/um/os-Linux/skas/process.c).
    pub fn start(&self, node: &NodeBlueprint, slots: &[Slot]) -> io::Result<(Kernel, Listeners)> {
        let name = &node.name;
        let program = self.programs.of(node.role);
        let mut arguments = vec![
            format!("mem={}M", node.memory_mib),
            "initrd=initrd".into(),
            format!("time-travel=ext:1:{name}.time"),
            format!("umid={name}"),
            "uml_dir=uml/".into(),
            "norandmaps".into(),
            "con=null".into(),
            "con0=null,fd:1".into(),
            "console=tty0".into(),
            "loglevel=6".into(),
            "panic=-1".into(),
            // No completion interrupts for transmitted frames: nothing waits for them.
            "virtio_net.napi_tx=0".into(),
        ];
        arguments.extend(program.arguments.iter().cloned());
        let time = self.listen(&format!("{name}.time"))?;
        let mut devices = Vec::new();
        for slot in slots {
            let (kind, id) = device_type(*slot);
            let socket = format!("{name}.{kind}");
            devices.push(self.listen(&socket)?);
            arguments.push(format!("virtio_uml.device={socket}:{id}"));
        }
        let console = self.console(name)?;
        let child = Command::new("prlimit")
            .arg(format!("--fsize={}", (node.memory_mib as u64 + CONSOLE_MAX_MIB) << 20))
            .args(["setpriv", "--pdeathsig", "KILL", "setarch", "-R"])
            .arg(&program.linux)
            .args(&arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LD_PRELOAD", &program.preload)
            .env("LOCKSTORM_RANDOM_SEED", node.seed.to_string())
            .process_group(self.guardian.group())
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .spawn()?;
        Ok((Kernel { child: RefCell::new(child) }, Listeners { time, devices }))
    }

    fn listen(&self, name: &str) -> io::Result<UnixListener> {
        let path = self.dir.path().join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        UnixListener::bind(path)
    }

    /// A node that is switched on again goes on in the same log.
    fn console(&self, node: &str) -> io::Result<File> {
        let path = self.consoles.join(format!("{node}.log"));
        OpenOptions::new().create(true).append(true).open(path)
    }
}

/// The socket's name and the virtio device type (virtio 1.2, section 5).
fn device_type(slot: Slot) -> (&'static str, u32) {
    match slot {
        Slot::Root => ("root", 2),
        Slot::Net => ("net", 1),
        Slot::Control => ("control", 3),
        Slot::Disk => ("disk", 2),
        Slot::Supplement => ("supplement", 2),
    }
}

impl Kernel {
    pub fn has_ended(&self) -> bool {
        matches!(self.child.borrow_mut().try_wait(), Ok(Some(_)))
    }

    /// Kills the kernel and waits for its end.
    pub fn kill(&self) {
        let mut child = self.child.borrow_mut();
        // It may have ended by itself already.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// How the kernel ended, in words.
    pub fn epitaph(&self) -> String {
        match self.child.borrow_mut().wait() {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("the kernel exited with status {code}"),
                (_, Some(signal)) => format!("the kernel was killed by signal {signal}"),
                _ => "the kernel ended".into(),
            },
            Err(error) => format!("the kernel cannot be waited for: {error}"),
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.kill();
    }
}

const PREFIX: &str = "lockstorm-";

/// Removes the directories of harnesses that were killed before they could.
fn sweep_abandoned() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')?.0.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
