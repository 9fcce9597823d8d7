//! What is asked of every adapter.

use super::bench::{Bench, Holder, PROMPT, Step, complain};
use crate::lock::adapter::{Answer, Request};
use crate::units::Nanos;

/// A chapter: what the adapter should do, and how that is tried.
pub type Chapter = (&'static str, fn(&mut Bench) -> Step<()>);

pub const CHAPTERS: [Chapter; 8] = [
    ("says that it is ready, with the version that the profile pins", ready),
    ("answers what makes no sense with an error, and goes on", nonsense),
    ("lives a lock's life: acquire, is_held, refresh, release", life),
    ("refuses a second holder, at once or when its time is up", refusal),
    ("waits for the lock without a limit", waiting),
    ("does not release what it does not hold", stranger),
    ("ends when it is told to, and when its input ends", ending),
    ("can be killed in every state, and started again", killing),
];

const FIRST: Holder = 0;
const SECOND: Holder = 1;
const AT_ONCE: Request = Request::Acquire { timeout: Some(0.0) };
const FOR_EVER: Request = Request::Acquire { timeout: None };
/// A wait with a limit, and by how much it may be longer: libraries poll, some every few seconds.
const LIMIT: Nanos = Nanos::from_secs(2);
const OVERTIME: Nanos = Nanos::from_secs(18);
/// A line as long as an adapter must take.
const LONG: usize = 32 * 1024;

fn ready(bench: &mut Bench) -> Step<()> {
    bench.start(FIRST)?;
    let said = bench.version().unwrap_or_default();
    match &bench.profile().version {
        Some(pinned) if *pinned != said => {
            complain(format!("says that it is version {said}, and the profile pins {pinned}"))
        }
        _ if said.is_empty() => complain("says no version"),
        _ => Ok(()),
    }
}

fn nonsense(bench: &mut Bench) -> Step<()> {
    bench.ready(FIRST)?;
    let long = format!("{{\"id\": 4, \"op\": \"{}\"}}", "x".repeat(LONG));
    for line in ["{", "[1]", "{\"id\": 3}", "{\"id\": 3, \"op\": \"jump\"}", "\u{1F512}", &long] {
        bench.tell_line(FIRST, line.to_owned());
        let short: String = line.chars().take(30).collect();
        let Some(answer) = bench.line_of(FIRST, PROMPT)? else {
            return complain(format!("did not answer {short}"));
        };
        let value: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
        if value.get("answer").and_then(serde_json::Value::as_str) != Some("error") {
            return complain(format!("answered {short} with {answer}; expected an error"));
        }
    }
    expect(bench, FIRST, &AT_ONCE, "ok", is_ok)
}

fn life(bench: &mut Bench) -> Step<()> {
    bench.ready(FIRST)?;
    held(bench, FIRST, false)?;
    expect(bench, FIRST, &AT_ONCE, "ok", is_ok)?;
    held(bench, FIRST, true)?;
    let lifetime = bench.profile().lifetime.map(|lifetime| lifetime.default);
    let is_refreshed = bench.profile().is_refreshed();
    let seconds = lifetime.unwrap_or(Nanos::from_secs(15)).as_secs_f64();
    let refresh = Request::Refresh { lifetime: seconds };
    match is_refreshed {
        // It may keep itself fresh.
        true => expect(bench, FIRST, &refresh, "ok or unsupported", ok_or_unsupported)?,
        false => expect(bench, FIRST, &refresh, "unsupported", |a| *a == Answer::Unsupported)?,
    }
    expect(bench, FIRST, &Request::Release, "ok", is_ok)?;
    held(bench, FIRST, false)?;
    expect(bench, FIRST, &AT_ONCE, "ok, since it was released", is_ok)
}

fn refusal(bench: &mut Bench) -> Step<()> {
    bench.ready(FIRST)?;
    bench.ready(SECOND)?;
    expect(bench, FIRST, &AT_ONCE, "ok", is_ok)?;
    expect(bench, SECOND, &AT_ONCE, "busy", |answer| *answer == Answer::Busy)?;
    let limited = Request::Acquire { timeout: Some(LIMIT.as_secs_f64()) };
    let began = bench.now();
    let id = bench.tell(SECOND, &limited);
    let most = Nanos(LIMIT.0 + OVERTIME.0);
    match bench.answer(SECOND, id, most)? {
        Some(Answer::Timeout) => {}
        Some(other) => return complain(unlike(&limited, "timeout", &other)),
        None => return complain(format!("was to wait for {LIMIT}, and waits after {most}")),
    }
    let waited = Nanos(bench.now().0 - began.0);
    // Polls may end one step short of the limit.
    if waited.0 < LIMIT.0 / 2 {
        return complain(format!("was to wait for {LIMIT}, and gave up after {waited}"));
    }
    held(bench, SECOND, false)?;
    held(bench, FIRST, true)
}

fn waiting(bench: &mut Bench) -> Step<()> {
    bench.ready(FIRST)?;
    bench.ready(SECOND)?;
    expect(bench, FIRST, &AT_ONCE, "ok", is_ok)?;
    let id = bench.tell(SECOND, &FOR_EVER);
    if let Some(answer) = bench.answer(SECOND, id, LIMIT)? {
        return complain(unlike(&FOR_EVER, "no answer as long as another holds", &answer));
    }
    expect(bench, FIRST, &Request::Release, "ok", is_ok)?;
    match bench.answer(SECOND, id, PROMPT)? {
        Some(answer) if is_ok(&answer) => held(bench, SECOND, true),
        Some(answer) => complain(unlike(&FOR_EVER, "ok", &answer)),
        None => complain(format!("did not get the lock within {PROMPT} of its release")),
    }
}

fn stranger(bench: &mut Bench) -> Step<()> {
    bench.ready(FIRST)?;
    bench.ready(SECOND)?;
    let not_ok = |answer: &Answer| matches!(answer, Answer::NotHeld | Answer::Error { .. });
    let promised = lockstorm_reports::Invariant::OwnerOnlyRelease;
    if !bench.profile().promises.contains_key(&promised) {
        // It may do anything, but it must answer.
        return bench.ask(SECOND, &Request::Release).map(drop);
    }
    expect(bench, SECOND, &Request::Release, "not_held or an error", not_ok)?;
    expect(bench, FIRST, &AT_ONCE, "ok", is_ok)?;
    expect(bench, SECOND, &Request::Release, "not_held or an error", not_ok)?;
    expect(bench, SECOND, &AT_ONCE, "busy", |answer| *answer == Answer::Busy)?;
    held(bench, FIRST, true)
}

fn ending(bench: &mut Bench) -> Step<()> {
    for holding in [false, true] {
        for closing in [false, true] {
            bench.ready(FIRST)?;
            if holding {
                // An adapter before may have ended with the lock.
                bench.ask(FIRST, &AT_ONCE)?;
            }
            match closing {
                true => bench.close(FIRST)?,
                false => expect(bench, FIRST, &Request::Quit, "ok", is_ok)?,
            }
            let how = if closing { "its input had ended" } else { "it had been told to quit" };
            match bench.end_of(FIRST, PROMPT)? {
                Some(cause) if closing || cause.ends_with("exit status: 0") => {}
                Some(cause) => return complain(format!("{cause}, after {how}")),
                None => return complain(format!("still runs {PROMPT} after {how}")),
            }
        }
    }
    Ok(())
}

fn killing(bench: &mut Bench) -> Step<()> {
    // Last the state that may leave a lock behind.
    for state in ["idle", "waiting", "holding"] {
        // Of a fair lock, a dead waiter may keep its place: each state has a lock of its own.
        bench.begin(false)?;
        bench.ready(FIRST)?;
        match state {
            "holding" => expect(bench, FIRST, &AT_ONCE, "ok", is_ok)?,
            "waiting" => {
                bench.ready(SECOND)?;
                expect(bench, SECOND, &AT_ONCE, "ok", is_ok)?;
                bench.tell(FIRST, &FOR_EVER);
                bench.pause(LIMIT)?;
            }
            _ => {}
        }
        bench.kill(FIRST)?;
        bench.start(FIRST)?;
        // Whether a dead process's lock stands is the lock's business; an answer is not.
        match bench.ask(FIRST, &AT_ONCE)? {
            Answer::Busy => {}
            answer if is_ok(&answer) => expect(bench, FIRST, &Request::Release, "ok", is_ok)?,
            other => {
                let words = format!("ok or busy, after it was killed while {state}");
                return complain(unlike(&AT_ONCE, &words, &other));
            }
        }
        if state == "waiting" {
            bench.ask(SECOND, &Request::Release)?;
        }
    }
    Ok(())
}

fn is_ok(answer: &Answer) -> bool {
    matches!(answer, Answer::Ok { .. })
}

fn ok_or_unsupported(answer: &Answer) -> bool {
    is_ok(answer) || *answer == Answer::Unsupported
}

fn expect(
    bench: &mut Bench,
    holder: Holder,
    request: &Request,
    words: &str,
    right: fn(&Answer) -> bool,
) -> Step<()> {
    let answer = bench.ask(holder, request)?;
    match right(&answer) {
        true => Ok(()),
        false => complain(unlike(request, words, &answer)),
    }
}

/// What it says of itself, where the lock has such a question.
fn held(bench: &mut Bench, holder: Holder, truth: bool) -> Step<()> {
    let answer = bench.ask(holder, &Request::IsHeld)?;
    match answer == Answer::Unsupported || answer == (Answer::Ok { held: Some(truth) }) {
        true => Ok(()),
        false => complain(unlike(&Request::IsHeld, &format!("held: {truth}"), &answer)),
    }
}

fn unlike(request: &Request, words: &str, answer: &Answer) -> String {
    let text = |value: serde_json::Result<String>| value.unwrap_or_default();
    let (request, answer) = (serde_json::to_string(request), serde_json::to_string(answer));
    format!("answered {} with {}; expected {words}", text(request), text(answer))
}
