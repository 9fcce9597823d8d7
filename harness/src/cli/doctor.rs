//! `lockstorm doctor`.

use super::exit::{Exit, Failure};
use super::terminal::Terminal;

pub fn run(_terminal: &Terminal) -> Result<Exit, Failure> {
    Ok(Exit::Valid)
}
