//! Launch: starts a node's kernel, as a process of this host or in a container. Nothing else in
//! the code knows which.

mod arguments;
#[cfg(feature = "docker")]
pub mod containers;
pub mod core;
mod directory;
mod group;
mod guardian;
pub mod initrd;
mod processes;
mod program;

pub use program::{Program, Programs};

use super::blueprint::NodeBlueprint;
use super::clock::Clock;
use super::node::slot::Slot;
use arguments::arguments;
use directory::SiteDirectory;
use processes::Processes;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Where the nodes' kernels run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Launch {
    /// As processes of this host.
    #[default]
    Local,
    /// Each in a container of its own.
    Containers,
}

/// Starts nodes for one site.
pub struct Launcher {
    programs: Programs,
    images: Images,
    place: Box<dyn Place>,
    directory: SiteDirectory,
}

/// Where nodes can be started.
trait Place {
    /// Starts a kernel in the site's directory, with the console log that it goes on in.
    fn start(
        &self,
        node: &NodeBlueprint,
        program: &Program,
        arguments: &[String],
        directory: &SiteDirectory,
    ) -> io::Result<Kernel>;

    /// Starts a node that runs on the host's own kernel.
    fn start_on_host(
        &self,
        _: &NodeBlueprint,
        _: &Images,
        _: &SiteDirectory,
    ) -> io::Result<Kernel> {
        let why = "nodes run on the host's own kernel in containers alone";
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    }
}

/// The images of the nodes' root file systems.
#[derive(Clone, Debug)]
pub struct Images {
    pub root: PathBuf,
    /// A second image, for the clients alone.
    pub supplement: Option<PathBuf>,
}

/// The sockets that one node connects to.
pub struct Listeners {
    /// For the virtual clock.
    pub time: Option<UnixListener>,
    pub devices: Vec<UnixListener>,
}

/// A started kernel. It is killed when this is dropped, and also when the thread that started it
/// ends, however that comes about.
pub struct Kernel(Box<dyn Running>);

/// A kernel, wherever it runs.
trait Running {
    fn has_ended(&self) -> io::Result<bool>;
    /// Ends it at once and waits for that; it may have ended by itself already.
    fn kill(&self) -> io::Result<()>;
    /// Its exit status in words, when it has ended or is about to.
    fn epitaph(&self) -> String;
    /// How long the host's processors have worked for it (ns), while it runs; `None`: nobody can
    /// tell.
    fn processor_time(&self) -> Option<u64> {
        None
    }
}

impl Launcher {
    /// `consoles` is the directory for the console logs, which outlive the site; `core` is the one
    /// that the site is to stay on.
    pub fn new(
        launch: Launch,
        programs: Programs,
        images: Images,
        consoles: &Path,
        core: Option<usize>,
    ) -> io::Result<Launcher> {
        let directory = SiteDirectory::create(consoles)?;
        let place: Box<dyn Place> = match launch {
            Launch::Local => Box::new(Processes::new(directory.path())?),
            #[cfg(feature = "docker")]
            Launch::Containers => Box::new(containers::Containers::new(directory.path(), core)?),
            #[cfg(not(feature = "docker"))]
            Launch::Containers => {
                let why = "this lockstorm was built without containers; build it with `cargo build --features docker`";
                return Err(io::Error::new(io::ErrorKind::Unsupported, why));
            }
        };
        #[cfg(not(feature = "docker"))]
        let _ = core; // processes inherit it
        Ok(Launcher { programs, images, place, directory })
    }

    /// Starts a node with these devices: its kernel, or where it has none of its own, what stands
    /// for one.
    pub fn start(
        &self,
        node: &NodeBlueprint,
        clock: Clock,
        slots: &[Slot],
    ) -> io::Result<(Kernel, Listeners)> {
        let Some(program) = self.programs.of(node.role) else {
            return self.start_on_host(node);
        };
        let arguments = arguments(node, clock, slots);
        let listen = |socket: &String| self.directory.listen(socket);
        let listeners = Listeners {
            time: arguments.time.as_ref().map(listen).transpose()?,
            devices: arguments.devices.iter().map(listen).collect::<io::Result<_>>()?,
        };
        let mut line = arguments.line;
        line.extend(program.arguments.iter().cloned());
        let kernel = self.place.start(node, program, &line, &self.directory)?;
        Ok((kernel, listeners))
    }

    fn start_on_host(&self, node: &NodeBlueprint) -> io::Result<(Kernel, Listeners)> {
        let net = self.directory.listen_for_packets(&format!("{}.net", node.name))?;
        let control = self.directory.listen(&format!("{}.control", node.name))?;
        let listeners = Listeners { time: None, devices: vec![net, control] };
        let kernel = self.place.start_on_host(node, &self.images, &self.directory)?;
        Ok((kernel, listeners))
    }
}

/// All that the harness says to a kernel with every device.
#[cfg(test)]
pub fn command_line(node: &NodeBlueprint, clock: Clock) -> Vec<String> {
    let slots = [Slot::Root, Slot::Net, Slot::Control, Slot::Disk, Slot::Supplement];
    arguments(node, clock, &slots).line
}

impl Kernel {
    fn new(running: impl Running + 'static) -> Kernel {
        Kernel(Box::new(running))
    }

    /// It runs no more.
    pub fn has_ended(&self) -> io::Result<bool> {
        self.0.has_ended()
    }

    /// Kills the kernel and waits for its end.
    pub fn kill(&self) -> io::Result<()> {
        self.0.kill()
    }

    /// How long the host's processors have worked for it and for all that runs on it (ns), while it
    /// runs; `None`: nobody can tell.
    pub fn processor_time(&self) -> Option<u64> {
        self.0.processor_time()
    }

    /// How the kernel ended, in words.
    pub fn epitaph(&self) -> String {
        self.0.epitaph()
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // Where it cannot be killed, it ends with the site.
        let _ = self.kill();
    }
}
