//! The lock under test, from the arguments to a profile and, where it is none of the node image's,
//! an image of its own.

use super::directory::named;
use super::exit::Failure;
use crate::assets::{self, Assets, NODE_KEY};
use crate::lock::bring::{BringError, Order, bring, image_path};
use crate::lock::catalogue::Catalogue;
use crate::lock::choice::Choice;
use crate::lock::layer::Install;
use crate::lock::profile::Profile;
use crate::plan::{LockImage, Plan};
use crate::suggest::closest;
use std::fs;
use std::path::{Path, PathBuf};

/// A lock that was found, and is not brought yet.
pub struct Found {
    pub profile: Profile,
    choice: Choice,
    directory: PathBuf,
    with: Option<PathBuf>,
}

/// The locks of the node image.
pub fn catalogue() -> Result<Catalogue, Failure> {
    let locks = Assets::locate_locks()?;
    let directory = locks.display().to_string();
    Catalogue::open(locks)
        .map_err(|error| Failure::Host(format!("failed to list {directory}: {error}")))
}

/// Refuses a tree for `--with` that is not there.
pub fn expect_tree(with: Option<&Path>) -> Result<(), Failure> {
    match with {
        Some(tree) => fs::read_dir(tree).map(|_| ()).map_err(named(tree)),
        None => Ok(()),
    }
}

/// Reads the user's own profile.
pub fn own(file: &Path, with: Option<&Path>) -> Result<Found, Failure> {
    expect_tree(with)?;
    let profile = Profile::read(file, None)?;
    expect_program(&profile, file)?;
    Ok(Found {
        profile,
        choice: Choice::Own(file.to_owned()),
        directory: match file.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => ".".into(),
        },
        with: with.map(Path::to_owned),
    })
}

/// Refuses a profile that starts a script of its own directory which is not there.
fn expect_program(profile: &Profile, file: &Path) -> Result<(), Failure> {
    // What these build is not there yet.
    if matches!(profile.install, Install::Cargo | Install::Go | Install::Javac) {
        return Ok(());
    }
    let directory = file.parent().unwrap_or(Path::new(""));
    let is_script = |word: &&String| {
        let ends = [".py", ".js", ".mjs", ".cjs", ".sh", ".rb", ".pl"];
        Path::new(word.as_str()).is_relative()
            && (word.starts_with("./") || ends.iter().any(|end| word.ends_with(end)))
    };
    // What stands behind it is for the script itself.
    match profile.start.iter().take(2).find(is_script) {
        Some(script) if !directory.join(script).exists() => Err(Failure::Argument(format!(
            "{}: `start` names `{script}`, and {} is not there",
            file.display(),
            directory.join(script).display()
        ))),
        _ => Ok(()),
    }
}

/// Looks a lock up; `None`: the node image has no such lock.
pub fn shipped(
    catalogue: &Catalogue,
    choice: &Choice,
    with: Option<&Path>,
) -> Result<Option<Found>, Failure> {
    let Some((name, profile)) =
        choice.shipped_name().and_then(|name| Some((name, catalogue.load(name)?)))
    else {
        return Ok(None);
    };
    expect_tree(with)?;
    let mut profile = profile?;
    // Its adapter, which is shipped, takes nothing from a tree.
    if let (Some(tree), Install::None | Install::Debian) = (with, profile.install) {
        return Err(Failure::Argument(format!(
            "--with {}: nothing of `{name}` is built from a tree of sources; leave it out, or name \
             the profile of a lock of your own",
            tree.display()
        )));
    }
    match choice {
        Choice::Release { version, .. } => profile.version = Some(version.clone()),
        // A tree has the version that it says it has.
        _ if with.is_some() => profile.version = None,
        _ => {}
    }
    Ok(Some(Found {
        profile,
        choice: choice.clone(),
        directory: catalogue.directory(name),
        with: with.map(Path::to_owned),
    }))
}

/// What to say of a name that no lock has.
pub fn unknown(catalogue: &Catalogue, name: &str) -> Failure {
    let help = match closest(name, catalogue.names().iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`lockstorm list locks` shows them".into(),
    };
    Failure::Argument(format!("no lock `{name}`; {help}"))
}

impl Found {
    /// Brings the lock, where it is none of the node image's.
    pub fn image(&self) -> Result<Option<LockImage>, Failure> {
        let version = match &self.choice {
            Choice::Shipped(_) if self.with.is_none() => return Ok(None),
            Choice::Release { version, .. } => Some(version.as_str()),
            _ => None,
        };
        let cache = assets::cache_dir().ok_or_else(|| {
            Failure::SetUpMissing("neither XDG_CACHE_HOME nor HOME is set".into())
        })?;
        let images = assets::lock_images(&cache);
        // A release does not change; a directory may, from one command to the next.
        let release = version.filter(|_| self.with.is_none());
        let known = release.map(|_| images.join(format!("{}.{NODE_KEY}", self.choice)));
        let mut key = known.as_ref().and_then(|known| fs::read_to_string(known).ok());
        key = key.filter(|key| image_path(&images, key).exists());
        if key.is_none() {
            let support = Assets::locate().ok().map(|assets| assets.locks.join("lib"));
            let order = Order {
                profile: &self.profile,
                directory: &self.directory,
                support: support.as_deref(),
                version,
                with: self.with.as_deref(),
            };
            let brought = bring(&order, &images, &assets::downloads(&cache))?;
            if let Some(known) = known {
                fs::write(&known, &brought).map_err(super::directory::host(&known))?;
            }
            key = Some(brought);
        }
        Ok(key.map(|key| LockImage { key, from: self.label() }))
    }

    /// Whether another choice, of the same tree if of any, is the same lock by other words.
    pub fn is_same(&self, other: &Found) -> bool {
        let file = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match (&self.choice, &other.choice) {
            (Choice::Own(one), Choice::Own(two)) => file(one) == file(two),
            (one, two) => one == two,
        }
    }

    /// The lock as reports and directories name it.
    pub fn label(&self) -> String {
        let mut label = match &self.choice {
            Choice::Own(_) => self.profile.name.clone(),
            choice => choice.to_string(),
        };
        if let Some(with) = &self.with {
            let with = fs::canonicalize(with).unwrap_or_else(|_| with.clone());
            let name = with.file_name().unwrap_or_default().to_string_lossy();
            label.push_str(&format!("+{name}"));
        }
        label
    }
}

/// The parts that running a plan needs, all of which are there: those of set-up, the layer that
/// its lock is in, and the image of a lock that was brought.
pub fn provide(plan: &Plan) -> Result<(Assets, Option<PathBuf>), Failure> {
    provide_for(&plan.profile, plan.lock_image.as_ref())
}

/// The same for a lock without a plan.
pub fn provide_for(
    profile: &Profile,
    image: Option<&LockImage>,
) -> Result<(Assets, Option<PathBuf>), Failure> {
    let assets = Assets::locate()?;
    let (lock, layer) = (&profile.name, profile.layer);
    let mut layers = assets.layers();
    if !layers.iter().any(|name| name == layer.name()) {
        layers.push(layer.to_string());
        return Err(Failure::SetUpMissing(format!(
            "lock `{lock}` needs the layer `{layer}`, which the node image was built without; \
             `ci/setup --locks {}` adds it",
            layers.join(",")
        )));
    }
    let cache = assets::cache_dir().unwrap_or_default();
    let images = assets::lock_images(&cache);
    let image = image.map(|image| (image_path(&images, &image.key), image));
    match image {
        Some((path, image)) if !path.exists() => Err(Failure::SetUpMissing(format!(
            "the image of the lock {} is not in the cache any more ({}); run its scenario again \
             with `--lock`",
            image.from,
            path.display()
        ))),
        image => Ok((assets, image.map(|(path, _)| path))),
    }
}

impl From<BringError> for Failure {
    fn from(error: BringError) -> Failure {
        match error {
            BringError::Refused { .. } => Failure::Argument(error.to_string()),
            BringError::NoTool { .. } => Failure::SetUpMissing(error.to_string()),
            BringError::Failed { .. } | BringError::Host { .. } => Failure::Host(error.to_string()),
        }
    }
}
