//! The simulated site: a second implementation of [`Site`](crate::site::Site), all in memory, on
//! which the very same nemesis, workloads, interpreter and checkers run, thousands of runs a
//! second.
//!
//! ```text
//! run (interpreter, workloads, nemesis)
//!   |  Site
//! site        calendar, power, the real wire (site/wire) with the rules of the real faults
//!   |
//! node        clock | agent (commands and messages of the real one)
//!   |             client: process (locks/) -> client -> tcp -> frame -> wire
//!   |             server: tcp -> server (state, store on the disk)
//! ```
//!
//! - [`frame`]: TCP over IPv4 over Ethernet, in bytes; [`tcp`]: one end of a connection;
//! - [`rpc`]: what clients and server say to each other, NFSv4.1 in small;
//! - [`client`]: a client's kernel: session, lease, recovery; [`server`]: the server and its disk;
//! - [`process`]: how a lock runs; [`locks`]: those that are right, and what can be wrong with
//!   them;
//! - [`clock`], [`node`], [`agent`], [`site`]: the machines.
//!
//! It is made from RFC 8881 (sections 2.10.6, 8 and 9), RFC 9293 and Linux's timers, and from what
//! the profiles in containers/locks say of their locks; and not from the checkers, which must find
//! out for themselves what it allows. Where a standard leaves a choice, the plan's seed makes it.

mod agent;
mod client;
mod clock;
mod frame;
pub mod listener;
mod locks;
mod node;
mod process;
mod rpc;
mod server;
mod site;
mod tcp;
mod tests;

pub use locks::{Defect, Kind, Lock};
pub use site::{Aftermath, SimSite};

use crate::history::writer::{Finished, Writer};
use crate::plan::Plan;
use crate::run::{RunError, run_on};
use std::path::Path;

/// Runs a plan on a simulated site; answers the history, and what was left of the site.
pub fn run(plan: &Plan, lock: Lock) -> Result<(Finished, Aftermath), RunError> {
    let nowhere = Path::new("/nonexistent");
    let history = Writer::to(Box::new(std::io::sink()), nowhere);
    let site = SimSite::new(plan, lock);
    let aftermath = site.aftermath();
    let (history, _, _) = run_on(Box::new(site), plan, history, nowhere)?;
    let aftermath = aftermath.borrow().clone();
    Ok((history, aftermath))
}
