//! Which faults were in force when, and what of them outlasts them.

use super::story::{Teller, plan, story};
use crate::check::Evidence;
use crate::check::faults::{bad_disk, faults, in_force, paused, unreliable};
use crate::fault::FaultId;
use crate::history::EventKind;
use crate::plan::Plan;
use crate::site::blueprint::Implementation;
use crate::units::SECOND;
use lockstorm_reports::Class;
use rstest::rstest;

/// The faults of a story that were in force from 10 s to 20 s, in words.
fn in_force_then(text: &str) -> Vec<String> {
    in_force(&faults(&story(text)), 10 * SECOND, 20 * SECOND)
}

#[rstest]
#[case::all_the_time("1s c1 is cut", &["cut of c1, since 1.000 s"])]
#[case::until_then("1s c1 is cut\n 10s c1 is healed", &["cut of c1, since 1.000 s until 10.000 s"])]
#[case::from_then_on("20s c1 is cut", &["cut of c1, since 20.000 s"])]
#[case::before("1s c1 is cut\n 9s c1 is healed", &[])]
#[case::afterwards("21s c1 is cut", &[])]
#[case::without_power("1s c1 crashes\n 2s c2 boots", &["crash of c1, since 1.000 s"])]
#[case::with_power_again("1s c1 crashes\n 9s c1 boots", &[])]
#[case::not_ended_by_a_boot("1s c1 is cut\n 9s c1 boots", &["cut of c1, since 1.000 s"])]
fn a_fault_is_in_force_until_it_is_ended_or_its_node_boots(
    #[case] text: &str,
    #[case] told: &[&str],
) {
    assert_eq!(in_force_then(text), told);
}

#[test]
fn what_a_fault_did_is_told_with_it() {
    let mut history = story("10s c1 is cut");
    if let EventKind::FaultStruck { detail, .. } = &mut history[0].kind {
        *detail = "loses every frame".into();
    }
    let told = in_force(&faults(&history), 10 * SECOND, 20 * SECOND);
    assert_eq!(told, ["cut of c1 (loses every frame), since 10.000 s"]);
}

#[test]
fn a_finding_names_the_faults_of_its_story() {
    let text = "
        1s c3 is cut
        2s c3 is healed
        3s c2 is slow
        4s c2 is healed
        5s c1 is slow
        6s c1 acquires
        7s c2 acquires";
    let (_, findings) =
        super::judged(&plan(), &story(text), lockstorm_reports::Invariant::MutualExclusion);
    assert_eq!(findings[0].faults, ["impair of c1, since 5.000 s"]);
}

#[test]
fn a_fault_that_missed_is_over_and_one_that_never_struck_was_never_in_force() {
    let mut teller = Teller::default();
    teller.now = 5 * SECOND;
    teller.events = story("1s c1 is cut");
    let missed = |fault| EventKind::FaultMissed { fault, why: "there was nothing to do".into() };
    teller.write(missed(FaultId::at(0)));
    teller.write(missed(FaultId::at(7)));
    let faults = faults(&teller.events);
    let told = faults.iter().map(|fault| {
        let report = &fault.report;
        (report.fault, report.struck_ns, report.ended_ns, report.missed, report.effect.as_str())
    });
    let why = "there was nothing to do";
    let expected = [(0, Some(SECOND), Some(5 * SECOND), true, why), (7, None, None, true, why)];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn a_node_stands_still_only_while_it_is_paused_itself() {
    let faults =
        faults(&story("1s c1 is paused\n 4s c1 is healed\n 5s c2 is cut\n 6s c1 is paused"));
    assert_eq!(paused(&faults, "c1", 9 * SECOND), [(SECOND, 4 * SECOND), (6 * SECOND, 9 * SECOND)]);
    assert_eq!(paused(&faults, "c2", 9 * SECOND), []);
}

#[test]
fn what_a_server_that_stands_still_or_its_slow_disk_holds_up_is_under_way_for_longer() {
    let stood_s = |text: &str| {
        let (plan, history) = (plan(), story(text));
        Evidence::of(&plan, &history).bounds.server_stood_ns / SECOND
    };
    assert_eq!(stood_s("1s c1 is paused\n 4s c1 is healed"), 0);
    assert_eq!(stood_s("1s server is paused\n 4s server is healed"), 3);
    // Each of three clients may have 64 requests ahead.
    assert_eq!(stood_s("1s server has a slow disk\n 4s server is healed"), 192);
    assert_eq!(stood_s("1s server has a bad disk\n 4s server is healed"), 0);
}

#[test]
fn a_disk_that_failed_is_bad_until_the_server_is_restarted_after_that() {
    let bad = |text: &str, ready: &[u64]| {
        let ready: Vec<u64> = ready.iter().map(|at_s| at_s * SECOND).collect();
        let bad = bad_disk(&faults(&story(text)), &ready).into_iter();
        bad.map(|(from, until)| (from / SECOND, until / SECOND)).collect::<Vec<_>>()
    };
    let never = u64::MAX / SECOND;
    let failed = "2s server has a bad disk\n 5s server is healed";
    assert_eq!(bad(failed, &[1, 4, 5, 9, 20]), [(2, 9)]);
    assert_eq!(bad(failed, &[1, 4]), [(2, never)]);
    assert_eq!(bad("2s server has a bad disk", &[9]), [(2, never)]);
    assert_eq!(bad("2s server has a slow disk\n 5s server is healed", &[]), [(2, 5)]);
    assert_eq!(bad("2s server is cut\n 5s server is healed", &[]), []);
}

#[test]
fn nothing_can_be_relied_on_once_a_server_has_forgotten_or_frames_were_falsified() {
    let mut plan = plan();
    let forgets = |plan: &Plan, text: &str| {
        let history = story(text);
        unreliable(&faults(&history), &history, plan).map(|(at, _)| at / SECOND)
    };
    let before = "1s server dies\n 2s server boots\n 3s server has a bad disk";
    assert_eq!(forgets(&plan, before), None);
    let died = "3s server has a bad disk\n 4s c1 dies\n 5s server dies\n 6s server boots";
    assert_eq!(forgets(&plan, died), Some(5));
    assert_eq!(forgets(&plan, &died.replace("bad", "slow")), None);
    assert_eq!(forgets(&plan, &died.replace("bad", "forgetful")), Some(5));
    assert_eq!(forgets(&plan, "3s c1 gets falsified frames\n 9s c1 is healed"), Some(3));
    plan.blueprint.server.is_async = true;
    assert_eq!(forgets(&plan, before), Some(1));
    assert_eq!(forgets(&plan, "1s c1 dies"), None);
    plan.blueprint.server.is_async = false;
    plan.blueprint.server.implementation = Implementation::Ganesha;
    assert_eq!(forgets(&plan, before), Some(1));
}

#[test]
fn no_lock_stands_what_its_server_has_forgotten() {
    let text = "
        1s c1 acquires
        2s server has a bad disk
        3s server dies
        4s server boots
        9s c2 acquires";
    let invariant = lockstorm_reports::Invariant::MutualExclusion;
    let (_, findings) = super::judged(&plan(), &story(text), invariant);
    let why = "the server's disk had failed before it was restarted; no lock stands that";
    assert_eq!(findings[0].beyond, [why]);
    assert_eq!(findings[0].class, Class::BeyondAssumptions);
}
