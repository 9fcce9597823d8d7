use super::*;
use crate::fault::impair::Impair;
use crate::units::{NanosRange, SignedNanos};
use proptest::prelude::*;

fn nanos() -> impl Strategy<Value = Nanos> {
    prop_oneof![(0..1_000_000_000_000u64), (0..100u64).prop_map(|s| s * 1_000_000_000)]
        .prop_map(Nanos)
}

fn expectation() -> impl Strategy<Value = Expectation> {
    let answer = prop::sample::select(ANSWERS.map(|(_, answer)| answer).to_vec());
    (answer, prop::option::of(nanos())).prop_map(|(answer, within)| Expectation { answer, within })
}

fn call() -> impl Strategy<Value = Call> {
    let span = || prop::option::of(nanos());
    prop_oneof![
        span().prop_map(|timeout| Call::Acquire { timeout }),
        span().prop_map(|lifetime| Call::Refresh { lifetime }),
        Just(Call::Release),
        Just(Call::IsHeld),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let node = || "(c[1-9]|server)";
    let kind = prop::sample::select(Strike::KINDS);
    prop_oneof![
        (node(), call(), prop::option::of(expectation()))
            .prop_map(|(client, call, expect)| { Step::Call { client, call, expect } }),
        (node(), expectation()).prop_map(|(client, expect)| Step::Await { client, expect }),
        nanos().prop_map(Step::Pass),
        node().prop_map(|node| Step::Strike(Strike::Cut(Cut::of(node)))),
        node().prop_map(|node| Step::Strike(Strike::Crash(Crash::of(node)))),
        (node(), -1_000_000_000_000i64..1_000_000_000_000).prop_map(|(node, step)| {
            Step::Strike(Strike::Clock(Clock {
                node,
                step: SignedNanos(step),
                drift_ppm: 0,
                stands: false,
            }))
        }),
        (kind, node()).prop_map(|(kind, node)| Step::End { kind, node }),
    ]
}

proptest! {
    #[test]
    fn a_step_prints_so_that_it_parses_back(step in step()) {
        prop_assert_eq!(step.to_string().parse(), Ok(step));
    }

    #[test]
    fn steps_go_through_yaml_unchanged(
        mut steps in prop::collection::vec(step(), 0..6),
        loss in 0.0..1.0f64,
    ) {
        let (node, delay) = ("c1".into(), NanosRange::default());
        steps.push(Step::Strike(Strike::Impair(Impair {
            node,
            loss,
            duplicate: 0.5,
            delay,
            ..Impair::default()
        })));
        let text = serde_yaml::to_string(&steps).unwrap();
        prop_assert_eq!(serde_yaml::from_str::<Vec<Step>>(&text).unwrap(), steps);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z0-9:>+ -]{0,40}|.{0,40}") {
        let _ = text.parse::<Step>();
    }
}

#[test]
fn the_story_of_the_head_comment_parses() {
    let story = "
- c1: acquire -> ok
- c2: acquire timeout 2s -> timeout
- c3: acquire                  # begins, and is not waited for
- at +15s                      # virtual time passes
- cut c1                       # a fault strikes ...
- clock c2 +8s
- impair: {node: c3, loss: 0.1}  # any of them, with all that it can say
- heal c1                      # ... and ends
- end impair c3
- c3: -> ok within 12s         # the answer that was not waited for
- c1: release -> not held
";
    let steps: Vec<Step> = serde_yaml::from_str(story).unwrap();
    let lines: Vec<String> = steps.iter().map(Step::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    c1: acquire -> ok
    c2: acquire timeout 2s -> timeout
    c3: acquire
    at +15s
    cut c1
    clock c2 +8s
    impair c3 (has a bad link: 10% of frames lost, 0% doubled, 0s late)
    heal c1
    end impair c3
    c3: -> ok within 12s
    c1: release -> not held
    ");
}

#[test]
fn a_step_that_does_not_parse_says_what_was_expected() {
    let wrong = [
        "",
        "c1:",
        "c1 acquire -> ok",
        "c1: aquire -> ok",
        "c1: acquire -> okay",
        "c1: acquire -> yes please",
        "c1: acquire ->",
        "c1: acquire 2s -> ok",
        "c1: acquire timeout 2 -> ok",
        "c1: acquire -> ok within",
        "c1: acquire -> ok within -3s",
        "c1: release now -> ok",
        "a client: release",
        "at 15s",
        "at +15",
        "cut",
        "cut c1 now",
        "crahs server",
        "clock c2",
        "clock c2 8",
        "impair c1",
        "end",
        "end c1",
        "end impair",
        "dance",
    ];
    let messages: Vec<String> = wrong
        .iter()
        .map(|text| format!("{text:32}| {}", text.parse::<Step>().unwrap_err()))
        .collect();
    insta::assert_snapshot!(messages.join("\n"), @"
                                    | an empty step; expected such as `c1: acquire -> ok` or `at +15s`
    c1:                             | `c1:` asks for nothing; expected a call (`acquire`, `release`, `refresh` or `is_held`) or `-> ANSWER`
    c1 acquire -> ok                | `c1 acquire -> ok` names a client without a colon; did you mean `c1: acquire -> ok`?
    c1: aquire -> ok                | `aquire` is not a call; did you mean `acquire`?
    c1: acquire -> okay             | `okay` is not an answer; expected `ok`, `busy`, `timeout`, `not held`, `held`, `error` or `any`
    c1: acquire -> yes please       | `yes please` is not an answer; expected `ok`, `busy`, `timeout`, `not held`, `held`, `error` or `any`
    c1: acquire ->                  | `->` without an answer; expected `ok`, `busy`, `timeout`, `not held`, `held`, `error` or `any`
    c1: acquire 2s -> ok            | `acquire 2s` is not understood; expected `acquire` or `acquire timeout 2s`
    c1: acquire timeout 2 -> ok     | `2` has no unit; expected such as `2ms` or `2s`
    c1: acquire -> ok within        | `within` without a duration; expected such as `within 12s`
    c1: acquire -> ok within -3s    | `-3s` is negative; did you mean `3s`?
    c1: release now -> ok           | `now` is too much after `release`; expected `-> ANSWER` or nothing
    a client: release               | `a client` is not the name of a client; expected such as `c1`
    at 15s                          | `at` counts from the step before it; did you mean `at +15s`?
    at +15                          | `15` has no unit; expected such as `15ms` or `15s`
    cut                             | `cut` of which node? expected such as `cut c1`
    cut c1 now                      | `now` is too much; expected `cut c1`
    crahs server                    | `crahs` is not a step; did you mean `crash`?
    clock c2                        | `clock c2` does not say how far it steps; did you mean `clock c2 +8s`?
    clock c2 8                      | `8` has no unit; expected such as `8ms` or `8s`
    impair c1                       | `impair` has more to say than a line can; write `- impair: {node: c1, ...}`
    end                             | `end` of which fault? expected such as `end cut c1`
    end c1                          | `c1` is not a fault; expected `cut`, `crash`, `clock`, `impair`, `partition`, `pause`, `reset`, `disk`, `nfsd`, `kill`, `stop`, `slow` or `errno`
    end impair                      | `end impair` of which node? expected such as `end impair c1`
    dance                           | `dance` is not a step; expected `cut`, `crash`, `clock`, `impair`, `partition`, `pause`, `reset`, `disk`, `nfsd`, `kill`, `stop`, `slow`, `errno`, `heal`, `restart`, `end` or `at`, or a client and its call such as `c1: acquire -> ok`
    ");
}
