//! The command that runs a scenario that was found.

use super::target::{Target, TargetArgs};
use crate::lock::choice::Choice;
use crate::scenario::Scenario;
use lockstorm_reports::text::quoted;
use std::path::Path;

/// `lockstorm scenario FILE`, with what its file does not say.
pub fn command(
    file: &Path,
    found: &Scenario,
    seed: u64,
    target: &Target,
    args: &TargetArgs,
) -> String {
    let mut command = format!("lockstorm scenario {}", quoted(&file.display().to_string()));
    if let Some(lock) = lock(target, args) {
        command += &lock;
        // Those of the file are for the lock that it names.
        let known = &target.plan.profile.options;
        let others =
            found.lock.options.iter().filter(|(name, value)| known.get(*name) != Some(value));
        for (name, value) in others {
            command += &format!(" --set {}", quoted(&format!("lock.options.{name}={value}")));
        }
    }
    if seed != 1 {
        command += &format!(" --seed {seed}");
    }
    command += &target.plan.kernels.options_to_fill_in();
    command
}

/// The lock, if it is not the one of the node image that the file names.
fn lock(target: &Target, args: &TargetArgs) -> Option<String> {
    if args.lock.is_some() || args.with.is_some() {
        let lock = args.lock.iter().map(|lock| format!(" --lock {}", quoted(lock)));
        let with =
            args.with.iter().map(|with| format!(" --with {}", quoted(&with.display().to_string())));
        return Some(lock.chain(with).collect());
    }
    let image = target.plan.lock_image.as_ref()?;
    match Choice::parse(&image.from) {
        Choice::Release { .. } if !image.from.contains('+') => {
            Some(format!(" --lock {}", quoted(&image.from)))
        }
        // Where it lay, the plan does not say.
        _ => Some(" --lock PROFILE".into()),
    }
}
