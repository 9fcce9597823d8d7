//! The progress display: what happens while a run runs, in virtual time, on standard error.
//!
//! On a terminal, one live line is redrawn at most ten times a wall second; faults stay as
//! lines of their own. Elsewhere there are only those.

use crate::fault::FaultId;
use crate::history::{Event, EventKind, Observer};
use lockstorm_reports::text::{clean, clean_name, seconds};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

const REDRAW: Duration = Duration::from_millis(100);
/// The live line must not wrap, or the next one would not cover it.
const COLUMNS: usize = 79;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// A live line, and lasting ones for faults.
    Live,
    /// Only the lasting ones.
    Faults,
    Nothing,
}

impl Show {
    /// What fits to where standard error goes.
    pub fn for_stderr(quiet: bool) -> Show {
        match (quiet, io::stderr().is_terminal()) {
            (true, _) => Show::Nothing,
            (false, true) => Show::Live,
            (false, false) => Show::Faults,
        }
    }
}

/// Watches a run and shows it.
pub struct Progress {
    out: Box<dyn Write>,
    show: Show,
    /// Nodes of the plan.
    nodes: usize,
    state: State,
    /// The faults that last, by number: kind and node.
    faults: BTreeMap<FaultId, String>,
    began: Instant,
    drawn: Option<Instant>,
    /// A live line stands on the terminal.
    live: bool,
}

/// What the live line says.
#[derive(Default)]
struct State {
    ready: usize,
    phase: Phase,
    now_ns: u64,
    sections: u64,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Phase {
    #[default]
    Booting,
    Workload,
    Ending,
}

impl Progress {
    /// Shows a run of `nodes` nodes on standard error.
    pub fn new(nodes: usize, show: Show) -> Progress {
        Progress::to(Box::new(io::stderr()), nodes, show)
    }

    fn to(out: Box<dyn Write>, nodes: usize, show: Show) -> Progress {
        Progress {
            out,
            show,
            nodes,
            state: State::default(),
            faults: BTreeMap::new(),
            began: Instant::now(),
            drawn: None,
            live: false,
        }
    }

    /// A line that stays, above the live one.
    fn lasting(&mut self, at_ns: u64, text: &str) {
        if self.show == Show::Nothing {
            return;
        }
        self.wipe();
        // A terminal that is gone must not end a run.
        let _ = writeln!(self.out, "  {:>11}  {text}", seconds(at_ns));
        self.drawn = None;
    }

    fn wipe(&mut self) {
        if std::mem::take(&mut self.live) {
            let _ = write!(self.out, "\r\x1b[K");
        }
    }

    fn draw(&mut self) {
        let due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW);
        if self.show != Show::Live || !due {
            return;
        }
        let line = self.line(self.began.elapsed());
        let line: String = line.chars().take(COLUMNS).collect();
        let _ = write!(self.out, "\r{line}\x1b[K");
        let _ = self.out.flush();
        self.live = true;
        self.drawn = Some(Instant::now());
    }

    fn line(&self, wall: Duration) -> String {
        let state = &self.state;
        let phase = match state.phase {
            Phase::Booting => {
                format!("booting {}/{} nodes", state.ready.min(self.nodes), self.nodes)
            }
            Phase::Workload => "workload".into(),
            Phase::Ending => "ending".into(),
        };
        let virtual_s = state.now_ns as f64 / 1e9;
        let speed = virtual_s / wall.as_secs_f64().max(0.001);
        format!(
            "  {:>11}  {phase}, {} critical sections, {speed:.0} virtual s a wall s",
            seconds(state.now_ns),
            state.sections,
        )
    }

    fn fault(&mut self, at_ns: u64, kind: &EventKind) {
        match kind {
            EventKind::FaultStruck { fault, kind, node, detail, .. } => {
                let name = format!("{} {}", clean_name(kind), clean_name(node));
                let detail = clean(detail);
                let colon = if detail.is_empty() { "" } else { ": " };
                self.lasting(at_ns, &format!("{name}{colon}{detail}"));
                self.faults.insert(*fault, name);
            }
            EventKind::FaultEnded { fault, effect } => {
                let name = self.name(*fault);
                self.lasting(at_ns, &format!("{name} ends: {}", clean(effect)));
            }
            EventKind::FaultMissed { fault, why } => {
                let name = self.name(*fault);
                self.lasting(at_ns, &format!("{name} missed: {}", clean(why)));
            }
            EventKind::NodeDied { node, by_plan: false, cause } => {
                let (node, cause) = (clean_name(node), clean(cause));
                self.lasting(at_ns, &format!("{node} died by itself: {cause}"));
            }
            EventKind::AdapterFailed { client, cause } => {
                let (client, cause) = (clean_name(client), clean(cause));
                self.lasting(at_ns, &format!("the adapter of {client} failed: {cause}"));
            }
            _ => {}
        }
    }

    fn name(&mut self, fault: FaultId) -> String {
        let known = self.faults.remove(&fault);
        known.unwrap_or_else(|| format!("fault {}", fault.number()))
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) {
        self.state.now_ns = event.at_ns;
        match &event.kind {
            EventKind::NodeReady { .. } => self.state.ready += 1,
            EventKind::WorkloadBegan => self.state.phase = Phase::Workload,
            EventKind::WorkloadEnded { .. } => self.state.phase = Phase::Ending,
            EventKind::Entered { .. } => self.state.sections += 1,
            kind => self.fault(event.at_ns, kind),
        }
        self.draw();
    }

    fn tick(&mut self, now_ns: u64) {
        self.state.now_ns = now_ns;
        self.draw();
    }
}

impl Drop for Progress {
    /// Leaves the terminal as it was.
    fn drop(&mut self) {
        self.wipe();
        let _ = self.out.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::story::story;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Screen(Rc<RefCell<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const STORY: &str = "
        1s server boots
        2s c1 acquires
        3s c1 is cut
        9s c1 is healed
        10s workload ends";

    fn shown(show: Show, text: &str) -> String {
        let screen = Screen::default();
        let mut progress = Progress::to(Box::new(screen.clone()), 4, show);
        for event in story(text) {
            progress.event(&event);
            progress.tick(event.at_ns);
        }
        drop(progress);
        let bytes = screen.0.borrow().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn without_a_terminal_only_faults_are_told() {
        let expected = "      3.000 s  cut c1\n      9.000 s  cut c1 ends: frames were lost\n";
        assert_eq!(shown(Show::Faults, STORY), expected);
    }

    #[test]
    fn quiet_says_nothing() {
        assert_eq!(shown(Show::Nothing, STORY), "");
    }

    #[test]
    fn the_live_line_is_drawn_rarely_and_wiped_at_the_end() {
        let text = shown(Show::Live, STORY);
        assert!(text.ends_with("\r\x1b[K"), "{text:?}");
        // Once at the first event, and once after every lasting line.
        assert!(text.matches("critical sections").count() <= 3, "{text:?}");
        assert!(text.contains("\r\x1b[K      3.000 s  cut c1\n"), "{text:?}");
    }

    #[test]
    fn the_live_line_tells_phase_time_and_speed() {
        let mut progress = Progress::to(Box::new(io::sink()), 4, Show::Live);
        for event in story("500ms server boots") {
            progress.event(&event);
        }
        let line = progress.line(Duration::from_millis(250));
        let expected =
            "      0.500 s  booting 1/4 nodes, 0 critical sections, 2 virtual s a wall s";
        assert_eq!(line, expected);
        assert!(line.len() <= COLUMNS);
    }

    #[test]
    fn hostile_words_do_not_move_the_cursor() {
        let mut history = story(STORY);
        history[4].kind = EventKind::AdapterFailed {
            client: "c1\x1b[2J".into(),
            cause: "\r\n\x1b]0;x\x07".into(),
        };
        let screen = Screen::default();
        let mut progress = Progress::to(Box::new(screen.clone()), 4, Show::Faults);
        progress.event(&history[4]);
        drop(progress);
        let text = String::from_utf8(screen.0.borrow().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        assert!(!text.contains(['\x1b', '\r', '\x07']), "{text:?}");
    }
}
