//! One run of a story, with marks on the wall clock.

use crate::Outcome;
use crate::usage::{self, Memory, Usage};
use lockstorm::assets::Assets;
use lockstorm::history::{Event, EventKind, Observer};
use lockstorm::kernel::Kernels;
use lockstorm::lock::catalogue::Catalogue;
use lockstorm::plan::{Parts, Plan, expand};
use lockstorm::run::{self, Run};
use lockstorm::scenario::load::load_source;
use lockstorm::scenario::overrides::Overrides;
use lockstorm::site::Resources;
use lockstorm::site::launch::{Launch, Program, Programs};
use lockstorm::source::Source;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// When what happened, on the wall clock.
#[derive(Clone, Default)]
pub struct Marks {
    pub mounted: Duration,
    pub began: Duration,
    pub began_ns: u64,
    pub ended: Duration,
    pub ended_ns: u64,
    pub sections: u64,
    pub usage: Usage,
    /// When the workload began, and when it ended.
    pub memory: [Vec<(String, Memory)>; 2],
}

impl Marks {
    /// What the workload took.
    pub fn worked(&self) -> Duration {
        self.ended - self.began
    }
}

struct Watch {
    begun: Instant,
    nodes: Vec<String>,
    marks: Rc<RefCell<Marks>>,
}

impl Observer for Watch {
    fn event(&mut self, event: &Event) {
        let (now, mut marks) = (self.begun.elapsed(), self.marks.borrow_mut());
        match &event.kind {
            EventKind::NodeReady { .. } => marks.mounted = now,
            EventKind::WorkloadBegan => {
                marks.memory[0] = usage::memory(&self.nodes);
                marks.usage = usage::take(&self.nodes);
                (marks.began, marks.began_ns) = (now, event.at_ns);
            }
            EventKind::Entered { .. } => marks.sections += 1,
            EventKind::WorkloadEnded { .. } => {
                (marks.ended, marks.ended_ns) = (now, event.at_ns);
                marks.usage = usage::take(&self.nodes) - marks.usage;
                marks.memory[1] = usage::memory(&self.nodes);
            }
            _ => {}
        }
    }

    fn tick(&mut self, _: u64) {}
}

/// Runs a story on nodes of this host.
pub fn watch(story: &str) -> Outcome<(Marks, Run)> {
    watch_with(story, Launch::Local)
}

/// Runs a story.
pub fn watch_with(story: &str, launch: Launch) -> Outcome<(Marks, Run)> {
    let assets = Assets::locate().map_err(|missing| missing.to_string())?;
    let plan = plan(story, &assets)?;
    let kernels = Programs::all(Program::open(&assets.kernel)?);
    let directory = tempfile::tempdir()?;
    let marks = Rc::new(RefCell::new(Marks::default()));
    let nodes = plan.blueprint.nodes.iter().map(|node| node.name.clone()).collect();
    let watch = Watch { begun: Instant::now(), nodes, marks: Rc::clone(&marks) };
    let run = run::execute(
        &plan,
        Resources {
            kernels: &kernels,
            launch,
            image: &assets.image,
            supplement: None,
            artefacts: directory.path(),
            patience: Duration::from_secs(60),
            interrupted: &|| false,
        },
        vec![Box::new(watch)],
    )?;
    for event in &run.history.events {
        match &event.kind {
            // At full speed on the real clock somebody always waits for a core.
            EventKind::WorkloadEnded { completed: false, why } if !why.contains("too busy") => {
                return Err(format!("a run that was to be measured failed: {why}").into());
            }
            _ => {}
        }
    }
    let marks = marks.borrow().clone();
    Ok((marks, run))
}

fn plan(story: &str, assets: &Assets) -> Outcome<Plan> {
    let source = Source::from_bytes("bench.yaml", story.into()).map_err(|e| e.to_string())?;
    let mut loaded =
        load_source(source, &Overrides::default()).map_err(|found| found.to_string())?;
    let catalogue = Catalogue::open(assets.locks.clone())?;
    let profile = catalogue.load(&loaded.scenario.lock.name).ok_or("the image lacks the lock")?;
    let profile = profile.map_err(|found| found.to_string())?;
    loaded.complete(&profile).map_err(|found| found.to_string())?;
    Ok(expand(&loaded.scenario, 1, (&profile).into(), Parts::ours(Kernels::default())))
}
