//! Container engines that have bad luck: a message with the mend each, the right exit code, and
//! nothing left behind. What they do here is what they were seen to do.

use crate::common::engine::{GoBetween, Luck, containers_of, docker};
use crate::common::{Ended, eventually, lockstorm, permit, processes};
use lockstorm::assets::CONTAINER_KEY;
use rstest::rstest;
use std::process::Stdio;

/// Runs a scenario with an engine, and sees to it that nothing is left of it.
fn run(scenario: &str, engine: &GoBetween) -> Ended {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let arguments = ["scenario", scenario, "--launch", "containers", "--out", "run"];
    let harness = lockstorm(home.path(), &arguments)
        .env("DOCKER_HOST", engine.host())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let process = harness.id();
    let output = harness.wait_with_output().unwrap();
    eventually("no container is left", || containers_of(process).is_empty());
    processes::assert_none_of_harness(process);
    assert!(processes::directories_of_harness(process).is_empty());
    Ended::new(output, home.path().join("run"), home)
}

fn assert_refused(run: &Ended, code: i32, words: &[&str]) {
    assert_eq!(run.code, code, "{}", run.said());
    for words in words {
        assert!(run.stderr.contains(words), "no {words:?} in {}", run.said());
    }
}

/// Bad luck at the question that begins so, when it comes for this time.
fn at(begin: &'static str, time: usize, luck: Luck) -> GoBetween {
    let mut came = 0;
    GoBetween::new(move |question| {
        came += usize::from(question.starts_with(begin));
        match question.starts_with(begin) && came == time {
            true => luck.clone(),
            false => Luck::Good,
        }
    })
}

/// Bad luck at the first node that is to end, once all four have been started. Before that, what
/// others left behind may be removed.
fn in_mid_run(luck: Luck) -> GoBetween {
    let mut made = 0;
    GoBetween::new(move |question| {
        made += usize::from(question.starts_with(CREATE));
        match question.starts_with(REMOVE) && made == 4 {
            true => luck.clone(),
            false => Luck::Good,
        }
    })
}

const VERSION: &str = "GET /version";
const IMAGE: &str = "GET /images/";
const CREATE: &str = "POST /containers/create";
/// The path has the container's id in between.
const START: &str = "POST /containers/";
const REMOVE: &str = "DELETE /containers/";

#[rstest]
#[case::one_that_is_too_old(Luck::Answered(200, r#"{"ApiVersion": "1.40"}"#))]
#[case::one_that_says_so_itself(Luck::Answered(
    400,
    r#"{"message":"client version 1.53 is too new. Maximum supported API version is 1.40"}"#
))]
fn an_engine_with_an_old_api_is_refused(#[case] luck: Luck) {
    let run = run("calm", &at(VERSION, 1, luck));
    assert_refused(&run, 11, &["1.40", "Docker 20.10 or Podman 4 is needed"]);
}

#[test]
fn an_engine_without_our_image_is_told_who_builds_it() {
    let answer = Luck::Answered(404, r#"{"message":"No such image: lockstorm-node"}"#);
    let run = run("calm", &at(IMAGE, 1, answer));
    assert_refused(&run, 11, &["has no image lockstorm-node", "ci/image"]);
}

const FULL: Luck =
    Luck::Answered(500, r#"{"message":"write /overlay2/1/link: no space left on device"}"#);

#[rstest]
#[case::when_a_container_is_made(CREATE, 3)]
// Each node's creation begins like that, too: this is the third's start.
#[case::when_a_container_is_started(START, 6)]
fn an_engine_without_space_is_told_how_to_make_room(
    #[case] question: &'static str,
    #[case] time: usize,
) {
    let run = run("calm", &at(question, time, FULL));
    assert_refused(&run, 12, &["no space left on device", "docker system prune"]);
    assert!(run.stderr.contains("starting the kernel of c"), "{}", run.said());
}

#[test]
fn a_container_whose_creation_was_never_heard_of_is_removed() {
    let run = run("calm", &at(CREATE, 2, Luck::Unheard));
    assert_refused(&run, 12, &["starting the kernel of c", "the container engine has stopped"]);
}

#[test]
fn an_engine_that_stops_in_mid_run_ends_the_run() {
    let run = run("crash", &in_mid_run(Luck::Stops));
    assert_refused(&run, 12, &["cutting the power of c", "the container engine has stopped"]);
}

#[rstest]
#[case::at_the_start(at(VERSION, 1, Luck::Hangs))]
#[case::in_mid_run(in_mid_run(Luck::Hangs))]
fn an_engine_that_hangs_is_not_waited_for_any_longer(#[case] engine: GoBetween) {
    let run = run("crash", &engine);
    assert_refused(&run, 12, &["has not answered for 30 s", "restart it"]);
}

#[test]
fn what_an_engine_made_too_late_is_removed_by_the_next_run() {
    let image = format!("lockstorm-node:{CONTAINER_KEY}");
    let label = "lockstorm.site=/nonexistent/lockstorm-0-gone";
    let abandoned = docker(&["create", "--label", label, &image]);
    let run = run("calm", &GoBetween::new(|_| Luck::Good));
    assert_eq!(run.code, 0, "{}", run.said());
    let ids = docker(&["ps", "--all", "--quiet", "--no-trunc"]);
    assert!(!ids.contains(abandoned.trim()), "{ids}");
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let other = std::thread::spawn(|| run("calm", &GoBetween::new(|_| Luck::Good)));
    let one = run("calm", &GoBetween::new(|_| Luck::Good));
    let other = other.join().unwrap();
    assert_eq!(one.code, 0, "{}", one.said());
    assert_eq!(other.code, 0, "{}", other.said());
    let history = |run: &Ended| run.report().provenance.history_sha256;
    assert_eq!(history(&one), history(&other));
}
