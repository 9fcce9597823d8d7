//! A column of the table: how the disk is reached.

use super::probe::Needs;
use crate::kernel::Kernels;
use crate::plan::{Lock, LockImage, Parts, Plan, expand};
use crate::run::prober;
use crate::scenario::{self, Scenario};
use crate::site::blueprint::{Implementation, Role};

/// Times are short, so that a probe that waits for a lease has not to wait for long (s).
const LEASE_S: u32 = 15;
/// What a foreign program may need; what is not used costs the host nothing.
const PROGRAM_MEMORY_MIB: u32 = 1024;

/// A file system, and how it is reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub server: Implementation,
    /// The NFS version; `None`: the disk itself, on the server's machine.
    pub version: Option<String>,
    pub kernels: Kernels,
    /// Further mount options.
    pub options: Vec<String>,
}

impl Column {
    pub fn name(&self) -> String {
        let server = match self.server {
            Implementation::Knfsd => "knfsd",
            Implementation::Ganesha => "ganesha",
        };
        match &self.version {
            Some(version) => format!("{server} {version}"),
            None => "local".into(),
        }
    }

    /// Whether a probe means anything here.
    pub fn has(&self, needs: Needs) -> bool {
        match (needs, self.version.as_deref()) {
            (Needs::Nothing, _) => true,
            (_, None) => false,
            (Needs::Network, _) => true,
            (Needs::Leases, Some(version)) => version != "3",
            (Needs::LockManager, Some(version)) => version == "3",
        }
    }

    /// The same, with an image of programs on each client, which may be large.
    pub fn plan_with(&self, image: LockImage) -> Result<Plan, String> {
        let mut plan = self.plan()?;
        plan.lock_image = Some(image);
        for node in plan.blueprint.nodes.iter_mut().filter(|node| node.role == Role::Client) {
            node.memory_mib = PROGRAM_MEMORY_MIB;
        }
        Ok(plan)
    }

    /// The site, whose clients have probers in the place of locks; or what makes no sense.
    pub fn plan(&self) -> Result<Plan, String> {
        let scenario = self.scenario();
        if let Some(problem) = scenario::validate::scenario(&scenario).into_iter().next() {
            let help = problem.help.map(|help| format!("; {help}")).unwrap_or_default();
            return Err(format!("{}{help}", problem.message));
        }
        let profile = prober::profile();
        let lock = Lock { profile: &profile, image: None };
        Ok(expand(&scenario, 1, lock, Parts::ours(self.kernels.clone())))
    }

    fn scenario(&self) -> Scenario {
        let text = format!(
            "name: conformance\nabout: What the file system gives.\n\
             site: {{clients: 2, server: {{lease: {LEASE_S}s, grace: {LEASE_S}s}}}}\n\
             lock: {{name: {}}}\nworkload: {{script: [at +1s]}}\n",
            prober::NAME
        );
        let mut scenario: Scenario = serde_yaml::from_str(&text).expect("this is a scenario");
        scenario.site.server.implementation = self.server;
        scenario.site.nfs.options = self.options.clone();
        if let Some(version) = &self.version {
            scenario.site.nfs.version = version.clone();
        }
        scenario
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(version: Option<&str>) -> Column {
        Column {
            server: Implementation::Knfsd,
            version: version.map(str::to_owned),
            kernels: Kernels::default(),
            options: Vec::new(),
        }
    }

    #[test]
    fn a_column_is_a_site_of_its_own() {
        let plan = column(Some("3")).plan().unwrap();
        assert!(plan.blueprint.mount.is_nfs3());
        assert_eq!(plan.blueprint.server.lease_s, LEASE_S);
        assert_eq!(column(None).name(), "local");
        let wrong = Column { options: vec!["vers=4".into()], ..column(Some("4.2")) };
        assert!(wrong.plan().unwrap_err().contains("vers"));
    }

    #[test]
    fn a_probe_is_tried_where_it_means_something() {
        let (nfs3, nfs4, local) = (column(Some("3")), column(Some("4.1")), column(None));
        let has = |needs| [nfs3.has(needs), nfs4.has(needs), local.has(needs)];
        assert_eq!(has(Needs::Nothing), [true; 3]);
        assert_eq!(has(Needs::Network), [true, true, false]);
        assert_eq!(has(Needs::Leases), [false, true, false]);
        assert_eq!(has(Needs::LockManager), [true, false, false]);
    }
}
