//! The search: all worlds that a history may have come from, from its first event to its last.

use super::parameters::{Parameters, Tick};
use super::scene::Scene;
use super::steps::Deed;
use super::world::{CLIENTS_MAX, World};
use super::wrongs::Wrongs;
use crate::history::{Event, EventKind};
use crate::plan::Plan;
use std::collections::HashMap;
use std::rc::Rc;

/// More worlds than this at an instant, and the history is too long to be judged.
const WORLDS_MAX: usize = 100_000;

/// What the judge thinks of a history.
#[derive(Debug)]
pub enum Opinion {
    /// A lock that keeps every promise can have had this history: in this way.
    Legal(Vec<Telling>),
    /// It cannot.
    Wrong {
        /// What every story breaks.
        sure: Wrongs,
        /// What is broken by some story that breaks no more than it must.
        possible: Wrongs,
        /// Some story breaks nothing that is promised.
        strange: bool,
    },
    /// No lock can have had it, good or bad: the world is not like that.
    Impossible,
    TooLong,
}

/// What happened unseen, and when.
pub type Telling = (Tick, Deed);

/// One world, and how it came about.
#[derive(Clone)]
struct Story {
    world: World,
    told: Option<Rc<Told>>,
}

struct Told {
    telling: Telling,
    before: Option<Rc<Told>>,
}

/// Judges a history by all promises of the profile.
pub fn judge(plan: &Plan, history: &[Event]) -> Opinion {
    let parameters = Parameters::of(plan, history);
    assert!(
        parameters.clients.len() <= CLIENTS_MAX,
        "the judge knows {CLIENTS_MAX} clients at most"
    );
    match explore(&parameters, history, true) {
        None => return Opinion::TooLong,
        Some(stories) => {
            if let Some(story) = stories.first() {
                return Opinion::Legal(story.tell());
            }
        }
    }
    let Some(stories) = explore(&parameters, history, false) else {
        return Opinion::TooLong;
    };
    let all: Vec<_> = stories.iter().map(|story| story.world.wrongs).collect();
    let least = |wrongs: &Wrongs| {
        let mut others = all.iter().filter(|other| *other != wrongs);
        others.all(|other| !other.is_within(*wrongs))
    };
    let least: Vec<_> = all.iter().copied().filter(least).collect();
    match least.is_empty() {
        true => Opinion::Impossible,
        false => Opinion::Wrong {
            sure: least.iter().copied().fold(Wrongs::ALL, Wrongs::in_both),
            possible: least.iter().copied().fold(Wrongs::NONE, Wrongs::and),
            strange: least.contains(&Wrongs::UNPROMISED),
        },
    }
}

/// All worlds that the history may have ended in; nothing when there are too many.
fn explore(parameters: &Parameters, history: &[Event], strict: bool) -> Option<Vec<Story>> {
    let mut scene = Scene::new(parameters, history, strict);
    let mut stories = vec![Story { world: World::first(), told: None }];
    for (index, event) in history.iter().enumerate() {
        let at = Tick::try_from(event.at_ns / parameters.tick_ns).ok()?;
        while scene.now < at {
            unfold(&scene, &mut stories)?;
            stories.retain_mut(|story| scene.falls_due(&mut story.world));
            let next = if stories.is_empty() { at } else { scene.now + 1 };
            scene.advance(next);
        }
        unfold(&scene, &mut stories)?;
        if scene.gives_up(event) {
            stories.retain_mut(|story| scene.falls_due(&mut story.world));
        }
        stories.retain_mut(|story| scene.fits(&mut story.world, event));
        scene.apply(index);
        if let EventKind::Entered { client } = &event.kind
            && let Some(client) = scene.client(client)
        {
            stories.retain_mut(|story| scene.meets(&mut story.world, client));
        }
        if stories.is_empty() {
            return Some(stories);
        }
    }
    unfold(&scene, &mut stories)?;
    Some(stories)
}

/// Adds all that may happen at this instant, in any order.
fn unfold(scene: &Scene, stories: &mut Vec<Story>) -> Option<()> {
    let mut seen = Seen::default();
    stories.retain_mut(|story| {
        scene.flights_of_the_past(&mut story.world);
        scene.note(&mut story.world);
        scene.simplify(&mut story.world);
        seen.is_new(&story.world)
    });
    let mut next = 0;
    while next < stories.len() {
        for (mut world, deed) in scene.steps(&stories[next].world) {
            scene.note(&mut world);
            scene.simplify(&mut world);
            if seen.is_new(&world) {
                let before = stories[next].told.clone();
                let told = Some(Rc::new(Told { telling: (scene.now, deed), before }));
                stories.push(Story { world, told });
            }
        }
        next += 1;
        if stories.len() > WORLDS_MAX {
            return None;
        }
    }
    Some(())
}

/// The worlds of an instant. Of those that differ in their wrongs alone, the ones that break no
/// more than they must.
#[derive(Default)]
struct Seen(HashMap<World, Vec<Wrongs>>);

impl Seen {
    fn is_new(&mut self, world: &World) -> bool {
        let wrongs = world.wrongs;
        let known = self.0.entry(World { wrongs: Wrongs::NONE, ..world.clone() }).or_default();
        if known.iter().any(|other| other.is_within(wrongs)) {
            return false;
        }
        known.push(wrongs);
        true
    }
}

impl Story {
    fn tell(&self) -> Vec<Telling> {
        let mut tellings = Vec::new();
        let mut told = &self.told;
        while let Some(one) = told {
            tellings.push(one.telling);
            told = &one.before;
        }
        tellings.reverse();
        tellings
    }
}
