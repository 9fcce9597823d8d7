//! `lockstorm conformance`: what the file system itself gives, before any lock is blamed.

use super::directory::{expect_new, host};
use super::exit::{Exit, Failure};
use super::kernels::{self, KernelArgs};
use super::launch::LaunchArgs;
use super::runner::listen_for_signals;
use super::terminal::Terminal;
use crate::assets::Assets;
use crate::conformance::{self, Column, Probe, Sites};
use crate::kernel::{Kernel, Kernels};
use crate::plan::Plan;
use crate::run::RunError;
use crate::site::SiteError;
use crate::site::blueprint::Implementation;
use crate::suggest::closest;
use clap::ValueEnum;
use lockstorm_reports::conformance as reports;
use lockstorm_reports::conformance::{Outcome, Table, differences, json, markdown, text, told};
use lockstorm_reports::html;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Tries the rules of POSIX and NFS that locks rest on, without any lock: on two clients of a
/// server, for each NFS version, and on the disk beneath.
///
/// Exit codes: 1 if a rule is broken or a call hung, else 2 if a probe could not be tried, else 0.
#[derive(clap::Args)]
pub struct Args {
    /// Only these probes, or chapters; all when left out.
    probes: Vec<String>,
    /// The servers.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "knfsd")]
    server: Vec<Server>,
    /// The NFS versions.
    #[arg(
        long,
        value_name = "VERSION,...",
        value_delimiter = ',',
        default_value = "3,4.0,4.1,4.2"
    )]
    vers: Vec<String>,
    /// Mount with these options of nfs(5), too: noac,lookupcache=none.
    #[arg(long, value_name = "OPTION,...", value_delimiter = ',')]
    mount: Vec<String>,
    /// Beside them, the server's own disk, without NFS.
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    kernel: KernelArgs,
    /// List the probes with their rules, and try none.
    #[arg(long)]
    list: bool,
    /// Tell what two tables say differently, and try nothing: the directories of both.
    #[arg(long, num_args = 2, value_names = ["BASE", "NEW"])]
    compare: Vec<PathBuf>,
    /// Where the files go, in place of lockstorm-runs/conformance; it must not exist yet.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Sites side by side; one a core when left out.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Give up on a site when a node computes for this many seconds of wall time without a pause.
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout: u32,
    #[command(flatten)]
    launch: LaunchArgs,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Server {
    /// Linux's own.
    Knfsd,
    /// nfs-ganesha.
    Ganesha,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Markdown,
    Html,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    if let [base, new] = args.compare.as_slice() {
        return compare(base, new, terminal);
    }
    if args.list {
        return list(terminal);
    }
    expect_known(&args.probes)?;
    expect_new(args.out.as_deref())?;
    let columns = columns(args)?;
    let wanted = |probe: &Probe| is_wanted(probe, &args.probes);
    let out = directory(args.out.as_deref())?;
    let table = tried(args, &columns, &wanted, &out)?;
    let json = json(&table);
    write(&conformance::file(&out), &json)?;
    let page = html::conformance(&table);
    write(&out.join("index.html"), &page)?;
    terminal.print(&match args.format {
        Format::Text => text(&table),
        Format::Json => json,
        Format::Markdown => markdown(&table),
        Format::Html => page,
    })?;
    if !args.quiet {
        terminal.note(&format!("the calls and packets are in {}", out.display()));
    }
    Ok(exit(&table))
}

fn exit(table: &Table) -> Exit {
    let has = |outcome| table.rows().flat_map(|row| &row.cells).any(|cell| cell.outcome == outcome);
    match () {
        () if has(Outcome::Broken) || has(Outcome::Hung) => Exit::Violated,
        () if has(Outcome::Unfit) => Exit::Unknown,
        () => Exit::Valid,
    }
}

/// What is to be tried, each with its plan; nothing is started before all of it is known to be
/// possible.
fn columns(args: &Args) -> Result<Vec<(Column, Plan)>, Failure> {
    let kernels = args.kernel.choose()?;
    if kernels.clients.as_ref().is_some_and(Kernel::is_host) {
        let message = "--kernel host: the probes need the clients' clocks and power in their hands";
        return Err(Failure::Argument(message.into()));
    }
    let nfs = args.server.iter().flat_map(|server| {
        args.vers.iter().map(|version| column(*server, version, &args.mount, kernels.clone()))
    });
    let local = args.local.then(|| Column {
        server: Implementation::Knfsd,
        version: None,
        kernels: kernels.clone(),
        options: Vec::new(),
    });
    let with_plan = |column: Column| match column.plan() {
        Ok(plan) => Ok((column, plan)),
        Err(problem) => Err(Failure::Argument(format!("{}: {problem}", column.name()))),
    };
    nfs.chain(local).map(with_plan).collect()
}

/// A server by one NFS version.
pub fn column(server: Server, version: &str, mount: &[String], kernels: Kernels) -> Column {
    let server = match server {
        Server::Knfsd => Implementation::Knfsd,
        Server::Ganesha => Implementation::Ganesha,
    };
    Column { server, version: Some(version.to_owned()), kernels, options: mount.to_vec() }
}

fn is_wanted(probe: &Probe, wanted: &[String]) -> bool {
    let of_chapter = |name: &String| {
        let chapter = conformance::CHAPTERS.iter().find(|chapter| chapter.name == name);
        chapter.is_some_and(|chapter| chapter.probes().any(|one| one.name == probe.name))
    };
    wanted.is_empty() || wanted.iter().any(|name| name == probe.name || of_chapter(name))
}

fn expect_known(wanted: &[String]) -> Result<(), Failure> {
    let chapters = || conformance::CHAPTERS.iter().map(|chapter| chapter.name);
    let known = || conformance::probes().map(|probe| probe.name).chain(chapters());
    let Some(unknown) = wanted.iter().find(|name| !known().any(|known| known == name.as_str()))
    else {
        return Ok(());
    };
    let help = match closest(unknown, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`lockstorm conformance --list` shows them".into(),
    };
    Err(Failure::Argument(format!("no probe and no chapter `{unknown}`; {help}")))
}

fn directory(wanted: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = match wanted {
        Some(path) => path.to_owned(),
        None => {
            let path = PathBuf::from("lockstorm-runs/conformance");
            // The table before is no more than the same call made again.
            if path.exists() {
                fs::remove_dir_all(&path).map_err(host(&path))?;
            }
            path
        }
    };
    fs::create_dir_all(&path).map_err(host(&path))?;
    Ok(path)
}

fn tried(
    args: &Args,
    columns: &[(Column, Plan)],
    wanted: &dyn Fn(&Probe) -> bool,
    out: &Path,
) -> Result<Table, Failure> {
    let assets = Assets::locate()?;
    let mut programs = BTreeMap::new();
    for (column, _) in columns {
        programs.insert(column.name(), kernels::provide(&column.kernels)?);
    }
    let interrupted = listen_for_signals()?;
    let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let sites = Sites {
        programs,
        image: &assets.image,
        directory: out,
        launch: args.launch.fit()?,
        patience: Duration::from_secs(args.timeout.into()),
        jobs: args.jobs.map_or_else(cores, usize::from),
        interrupted: &interrupted,
    };
    let fits = |column: &Column| {
        conformance::probes().filter(|one| column.has(one.needs) && wanted(one)).count()
    };
    let all: usize = columns.iter().map(|(column, _)| fits(column)).sum();
    let count = AtomicUsize::new(0);
    let is_shown = !args.quiet && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let progress = |column: &str, probe: &str, outcome: Outcome| {
        let count = count.fetch_add(1, Ordering::Relaxed) + 1;
        if is_shown {
            eprint!("\r\x1b[K{count}/{all} {column}: {probe} {}", outcome.word());
        }
    };
    let table = conformance::table(columns, wanted, &sites, &progress);
    if is_shown {
        eprint!("\r\x1b[K");
    }
    table.map_err(|error| match error {
        RunError::Site(SiteError::Interrupted) => Failure::Interrupted,
        other => Failure::Host(other.to_string()),
    })
}

fn list(terminal: &Terminal) -> Result<Exit, Failure> {
    let mut out = String::new();
    for chapter in conformance::CHAPTERS {
        out.push_str(&format!("{}: {} probes\n", chapter.name, chapter.probes().count()));
        for probe in chapter.probes() {
            out.push_str(&format!("  {}: {} ({})\n", probe.name, probe.rule, probe.source));
        }
    }
    terminal.print(&out)?;
    Ok(Exit::Valid)
}

fn compare(base: &Path, new: &Path, terminal: &Terminal) -> Result<Exit, Failure> {
    let (base, new) = (read(base)?, read(new)?);
    let found = differences(&base, &new);
    terminal.print(&told(&found))?;
    Ok(if found.is_empty() { Exit::Valid } else { Exit::Violated })
}

fn read(directory: &Path) -> Result<Table, Failure> {
    let file = conformance::file(directory);
    let text = fs::read_to_string(&file).map_err(|error| {
        let message = format!("{}: {error}; expected a directory of `conformance`", file.display());
        Failure::of_a_named_path(&error, message)
    })?;
    reports::read(&text)
        .map_err(|problem| Failure::Argument(format!("{}: {problem}", file.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(host(path))
}
