//! `lockstorm schema`: print the JSON Schema of scenario files.

use super::exit::{Exit, Failure};
use super::terminal::Terminal;

pub fn run(terminal: &Terminal) -> Result<Exit, Failure> {
    terminal.print(&crate::scenario::schema::text())?;
    Ok(Exit::Valid)
}
