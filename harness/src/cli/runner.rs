//! From a plan to a verdict: runs it into a directory, judges it, prints the report.

use super::directory::{self, REPEAT, RunDirectory, expect_new};
use super::exit::{Exit, Failure};
use super::host;
use super::kernels;
use super::launch::LaunchArgs;
use super::locks;
use super::repeat::difference;
use super::terminal::Terminal;
use crate::assets::Assets;
use crate::history::Observer;
use crate::plan::Plan;
use crate::run::{self, Run, RunError};
use crate::site::clock::Clock;
use crate::site::launch::{Launch, Programs};
use crate::site::{Resources, SiteError, Statistics};
use crate::verdict::recheck::{CAPTURE, HISTORY};
use crate::verdict::{Circumstances, comments, judge, last_words, recheck, wire};
use lockstorm_reports::format::{self, Format, Options, Subject};
use lockstorm_reports::{Report, Verdict, Wall, json};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How to run a plan, new or saved.
#[derive(clap::Args)]
pub struct RunArgs {
    /// Where the run's artefacts go; it must not exist yet.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// End the run as unknown when a node computes for this many seconds of wall time without a
    /// pause.
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub timeout: u32,
    #[command(flatten)]
    pub launch: LaunchArgs,
    /// Run twice, and compare the histories.
    #[arg(long)]
    pub verify_repeat: bool,
    /// Print the verdict alone.
    #[arg(long)]
    pub quiet: bool,
    /// Print the report as text, html, markdown, junit, tap, github or json.
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format::named,
          conflicts_with = "quiet")]
    pub format: &'static Format,
}

/// What every run of a command is made with.
pub struct Runner {
    pub assets: Assets,
    pub kernels: Programs,
    /// Of the lock, if it is none of the node image's.
    pub lock_image: Option<PathBuf>,
    pub launch: Launch,
    /// Of [`Resources`].
    pub patience: Duration,
    pub interrupted: Arc<AtomicBool>,
}

impl RunArgs {
    /// Refuses what can be refused without a plan.
    pub fn check(&self) -> Result<(), Failure> {
        expect_new(self.out.as_deref())
    }
}

/// Where a run goes that is given no directory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// To the plan's own, in place of the run before.
    OfPlan,
    /// Beside it.
    OfReplay,
}

/// A run that has ended and was told.
pub struct Ended {
    pub exit: Exit,
    pub directory: RunDirectory,
    /// SHA-256 of its history.
    pub history: String,
}

/// Runs a plan and prints its report. Nothing is made before all that can be refused is refused.
pub fn execute(
    plan: &Plan,
    args: &RunArgs,
    home: Home,
    terminal: &Terminal,
) -> Result<Ended, Failure> {
    args.check()?;
    if args.verify_repeat && plan.blueprint.clock == Clock::Real {
        let message = "--verify-repeat: on the real clock no run is like another";
        return Err(Failure::Argument(message.into()));
    }
    host::fit(plan, args.launch.place())?;
    let (assets, lock_image) = locks::provide(plan)?;
    let kernels = kernels::provide(&plan.kernels)?;
    let patience = Duration::from_secs(args.timeout.into());
    let launch = args.launch.fit()?;
    let interrupted = listen_for_signals()?;
    let runner = Runner { assets, kernels, lock_image, launch, patience, interrupted };
    let plan = &dated(plan);
    let directory = match (&args.out, home) {
        (Some(out), _) => RunDirectory::create(out)?,
        (None, Home::OfPlan) => RunDirectory::of_plan(plan)?,
        (None, Home::OfReplay) => RunDirectory::of_replay(plan)?,
    };
    if directory.has_replaced() && !args.quiet {
        let path = directory.path().display();
        terminal.note(&format!("{path}: this plan was run before; this run takes its place"));
    }
    let observers = || terminal.observers(args.quiet, plan);
    let (report, run) = runner.run(plan, directory.path(), observers())?;
    match args.quiet {
        true => terminal.print(&format!("{}\n", report.verdict.words()))?,
        false => print(&report, directory.path(), args.format, terminal)?,
    }
    if args.verify_repeat {
        let again = directory.path().join(REPEAT);
        fs::create_dir_all(&again).map_err(directory::host(&again))?;
        runner.run(plan, &again, observers())?;
        expect_same(directory.path(), &again)?;
        fs::remove_dir_all(&again).map_err(directory::host(&again))?;
        let hash = short(&run.history.sha256);
        terminal.remark(&format!("The second run had the same history: {hash}"), args.format)?;
    }
    Ok(Ended { exit: exit(&report), directory, history: run.history.sha256 })
}

/// The second run must have the same history; where it has not, it is kept.
fn expect_same(first: &Path, second: &Path) -> Result<(), Failure> {
    match difference(&first.join(HISTORY), &second.join(HISTORY))? {
        None => Ok(()),
        Some(difference) => Err(Failure::Internal(format!(
            "the second run, which is kept in {}, had another history, {}",
            second.display(),
            difference.words("first", "second")
        ))),
    }
}

/// Of a hash, what people compare.
pub fn short(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}

/// The exit code of a verdict.
pub fn exit(report: &Report) -> Exit {
    match report.verdict {
        Verdict::Valid => Exit::Valid,
        Verdict::Violated => Exit::Violated,
        Verdict::Unknown => Exit::Unknown,
    }
}

/// Prints a report on standard output.
pub fn print(
    report: &Report,
    directory: &Path,
    format: &Format,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let directory = directory.display().to_string();
    let options = Options {
        colour: terminal.colour(),
        columns: Some(terminal.columns()),
        directory: Some(&directory),
    };
    terminal.print(&(format.render)(Subject::Run(report), options))
}

impl Runner {
    /// Runs a plan, which must be [`dated`], into an existing directory, and judges the run.
    pub fn run(
        &self,
        plan: &Plan,
        directory: &Path,
        observers: Vec<Box<dyn Observer>>,
    ) -> Result<(Report, Run), Failure> {
        let text = plan
            .to_yaml()
            .map_err(|error| Failure::Internal(format!("the plan is no YAML: {error}")))?;
        write(&directory.join("plan.yaml"), &text)?;
        let resources = Resources {
            kernels: &self.kernels,
            launch: self.launch,
            image: &self.assets.image,
            supplement: self.lock_image.as_deref(),
            artefacts: directory,
            patience: self.patience,
            interrupted: &|| self.interrupted.load(Ordering::Relaxed),
        };
        let run = run::execute(plan, resources, observers).map_err(failure)?;
        let report_file = directory.join("report.json");
        // The report lists itself among the run's files.
        write(&report_file, "")?;
        let circumstances = Circumstances {
            history_sha256: run.history.sha256.clone(),
            artefacts: recheck::artefacts(directory),
            site: counts(&run.statistics),
            wall: Some(wall(&run)),
        };
        let mut report = judge(plan, &run.history.events, circumstances);
        wire::tell(&mut report, plan, &run.history.events, directory);
        last_words::tell(&mut report, &run.history.events, directory);
        comments::put(&report, &run.history.events, plan.blueprint.wall_start_s, directory)
            .map_err(directory::host(&directory.join(CAPTURE)))?;
        write(&report_file, &json::render(&report))?;
        Ok((report, run))
    }
}

/// A plan for today. On the virtual clock all days are one.
pub fn dated(plan: &Plan) -> Cow<'_, Plan> {
    match plan.blueprint.clock {
        Clock::Virtual => Cow::Borrowed(plan),
        Clock::Real => {
            let mut plan = plan.clone();
            plan.blueprint.wall_start_s =
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            Cow::Owned(plan)
        }
    }
}

fn wall(run: &Run) -> Wall {
    let milliseconds = |time: Duration| time.as_millis() as u64;
    let processors = run.processors.map(milliseconds);
    Wall { milliseconds: milliseconds(run.wall), processors_milliseconds: processors }
}

fn counts(statistics: &Statistics) -> BTreeMap<String, u64> {
    let Statistics { slices, frames, disk_requests, processor_ns: _ } = *statistics;
    BTreeMap::from([
        ("slices".to_owned(), slices),
        ("frames".to_owned(), frames),
        ("disk_requests".to_owned(), disk_requests),
    ])
}

fn failure(error: RunError) -> Failure {
    match error {
        RunError::Site(SiteError::Interrupted) => Failure::Interrupted,
        other => Failure::Host(other.to_string()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(directory::host(path))
}

/// The flag that SIGINT, SIGTERM and SIGHUP raise from now on.
pub fn listen_for_signals() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&flag))
            .map_err(|error| Failure::Host(format!("listening for signals: {error}")))?;
    }
    Ok(flag)
}
