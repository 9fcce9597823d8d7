//! The prober in the place of a lock: what the nodes of a [`super::Lab`] run.

use crate::lock::profile::Profile;
use lockstorm_agent::{Command, probe};
use std::collections::BTreeMap;

/// The name of the profile.
pub const NAME: &str = "prober";
/// The agent is the first process of every node; it is the prober, too.
const PROGRAM: &str = "/proc/1/exe";

/// A profile that promises nothing.
pub fn profile() -> Profile {
    let text = format!(
        "name: {NAME}\nkind: control\nsummary: makes the system calls that it is asked for\n\
         version: \"1\"\nlayer: python\nstart: [{PROGRAM}, {}]\nprimitive: none\npromises: {{}}\n\
         assumes: {{because: It is no lock.}}\n",
        probe::ARGUMENT
    );
    serde_yaml::from_str(&text).expect("the prober's profile is one")
}

/// Starts it.
pub fn start() -> Command {
    Command::StartAdapter {
        holder: 0,
        dir: "/".into(),
        argv: vec![PROGRAM.into(), probe::ARGUMENT.into()],
        env: BTreeMap::new(),
        watched: Vec::new(),
        pid_namespace: false,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_probers_profile_is_one() {
        assert_eq!(super::profile().name, super::NAME);
    }
}
