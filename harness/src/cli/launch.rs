//! `--launch`: where the nodes' kernels run, and whether they can.

use super::exit::Failure;
use crate::site::launch::Launch;

#[derive(Clone, Copy, clap::Args)]
pub struct LaunchArgs {
    /// Where the nodes' kernels run: as processes of this host, or each in a container of its own.
    /// The verdict and the history are the same.
    #[arg(long, value_enum, value_name = "WHERE", default_value = "local")]
    launch: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Place {
    Local,
    Containers,
}

impl LaunchArgs {
    /// What was chosen.
    pub fn place(self) -> Launch {
        match self.launch {
            Place::Local => Launch::Local,
            Place::Containers => Launch::Containers,
        }
    }

    /// The same, if it can be had here.
    pub fn fit(self) -> Result<Launch, Failure> {
        match self.place() {
            Launch::Local => Ok(Launch::Local),
            Launch::Containers => fit_for_containers().map(|()| Launch::Containers),
        }
    }
}

#[cfg(feature = "docker")]
fn fit_for_containers() -> Result<(), Failure> {
    use crate::site::launch::containers::{Engine, Refusal};
    match Engine::find() {
        Ok(_) => Ok(()),
        Err(refusal @ (Refusal::NoEngine(_) | Refusal::TooOld(_) | Refusal::NoImage)) => {
            Err(Failure::SetUpMissing(refusal.to_string()))
        }
        Err(refusal) => Err(Failure::Host(refusal.to_string())),
    }
}

#[cfg(not(feature = "docker"))]
fn fit_for_containers() -> Result<(), Failure> {
    let message = "--launch containers: this lockstorm was built without containers; build it with `cargo build --features docker`";
    Err(Failure::Argument(message.into()))
}
