use super::statistics::fisher;
use super::*;
use crate::set::{End, InvariantSummary};
use crate::{Status, Waiting};
use proptest::prelude::*;

/// What one run was like: whether it violated, and its median waiting time.
fn run(seed: u64, violated: bool, waited: u64) -> RunSummary {
    let judged = Judged {
        lock_version: Some("1.0".into()),
        verdict: if violated { Verdict::Violated } else { Verdict::Valid },
        class: violated.then_some(Class::BrokenPromise),
        as_expected: !violated,
        invariants: vec![InvariantSummary {
            invariant: Invariant::MutualExclusion,
            status: if violated { Status::Violated } else { Status::Kept },
            violations: violated.into(),
            class: violated.then_some(Class::BrokenPromise),
        }],
        headlines: Vec::new(),
        unmet_steps: Vec::new(),
        unknown_because: Vec::new(),
        critical_sections: 20,
        struck: 1,
        waiting: Some(Waiting { min_ns: 0, median_ns: waited, p99_ns: waited, max_ns: waited }),
        virtual_ns: 1,
        wall_ms: None,
        processors_ms: None,
        kernel_key: "k".into(),
        image_key: "i".into(),
        history_sha256: String::new(),
        plan_sha256: None,
        reproduce: String::new(),
    };
    RunSummary {
        lock: "l".into(),
        scenario: "calm".into(),
        seed,
        directory: None,
        end: End::Judged(Box::new(judged)),
    }
}

fn set(runs: Vec<RunSummary>) -> ResultSet {
    ResultSet { runs, ..ResultSet::default() }
}

/// `failing` of `all` runs, each waiting for `waited` milliseconds or a little more.
fn runs(failing: u64, all: u64, waited: u64) -> ResultSet {
    let run = |seed| run(seed, seed < failing, waited * 1_000_000 + seed * 1_000);
    set((0..all).map(run).collect())
}

fn kinds(base: &ResultSet, new: &ResultSet) -> Vec<(Kind, bool)> {
    let comparison = Comparison::of(base, new);
    comparison.changes.iter().map(|change| (change.kind, change.sure)).collect()
}

#[test]
fn a_set_has_not_changed_against_itself() {
    let set = runs(7, 20, 300);
    let comparison = Comparison::of(&set, &set);
    assert_eq!((comparison.changes.len(), comparison.unchanged), (0, 1));
}

#[test]
fn what_never_happened_and_often_does_is_broken() {
    assert_eq!(kinds(&runs(0, 20, 300), &runs(12, 20, 300)), [(Kind::Broken, true)]);
    assert_eq!(kinds(&runs(12, 20, 300), &runs(0, 20, 300)), [(Kind::Fixed, true)]);
}

#[test]
fn what_is_seen_once_is_told_and_may_be_chance() {
    assert_eq!(kinds(&runs(0, 20, 300), &runs(1, 20, 300)), [(Kind::Broken, false)]);
    assert_eq!(kinds(&runs(1, 1, 300), &runs(0, 1, 300)), [(Kind::Fixed, false)]);
}

#[test]
fn five_seeds_on_each_side_can_be_sure_and_four_cannot() {
    assert_eq!(kinds(&runs(0, 5, 300), &runs(5, 5, 300)), [(Kind::Broken, true)]);
    assert_eq!(kinds(&runs(0, 4, 300), &runs(4, 4, 300)), [(Kind::Broken, false)]);
}

#[test]
fn a_frequency_changes_only_by_more_than_chance() {
    assert_eq!(kinds(&runs(2, 40, 300), &runs(20, 40, 300)), [(Kind::MoreOften, true)]);
    assert_eq!(kinds(&runs(20, 40, 300), &runs(2, 40, 300)), [(Kind::LessOften, true)]);
    assert_eq!(kinds(&runs(10, 40, 300), &runs(13, 40, 300)), []);
}

#[test]
fn slower_is_what_is_slower_by_more_than_a_little() {
    assert_eq!(kinds(&runs(0, 10, 300), &runs(0, 10, 600)), [(Kind::Slower, true)]);
    assert_eq!(kinds(&runs(0, 10, 600), &runs(0, 10, 300)), [(Kind::Faster, true)]);
    // Surely slower, by a tenth: that is for nobody to act on.
    assert_eq!(kinds(&runs(0, 10, 300), &runs(0, 10, 330)), []);
    // Twice as slow, in three runs: that may be chance.
    assert_eq!(kinds(&runs(0, 3, 300), &runs(0, 3, 600)), []);
}

#[test]
fn what_is_in_one_set_alone_came_or_went() {
    let empty = set(Vec::new());
    assert_eq!(kinds(&empty, &runs(0, 2, 300)), [(Kind::New, true)]);
    assert_eq!(kinds(&runs(0, 2, 300), &empty), [(Kind::Gone, true)]);
}

/// The same runs, of a lock that its set calls so.
fn called(lock: &str, mut set: ResultSet) -> ResultSet {
    set.runs.iter_mut().for_each(|run| run.lock = lock.into());
    set
}

#[test]
fn two_trees_or_releases_of_a_lock_are_held_against_each_other() {
    for (before, now) in
        [("mine+mine", "mine+mine-fix"), ("mine@1.0", "mine@2.0"), ("mine", "mine+tree")]
    {
        let (base, new) = (called(before, runs(5, 5, 300)), called(now, runs(0, 5, 300)));
        let comparison = Comparison::of(&base, &new);
        assert_eq!(kinds(&base, &new), [(Kind::Fixed, true)], "{before} and {now}");
        let change = &comparison.changes[0];
        assert_eq!(change.lock, "mine");
        assert!(change.new_version.contains(now), "{}", change.new_version);
        let versions = comparison.versions().join("\n");
        assert!(versions.starts_with("mine: 1.0") && versions.contains("->"), "{versions}");
    }
}

#[test]
fn several_trees_of_a_lock_are_told_apart() {
    let both = |one: &str, two: &str| {
        let mut set = called(one, runs(0, 5, 300));
        set.runs.extend(called(two, runs(0, 5, 300)).runs);
        set
    };
    let (base, new) = (both("mine+a", "mine+b"), both("mine+c", "mine+d"));
    assert_eq!(kinds(&base, &new).len(), 4, "nobody knows which is which");
    let (base, new) = (both("mine", "mine+b"), both("mine", "mine+c"));
    assert_eq!(kinds(&base, &new), [], "the one as it is shipped is the same in both");
}

#[test]
fn what_is_not_sure_tells_how_many_seeds_it_would_take() {
    let four = |failing, of| {
        let mut all = set(Vec::new());
        for scenario in ["a", "b", "c", "d"] {
            let mut some = runs(failing, of, 300);
            some.runs.iter_mut().for_each(|run| run.scenario = scenario.into());
            all.runs.extend(some.runs);
        }
        all
    };
    let comparison = Comparison::of(&four(0, 3), &four(3, 3));
    let seeds: Vec<_> = comparison.changes.iter().map(|change| change.seeds_to_be_sure).collect();
    assert_eq!(seeds, [Some(5); 4]);
    assert_eq!(
        comparison.conclusion(),
        "Nothing has surely changed, but 4 changes for the worse may be no chance: 5 seeds on each \
         side would tell"
    );
    // And with so many it is.
    assert!(kinds(&four(0, 5), &four(5, 5)).iter().all(|(_, sure)| *sure));
}

#[test]
fn runs_that_prove_nothing_do_not_count_as_clean() {
    let mut base = runs(0, 20, 300);
    for run in &mut base.runs[..15] {
        if let End::Judged(judged) = &mut run.end {
            judged.verdict = Verdict::Unknown;
        }
    }
    let new = runs(20, 20, 300);
    let comparison = Comparison::of(&base, &new);
    let broken = comparison.changes.iter().find(|change| change.kind == Kind::Broken).unwrap();
    let frequency = broken.frequency.unwrap();
    assert_eq!((frequency.base, frequency.base_of), (0, 5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Both sides are dealt from one deck, many times: at most ALPHA of the deals may alarm. The
    /// limit below is what 100 deals do not reach by chance (once in ten millions).
    #[test]
    fn equal_distributions_almost_never_cry(
        failing in 0_usize..=40,
        deal in Just((0..40_usize).collect::<Vec<_>>()).prop_shuffle(),
        deals in prop::collection::vec(any::<u64>(), 100),
    ) {
        let deck: Vec<RunSummary> =
            (0..40).map(|i| run(i, (i as usize) < failing, 1_000_000 * (i * i))).collect();
        let mut order = deal;
        let mut alarms = 0;
        for random in deals {
            shuffle(&mut order, random);
            let side = |half: &[usize]| set(half.iter().map(|i| deck[*i].clone()).collect());
            let comparison = Comparison::of(&side(&order[..20]), &side(&order[20..]));
            alarms += usize::from(comparison.changes.iter().any(|change| change.sure));
        }
        prop_assert!(alarms <= 9, "{alarms} alarms in 100 deals");
    }

    #[test]
    fn p_values_are_probabilities(a in 0..30_u64, n in 0..30_u64, b in 0..30_u64, m in 0..30_u64) {
        let p = fisher(a, n, b, m);
        prop_assert!((0.0..=1.0).contains(&p));
        prop_assert!((p - fisher(b, m, a, n)).abs() < 1e-9, "it has no direction");
    }

    #[test]
    fn ranks_have_no_direction(
        xs in prop::collection::vec(0..50_u64, 0..60),
        ys in prop::collection::vec(0..50_u64, 0..60),
    ) {
        let p = mann_whitney(&xs, &ys);
        prop_assert!((0.0..=1.0).contains(&p));
        prop_assert!((p - mann_whitney(&ys, &xs)).abs() < 1e-6);
    }
}

/// Fisher and Yates's shuffle with the numbers of a small generator.
fn shuffle(order: &mut [usize], seed: u64) {
    let mut state = seed;
    for i in (1..order.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(i, (state >> 33) as usize % (i + 1));
    }
}
