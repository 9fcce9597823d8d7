//! What can go wrong with a site, apart from what happens inside its nodes.

use std::io;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum SiteError {
    /// The host failed: no memory, no disk space, no descriptors.
    #[error("{doing}: {error}")]
    Host { doing: String, error: io::Error },
    /// A node computes or talks without end, or has not ended what it began to say: virtual time
    /// stands still.
    #[error("{node} has been running for {seconds} s of wall time without a pause")]
    Stuck { node: String, seconds: u64 },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl SiteError {
    pub fn host(doing: impl Into<String>) -> impl FnOnce(io::Error) -> SiteError {
        let doing = doing.into();
        move |error| SiteError::Host { doing, error }
    }
}
