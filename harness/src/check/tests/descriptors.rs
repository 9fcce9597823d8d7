use super::story::{kernel_plan, story};
use super::{Shows, expect, judged};
use lockstorm_reports::Invariant::NoDescriptorLeak;
use lockstorm_reports::Status;
use rstest::rstest;

/// What a process had open after each of its rounds.
fn rounds(open: impl IntoIterator<Item = u64>) -> String {
    let lines = open.into_iter().enumerate();
    lines.map(|(second, open)| format!("{second}s c1 has {open} descriptors\n")).collect()
}

#[rstest]
#[case::one_a_round((0..40).collect(), Shows::Broken(1, 39_000))]
#[case::one_in_ten_rounds((0..80).map(|round| round / 10).collect(), Shows::Broken(1, 79_000))]
#[case::one_a_round_beside_files_that_come_and_go(
    (0..40).map(|round| 5 + round + 7 * (round % 2)).collect(),
    Shows::Broken(1, 39_000)
)]
#[case::none(vec![5; 40], Shows::Kept(1))]
#[case::a_cache_that_levels_off((0..60).map(|round| 5 + round.min(40)).collect(), Shows::Kept(1))]
#[case::what_a_garbage_collector_closes(
    (0..200).map(|round| 5 + round % 30).collect(),
    Shows::Kept(1)
)]
#[case::one_peak_now_and_then(
    (0..80).map(|round| 5 + round * (round % 20 / 19)).collect(),
    Shows::Kept(1)
)]
#[case::fewer_and_fewer((0..40).map(|round| 50 - round).collect(), Shows::Kept(1))]
#[case::too_few_rounds((0..39).collect(), Shows::Vacuous)]
#[case::not_counted(vec![], Shows::Vacuous)]
fn a_story_of_descriptors(#[case] open: Vec<u64>, #[case] shows: Shows) {
    expect(&kernel_plan(), NoDescriptorLeak, shows, &rounds(open));
}

#[test]
fn every_process_is_judged_for_itself() {
    let mut history = story(&format!("{}40s c1 dies\n41s c1 boots", rounds(0..39)));
    history.extend(story(&rounds(50..89)).into_iter().map(|mut event| {
        event.at_ns += 50_000_000_000;
        event
    }));
    let (result, _) = judged(&kernel_plan(), &history, NoDescriptorLeak);
    assert_eq!(result.status, Status::Vacuous, "{}", result.note);
}
