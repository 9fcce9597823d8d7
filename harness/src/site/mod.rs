//! The site: the simulated place. Nothing here knows what a lock is.
//!
//! [`KernelSite`] owns the clock, the wire, the disk and the machines, and lets one thing happen at
//! a time: either an event of the calendar, or one node's slice of time. On the real clock the
//! nodes run by themselves, and there are the calendar's events alone. Whoever runs a [`Site`] asks
//! it for the next [`Happening`], and need not know which clock it is, nor whether its kernels are
//! real.

pub mod blueprint;
pub mod clock;
pub mod disk;
pub mod exchange;
pub mod launch;
pub mod node;
pub mod virtio;
pub mod wire;

mod error;
mod ids;
mod kernel_site;
mod real_time;
pub mod settings;
mod traffic;

pub use error::SiteError;
pub use ids::{ClientId, NodeId, SERVER_NAME};
pub use kernel_site::{KernelSite, Resources};

use crate::rpc::Listener;
use disk::trouble::{Trouble, TroubleId};
use lockstorm_agent::{Command, Message};
use wire::{Rule, RuleId};

/// A site as those see it who run it: a clock, a wire, a power switch for each node, and an agent
/// in each that takes commands.
pub trait Site {
    /// The harness's clock: nanoseconds since the site was built.
    fn now(&self) -> u64;

    /// By how much the host was late with what was due, at worst (ns), since it was last forgotten;
    /// nothing on the virtual clock.
    fn lateness(&self) -> u64;

    /// What was late until now does not matter: starting containers takes an engine a second.
    fn forget_lateness(&mut self);

    fn statistics(&self) -> Statistics;

    fn has_power(&self, node: NodeId) -> bool;

    /// Lays a rule over the wire until it is lifted.
    fn lay(&mut self, rule: Box<dyn Rule>) -> RuleId;

    /// Draws the latencies of all frames that are sent from now on from another seed.
    fn reseed(&mut self, seed: u64);

    /// Lifts a rule; answers how many frames it decided about.
    fn lift(&mut self, id: RuleId) -> u64;

    /// One who understands what the nodes say to each other.
    fn listener(&self) -> Box<dyn Listener>;

    /// Rings at a time of the harness's clock (ns); [`Happening::Timer`] brings the token back.
    fn set_timer(&mut self, at: u64, token: u64);

    /// Sends a command to a node's agent; answers the number that its outcome will carry.
    fn send(&mut self, node: NodeId, command: Command) -> u64;

    /// Switches a node on: its kernel starts and boots at this instant.
    fn power_on(&mut self, node: NodeId) -> Result<(), SiteError>;

    /// Cuts a node's power. Of a server's disk only what was flushed remains, and of the rest
    /// what `keep` asks for, block by block. Answers how many sectors were lost.
    fn power_off(
        &mut self,
        node: NodeId,
        keep: &mut dyn FnMut(u64) -> bool,
    ) -> Result<usize, SiteError>;

    /// Lays a trouble over the server's disk until it is lifted.
    fn lay_trouble(&mut self, trouble: Trouble, seed: u64) -> TroubleId;

    /// Lifts a trouble; answers how many requests it hit.
    fn lift_trouble(&mut self, id: TroubleId) -> u64;

    /// Suspends a node that has power: it gets no time, its clocks stand still, and frames to it
    /// are lost. On the virtual clock alone.
    fn pause(&mut self, node: NodeId);

    /// Lets a node go on that was suspended; answers how long it stood still (ns).
    fn resume(&mut self, node: NodeId) -> u64;

    /// Lets time pass until something happens that the site does not deal with itself.
    fn advance(&mut self) -> Result<Happening, SiteError>;

    /// Ends the site's files. The nodes lose their power when the site is dropped.
    fn finish(&mut self) -> Result<(), SiteError>;
}

/// What a site tells those who run it.
#[derive(Debug, PartialEq)]
pub enum Happening {
    /// A node's agent said something.
    Message { node: NodeId, message: Message },
    /// A node's control channel carried what is no message.
    Garbled { node: NodeId, cause: String },
    /// A timer of [`Site::set_timer`] went off.
    Timer(u64),
    /// A rule of the wire tells this number to whoever laid it.
    Signal(u64),
    /// A kernel ended by itself.
    Died { node: NodeId, cause: String },
    /// Nothing will ever happen again.
    Idle,
}

/// What the site has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub slices: u64,
    pub frames: u64,
    pub disk_requests: u64,
    /// How long the host's processors have worked for the nodes' kernels and all that ran on them
    /// (ns); 0 where nobody can tell.
    pub processor_ns: u64,
}
