//! Why no node can be started in a container here, and the mend.

use super::IMAGE;
use crate::assets::CONTAINER_KEY;
use std::error::Error;
use std::io;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum Refusal {
    #[error(
        "no container engine answers: {0}; `ci/setup --containers` installs and starts one, and \
         DOCKER_HOST names one that is elsewhere on this host"
    )]
    NoEngine(String),
    #[error(
        "the container engine is there, but not for this user: {0}; be in its group (docker), or \
         let DOCKER_HOST name an engine of your own"
    )]
    Forbidden(String),
    #[error(
        "the container engine speaks another version of its API ({0}): Docker 20.10 or Podman 4 is \
         needed (version 1.41), or something later"
    )]
    TooOld(String),
    #[error("the container engine has no image {IMAGE}:{CONTAINER_KEY}; `ci/image` builds it")]
    NoImage,
    #[error(
        "the container engine has not answered for {0} s: it hangs, or this host is too busy for \
         it; look at `docker info`, and restart it"
    )]
    Silent(u64),
    #[error("the container engine has stopped, or broke off: {0}; start it, and run this again")]
    Stopped(String),
    #[error(
        "the container engine has no space left: {0}; `docker info` says where its directory is, \
         and `docker system prune` makes room"
    )]
    Full(String),
    #[error("the container engine failed: {0}")]
    Failed(String),
}

impl Refusal {
    /// It does not even say who it is.
    pub fn no_engine(error: impl Error) -> Refusal {
        let words = words(&error);
        if words.contains("ermission denied") {
            Refusal::Forbidden(words)
        } else if words.contains("client version") {
            Refusal::TooOld(words)
        } else {
            Refusal::NoEngine(words)
        }
    }

    /// It was there before.
    pub fn failed(error: impl Error) -> Refusal {
        let words = words(&error);
        let says = |what: &str| words.contains(what);
        if says("no space left on device") || says("disk quota exceeded") {
            Refusal::Full(words)
        } else if says("failed to pull the image") {
            Refusal::NoImage
        } else if says("hyper legacy client") || says("Socket not found") {
            // Nobody listens, or the answer broke off.
            Refusal::Stopped(words)
        } else {
            Refusal::Failed(words)
        }
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> io::Error {
        io::Error::other(refusal)
    }
}

/// What is at the bottom of it is often said by its cause alone.
fn words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_words = inner.to_string();
        if !words.contains(&inner_words) {
            words = format!("{words}: {inner_words}");
        }
        cause = inner.source();
    }
    words
}
