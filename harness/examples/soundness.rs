//! The hunt for false alarms: random mixtures of faults, on real kernels, for locks that are good.
//! Whatever one of them is accused of within its assumptions is a failure, of lockstorm's most
//! likely. `ci/soundness` calls it.
//!
//! Run N has the lock and the scenario that N says, so that a failure can be run again by
//! `--from N --runs 1`, or by the scenario that is printed.

#[path = "soundness/tally.rs"]
mod tally;

use clap::Parser;
use lockstorm::assets::Assets;
use lockstorm::kernel::Kernels;
use lockstorm::lock::catalogue::Catalogue;
use lockstorm::lock::profile::Profile;
use lockstorm::plan::{Lock, Parts, Plan, expand};
use lockstorm::run::{self, RunError};
use lockstorm::scenario::load::load_source;
use lockstorm::scenario::overrides::Overrides;
use lockstorm::scenario::random::{BOUNDS, Bounds, scenario};
use lockstorm::site::launch::{Launch, Program, Programs};
use lockstorm::site::{Resources, SiteError};
use lockstorm::source::Source;
use lockstorm::verdict::{Circumstances, judge};
use lockstorm_reports::{Report, terminal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::error::Error;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tally::Tally;

/// Locks that keep every promise, within what they assume.
const GOOD: &[&str] = &[
    "good-lifetime",
    "link",
    "fcntl",
    "link-lifetime",
    "mkdir",
    "ofd",
    "mkdir-lifetime",
    "create",
    "flock",
    "create-lifetime",
    "rename",
    "symlink",
    "symlink-lifetime",
];

#[derive(Parser)]
#[command(about = "Random mixtures of faults for good locks: any accusation is a failure")]
struct Arguments {
    /// How many runs to make.
    #[arg(long, default_value_t = 60)]
    runs: u64,
    /// Sites side by side; one a core when left out.
    #[arg(long)]
    jobs: Option<usize>,
    /// The number of the first run.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Begin no more runs after this many minutes of wall time.
    #[arg(long)]
    minutes: Option<u64>,
    /// The share of faults, 0 to 1, that wait for a call of NFS.
    #[arg(long, default_value_t = 0.0)]
    calls: f64,
    /// Only these locks.
    #[arg(long, value_delimiter = ',')]
    locks: Vec<String>,
    /// Where the runs go that need a look: those that accuse, and those that prove nothing.
    #[arg(long, default_value = "lockstorm-soundness")]
    out: PathBuf,
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<ExitCode> {
    let arguments = Arguments::parse();
    let assets = Assets::locate().map_err(|missing| missing.to_string())?;
    let kernels = Programs::all(Program::open(&assets.kernel)?);
    let catalogue = Catalogue::open(assets.locks.clone())?;
    let names = match arguments.locks.is_empty() {
        true => GOOD.iter().map(|name| (*name).to_owned()).collect(),
        false => arguments.locks.clone(),
    };
    let profiles = names.iter().map(|name| match catalogue.load(name) {
        Some(Ok(profile)) => Ok(profile),
        Some(Err(found)) => Err(found.to_string()),
        None => Err(format!("there is no lock `{name}` in the node image")),
    });
    let profiles: Vec<Profile> = profiles.collect::<Result<_, _>>()?;
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    let (begun, interrupted) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    // What was found until then is told.
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    let bounds = Bounds { calls: arguments.calls, ..BOUNDS };
    let jobs = arguments
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |cores| cores.get()));
    let worker = || -> Outcome<()> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let is_late =
                arguments.minutes.is_some_and(|most| begun.elapsed().as_secs() / 60 >= most);
            if index >= arguments.runs || is_late || interrupted.load(Ordering::Relaxed) {
                return Ok(());
            }
            let number = arguments.from + index;
            let profile = &profiles[(number % profiles.len() as u64) as usize];
            let plan = plan(number, profile, &bounds)?;
            let directory = tempfile::tempdir()?;
            let Some(report) = make(&plan, &assets, &kernels, directory.path(), &interrupted)?
            else {
                return Ok(());
            };
            let mut tally = tally.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let line = tally.add(number, &plan, &report);
            if let Some(line) = line {
                let kept = keep(&arguments.out, number, directory.path(), &report)?;
                println!("{line}\n  {}", kept.display());
            }
            if std::io::stderr().is_terminal() {
                eprint!("\r{} of {} runs ", tally.runs(), arguments.runs);
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })?;
    let tally = tally.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    print!("{tally}");
    Ok(match tally.accusations() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The plan of the run with this number. It goes through the loader, as a user's would.
fn plan(number: u64, profile: &Profile, bounds: &Bounds) -> Outcome<Plan> {
    let yaml = serde_yaml::to_string(&scenario(number, profile, bounds))?;
    let source = Source::from_bytes("random.yaml", yaml.into()).map_err(|e| e.to_string())?;
    let loaded = load_source(source, &Overrides::default());
    let mut loaded = loaded.map_err(|found| found.to_string())?;
    loaded.complete(profile).map_err(|found| found.to_string())?;
    let parts = Parts::ours(Kernels::default());
    Ok(expand(&loaded.scenario, number, Lock::from(profile), parts))
}

/// Makes a run; `None` when it was interrupted.
fn make(
    plan: &Plan,
    assets: &Assets,
    kernels: &Programs,
    directory: &Path,
    interrupted: &AtomicBool,
) -> Outcome<Option<Report>> {
    fs::write(directory.join("plan.yaml"), plan.to_yaml()?)?;
    let resources = Resources {
        kernels,
        launch: Launch::Local,
        image: &assets.image,
        supplement: None,
        artefacts: directory,
        patience: Duration::from_secs(120),
        interrupted: &|| interrupted.load(Ordering::Relaxed),
    };
    let run = match run::execute(plan, resources, Vec::new()) {
        Err(RunError::Site(SiteError::Interrupted)) => return Ok(None),
        run => run?,
    };
    let history_sha256 = run.history.sha256.clone();
    let circumstances = Circumstances { history_sha256, ..Circumstances::default() };
    Ok(Some(judge(plan, &run.history.events, circumstances)))
}

/// Keeps a run for people to look at.
fn keep(out: &Path, number: u64, directory: &Path, report: &Report) -> Outcome<PathBuf> {
    let kept = out.join(number.to_string());
    let _ = fs::remove_dir_all(&kept);
    fs::create_dir_all(&kept)?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), kept.join(entry.file_name()))?;
        }
    }
    fs::write(kept.join("report.json"), lockstorm_reports::json::render(report))?;
    fs::write(kept.join("report.txt"), terminal::render(report, Default::default()))?;
    Ok(kept)
}
