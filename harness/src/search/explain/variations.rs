//! The same scenario with one thing changed.

use crate::fault::{FaultSpec, Strike};
use crate::kernel::{DEFAULT_VERSION, Kernel, Kernels};
use crate::lock::profile::Profile;
use crate::scenario::script::Step;
use crate::scenario::validate::VERSIONS;
use crate::scenario::{DiskSpec, Scenario, ServerSpec, WireSpec};
use crate::search::parts::{steps, without_faults, without_steps};
use crate::search::sweep::makes_sense;
use crate::site::blueprint::{Implementation, Role};
use crate::units::SignedNanos;
use lockstorm_reports::explanation::{Factor, LeftOut};

/// One thing that is changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Variation {
    pub factor: Factor,
    /// What of it: `fault 1 (cut)`.
    pub what: String,
    /// In words: `without fault 1 (cut)`.
    pub change: String,
    pub scenario: Scenario,
    pub kernels: Kernels,
}

/// All that make sense, and the changes that do not. `built` are the kernels that there are.
pub fn variations(
    scenario: &Scenario,
    profile: &Profile,
    kernels: &Kernels,
    built: &[Kernel],
) -> (Vec<Variation>, Vec<LeftOut>) {
    let mut all = Found { scenario, kernels, found: Vec::new() };
    all.faults();
    all.mounts();
    all.delegations();
    all.versions();
    all.servers();
    all.other_kernels(built);
    all.clocks();
    all.speeds();
    all.machines();
    let (some, others): (Vec<_>, Vec<_>) =
        all.found.into_iter().partition(|one| makes_sense(&one.scenario, profile));
    let none = |one: Variation| LeftOut {
        what: one.change,
        why: "the scenario makes no sense with it".into(),
    };
    (some, others.into_iter().map(none).collect())
}

/// What is never tried, and why.
pub fn left_out(built: &[Kernel]) -> Vec<LeftOut> {
    let mut left = vec![LeftOut {
        what: "a local file system".into(),
        why: "each client is a machine of its own, and they share no disk but the server's; \
              `lockstorm conformance --local` tells what that gives"
            .into(),
    }];
    if built.len() < 2 {
        let others = crate::kernel::shipped().into_iter().map(|kernel| kernel.version);
        let others: Vec<String> = others.filter(|version| version != DEFAULT_VERSION).collect();
        left.push(LeftOut {
            what: "another kernel".into(),
            why: format!("none is built; `ci/setup --kernels {}` builds them", others.join(",")),
        });
    }
    left
}

struct Found<'a> {
    scenario: &'a Scenario,
    kernels: &'a Kernels,
    found: Vec<Variation>,
}

impl Found<'_> {
    fn add(&mut self, factor: Factor, what: &str, change: &str, scenario: Scenario) {
        let kernels = self.kernels.clone();
        let (what, change) = (what.to_owned(), change.to_owned());
        self.found.push(Variation { factor, what, change, scenario, kernels });
    }

    /// The same where only a part of the scenario is another.
    fn with(&mut self, factor: Factor, what: &str, change: &str, other: impl Fn(&mut Scenario)) {
        let mut scenario = self.scenario.clone();
        other(&mut scenario);
        if scenario != *self.scenario {
            self.add(factor, what, change, scenario);
        }
    }

    fn faults(&mut self) {
        for (index, fault) in self.scenario.faults.iter().enumerate() {
            let what = format!("fault {} ({})", index + 1, named(&fault.strike));
            let scenario = without_faults(self.scenario, |gone| gone == index);
            self.add(Factor::Fault, &what, &format!("without {what}"), scenario);
        }
        for (index, step) in steps(self.scenario).iter().enumerate() {
            let Step::Strike(strike) = step else { continue };
            let what = format!("step {} ({})", index + 1, named(strike));
            let scenario = without_steps(self.scenario, |gone| gone == index);
            self.add(Factor::Fault, &what, &format!("without {what}"), scenario);
        }
    }

    fn mounts(&mut self) {
        let cache = "the client's cache";
        for option in ["noac", "lookupcache=none"] {
            let key = option.split('=').next().unwrap_or(option);
            let change = format!("mounted with {option}");
            self.with(Factor::ClientCache, cache, &change, |scenario| {
                let options = &mut scenario.site.nfs.options;
                options.retain(|other| other.split('=').next() != Some(key));
                options.push(option.into());
            });
        }
        let nfs = self.scenario.site.nfs.clone();
        for option in &nfs.options {
            let what = format!("the mount option {option}");
            self.with(
                Factor::MountOption,
                &what,
                &format!("mounted without {option}"),
                |scenario| {
                    scenario.site.nfs.options.retain(|other| other != option);
                },
            );
        }
        for name in nfs.parameters.keys() {
            let what = format!("the parameter {name}");
            self.with(
                Factor::MountOption,
                &what,
                &format!("{name} as it is shipped"),
                |scenario| {
                    scenario.site.nfs.parameters.remove(name);
                },
            );
        }
    }

    fn delegations(&mut self) {
        let has_them = self.scenario.site.server.delegations;
        if has_them && self.scenario.site.nfs.version != "3" {
            let what = "the client's delegation";
            self.with(Factor::Delegation, what, "no delegations", |scenario| {
                scenario.site.server.delegations = false;
            });
        }
    }

    fn versions(&mut self) {
        let ours = format!("NFS {}", self.scenario.site.nfs.version);
        for version in VERSIONS {
            self.with(Factor::Version, &ours, &format!("NFS {version}"), |scenario| {
                scenario.site.nfs.version = version.into();
            });
        }
    }

    fn servers(&mut self) {
        let (what, other, change) = match self.scenario.site.server.implementation {
            Implementation::Knfsd => {
                ("knfsd", Implementation::Ganesha, "nfs-ganesha as the server")
            }
            Implementation::Ganesha => {
                ("nfs-ganesha", Implementation::Knfsd, "knfsd as the server")
            }
        };
        self.with(Factor::Server, what, change, |scenario| {
            scenario.site.server.implementation = other;
        });
        self.with(Factor::Server, "the option async of the export", "exported sync", |scenario| {
            scenario.site.server.is_async = false;
        });
        let times = "the server's lease, grace time and threads";
        self.with(Factor::Server, times, &format!("{times} at their defaults"), |scenario| {
            let ServerSpec { lease, grace, threads, .. } = ServerSpec::default();
            let server = &mut scenario.site.server;
            (server.lease, server.grace, server.threads) = (lease, grace, threads);
        });
    }

    fn other_kernels(&mut self, built: &[Kernel]) {
        for (role, factor) in
            [(Role::Server, Factor::ServerKernel), (Role::Client, Factor::ClientKernel)]
        {
            let ours = self.kernels.of(role).cloned().unwrap_or_else(crate::kernel::default);
            if ours.is_host() {
                continue;
            }
            for kernel in built.iter().filter(|kernel| **kernel != ours) {
                let other = (*kernel != crate::kernel::default()).then(|| kernel.clone());
                let mut kernels = self.kernels.clone();
                match role {
                    Role::Server => kernels.server = other,
                    Role::Client => kernels.clients = other,
                }
                let whose = if role == Role::Server { "server" } else { "clients" };
                self.found.push(Variation {
                    factor,
                    what: format!("Linux {} of the {whose}", ours.version),
                    change: format!("Linux {} of the {whose}", kernel.version),
                    scenario: self.scenario.clone(),
                    kernels,
                });
            }
        }
    }

    fn clocks(&mut self) {
        let is_clock = |strike: &Strike| matches!(strike, Strike::Clock(_));
        let faults = |fault: &FaultSpec| is_clock(&fault.strike);
        let mut scenario =
            without_faults(self.scenario, |index| faults(&self.scenario.faults[index]));
        if !steps(&scenario).is_empty() {
            let of_clock = |index: usize| {
                let step = &steps(self.scenario)[index];
                matches!(step, Step::Strike(strike) if is_clock(strike))
            };
            scenario = without_steps(&scenario, of_clock);
        }
        for settings in scenario.site.nodes.values_mut() {
            (settings.clock, settings.zone) = (SignedNanos(0), None);
        }
        scenario.site.nodes.retain(|_, settings| !settings.are_default());
        if scenario != *self.scenario {
            self.add(Factor::Clock, "clocks", "all clocks right", scenario);
        }
    }

    fn speeds(&mut self) {
        self.with(Factor::Network, "the network's speed", "latency of a LAN", |scenario| {
            scenario.site.wire = WireSpec::default();
        });
        self.with(Factor::Disk, "the server's disk", "a disk of the usual speed", |scenario| {
            scenario.site.disk = DiskSpec::default();
        });
    }

    fn machines(&mut self) {
        for (node, settings) in &self.scenario.site.nodes {
            let what = format!("what is special about {node}");
            let change = format!("{node} like the others");
            let (clock, zone) = (settings.clock, settings.zone.clone());
            self.with(Factor::Machine, &what, &change, |scenario| {
                // Its clock is a matter of its own.
                if let Some(settings) = scenario.site.nodes.get_mut(node) {
                    let zone = zone.clone();
                    *settings =
                        crate::site::settings::NodeSettings { clock, zone, ..Default::default() };
                }
            });
        }
    }
}

/// A fault in a word, with whom it hits where that is said.
fn named(strike: &Strike) -> String {
    match strike.fault().needs_message() {
        true => strike.kind().into(),
        false => format!("{} {}", strike.kind(), strike.target()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::shrink::samples::{profile, scenario};
    use std::collections::BTreeSet;

    fn changes(story: &Scenario, built: &[Kernel]) -> Vec<String> {
        let (found, _) = variations(story, &profile(), &Kernels::default(), built);
        found.into_iter().map(|one| one.change).collect()
    }

    #[test]
    fn a_plain_story_is_changed_in_what_every_site_has() {
        let plain = [
            "mounted with noac",
            "mounted with lookupcache=none",
            "no delegations",
            "NFS 3",
            "NFS 4.0",
            "NFS 4.1",
            "nfs-ganesha as the server",
        ];
        assert_eq!(changes(&scenario(""), &[crate::kernel::default()]), plain);
    }

    #[test]
    fn what_is_special_about_a_story_is_taken_away_by_itself() {
        let story = scenario(
            "site:\n\
             \x20 nfs: {options: [soft], parameters: {recover_lost_locks: Y}}\n\
             \x20 nodes: {c1: {clock: 1h}, c2: {host_name: c1}}\n\
             \x20 wire: {latency: 5ms}\n\
             faults:\n\
             - {when: {rpc: {op: LINK}}, strike: {lose: {}}}\n\
             - {when: {struck: {fault: 1}}, strike: {clock: {node: c2, step: 8s}}}\n",
        );
        let found: BTreeSet<String> = changes(&story, &[]).into_iter().collect();
        for change in [
            "without fault 1 (lose)",
            "without fault 2 (clock c2)",
            "mounted without soft",
            "recover_lost_locks as it is shipped",
            "all clocks right",
            "latency of a LAN",
            "c2 like the others",
        ] {
            assert!(found.contains(change), "{change}: {found:?}");
        }
        assert!(!found.contains("c1 like the others"), "that is its clock");
        let (all, _) = variations(&story, &profile(), &Kernels::default(), &[]);
        let right = all.iter().find(|one| one.factor == Factor::Clock).unwrap();
        assert_eq!(right.scenario.faults.len(), 1);
        assert_eq!(right.scenario.site.nodes.keys().collect::<Vec<_>>(), ["c2"]);
    }

    #[test]
    fn other_kernels_are_tried_for_server_and_clients_apart() {
        let mut built = crate::kernel::shipped();
        built.truncate(2);
        let (all, _) = variations(&scenario(""), &profile(), &Kernels::default(), &built);
        let kernels: Vec<String> = all
            .iter()
            .filter(|one| matches!(one.factor, Factor::ServerKernel | Factor::ClientKernel))
            .map(|one| one.kernels.to_string())
            .collect();
        assert_eq!(kernels, ["server=6.1,clients=6.12", "server=6.12,clients=6.1"]);
    }

    #[test]
    fn what_makes_no_sense_is_told_and_not_tried() {
        let story = scenario("site: {nfs: {version: '3'}, nodes: {c1: {no_statd: true}}}");
        let (found, left) = variations(&story, &profile(), &Kernels::default(), &[]);
        assert!(left.iter().any(|left| left.what == "NFS 4.2"), "{left:?}");
        assert!(found.iter().all(|one| one.factor != Factor::Version));
    }
}
