//! `lockstorm suite PATH`: a foreign test program, or a library's own tests, on our mount.

use super::conformance::{Server, column};
use super::directory::{expect_new, host};
use super::exit::{Exit, Failure};
use super::kernels::{self, KernelArgs};
use super::launch::LaunchArgs;
use super::locks::provide_for;
use super::runner::listen_for_signals;
use super::terminal::Terminal;
use crate::assets;
use crate::conformance::suite::{self, Ended, Planned};
use crate::lock::bring::{Order, bring, image_path};
use crate::plan::{LockImage, Plan};
use crate::run::RunError;
use crate::run::lab::NoAnswer;
use crate::run::prober;
use crate::site::{Resources, SiteError};
use crate::units::Nanos;
use lockstorm_reports::text::clean;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Runs a program in a directory on a client's mount, under the virtual clock, and tells what it
/// wrote and how it ended.
///
/// Exit codes: 0 if the program ended with 0, 1 if otherwise, 2 if it did not end in its time.
#[derive(clap::Args)]
pub struct Args {
    /// The program: a static binary or a script; or a directory with all that it needs.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// What to run of a directory.
    #[arg(long, value_name = "PROGRAM")]
    run: Option<String>,
    /// Its arguments, behind `--`.
    #[arg(last = true)]
    arguments: Vec<String>,
    /// The client that runs it.
    #[arg(long, value_name = "CLIENT", default_value = "c1", value_parser = ["c1", "c2"])]
    on: String,
    #[arg(long, value_enum, default_value = "knfsd")]
    server: Server,
    #[arg(long, value_name = "VERSION", default_value = "4.2")]
    vers: String,
    /// Mount with these options of nfs(5), too.
    #[arg(long, value_name = "OPTION,...", value_delimiter = ',')]
    mount: Vec<String>,
    #[command(flatten)]
    kernel: KernelArgs,
    /// A fault, as in a scenario, with when it strikes and for how long: `{cut: {node: c1}} at 5s
    /// for 60s`; may be given more than once.
    #[arg(long, value_name = "FAULT")]
    strike: Vec<String>,
    /// How long it may take, in virtual time.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time)]
    within: Nanos,
    /// Where the packets and the consoles go; it must not exist yet.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Give up when a node computes for this many seconds of wall time without a pause.
    #[arg(long, value_name = "SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout: u32,
    #[command(flatten)]
    launch: LaunchArgs,
}

fn time(text: &str) -> Result<Nanos, String> {
    text.parse()
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    expect_new(args.out.as_deref())?;
    let faults = args.strike.iter().map(|text| planned(text)).collect::<Result<Vec<_>, _>>()?;
    let column = column(args.server, &args.vers, &args.mount, args.kernel.choose()?);
    column.plan().map_err(Failure::Argument)?;
    let (image, argv) = image(args)?;
    let plan = column.plan_with(image).map_err(Failure::Argument)?;
    expect_nodes(&plan, args, &faults)?;
    let (assets, supplement) = provide_for(&plan.profile, plan.lock_image.as_ref())?;
    let programs = kernels::provide(&plan.kernels)?;
    let interrupted = listen_for_signals()?;
    let scratch = tempfile::tempdir()
        .map_err(|error| Failure::Host(format!("creating a scratch directory: {error}")))?;
    if let Some(out) = &args.out {
        fs::create_dir_all(out).map_err(host(out))?;
    }
    let resources = Resources {
        kernels: &programs,
        launch: args.launch.fit()?,
        image: &assets.image,
        supplement: supplement.as_deref(),
        artefacts: args.out.as_deref().unwrap_or(scratch.path()),
        patience: Duration::from_secs(args.timeout.into()),
        interrupted: &|| interrupted.load(Ordering::Relaxed),
    };
    let client = plan.blueprint.nodes.iter().position(|node| node.name == args.on);
    let client = crate::site::NodeId::at(client.unwrap_or(1));
    let ended = suite::run(&plan, resources, client, &argv, &faults, args.within);
    told(&ended.map_err(failure)?, args.within, terminal)
}

fn told(ended: &Ended, within: Nanos, terminal: &Terminal) -> Result<Exit, Failure> {
    let lines: Vec<String> = ended.output.lines().map(clean).collect();
    let mut text = lines.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    terminal.print(&text)?;
    let Some(how) = &ended.how else {
        terminal.note(&format!("it did not end within {within}, and is given up"));
        return Ok(Exit::Unknown);
    };
    let seconds = ended.took.as_secs_f64();
    terminal.note(&format!("{how}, after {seconds:.3} s of virtual time"));
    Ok(if ended.code == Some(0) { Exit::Valid } else { Exit::Violated })
}

/// A fault of a node that is not there would be noticed only when it is to strike.
fn expect_nodes(plan: &Plan, args: &Args, faults: &[Planned]) -> Result<(), Failure> {
    let nodes: Vec<&str> = plan.blueprint.nodes.iter().map(|node| node.name.as_str()).collect();
    let unknown = faults.iter().zip(&args.strike).find(|(fault, _)| {
        let target = fault.strike.target();
        !nodes.contains(&target)
    });
    unknown.map_or(Ok(()), |(fault, text)| {
        Err(Failure::Argument(format!(
            "--strike {}: no node `{}`; there are {}",
            clean(text),
            clean(fault.strike.target()),
            nodes.join(", ")
        )))
    })
}

fn planned(text: &str) -> Result<Planned, Failure> {
    text.parse::<Planned>()
        .map_err(|why| Failure::Argument(format!("--strike {}: {why}", clean(text))))
}

/// The image of what is to be run, and the command in it.
fn image(args: &Args) -> Result<(LockImage, Vec<String>), Failure> {
    let path = &args.path;
    let kind = fs::metadata(path).map_err(super::directory::named(path))?;
    let staged = tempfile::tempdir()
        .map_err(|error| Failure::Host(format!("creating a scratch directory: {error}")))?;
    let (directory, program): (&Path, String) = match (kind.is_dir(), &args.run) {
        (true, Some(program)) => (path, program.clone()),
        (true, None) => {
            let message = format!("{}: say with --run which of its programs", path.display());
            return Err(Failure::Argument(message));
        }
        (false, Some(_)) => {
            return Err(Failure::Argument("--run is of a directory; PATH is a file".into()));
        }
        (false, None) => {
            let name = path.file_name().unwrap_or_default();
            fs::copy(path, staged.path().join(name)).map_err(host(path))?;
            (staged.path(), name.to_string_lossy().into_owned())
        }
    };
    let cache = assets::cache_dir().unwrap_or_default();
    let images = assets::lock_images(&cache);
    let profile = prober::profile();
    let order = Order { profile: &profile, directory, support: None, version: None, with: None };
    let key = bring(&order, &images, &assets::downloads(&cache))
        .map_err(|error| Failure::Host(error.to_string()))?;
    debug_assert!(image_path(&images, &key).exists());
    let from = path.display().to_string();
    let argv = std::iter::once(program).chain(args.arguments.iter().cloned()).collect();
    Ok((LockImage { key, from }, argv))
}

fn failure(none: NoAnswer) -> Failure {
    match none {
        NoAnswer::Host(RunError::Site(SiteError::Interrupted)) => Failure::Interrupted,
        NoAnswer::Host(error) => Failure::Host(error.to_string()),
        NoAnswer::Failed(why) => Failure::Host(why),
        NoAnswer::Hung(after) => Failure::Host(format!("a node did not answer within {after}")),
    }
}
