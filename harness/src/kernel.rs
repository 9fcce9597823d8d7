//! Kernels as a dimension: which there are, and which ones a user asks for.
//!
//! Every node runs the default kernel unless the user says otherwise, for all nodes or for the
//! server and the clients separately.

pub mod arguments;

use crate::assets::{KERNEL_KEY, kernel_names};
use crate::name::is_name;
use crate::site::blueprint::Role;
use crate::units::{hex, is_key};
use lockstorm_reports::text::quoted;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

/// The version of the default kernel (`source_version` in containers/kernel/build).
pub const DEFAULT_VERSION: &str = "6.12";
/// The others, of containers/kernel/versions: `VERSION=KEY VERSION=KEY`.
const OTHERS: &str = env!("LOCKSTORM_OTHER_KERNELS");

/// A kernel, by what people call it and by what it was built from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// `7.2`; of a user's own kernel, `own:` and the name of its file; of the host's, `host:` and
    /// its release.
    pub version: String,
    /// Its name in the cache: the key of its recipe. Of a user's own kernel, the first 16 hex
    /// digits of its SHA-256; of the host's, those of its release and version (uname(2)).
    pub key: String,
}

impl Kernel {
    /// A user's own, of a file with this name.
    pub fn own(file: &str, key: String) -> Kernel {
        Kernel { version: format!("{OWN}{file}"), key }
    }

    /// The host's.
    pub fn host(release: &str, version: &str) -> Kernel {
        let key = hex(&Sha256::digest(format!("{release} {version}"))[..8]);
        Kernel { version: format!("{HOST}:{release}"), key }
    }

    /// The host's release, if this is the host's kernel.
    pub fn release(&self) -> Option<&str> {
        self.version.strip_prefix(HOST)?.strip_prefix(':')
    }

    /// It is the host's own, on which nodes are containers.
    pub fn is_host(&self) -> bool {
        self.release().is_some()
    }

    /// It was built by the user, and not by a recipe of ours.
    pub fn is_own(&self) -> bool {
        self.version.starts_with(OWN)
    }

    /// The key has the form of one; whoever reads a plan makes a path of it.
    pub fn has_key(&self) -> bool {
        is_key(&self.key)
    }
}

const OWN: &str = "own:";
/// What `--kernel` calls the host's own kernel.
pub const HOST: &str = "host";

/// The kernel of nodes for which nothing else was said.
pub fn default() -> Kernel {
    Kernel { version: DEFAULT_VERSION.into(), key: KERNEL_KEY.into() }
}

/// What people call the kernel of this key; empty where it is of another lockstorm's recipe.
pub fn version_of(key: &str) -> String {
    let known = shipped().into_iter().find(|kernel| kernel.key == key);
    known.map(|kernel| kernel.version).unwrap_or_default()
}

/// Every kernel that there is a recipe for, the oldest first.
pub fn shipped() -> Vec<Kernel> {
    let others = OTHERS.split_whitespace().filter_map(|entry| entry.split_once('='));
    let others = others.map(|(version, key)| Kernel { version: version.into(), key: key.into() });
    let mut all: Vec<Kernel> = std::iter::once(default()).chain(others).collect();
    all.sort_by_key(|kernel| -> Vec<u32> {
        kernel.version.split('.').map(|number| number.parse().unwrap_or(0)).collect()
    });
    all
}

/// The kernel that `ci/kernel-tree` has built and named so, if there is one in this cache.
pub fn named(cache: &Path, name: &str) -> Option<Kernel> {
    if !is_name(name) {
        return None;
    }
    let key = fs::read_to_string(kernel_names(cache).join(name)).ok()?;
    let kernel = Kernel::own(name, key.trim().to_owned());
    kernel.has_key().then_some(kernel)
}

/// The kernels of a site, as far as they are not the default one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernels {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Kernel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<Kernel>,
    /// What is on their command lines beside what the harness says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
}

impl Kernels {
    /// All nodes have the default kernel.
    pub fn are_default(&self) -> bool {
        *self == Kernels::default()
    }

    /// The kernel of a role, where it is not the default one.
    pub fn of(&self, role: Role) -> Option<&Kernel> {
        match role {
            Role::Server => self.server.as_ref(),
            Role::Client => self.clients.as_ref(),
        }
    }

    /// What a role has, as people call it.
    fn version(&self, role: Role) -> &str {
        self.of(role).map_or(DEFAULT_VERSION, |kernel| &kernel.version)
    }

    /// The options that ask for them, each with a space before it; none where a path would be
    /// needed.
    pub fn options(&self) -> Option<String> {
        let kernel = match (&self.server, &self.clients) {
            (None, None) => String::new(),
            _ => format!(" --kernel {}", self.argument()?),
        };
        Some(kernel + &self.arguments_option())
    }

    /// The same, with `PATH` for what the user has to fill in.
    pub fn options_to_fill_in(&self) -> String {
        self.options().unwrap_or_else(|| format!(" --kernel PATH{}", self.arguments_option()))
    }

    fn arguments_option(&self) -> String {
        match self.arguments.is_empty() {
            true => String::new(),
            false => format!(" --kernel-args {}", quoted(&self.arguments.join(" "))),
        }
    }

    /// The argument of `--kernel` that asks for them; none where that would be a path.
    fn argument(&self) -> Option<String> {
        let own = [Role::Server, Role::Client].into_iter().filter_map(|role| self.of(role));
        if own.filter(|kernel| kernel.is_own()).count() > 0 {
            return None;
        }
        Some(match &self.clients {
            Some(kernel) if kernel.is_host() => {
                format!("server={},clients={HOST}", self.version(Role::Server))
            }
            _ => self.to_string(),
        })
    }
}

/// As `--kernel` has it.
impl fmt::Display for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.version(Role::Server), self.version(Role::Client)) {
            (server, clients) if server == clients => f.write_str(server),
            (server, clients) => write!(f, "server={server},clients={clients}"),
        }
    }
}

/// The argument of `--kernel`: what the server and what the clients are to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub server: Option<Wish>,
    pub clients: Option<Wish>,
}

/// A kernel as a user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    Version(String),
    /// The host's.
    Host,
    /// The user's own: an executable of User Mode Linux.
    Own(PathBuf),
}

impl Wish {
    /// What has a slash in it is a path.
    fn parse(text: &str) -> Result<Wish, String> {
        match text {
            "" => Err(EXPECTED.into()),
            HOST => Ok(Wish::Host),
            _ if text.contains('/') => Ok(Wish::Own(text.into())),
            _ => Ok(Wish::Version(text.into())),
        }
    }
}

const EXPECTED: &str = "expected a version such as 7.2, the path of a kernel such as ./linux, \
                        `host`, or `server=6.1,clients=7.2`";
const SERVER_ON_HOST: &str = "the server has a kernel of its own, since its disk and its power are \
                              lockstorm's; `clients=host` is possible";

impl std::str::FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Choice, String> {
        let is_by_role = |text: &str| text.split('/').next().is_some_and(|head| head.contains('='));
        if !is_by_role(text) {
            let wish = Wish::parse(text)?;
            // Nothing else can be meant by it.
            let server = (wish != Wish::Host).then(|| wish.clone());
            return Ok(Choice { server, clients: Some(wish) });
        }
        let mut choice = Choice::default();
        for part in text.split(',') {
            let (role, wish) = part.split_once('=').ok_or(EXPECTED)?;
            let slot = match role {
                "server" => &mut choice.server,
                "clients" => &mut choice.clients,
                _ => return Err(format!("no role `{role}`; {EXPECTED}")),
            };
            if slot.replace(Wish::parse(wish)?).is_some() {
                return Err(format!("`{role}` is there twice; {EXPECTED}"));
            }
        }
        if choice.server == Some(Wish::Host) {
            return Err(SERVER_ON_HOST.into());
        }
        Ok(choice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Option<Wish> {
        Some(Wish::Version(text.into()))
    }

    #[test]
    fn a_kernel_is_asked_for_by_version_by_path_or_by_role() {
        let all = Choice { server: version("7.2"), clients: version("7.2") };
        assert_eq!("7.2".parse(), Ok(all));
        let own = Some(Wish::Own("./a=b/linux".into()));
        assert_eq!("./a=b/linux".parse(), Ok(Choice { server: own.clone(), clients: own.clone() }));
        let both = Choice { server: version("6.1"), clients: version("7.2") };
        assert_eq!("server=6.1,clients=7.2".parse(), Ok(both.clone()));
        assert_eq!("clients=7.2,server=6.1".parse(), Ok(both));
        assert_eq!("server=6.1".parse(), Ok(Choice { server: version("6.1"), clients: None }));
        assert_eq!("clients=./a=b/linux".parse(), Ok(Choice { server: None, clients: own }));
    }

    #[test]
    fn the_host_has_a_kernel_for_clients_alone() {
        let clients = Choice { server: None, clients: Some(Wish::Host) };
        assert_eq!("host".parse(), Ok(clients.clone()));
        assert_eq!("clients=host".parse(), Ok(clients.clone()));
        let both = Choice { server: version("7.2"), ..clients };
        assert_eq!("server=7.2,clients=host".parse(), Ok(both));
        let said = "server=host,clients=7.2".parse::<Choice>().unwrap_err();
        assert!(said.contains("kernel of its own"), "{said}");
        let host = Kernel::host("6.1.0-40-amd64", "#1 SMP");
        assert_eq!((host.release(), host.has_key()), (Some("6.1.0-40-amd64"), true));
        let kernels = Kernels { clients: Some(host), ..Kernels::default() };
        assert_eq!(kernels.to_string(), "server=6.12,clients=host:6.1.0-40-amd64");
        assert_eq!(kernels.argument().as_deref(), Some("server=6.12,clients=host"));
    }

    #[test]
    fn half_a_choice_is_none() {
        for wrong in ["", "server=", "sever=6.1", "server=6.1,7.2", "server=6.1,server=7.2", "="] {
            let said = wrong.parse::<Choice>().unwrap_err();
            assert!(said.contains("expected a version"), "{wrong}: {said}");
        }
    }

    #[test]
    fn kernels_are_told_as_they_are_asked_for() {
        let kernel = |version: &str| Some(Kernel { version: version.into(), key: "k".into() });
        let told = |server, clients| Kernels { server, clients, ..Kernels::default() }.to_string();
        assert_eq!(told(None, None), "6.12");
        assert_eq!(told(kernel("7.2"), kernel("7.2")), "7.2");
        assert_eq!(told(kernel("6.1"), None), "server=6.1,clients=6.12");
        let clients = Some(Kernel::own("linux", "k".into()));
        let mut own = Kernels { clients, ..Kernels::default() };
        assert_eq!(
            (own.to_string(), own.argument()),
            ("server=6.12,clients=own:linux".into(), None)
        );
        own.arguments = vec!["debug".into(), "nfs.x=1".into()];
        assert_eq!(own.options(), None);
        assert_eq!(own.options_to_fill_in(), " --kernel PATH --kernel-args 'debug nfs.x=1'");
        own.clients = None;
        assert_eq!(own.options().as_deref(), Some(" --kernel-args 'debug nfs.x=1'"));
    }

    #[test]
    fn a_kernel_of_a_tree_is_found_by_its_name_and_no_name_leads_elsewhere() {
        let cache = tempfile::tempdir().unwrap();
        let names = kernel_names(cache.path());
        fs::create_dir_all(&names).unwrap();
        let key = "0123456789abcdef";
        fs::write(names.join("v6.13-rc2"), format!("{key}\n")).unwrap();
        fs::write(cache.path().join("kernel/elsewhere"), key).unwrap();
        fs::write(names.join("damaged"), "../..").unwrap();
        let found = named(cache.path(), "v6.13-rc2").unwrap();
        assert_eq!(found, Kernel::own("v6.13-rc2", key.into()));
        for none in ["v6.14", "../elsewhere", "..", "", "damaged"] {
            assert_eq!(named(cache.path(), none), None, "{none}");
        }
    }

    #[test]
    fn the_default_is_the_version_that_its_recipe_builds() {
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../containers/kernel/build");
        let recipe = std::fs::read_to_string(recipe).unwrap();
        assert!(recipe.contains(&format!("\nsource_version={DEFAULT_VERSION}\n")));
    }

    #[test]
    fn there_are_kernels_before_and_after_the_default() {
        let shipped = shipped();
        let versions: Vec<&str> = shipped.iter().map(|kernel| kernel.version.as_str()).collect();
        assert_eq!(versions, ["6.1", "6.12", "6.12.107", "6.12.113", "7.2"]);
        assert!(shipped.iter().all(Kernel::has_key));
    }
}
