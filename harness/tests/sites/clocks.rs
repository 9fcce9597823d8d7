//! Wall clocks of real kernels: what the faults at one make of it, and that it is right afterwards.

use crate::common::{lockstorm, permit};
use lockstorm::history::{EventKind, reader};
use lockstorm::lock::adapter::Answer;
use lockstorm::plan::WALL_START_S;
use lockstorm::units::{MILLISECOND, SECOND};
use std::fs;

/// A lock that tells the time, by an error since nothing else has words.
const ADAPTER: &str = "
import time
from lockstorm_adapter import Polling, serve

class Teller(Polling):
    library, version = 'teller', '1'

    def attempt(self):
        return True

    def give_up(self):
        pass

    def is_held(self):
        raise RuntimeError(str(time.time_ns()))

serve(Teller())
";

const STORY: &str = "
site: {clients: 1}
lock: {name: teller}
workload:
  script:
    - c1: is_held -> error
    - clock c1 +8s
    - clock: {node: c1, step: -1s, drift_ppm: 2000}
    - at +20s
    - c1: is_held -> error
    - crash c1
    - at +5s
    - restart c1
    - c1: is_held -> error
    - end clock c1
    - c1: is_held -> error
    - crash c1
    - end clock c1
    - restart c1
    - c1: is_held -> error
";

/// What a clock may be wrong by that is right: a question and its answer take so long.
const SLOW_NS: i64 = 20 * MILLISECOND as i64;

#[test]
fn a_wall_clock_is_wrong_by_the_sum_of_its_faults_and_right_after_the_last_also_across_reboots() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let init = lockstorm(home.path(), &["init", "--lock", "python", "teller"]).output().unwrap();
    assert!(init.status.success(), "{init:?}");
    fs::write(home.path().join("teller/adapter.py"), ADAPTER).unwrap();
    fs::write(home.path().join("story.yaml"), STORY).unwrap();
    let arguments = ["scenario", "story.yaml", "--lock", "teller/profile.yaml", "--out", "run"];
    let output = lockstorm(home.path(), &arguments).output().unwrap();
    let history = reader::read(&home.path().join("run/history.jsonl"));
    let history = history.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let wrong = history.events.iter().filter_map(|event| match &event.kind {
        EventKind::Answered { answer: Answer::Error { message, .. }, .. } => {
            let says: i64 = message.parse().unwrap_or_else(|_| panic!("no time: {message}"));
            Some(says - (WALL_START_S * SECOND + event.at_ns) as i64)
        }
        _ => None,
    });
    let wrong: Vec<i64> = wrong.collect();
    // 2000 ppm gain 2 ms a second; the reboot takes some seconds, so that bound is wide.
    let ms = MILLISECOND as i64;
    let expected =
        [0..=0, 7040 * ms..=7040 * ms, 7050 * ms..=7070 * ms, 8000 * ms..=8000 * ms, 0..=0];
    assert_eq!(wrong.len(), expected.len(), "{wrong:?} {output:?}");
    for (wrong, expected) in wrong.iter().zip(expected) {
        let near = expected.start() - SLOW_NS..=expected.end() + SLOW_NS;
        assert!(near.contains(wrong), "{wrong} is not within {near:?}");
    }
}
