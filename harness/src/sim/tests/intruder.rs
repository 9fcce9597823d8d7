//! A stranger who enters while an owner surely holds is always found, wherever it is.

use super::super::{Defect, Kind, Lock};
use super::{Judged, each};
use crate::check::tests::story::Teller;
use crate::check::{Evidence, check};
use crate::history::Event;
use crate::seeds;
use lockstorm_reports::{Invariant, Status};
use rand::RngExt;

/// The history, with a stranger let into one of its holds; `None`: there is none that is sure.
fn intrude(run: &Judged) -> Option<Vec<Event>> {
    let evidence = Evidence::of(&run.plan, &run.history);
    let spans = evidence.holds.iter().flat_map(|hold| hold.exclusive());
    let long = |span: &crate::check::spans::Span| {
        span.until.at_ns.min(evidence.end_ns) > span.from.at_ns + 10
    };
    let spans: Vec<_> = spans.filter(long).collect();
    if spans.is_empty() {
        return None;
    }
    let mut rng = seeds::generator(run.plan.seed);
    let span = spans[rng.random_range(0..spans.len())];
    let mut teller = Teller::from_call(1_000_000);
    teller.now = span.from.at_ns + 1;
    teller.ask("stranger");
    teller.now += 3;
    teller.enter("stranger");
    teller.now += 3;
    teller.leave("stranger");
    let mut history = run.history.clone();
    history.extend(teller.events);
    history.sort_by_key(|event| event.at_ns);
    Some(history)
}

#[test]
fn an_injected_overlap_is_always_found() {
    for kind in [Kind::Lifetime, Kind::Watching, Kind::Lease, Kind::Link] {
        let found = each(0..60, |seed| {
            let run = Judged::random(seed, Lock { kind, defect: Defect::None });
            let history = intrude(&run)?;
            let (results, _) = check(&Evidence::of(&run.plan, &history));
            assert_eq!(results[0].invariant, Invariant::MutualExclusion);
            Some((seed, results[0].status))
        });
        let missed = found.iter().flatten().filter(|(_, status)| *status != Status::Violated);
        assert_eq!(missed.collect::<Vec<_>>(), [&(0, Status::Kept); 0], "{kind:?}");
        assert!(found.iter().flatten().count() > 40, "{kind:?}: {found:?}");
    }
}
