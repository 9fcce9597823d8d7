//! Kernels in containers, each in one of its own.
//!
//! A container has less than the engine gives by default: no capability, no network, a read-only
//! root file system, and a list of system calls that is shorter than the engine's own, but for
//! personality(2), by which a kernel turns off the randomisation of its addresses. The site's
//! directory is mounted into it, and the sockets there join the kernel to the harness's clock, wire
//! and disks.
//!
//! Nothing is left behind: the engine removes a container that has ended, and its first process
//! ends with the harness, whatever ends that (see containers/node/container/entry). What was made
//! and never started, because the engine or the harness came to its end between the two, the next
//! site removes.

mod engine;
mod host;
mod refusal;

pub use engine::Engine;
pub use refusal::Refusal;

use super::directory::SiteDirectory;
use super::processes::file_size_max;
use super::program::Program;
use super::{Images, Kernel, Place, Running};
use crate::assets::CONTAINER_KEY;
use crate::site::blueprint::NodeBlueprint;
use engine::{Kind, SITE_LABEL};
use nix::fcntl::OFlag;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::Mode;
use nix::unistd::{getgid, getuid, mkfifo};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};
use testcontainers::core::{AccessMode, Mount};
use testcontainers::{ContainerRequest, GenericImage, ImageExt};

/// The image of containers/node/Dockerfile; its tag is the key of its recipe.
const IMAGE: &str = "lockstorm-node";
/// Where things are in a container; containers/node/container/entry has the same.
const SITE: &str = "/run/lockstorm/site";
const KERNEL: &str = "/run/lockstorm/kernel";
const CONSOLES: &str = "/run/lockstorm/console";
const PRELOAD: &str = "/run/lockstorm/kernel/libseededrandom.so";
/// Which system calls there are.
const SECCOMP: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../containers/node/container/seccomp.json"));
/// What marks our containers, with the node's name.
const NODE_LABEL: &str = "lockstorm.node";

pub struct Containers {
    engine: Rc<Engine>,
    core: Option<usize>,
    /// The list of them, as the engine wants to be told: as it is, or where it is.
    system_calls: String,
    /// The containers' end of it is at its end when this process is.
    _life: File,
}

impl Containers {
    pub fn new(dir: &Path, core: Option<usize>) -> io::Result<Containers> {
        let engine = Rc::new(Engine::find()?);
        engine.sweep()?;
        let life = dir.join("life");
        mkfifo(&life, Mode::S_IRUSR | Mode::S_IWUSR)?;
        // Read and write: so the pipe has a writer before it has a reader, and neither waits.
        let flags = (OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits();
        let life = OpenOptions::new().read(true).write(true).custom_flags(flags).open(&life)?;
        let system_calls = match engine.kind() {
            Kind::Docker => SECCOMP.into(),
            Kind::Podman => {
                let file = dir.join("seccomp.json");
                fs::write(&file, SECCOMP)?;
                file.display().to_string()
            }
        };
        Ok(Containers { engine, core, system_calls, _life: life })
    }

    /// The files that the kernel makes belong to whoever runs the harness.
    fn user(&self) -> String {
        match self.engine.is_rootless() {
            true => "0:0".into(),
            false => format!("{}:{}", getuid(), getgid()),
        }
    }

    fn request(
        &self,
        node: &NodeBlueprint,
        program: &Program,
        arguments: &[String],
        directory: &SiteDirectory,
    ) -> ContainerRequest<GenericImage> {
        let kernel = program.linux.parent().unwrap_or(Path::new("/"));
        let first = [node.name.clone(), file_size_max(node).to_string()];
        let core = self.core.filter(|_| !self.engine.is_rootless()).map(|core| core.to_string());
        let bind =
            |host: &Path, inside: &str| Mount::bind_mount(host.display().to_string(), inside);
        let request = GenericImage::new(IMAGE, CONTAINER_KEY)
            .with_cmd(first.into_iter().chain(arguments.iter().cloned()))
            .with_mount(bind(directory.path(), SITE))
            .with_mount(bind(directory.consoles(), CONSOLES))
            .with_mount(bind(kernel, KERNEL).with_access_mode(AccessMode::ReadOnly))
            .with_env_var("LD_PRELOAD", PRELOAD)
            .with_env_var("LOCKSTORM_RANDOM_SEED", node.seed.to_string())
            .with_env_var("TMPDIR", "/tmp")
            .with_label(NODE_LABEL, &node.name)
            .with_label(SITE_LABEL, directory.path().display().to_string())
            .with_user(self.user())
            .with_readonly_rootfs(true)
            .with_cap_drop("ALL")
            .with_security_opt("no-new-privileges")
            .with_security_opt(format!("seccomp={}", self.system_calls))
            .with_host_config_modifier(move |config| {
                config.auto_remove = Some(true);
                config.network_mode = Some("none".into());
                config.cpuset_cpus.clone_from(&core);
                // A kernel's memory is a file there, which it executes.
                let memory = ("/tmp".to_owned(), "exec,mode=1777".to_owned());
                config.tmpfs = Some([memory].into());
            });
        match self.engine.kind() {
            Kind::Docker => request,
            Kind::Podman => with_our_limits(request),
        }
    }

    fn launch(
        &self,
        node: &NodeBlueprint,
        directory: &SiteDirectory,
        request: ContainerRequest<GenericImage>,
    ) -> io::Result<Kernel> {
        let status = directory.path().join(format!("{}.status", node.name));
        let _ = fs::remove_file(&status); // of the node's last life
        drop(directory.console(&node.name)?);
        let started = self.engine.start(request);
        if started.is_err() {
            // An engine may keep a container that it could not start. Why it could not is told.
            let _ = self.engine.clear(directory.path());
        }
        Ok(Kernel::new(Contained { engine: self.engine.clone(), id: started?, status }))
    }
}

/// As many processes as Podman leaves itself, by default.
const PODMANS_OWN_LIMIT: u64 = 32768;

/// Podman would raise these limits, which not even every root may: neither above the harness's own,
/// nor above Podman's.
fn with_our_limits(request: ContainerRequest<GenericImage>) -> ContainerRequest<GenericImage> {
    let limits = [("nofile", Resource::RLIMIT_NOFILE), ("nproc", Resource::RLIMIT_NPROC)];
    limits.into_iter().fold(request, |request, (name, resource)| match getrlimit(resource) {
        Ok((soft, hard)) => {
            let [soft, hard] = [soft, hard].map(|limit| limit.min(PODMANS_OWN_LIMIT) as i64);
            request.with_ulimit(name, soft, Some(hard))
        }
        Err(_) => request,
    })
}

impl Place for Containers {
    fn start(
        &self,
        node: &NodeBlueprint,
        program: &Program,
        arguments: &[String],
        directory: &SiteDirectory,
    ) -> io::Result<Kernel> {
        self.launch(node, directory, self.request(node, program, arguments, directory))
    }

    fn start_on_host(
        &self,
        node: &NodeBlueprint,
        images: &Images,
        directory: &SiteDirectory,
    ) -> io::Result<Kernel> {
        if self.engine.is_rootless() {
            let why = "a rootless engine cannot let its containers mount NFS; `--kernel host` needs \
                       one that root runs";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        self.launch(node, directory, host::request(node, images, directory)?)
    }
}

/// How long a container's first process may take to write down how the kernel ended.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

struct Contained {
    engine: Rc<Engine>,
    id: String,
    /// The kernel's exit status, written when it has ended by itself.
    status: PathBuf,
}

impl Contained {
    /// The kernel's exit status; `None` when it was ended together with its container.
    fn exit_status(&self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            let is_last_look = begun.elapsed() > WRITTEN_WITHIN || self.has_ended().unwrap_or(true);
            let written = fs::read_to_string(&self.status).unwrap_or_default();
            match written.trim().parse() {
                Ok(status) => return Some(status),
                Err(_) if is_last_look => return None,
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

impl Running for Contained {
    fn has_ended(&self) -> io::Result<bool> {
        Ok(!self.engine.is_running(&self.id)?)
    }

    fn kill(&self) -> io::Result<()> {
        Ok(self.engine.end(&self.id)?)
    }

    fn epitaph(&self) -> String {
        match self.exit_status() {
            Some(status) if status > 128 => {
                format!("the kernel was killed by signal {}", status - 128)
            }
            Some(status) => format!("the kernel exited with status {status}"),
            None => "somebody ended the kernel's container: the engine, or one who uses it".into(),
        }
    }
}
