//! How a lock's adapter is started inside a node.

use super::profile::Profile;
use crate::units::Nanos;
use lockstorm_agent::SUPPLEMENT;
use std::collections::BTreeMap;

/// Where the node image has the locks.
const LOCKS: &str = "/usr/lib/lockstorm/locks";

/// An adapter's directory, command and environment.
pub struct Start {
    pub dir: String,
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
}

/// What the adapter is told of its lock: see containers/locks/README.md.
pub struct Settings<'a> {
    /// The lock's path inside the node.
    pub path: &'a str,
    pub lifetime: Option<Nanos>,
    pub options: &'a BTreeMap<String, serde_json::Value>,
    /// It is on the client's second image, and not in the node image.
    pub brought: bool,
}

/// The start of a profile's adapter.
pub fn start(profile: &Profile, settings: &Settings) -> Start {
    let dir = match settings.brought {
        true => SUPPLEMENT.to_owned(),
        false => format!("{LOCKS}/{}", profile.name),
    };
    let mut env = BTreeMap::from([("LOCKSTORM_PATH".to_owned(), settings.path.to_owned())]);
    if let Some(lifetime) = settings.lifetime {
        env.insert("LOCKSTORM_LIFETIME".into(), lifetime.as_secs_f64().to_string());
    }
    if !settings.options.is_empty() {
        let options = serde_json::to_string(settings.options).expect("options are JSON");
        env.insert("LOCKSTORM_OPTIONS".into(), options);
    }
    env.extend(profile.layer.search_path(&dir).map(|(name, path)| (name.to_owned(), path)));
    Start { dir, argv: profile.start.clone(), env }
}
