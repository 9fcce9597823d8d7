//! What follows from the changes: what the violation depends on.

use lockstorm_reports::compare::statistics::fisher;
use lockstorm_reports::explanation::{Effect, Factor, Row, Tally};
use std::collections::BTreeMap;

/// What is less probable by chance alone is taken to be none.
const ALPHA: f64 = 0.05;
/// Fewer runs of a change that may matter would let chance speak.
const RUNS_LEAST: u64 = 8;
/// More runs of one change than this are not worth what they would tell.
const RUNS_MOST: u64 = 20;

/// How many runs of a change tell whether it takes a violation away that is seen this often: so
/// many that it would hardly be absent from all by chance.
pub fn runs_needed(unchanged: Tally) -> u64 {
    let Tally { seen, of, .. } = unchanged;
    let missed = of.saturating_sub(seen) as f64 / of.max(1) as f64;
    let needed = (1..RUNS_MOST).find(|runs| missed.powi(*runs as i32) < ALPHA);
    // Fisher's test counts chance on both sides.
    needed.map_or(RUNS_MOST, |runs| runs * 2).clamp(RUNS_LEAST, RUNS_MOST)
}

/// Whether a change may have done something: it is worth more runs.
pub fn may_matter(unchanged: Tally, changed: Tally) -> bool {
    changed.seen * unchanged.of < unchanged.seen * changed.of
}

/// What a change did to a violation.
pub fn effect(unchanged: Tally, changed: Tally) -> Effect {
    let chance = fisher(unchanged.seen, unchanged.of, changed.seen, changed.of);
    let is_sure = may_matter(unchanged, changed) && chance < ALPHA;
    match (changed.of, changed.seen) {
        // Most of its runs must mean something.
        (of, 0) if of == 0 || changed.unknown > of => Effect::Unknown,
        (_, 0) if is_sure => Effect::Gone,
        (_, 0) => Effect::Unknown,
        _ if is_sure => Effect::Rarer,
        _ => Effect::None,
    }
}

/// What it depends on and what not, a sentence each.
pub fn conclusion(lock: &str, rows: &[Row]) -> Vec<String> {
    let mut by_factor: BTreeMap<Factor, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_factor.entry(row.factor).or_default().push(row);
    }
    let of = |wanted: Effect| rows.iter().filter(move |row| row.effect == wanted);
    let mut sentences = Vec::new();
    let gone: Vec<String> =
        by_factor.iter().flat_map(|(factor, rows)| needs(*factor, rows)).collect();
    if !gone.is_empty() {
        sentences.push(format!("It depends on {}.", listed(&gone)));
    }
    let rarer: Vec<String> = of(Effect::Rarer).map(|row| row.change.clone()).collect();
    if !rarer.is_empty() {
        sentences.push(format!("It is rarer with this: {}.", rarer.join("; ")));
    }
    let is_free = |rows: &[&Row]| rows.iter().all(|row| row.effect == Effect::None);
    let free: Vec<String> = by_factor
        .iter()
        .flat_map(|(factor, rows)| match factor {
            Factor::Fault => {
                let none = rows.iter().filter(|row| row.effect == Effect::None);
                none.map(|row| row.what.clone()).collect()
            }
            _ if is_free(rows) => vec![factor.words().to_owned()],
            _ => Vec::new(),
        })
        .collect();
    if !free.is_empty() {
        sentences.push(format!("It does not depend on {}.", alternatives(&free)));
    }
    let unknown: Vec<String> = of(Effect::Unknown).map(|row| row.change.clone()).collect();
    if !unknown.is_empty() {
        sentences.push(format!("What comes of this is not known: {}.", unknown.join("; ")));
    }
    let others = by_factor.iter().filter(|(factor, _)| **factor != Factor::Fault);
    let mut others = others.flat_map(|(_, rows)| rows.iter());
    // As far as is known: at least one thing beside the faults must have been tried.
    let has_others = others.clone().any(|row| row.effect == Effect::None);
    if has_others && others.all(|row| matches!(row.effect, Effect::None | Effect::Unknown)) {
        sentences.push(format!(
            "So it is {lock} itself that fails: nothing that was changed around it keeps it from that."
        ));
    }
    sentences
}

/// What of a factor the violation needs, in words that follow "It depends on".
fn needs(factor: Factor, rows: &[&Row]) -> Vec<String> {
    let gone: Vec<&&Row> = rows.iter().filter(|row| row.effect == Effect::Gone).collect();
    let (Some(first), is_all) = (gone.first(), gone.len() == rows.len()) else {
        return Vec::new();
    };
    let changes = || gone.iter().map(|row| row.change.clone()).collect::<Vec<_>>();
    match factor {
        // Each of these is another thing.
        Factor::Fault | Factor::MountOption | Factor::Machine | Factor::Disk => {
            gone.iter().map(|row| row.what.clone()).collect()
        }
        Factor::Version if is_all => vec![format!("{} alone", first.what)],
        Factor::Version => {
            vec![format!("the NFS version (it is not seen on {})", listed(&changes()))]
        }
        Factor::ClientCache => {
            vec![format!("{} (it is not seen when {})", first.what, listed(&changes()))]
        }
        Factor::Server | Factor::ServerKernel | Factor::ClientKernel => {
            vec![format!("{} (it is not seen with {})", first.what, listed(&changes()))]
        }
        Factor::Delegation | Factor::Clock | Factor::Network => vec![first.what.clone()],
    }
}

fn listed(words: &[String]) -> String {
    joined(words, "and")
}

fn alternatives(words: &[String]) -> String {
    joined(words, "or")
}

fn joined(words: &[String], last: &str) -> String {
    match words {
        [one] => one.clone(),
        [some @ .., end] => format!("{} {last} {end}", some.join(", ")),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(seen: u64, of: u64) -> Tally {
        Tally { seen, of, unknown: 0 }
    }

    fn row(factor: Factor, what: &str, change: &str, effect: Effect) -> Row {
        let (what, change) = (what.into(), change.into());
        Row { factor, what, change, tally: tally(0, 3), effect, because: String::new(), run: None }
    }

    #[test]
    fn what_was_always_seen_is_gone_when_it_is_never_seen_in_enough_runs() {
        assert_eq!(effect(tally(8, 8), tally(0, 8)), Effect::Gone);
        assert_eq!(effect(tally(8, 8), tally(3, 8)), Effect::Rarer);
        assert_eq!(effect(tally(8, 8), tally(6, 8)), Effect::None);
        assert_eq!(effect(tally(3, 3), tally(3, 3)), Effect::None);
        assert_eq!(effect(tally(3, 3), tally(0, 3)), Effect::Unknown);
        assert!(may_matter(tally(3, 3), tally(2, 3)) && !may_matter(tally(3, 3), tally(3, 3)));
        assert_eq!(runs_needed(tally(3, 3)), 8);
    }

    #[test]
    fn what_was_seen_now_and_then_is_not_gone_so_soon() {
        assert_eq!(effect(tally(10, 20), tally(0, 3)), Effect::Unknown);
        assert_eq!(effect(tally(10, 20), tally(0, 10)), Effect::Gone);
        assert_eq!(effect(tally(10, 20), tally(4, 10)), Effect::None);
        assert_eq!(effect(tally(10, 20), tally(10, 10)), Effect::None, "it is not rarer");
        assert_eq!(runs_needed(tally(10, 20)), 10);
        assert_eq!(runs_needed(tally(1, 20)), 20);
        assert_eq!(runs_needed(tally(0, 0)), 8);
    }

    #[test]
    fn runs_that_prove_nothing_take_nothing_away() {
        let unknown = |seen, of, unknown| Tally { seen, of, unknown };
        assert_eq!(effect(tally(8, 8), unknown(0, 0, 8)), Effect::Unknown);
        assert_eq!(effect(tally(8, 8), unknown(0, 3, 5)), Effect::Unknown);
        assert_eq!(effect(tally(8, 8), unknown(0, 5, 3)), Effect::Gone);
        assert_eq!(effect(tally(8, 8), unknown(1, 1, 7)), Effect::None);
    }

    #[test]
    fn what_it_depends_on_is_told_before_what_it_does_not() {
        let rows = [
            row(Factor::Fault, "fault 1 (lose)", "without fault 1 (lose)", Effect::Gone),
            row(Factor::Fault, "fault 2 (cut c1)", "without fault 2 (cut c1)", Effect::None),
            row(Factor::ClientCache, "the client's cache", "mounted with noac", Effect::None),
            row(Factor::Delegation, "the client's delegation", "no delegations", Effect::Gone),
            row(Factor::Version, "NFS 4.0", "NFS 3", Effect::Gone),
            row(Factor::Version, "NFS 4.0", "NFS 4.2", Effect::Gone),
            row(Factor::Server, "knfsd", "nfs-ganesha as the server", Effect::Unknown),
            row(Factor::Clock, "clocks", "all clocks right", Effect::None),
        ];
        assert_eq!(
            conclusion("flufl.lock", &rows),
            [
                "It depends on fault 1 (lose), the client's delegation and NFS 4.0 alone.",
                "It does not depend on fault 2 (cut c1), the client's cache or clocks.",
                "What comes of this is not known: nfs-ganesha as the server.",
            ]
        );
    }

    #[test]
    fn where_only_faults_matter_it_is_the_lock() {
        let cache = row(Factor::ClientCache, "the client's cache", "noac", Effect::None);
        let fault = row(Factor::Fault, "fault 1 (cut c1)", "without it", Effect::Gone);
        let said = conclusion("flufl.lock", &[fault, cache.clone()]);
        assert_eq!(said.len(), 3);
        assert!(said[2].starts_with("So it is flufl.lock itself"), "{said:?}");
        assert!(conclusion("x", &[cache])[1].starts_with("So it is x itself"));
        assert!(conclusion("x", &[]).is_empty());
    }

    #[test]
    fn versions_that_do_not_show_it_are_named_where_others_do() {
        let rows = [
            row(Factor::Version, "NFS 4.2", "NFS 3", Effect::Gone),
            row(Factor::Version, "NFS 4.2", "NFS 4.1", Effect::None),
        ];
        let said = conclusion("x", &rows);
        assert_eq!(said[0], "It depends on the NFS version (it is not seen on NFS 3).");
    }
}
