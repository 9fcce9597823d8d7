//! How lockstorm ends: the exit codes, and the errors that lead to those from 10 up.

use crate::assets::Missing;
use crate::history::reader::ReadError;
use crate::source::{Diagnostic, Diagnostics};
use crate::verdict::RecheckError;
use lockstorm_reports::set;
use std::io;
use std::process::ExitCode;

/// The exit codes. Below 10 they are a verdict; from 10 up, there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every promise that was tried held.
    Valid = 0,
    /// A promise was broken.
    Violated = 1,
    /// The run proves nothing: a fault missed, or the environment failed.
    Unknown = 2,
    /// The scenario, the plan or the arguments are wrong.
    Input = 10,
    /// `ci/setup` has not been run for this version.
    SetUpMissing = 11,
    /// The host refused: files, memory, a full disk.
    Host = 12,
    /// An error in lockstorm itself.
    Internal = 13,
    /// Ctrl-C, as shells count it: 128 and the signal's number.
    Interrupted = 130,
}

impl Exit {
    /// What each means, for the man pages.
    pub const MEANINGS: [(Exit, &str); 8] = [
        (Exit::Valid, "valid: every promise that was put to the test was kept"),
        (Exit::Violated, "violated: a promise was broken"),
        (Exit::Unknown, "unknown: it proves nothing, a fault missed or the environment failed"),
        (Exit::Input, "bad input: the scenario, the plan or the arguments are wrong"),
        (Exit::SetUpMissing, "set-up missing: ci/setup has not been run for this version"),
        (Exit::Host, "trouble with this host: files, memory, a full disk"),
        (Exit::Internal, "an error in lockstorm itself"),
        (Exit::Interrupted, "interrupted"),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command came to no verdict.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Input(#[from] Diagnostics),
    /// Arguments that make no sense together.
    #[error("{0}")]
    Argument(String),
    #[error("{0}")]
    SetUpMissing(String),
    #[error("{0}")]
    Host(String),
    #[error("{0}")]
    Internal(String),
    #[error("interrupted; what was recorded so far has been kept")]
    Interrupted,
}

impl Failure {
    /// The exit code it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Input(_) | Failure::Argument(_) => Exit::Input,
            Failure::SetUpMissing(_) => Exit::SetUpMissing,
            Failure::Host(_) => Exit::Host,
            Failure::Internal(_) => Exit::Internal,
            Failure::Interrupted => Exit::Interrupted,
        }
    }

    /// What came of a path that the user named: bad input where nothing is there, or cannot be;
    /// otherwise it is the host that refuses.
    pub fn of_a_named_path(error: &io::Error, message: String) -> Failure {
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::InvalidFilename => Failure::Argument(message),
            _ => Failure::Host(message),
        }
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Failure {
        Failure::Input(diagnostic.into())
    }
}

impl From<Missing> for Failure {
    fn from(missing: Missing) -> Failure {
        Failure::SetUpMissing(missing.to_string())
    }
}

impl From<RecheckError> for Failure {
    fn from(error: RecheckError) -> Failure {
        let message = error.to_string();
        match error {
            RecheckError::Io { source, .. }
            | RecheckError::History(ReadError::Io { source, .. }) => {
                Failure::of_a_named_path(&source, message)
            }
            RecheckError::Plan { .. } | RecheckError::Report { .. } | RecheckError::History(_) => {
                Failure::Argument(message)
            }
        }
    }
}

impl From<set::ReadError> for Failure {
    fn from(error: set::ReadError) -> Failure {
        let message = error.to_string();
        match error {
            set::ReadError::Io { source, .. } => Failure::of_a_named_path(&source, message),
            set::ReadError::Content(_) => Failure::Argument(message),
        }
    }
}
