use super::story::{kernel_plan, plan, story};
use super::{Shows, expect, judged, not_judged};
use lockstorm_reports::Invariant::Cleanliness;
use rstest::rstest;

#[rstest]
#[case::nothing_is_left(
    Shows::Kept(1),
    "
    1s c1 acquires
    2s c1 releases
    9s export has nothing left"
)]
#[case::a_claim_is_left(
    Shows::Broken(1, 9_000),
    "
    1s c1 acquires
    2s c1 releases
    9s export has /lock.c1.7"
)]
#[case::a_lock_on_a_file_is_left(
    Shows::Broken(1, 9_000),
    "
    1s c1 acquires
    2s c1 releases
    9s export has 1 locks"
)]
#[case::who_was_refused_leaves_a_claim(
    Shows::Broken(1, 9_000),
    "
    1s c1 acquires
    2s c2 tries
    2.1s c2 is told busy
    3s c1 releases
    9s export has /lock.c2.7"
)]
#[case::who_met_an_error_with_nothing_amiss_leaves_a_claim(
    Shows::Broken(1, 9_000),
    "
    1s c1 asks
    2s c1 is told error
    9s export has /lock.c1.7"
)]
#[case::nobody_looked(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 releases"
)]
#[case::nobody_has_used_the_lock(
    Shows::Vacuous,
    "
    9s export has /what.is.this"
)]
#[case::somebody_still_has_it(
    Shows::Vacuous,
    "
    1s c1 acquires
    9s export has /lock"
)]
#[case::somebody_still_asks(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c2 asks
    3s c1 releases
    9s export has /lock.c2.7"
)]
#[case::a_release_failed(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 leaves
    2.1s c1 is told error
    9s export has /lock"
)]
#[case::who_was_told_that_it_holds_no_more_has_given_it_up(
    Shows::Broken(1, 9_000),
    "
    1s c1 acquires
    2s c1 leaves
    2.1s c1 is told not_held
    9s export has /lock.c1.7"
)]
#[case::a_process_was_killed(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 is killed
    2s c1 adapter is killed
    9s export has /lock.c1.7"
)]
#[case::a_node_lost_its_power(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 releases
    3s server dies
    4s server boots
    99s export has /lock.c1.7"
)]
#[case::a_call_was_disturbed(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 is impaired
    3s c1 releases
    4s c1 is healed
    99s export has /lock.c1.7"
)]
#[case::a_client_was_disturbed_that_did_nothing_meanwhile(
    Shows::Broken(1, 999_000),
    "
    1s c1 acquires
    2s c1 releases
    20s c2 is cut
    30s c2 is healed
    999s export has /lock.c1.7"
)]
#[case::the_write_of_a_claim_was_refused(
    Shows::Broken(1, 99_000),
    "
    1s c1 asks
    1.1s c1 has WRITE refused
    1.2s c1 is told error
    1.3s c1 is healed
    99s export has /lock.c1.7"
)]
#[case::the_removal_of_a_claim_was_refused(
    Shows::Vacuous,
    "
    1s c1 asks
    1.1s c1 has REMOVE refused
    1.2s c1 is told error
    1.3s c1 is healed
    99s export has /lock.c1.7"
)]
#[case::nobody_knows_what_was_refused(
    Shows::Vacuous,
    "
    1s c1 asks
    1.1s c1 has a call refused
    1.2s c1 is told error
    1.3s c1 is healed
    99s export has /lock.c1.7"
)]
#[case::a_release_met_an_error_and_said_ok(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 leaves
    2s c1 has WRITE refused
    2.1s c1 is told ok
    2.2s c1 is healed
    99s export has /lock.c1.7"
)]
#[case::a_system_call_failed_that_makes_the_lock(
    Shows::Broken(1, 99_000),
    "
    1s c1 asks
    1.1s c1 has system calls fail
    1.1s c1 has open fail of /lock.c1.7
    1.2s c1 is told error
    1.3s c1 is healed
    99s export has /lock.c1.7"
)]
#[case::a_system_call_failed_that_clears_away(
    Shows::Vacuous,
    "
    1s c1 asks
    1.1s c1 has system calls fail
    1.1s c1 has unlink fail of /lock.c1.7
    1.2s c1 is told error
    1.3s c1 is healed
    99s export has /lock.c1.7"
)]
fn what_is_left_when_all_have_given_the_lock_up_is_somebodys_fault_or_not(
    #[case] shows: Shows,
    #[case] text: &str,
) {
    expect(&plan(), Cleanliness, shows, text);
}

#[test]
fn a_lock_that_the_server_holds_for_nobody_is_told_with_the_names_beside_it() {
    let names: Vec<String> = (0..9).map(|number| format!("/lock.{number}")).collect();
    let text = format!("1s c1 acquires\n2s c1 releases\n9s export has {}", names.join(" "));
    let (_, findings) = judged(&kernel_plan(), &story(&text), Cleanliness);
    insta::assert_snapshot!(findings[0].explanation);
}

#[test]
fn what_is_beyond_the_assumptions_of_the_whole_run_excuses_what_is_left() {
    let story = "
        1s c1 clock 60s drifts 0
        2s c1 acquires
        3s c1 releases
        4s c1 clock 0s drifts 0
        99s export has /lock.c1.7";
    expect(&plan(), Cleanliness, Shows::Beyond(1, 99_000), story);
}

#[test]
fn why_nothing_was_judged_is_told() {
    let story = "
        1s c1 acquires
        9s export has /lock";
    let expected = (1, "somebody still has the lock".to_owned());
    assert_eq!(not_judged(&plan(), Cleanliness, story), [expected]);
}
