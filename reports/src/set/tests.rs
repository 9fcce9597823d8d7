use super::*;

fn judged(verdict: Verdict, class: Option<Class>) -> End {
    End::Judged(Box::new(Judged {
        lock_version: Some("1.0".into()),
        verdict,
        class,
        as_expected: verdict == Verdict::Valid,
        invariants: Vec::new(),
        headlines: Vec::new(),
        unmet_steps: Vec::new(),
        unknown_because: Vec::new(),
        critical_sections: 7,
        struck: 1,
        waiting: None,
        virtual_ns: 1,
        wall_ms: None,
        processors_ms: None,
        kernel_key: "k".into(),
        image_key: "i".into(),
        history_sha256: "h".into(),
        plan_sha256: None,
        reproduce: String::new(),
    }))
}

fn run(lock: &str, scenario: &str, seed: u64, end: End) -> RunSummary {
    RunSummary { lock: lock.into(), scenario: scenario.into(), seed, directory: None, end }
}

fn header() -> Header {
    Header { format: FORMAT, lockstorm: "0.1.0".into(), ..Header::default() }
}

fn files(runs: &[RunSummary]) -> (String, String) {
    (header().to_json(), runs.iter().map(RunSummary::line).collect())
}

#[test]
fn a_set_reads_back_sorted_whatever_order_its_runs_ended_in() {
    let not_made = End::NotMade {
        cause: Cause::SetUpMissing,
        message: "no layer".into(),
        reproduce: String::new(),
    };
    let runs = [
        run("b", "calm", 2, judged(Verdict::Valid, None)),
        run("b", "calm", 10, not_made),
        run("a", "crash", 1, judged(Verdict::Violated, Some(Class::BrokenPromise))),
    ];
    let (header, results) = files(&runs);
    let set = parse(header.as_bytes(), results.as_bytes()).unwrap();
    let [first, second, third] = runs;
    assert_eq!(set.runs, [third, first, second]);
    assert!(!set.cut_short);
}

#[test]
fn a_run_that_could_be_made_at_last_counts_once_and_as_made() {
    let full = || End::NotMade {
        cause: Cause::Host,
        message: "No space left on device".into(),
        reproduce: String::new(),
    };
    let made = || judged(Verdict::Valid, None);
    let (header, results) = files(&[
        run("a", "calm", 1, full()),
        run("a", "calm", 2, full()),
        run("a", "calm", 1, made()),
        run("a", "calm", 2, judged(Verdict::Unknown, None)),
        run("a", "calm", 2, full()),
        run("a", "calm", 3, full()),
        run("a", "calm", 3, full()),
    ]);
    let set = parse(header.as_bytes(), results.as_bytes()).unwrap();
    let outcomes: Vec<Outcome> = set.runs.iter().map(RunSummary::outcome).collect();
    assert_eq!(outcomes, [Outcome::Valid, Outcome::Unknown, Outcome::Failed]);
    assert_eq!(Counts::of(&set.runs).unexpected, 2);
}

#[test]
fn the_torn_last_line_of_a_killed_job_is_dropped() {
    let runs = [1, 2].map(|seed| run("a", "calm", seed, judged(Verdict::Valid, None)));
    let (header, results) = files(&runs);
    let second = runs[0].line().len();
    for cut in second + 1..results.len() {
        let set = parse(header.as_bytes(), &results.as_bytes()[..cut]).unwrap();
        assert_eq!((set.runs.len(), set.cut_short), (1, true), "cut at {cut}");
    }
    let set = parse(header.as_bytes(), &results.as_bytes()[..second]).unwrap();
    assert_eq!((set.runs.len(), set.cut_short), (1, false));
}

#[test]
fn a_wrong_line_is_named() {
    let (header, results) = files(&[run("a", "calm", 1, judged(Verdict::Valid, None))]);
    let error = parse(header.as_bytes(), format!("{results}{{}}\n").as_bytes()).unwrap_err();
    assert_eq!(error, "results.jsonl:2:2: not a run: missing field `lock`");
}

#[test]
fn a_set_of_another_format_is_refused() {
    let header = Header { format: 99, ..header() };
    let error = parse(header.to_json().as_bytes(), b"").unwrap_err();
    assert!(error.contains("format 99 is not known"), "{error}");
}

#[test]
fn a_directory_that_is_no_set_is_told_by_name() {
    let error = read(std::path::Path::new("/nowhere")).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/set.json: "), "{error}");
}

#[test]
fn the_table_has_the_headers_order_then_names() {
    let entry = |name: &str| Entry { name: name.into(), about: String::new() };
    let set = ResultSet {
        header: Header { scenarios: vec![entry("partition"), entry("calm")], ..header() },
        runs: vec![
            run("a", "calm", 1, judged(Verdict::Valid, None)),
            run("a", "calm", 2, judged(Verdict::Violated, Some(Class::BrokenPromise))),
            run("b", "another", 1, judged(Verdict::Unknown, None)),
        ],
        ..ResultSet::default()
    };
    let table = Table::of(&set);
    assert_eq!(table.scenarios, ["partition", "calm", "another"]);
    let counts = table.rows[0].cells[1].counts;
    assert_eq!(counts.get(Outcome::Valid), 1);
    assert_eq!(counts.gravest(), Some(Outcome::BrokenPromise));
    assert_eq!((counts.total(), counts.unexpected), (2, 1));
    assert_eq!(table.rows[0].cells[0].counts.gravest(), None);
    assert_eq!(table.totals.total(), 3);
}

#[test]
fn a_run_that_no_name_stands_for_is_made_again_from_its_files() {
    let mut run = run("mine", "calm", 3, judged(Verdict::Valid, None));
    assert_eq!(run.reproduce_from(None), "lockstorm scenario calm --lock mine --seed 3");
    run.directory = Some("runs/mine/calm/3".into());
    assert_eq!(run.reproduce_from(None), "lockstorm replay runs/mine/calm/3");
    assert_eq!(run.reproduce_from(Some("my set")), "lockstorm replay 'my set/runs/mine/calm/3'");
}

fn ended(scenario: &str, seed: u64, verdict: Verdict, class: Option<Class>) -> RunSummary {
    let mut run = run("a", scenario, seed, judged(verdict, class));
    if let End::Judged(judged) = &mut run.end {
        judged.as_expected = false;
    }
    run
}

#[test]
fn what_is_gravest_of_the_unexpected_is_told_first_and_counted_by_its_end() {
    let beyond = Some(Class::BeyondAssumptions);
    let set = ResultSet {
        header: header(),
        runs: vec![
            ended("a-good", 1, Verdict::Valid, None),
            ended("mixed", 1, Verdict::Violated, beyond),
            ended("mixed", 2, Verdict::Violated, beyond),
            ended("mixed", 3, Verdict::Unknown, None),
            ended("worst", 1, Verdict::Violated, Some(Class::BrokenPromise)),
        ],
        ..ResultSet::default()
    };
    let table = Table::of(&set);
    let told = table.unexpected();
    let names: Vec<&str> = told.iter().map(|cell| cell.scenario).collect();
    assert_eq!(names, ["worst", "mixed", "a-good"]);
    let words = "beyond the lock's assumptions in 2 and unknown in 1 of 3 runs";
    assert_eq!(told[1].unexpected_words(), words);
    assert_eq!(Table::rest_words(&told[2..]), "1 valid");
}

#[test]
fn a_headline_says_which_assumption_did_not_hold() {
    let headline = Headline {
        invariant: Invariant::MutualExclusion,
        class: Class::BeyondAssumptions,
        at_ns: 1,
        text: "both were inside".into(),
        situation: String::new(),
        beyond: vec!["c1 had lost its lease".into()],
    };
    let words =
        "mutual exclusion: both were inside (beyond the assumptions: c1 had lost its lease)";
    assert_eq!(headline.words(), words);
}

/// The set of a lock that breaks two promises in calm, and nothing else.
fn broken() -> ResultSet {
    let broken = |invariant| InvariantSummary {
        invariant,
        status: Status::Violated,
        violations: 1,
        class: Some(Class::BrokenPromise),
    };
    let kept = InvariantSummary {
        invariant: Invariant::ReleaseFrees,
        status: Status::Kept,
        violations: 0,
        class: None,
    };
    let vacuous = InvariantSummary {
        invariant: Invariant::HonestIsHeld,
        status: Status::Vacuous,
        ..kept.clone()
    };
    let mut run = run("a", "calm", 1, judged(Verdict::Violated, Some(Class::BrokenPromise)));
    if let End::Judged(judged) = &mut run.end {
        let all = [broken(Invariant::MutualExclusion), broken(Invariant::NoLostUpdate)];
        judged.invariants = all.into_iter().chain([kept, vacuous]).collect();
    }
    ResultSet { header: header(), runs: vec![run], ..ResultSet::default() }
}

#[test]
fn a_gate_accepts_a_run_of_which_it_accepts_all() {
    let set = broken();
    let accepted = |what| gate::Accepted { what, runs: 1, reason: "issue 7".into() };
    let violations = gate::Violation::of(&set.runs[0], false);
    let mut decided = Gate {
        format: FORMAT,
        verdict: gate::GateVerdict::Passed,
        words: String::new(),
        baseline: None,
        strict: false,
        refused: Vec::new(),
        accepted: violations[..1].iter().cloned().map(accepted).collect(),
        expired: Vec::new(),
        needless: Vec::new(),
        unknown: 0,
        left_out: Vec::new(),
        tried: gate::Tried::of(&set),
    };
    assert_eq!(decided.accepts(&set.runs[0]), None);
    decided.accepted = violations.into_iter().map(accepted).collect();
    assert_eq!(decided.accepts(&set.runs[0]), Some("issue 7"));
    let tried = &decided.tried;
    assert_eq!((tried.runs, tried.promises.len()), (1, 3));
    assert_eq!(tried.untried, [Invariant::HonestIsHeld]);
}
