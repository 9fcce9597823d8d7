//! `lockstorm lock check LOCK`: whether an adapter keeps the protocol, without any NFS.

use super::exit::{Exit, Failure};
use super::kernels::{self, KernelArgs};
use super::locks::{self, catalogue, provide_for};
use super::runner::listen_for_signals;
use super::terminal::Terminal;
use crate::adapter_check::{Conformance, check};
use crate::kernel::Kernel;
use crate::lock::choice::Choice;
use crate::site::launch::Launch;
use crate::site::{Resources, SiteError};
use clap::Subcommand;
use lockstorm_reports::text::{clean, clean_block};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Try an adapter out: every request, odd orders, nonsense, a kill in each state.
    ///
    /// On one node, without NFS. Exit code 1: it does not keep the protocol.
    Check(CheckArgs),
}

#[derive(clap::Args)]
struct CheckArgs {
    /// The path of your own lock's profile.yaml; or a name, as for `scenario --lock`.
    #[arg(value_name = "PROFILE|LOCK")]
    lock: String,
    /// Test this tree of the lock's sources in place of a release.
    #[arg(long, value_name = "DIR")]
    with: Option<PathBuf>,
    #[command(flatten)]
    kernel: KernelArgs,
    /// Give up when the node computes for this many seconds of wall time without a pause.
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout: u32,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let Command::Check(args) = &args.command;
    let with = args.with.as_deref();
    let found = match Choice::parse(&args.lock) {
        Choice::Own(file) => locks::own(&file, with)?,
        choice => {
            let catalogue = catalogue()?;
            let found = locks::shipped(&catalogue, &choice, with)?;
            found.ok_or_else(|| locks::unknown(&catalogue, &args.lock))?
        }
    };
    let kernels = args.kernel.choose()?;
    if kernels.clients.as_ref().is_some_and(Kernel::is_host) {
        let message = "--kernel host: an adapter is checked without NFS, on a kernel of its own";
        return Err(Failure::Argument(message.into()));
    }
    let image = found.image()?;
    let (assets, lock_image) = provide_for(&found.profile, image.as_ref())?;
    let kernels = kernels::provide(&kernels)?;
    let interrupted = listen_for_signals()?;
    let artefacts = tempfile::tempdir()
        .map_err(|error| Failure::Host(format!("creating a scratch directory: {error}")))?;
    let resources = Resources {
        kernels: &kernels,
        launch: Launch::Local,
        image: &assets.image,
        supplement: lock_image.as_deref(),
        artefacts: artefacts.path(),
        patience: Duration::from_secs(args.timeout.into()),
        interrupted: &|| interrupted.load(Ordering::Relaxed),
    };
    let conformance =
        check(&found.profile, lock_image.is_some(), resources).map_err(|error| match error {
            SiteError::Interrupted => Failure::Interrupted,
            other => Failure::Host(other.to_string()),
        })?;
    terminal.print(&page(&found.label(), &conformance))?;
    Ok(match conformance.is_met() {
        true => Exit::Valid,
        false => Exit::Violated,
    })
}

fn page(lock: &str, conformance: &Conformance) -> String {
    let version = conformance.version.as_deref().map(clean).unwrap_or_default();
    let mut page = format!("adapter of {lock} {version}\n");
    for chapter in &conformance.chapters {
        match &chapter.complaint {
            None => page.push_str(&format!("  ok      {}\n", chapter.name)),
            Some(complaint) => {
                let complaint = clean(complaint);
                page.push_str(&format!("  FAILED  {}\n          {complaint}\n", chapter.name));
                for line in &chapter.said {
                    page.push_str(&format!("          | {}", clean_block(line)));
                }
            }
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter_check::Chapter;

    #[test]
    fn what_an_adapter_said_stands_where_it_failed() {
        let chapter = |said: &[&str]| Chapter {
            name: "says that it is ready",
            complaint: Some("ended with exit status: 1".into()),
            said: said.iter().map(|line| line.to_string()).collect(),
        };
        let said = ["Traceback (most recent call last):", "  File \"a\"", "ValueError: x\x1b[2J"];
        let chapters = vec![chapter(&said), chapter(&[])];
        insta::assert_snapshot!(page("mine", &Conformance { version: None, chapters }), @r#"
        adapter of mine 
          FAILED  says that it is ready
                  ended with exit status: 1
                  | Traceback (most recent call last):
                  |   File "a"
                  | ValueError: x\u{1b}[2J
          FAILED  says that it is ready
                  ended with exit status: 1
        "#);
    }
}
