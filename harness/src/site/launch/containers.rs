//! Kernels in containers, each in one of its own.
//!
//! A container has less than the engine gives by default: no capability, no network, a read-only
//! root file system, and a list of system calls that is shorter than the engine's own, but for
//! personality(2), by which a kernel turns off the randomisation of its addresses. The site's
//! directory is mounted into it, and the sockets there join the kernel to the harness's clock, wire
//! and disks.
//!
//! Nothing is left behind: the engine removes a container that has ended, and its first process
//! ends with the harness, whatever ends that (see containers/node/container/entry).

use super::directory::SiteDirectory;
use super::processes::file_size_max;
use super::program::Program;
use super::{Images, Kernel, Place, Running, host};
use crate::assets::CONTAINER_KEY;
use crate::site::blueprint::NodeBlueprint;
use bollard::Docker;
use bollard::errors::Error as EngineError;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{getgid, getuid, mkfifo};
use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use testcontainers::core::Mount;
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, GenericImage, ImageExt, TestcontainersError, bollard};
use thiserror::Error;

/// The image of containers/node/Dockerfile; its tag is the key of its recipe.
pub const IMAGE: &str = "lockstorm-node";
/// Where things are in a container; containers/node/container/entry has the same.
pub(super) const SITE: &str = "/run/lockstorm/site";
const KERNEL: &str = "/run/lockstorm/kernel";
pub(super) const CONSOLES: &str = "/run/lockstorm/console";
const PRELOAD: &str = "/run/lockstorm/kernel/libseededrandom.so";
/// Which system calls there are.
const SECCOMP: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../containers/node/container/seccomp.json"));
/// What marks our containers, with the node's name.
pub const LABEL: &str = "lockstorm.node";

/// Why no node can be started in a container here.
#[derive(Debug, Error)]
pub enum Unfit {
    #[error(
        "no container engine answers: {0}; `ci/setup --containers` installs and starts one, and \
         DOCKER_HOST names one that is elsewhere on this host"
    )]
    NoEngine(String),
    #[error("the container engine has no image {IMAGE}:{CONTAINER_KEY}; `ci/image` builds it")]
    NoImage,
    #[error("the container engine failed: {0}")]
    Failed(String),
}

/// What is to be known of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Engine {
    /// It runs without privileges: its root is the user that runs it.
    rootless: bool,
}

impl Engine {
    /// Asks the engine whether it is there and has the image.
    pub fn find() -> Result<Engine, Unfit> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Unfit::Failed(error.to_string()))?;
        runtime.block_on(async {
            let engine = Docker::connect_with_defaults()
                .map_err(|error| Unfit::NoEngine(error.to_string()))?;
            let info = engine.info().await.map_err(|error| Unfit::NoEngine(error.to_string()))?;
            match engine.inspect_image(&format!("{IMAGE}:{CONTAINER_KEY}")).await {
                Ok(_) => {}
                Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => {
                    return Err(Unfit::NoImage);
                }
                Err(error) => return Err(Unfit::Failed(error.to_string())),
            }
            let options = info.security_options.unwrap_or_default();
            Ok(Engine { rootless: options.iter().any(|option| option.contains("rootless")) })
        })
    }
}

pub struct Containers {
    engine: Engine,
    core: Option<usize>,
    /// The containers' end of it is at its end when this process is.
    _life: File,
}

impl Containers {
    pub fn new(dir: &Path, core: Option<usize>) -> io::Result<Containers> {
        let engine = Engine::find().map_err(io::Error::other)?;
        let life = dir.join("life");
        mkfifo(&life, Mode::S_IRUSR | Mode::S_IWUSR)?;
        // Read and write: so the pipe has a writer before it has a reader, and neither waits.
        let flags = (OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits();
        let life = OpenOptions::new().read(true).write(true).custom_flags(flags).open(&life)?;
        Ok(Containers { engine, core, _life: life })
    }

    /// The files that the kernel makes belong to whoever runs the harness.
    fn user(&self) -> String {
        match self.engine.rootless {
            true => "0:0".into(),
            false => format!("{}:{}", getuid(), getgid()),
        }
    }
}

impl Place for Containers {
    fn start(
        &self,
        node: &NodeBlueprint,
        program: &Program,
        arguments: &[String],
        directory: &SiteDirectory,
    ) -> io::Result<Kernel> {
        let status = directory.path().join(format!("{}.status", node.name));
        let _ = fs::remove_file(&status); // of the node's last life
        drop(directory.console(&node.name)?);
        let kernel = program.linux.parent().unwrap_or(Path::new("/"));
        let first = [node.name.clone(), file_size_max(node).to_string()];
        let core = self.core.filter(|_| !self.engine.rootless).map(|core| core.to_string());
        let bind =
            |host: &Path, inside: &str| Mount::bind_mount(host.display().to_string(), inside);
        let container = GenericImage::new(IMAGE, CONTAINER_KEY)
            .with_cmd(first.into_iter().chain(arguments.iter().cloned()))
            .with_mount(bind(directory.path(), SITE))
            .with_mount(bind(directory.consoles(), CONSOLES))
            .with_mount(
                bind(kernel, KERNEL).with_access_mode(testcontainers::core::AccessMode::ReadOnly),
            )
            .with_env_var("LD_PRELOAD", PRELOAD)
            .with_env_var("LOCKSTORM_RANDOM_SEED", node.seed.to_string())
            .with_env_var("TMPDIR", "/tmp")
            .with_label(LABEL, &node.name)
            .with_user(self.user())
            .with_readonly_rootfs(true)
            .with_cap_drop("ALL")
            .with_security_opt("no-new-privileges")
            .with_security_opt(format!("seccomp={SECCOMP}"))
            .with_host_config_modifier(move |config| {
                config.auto_remove = Some(true);
                config.network_mode = Some("none".into());
                config.cpuset_cpus.clone_from(&core);
                // A kernel's memory is a file there, which it executes.
                let memory = ("/tmp".to_owned(), "exec,mode=1777".to_owned());
                config.tmpfs = Some([memory].into());
            })
            .start()
            .map_err(told)?;
        Ok(Contained::kernel(container, status))
    }

    fn start_on_host(
        &self,
        node: &NodeBlueprint,
        images: &Images,
        directory: &SiteDirectory,
    ) -> io::Result<Kernel> {
        if self.engine.rootless {
            let why = "a rootless engine cannot let its containers mount NFS; `--kernel host` needs \
                       one that root runs";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        host::start(node, images, directory)
    }
}

/// What the engine said, without the layers of who passed it on.
pub(super) fn told(error: TestcontainersError) -> io::Error {
    io::Error::other(Unfit::Failed(error.to_string()))
}

pub(super) struct Contained {
    container: RefCell<Option<Container<GenericImage>>>,
    /// The kernel's exit status, written when it has ended by itself.
    status: PathBuf,
}

impl Contained {
    /// A started container, which writes its exit status there.
    pub(super) fn kernel(container: Container<GenericImage>, status: PathBuf) -> Kernel {
        Kernel::new(Contained { container: RefCell::new(Some(container)), status })
    }
}

impl Running for Contained {
    fn has_ended(&self) -> bool {
        let container = self.container.borrow();
        // The engine forgets a container that has ended.
        container.as_ref().is_none_or(|container| !container.is_running().unwrap_or(false))
    }

    fn kill(&self) {
        if let Some(container) = self.container.take() {
            // It may have ended by itself already.
            let _ = container.rm();
        }
    }

    fn epitaph(&self) -> String {
        let ended = || fs::read_to_string(&self.status).ok()?.trim().parse::<i32>().ok();
        match ended() {
            Some(status) if status > 128 => {
                format!("the kernel was killed by signal {}", status - 128)
            }
            Some(status) => format!("the kernel exited with status {status}"),
            None => "the kernel's container ended".into(),
        }
    }
}
