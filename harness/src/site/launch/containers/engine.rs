//! The container engine: whether it is fit, and questions to it that come to an end.
//!
//! An engine may stop or hang whenever it likes. Nobody waits longer than [`PATIENCE`] for it, and
//! once it was silent for so long a site does not ask it again: it has many things to ask for when
//! it ends, and each would wait anew.

use super::IMAGE;
use super::refusal::Refusal;
use crate::assets::CONTAINER_KEY;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as EngineError;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerRequest, GenericImage, TestcontainersError};
use tokio::runtime::Runtime;

/// What marks our containers, with the directory of their site.
pub const SITE_LABEL: &str = "lockstorm.site";
/// How long an engine may take for an answer. On a busy host a healthy one has taken seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// The oldest version of the engine's API that was tried: Docker 20.10, Podman 4. An older engine
/// silently passes over what it does not know, and containers would stay behind.
const OLDEST_API: (u32, u32) = (1, 41);

/// Where questions are asked. It is never joined, so a question that has no answer holds nobody up.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
});

/// Whose engine it is. Podman speaks Docker's API, but for some details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Docker,
    Podman,
}

pub struct Engine {
    docker: Docker,
    kind: Kind,
    /// It runs without privileges: its root is the user that runs it.
    rootless: bool,
    silent: Cell<bool>,
}

impl Engine {
    /// Asks the engine whether it is there, can do what is needed and has the image.
    pub fn find() -> Result<Engine, Refusal> {
        let docker = ask(docker_client_instance())?.map_err(Refusal::no_engine)?;
        let (client, name) = (docker.clone(), format!("{IMAGE}:{CONTAINER_KEY}"));
        let version = ask(async move { client.version().await })?.map_err(Refusal::no_engine)?;
        check_version(&version.api_version.unwrap_or_default())?;
        let components = version.components.unwrap_or_default();
        let kind = match components.iter().any(|part| part.name.starts_with("Podman")) {
            true => Kind::Podman,
            false => Kind::Docker,
        };
        let client = docker.clone();
        let info = ask(async move { client.info().await })?.map_err(Refusal::no_engine)?;
        let client = docker.clone();
        match ask(async move { client.inspect_image(&name).await })? {
            Ok(_) => {}
            Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => {
                return Err(Refusal::NoImage);
            }
            Err(error) => return Err(Refusal::failed(error)),
        }
        let rootless = match kind {
            Kind::Docker => {
                let options = info.security_options.unwrap_or_default();
                options.iter().any(|option| option.contains("rootless"))
            }
            Kind::Podman => is_a_users(),
        };
        Ok(Engine { docker, kind, rootless, silent: Cell::new(false) })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn is_rootless(&self) -> bool {
        self.rootless
    }

    /// Starts a container; answers its id.
    pub fn start(&self, request: ContainerRequest<GenericImage>) -> Result<String, Refusal> {
        let start = async move {
            let container = request.start().await?;
            let id = container.id().to_owned();
            // Dropped, it would ask the engine to remove it, and wait for longer than we do.
            std::mem::forget(container);
            Ok(id)
        };
        self.ask(start)?.map_err(|error: TestcontainersError| Refusal::failed(error))
    }

    pub fn is_running(&self, id: &str) -> Result<bool, Refusal> {
        let (docker, id) = (self.docker.clone(), id.to_owned());
        let look = async move { docker.inspect_container(&id, None).await };
        match self.ask(look)? {
            Ok(found) => Ok(found.state.and_then(|state| state.running).unwrap_or(false)),
            // The engine forgets a container that has ended.
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(Refusal::failed(error)),
        }
    }

    /// Kills a container, which may have ended already, and removes it.
    pub fn end(&self, id: &str) -> Result<(), Refusal> {
        let (docker, id) = (self.docker.clone(), id.to_owned());
        self.ask(async move { remove(&docker, &id).await })?.map_err(Refusal::failed)
    }

    /// Removes what is left of a site's containers.
    pub fn clear(&self, site: &Path) -> Result<(), Refusal> {
        let label = format!("{SITE_LABEL}={}", site.display());
        self.remove(HashMap::from([("label", vec![label])]), |_| true)
    }

    /// Removes the containers that do not run, of sites that are no more: the engine made them when
    /// nobody waited for its answer any more. Those that run end by themselves.
    pub fn sweep(&self) -> Result<(), Refusal> {
        let at_rest = ["created", "exited"].map(str::to_owned).to_vec();
        let filters = HashMap::from([("label", vec![SITE_LABEL.into()]), ("status", at_rest)]);
        self.remove(filters, |site| !Path::new(site).exists())
    }

    fn remove(
        &self,
        filters: HashMap<&'static str, Vec<String>>,
        of_site: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<(), Refusal> {
        let docker = self.docker.clone();
        let removal = async move {
            let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
            for container in docker.list_containers(Some(options)).await? {
                let site = container.labels.unwrap_or_default().remove(SITE_LABEL);
                if let (Some(id), true) = (container.id, site.is_some_and(|site| of_site(&site))) {
                    remove(&docker, &id).await?;
                }
            }
            Ok(())
        };
        self.ask(removal)?.map_err(|error: EngineError| Refusal::failed(error))
    }

    /// Waits for an answer, but not for ever.
    fn ask<T: Send + 'static>(
        &self,
        question: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Refusal> {
        if self.silent.get() {
            return Err(Refusal::Silent(PATIENCE.as_secs()));
        }
        let answer = ask(question);
        self.silent.set(matches!(answer, Err(Refusal::Silent(_))));
        answer
    }
}

async fn remove(docker: &Docker, id: &str) -> Result<(), EngineError> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match docker.remove_container(id, Some(options)).await {
        Err(error) if is_gone(&error) => Ok(()),
        other => other,
    }
}

/// The engine knows the container no more, or is about to forget it.
fn is_gone(error: &EngineError) -> bool {
    matches!(error, EngineError::DockerResponseServerError { status_code: 404 | 409, .. })
}

fn ask<T: Send + 'static>(
    question: impl Future<Output = T> + Send + 'static,
) -> Result<T, Refusal> {
    let runtime = RUNTIME.as_ref().map_err(Refusal::failed)?;
    let question = runtime.spawn(question);
    match runtime.block_on(async { tokio::time::timeout(PATIENCE, question).await }) {
        Ok(answer) => answer.map_err(Refusal::failed),
        Err(_) => Err(Refusal::Silent(PATIENCE.as_secs())),
    }
}

fn check_version(version: &str) -> Result<(), Refusal> {
    let parts = version.split_once('.');
    let parts = parts.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    match parts {
        Some(parts) if parts >= OLDEST_API => Ok(()),
        _ => Err(Refusal::TooOld(version.to_owned())),
    }
}

/// Whether a user's own engine listens. Podman does not say so in words that Docker has, too.
fn is_a_users() -> bool {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let peer = host
        .strip_prefix("unix://")
        .and_then(|path| getsockopt(&UnixStream::connect(path).ok()?, PeerCredentials).ok());
    peer.is_some_and(|peer| peer.uid() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_that_was_never_tried_is_refused() {
        assert!(check_version("1.41").is_ok());
        assert!(check_version("1.53").is_ok());
        assert!(check_version("2.0").is_ok());
        for version in ["1.40", "1.4", "", "one", "1.x"] {
            assert!(matches!(check_version(version), Err(Refusal::TooOld(_))), "{version}");
        }
    }
}
