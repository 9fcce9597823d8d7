//! What a map says beside its cells, in sentences that all renderers share.

use super::{Cell, Map, Outcome};
use crate::text::{clean, clean_name, counted};

/// Why points are alike.
const RULE: &str = "the client's lock makes the same call after the same answer, while the others \
                    are about the same";
/// How sure a bound is.
const CONFIDENCE: f64 = 0.95;

/// `flufl.lock 10.0.0`.
pub(crate) fn lock(map: &Map) -> String {
    match &map.lock_version {
        Some(version) => format!("{} {}", clean_name(&map.lock), clean_name(version)),
        None => clean_name(&map.lock),
    }
}

/// What was swept.
pub(crate) fn about(map: &Map) -> String {
    format!(
        "{} at {} of the story {}, seed {}.",
        counted(map.columns.len() as u64, "fault"),
        counted(map.rows.len() as u64, "point"),
        clean_name(&map.story),
        map.seed
    )
}

/// How much was tried, what came of it, and how much that says.
pub(crate) fn sums(map: &Map) -> Vec<String> {
    let counts = map.counts;
    let mut sums = vec![runs(map)];
    sums.extend(alike(map));
    if counts.not_made > 0 {
        let cells = counted(counts.not_made, "possible cell");
        let was = if counts.not_made == 1 { "was" } else { "were" };
        sums.push(format!("{cells} {was} not tried, and no other run stands for that."));
    }
    let others = [counts.violated, counts.beyond, counts.unknown];
    let valid = others.into_iter().fold(counts.runs(), u64::saturating_sub);
    sums.push(format!(
        "{} broke a promise, {} failed beyond the lock's assumptions, {} ended without a verdict, \
         and {} kept every promise that {} tried.",
        counted(counts.violated, "run"),
        counts.beyond,
        counts.unknown,
        valid,
        if valid == 1 { "it" } else { "they" }
    ));
    sums.extend(bound(map));
    if map.processors_ms > 0 {
        sums.push(format!("Processors worked {} for it.", time(map.processors_ms)));
    }
    sums
}

fn runs(map: &Map) -> String {
    let counts = map.counts;
    let cells = (map.rows.len() as u64).saturating_mul(map.columns.len() as u64);
    let possible = format!("Of {}, {} possible", counted(cells, "cell"), are(counts.possible));
    if counts.runs() == 0 {
        return format!("{possible}; no run was made.");
    }
    let proofs = match counts.proofs {
        0 => String::new(),
        proofs => format!(" for themselves, and {proofs} to see whether alike points end alike"),
    };
    let (tried, struck, runs) = (were(counts.tried), counts.struck, counted(counts.runs(), "run"));
    format!("{possible}. {tried} tried{proofs}; the fault struck in {struck} of {runs}.")
}

/// The rule that leaves cells out, and what its proofs say.
fn alike(map: &Map) -> Vec<String> {
    let counts = map.counts;
    if counts.alike == 0 && counts.proofs == 0 {
        return Vec::new();
    }
    let rule = format!(
        "{} not tried, because the run of another point stands for them: points are alike where \
         {RULE}.",
        were(counts.alike)
    );
    let agreeing = counts.proofs.saturating_sub(counts.disagreeing);
    let proofs = match (counts.proofs, counts.disagreeing) {
        (0, _) => "None of that kind was tried to see whether they end alike.".into(),
        (proofs, 0) => format!(
            "{} of that kind were tried all the same, and all ended alike: less than {} % of those \
             left out would end otherwise, with 95 % confidence.",
            proofs,
            percent(proofs)
        ),
        (proofs, _) => format!(
            "{proofs} of that kind were tried all the same: {agreeing} ended alike, {} otherwise. \
             What was left out can hide violations.",
            counts.disagreeing
        ),
    };
    vec![rule, proofs]
}

/// What it means that no promise was broken.
fn bound(map: &Map) -> Option<String> {
    if map.counts.violated > 0 {
        return None;
    }
    let cells = map.rows.iter().flat_map(|row| &row.cells);
    let told = cells
        .filter_map(Cell::made)
        .filter(|made| made.struck && matches!(made.outcome(), Outcome::Valid | Outcome::Beyond));
    let told = told.count() as u64;
    (told > 0).then(|| {
        format!(
            "No promise was broken in {} whose fault struck: of runs like these, less than {} % \
             break one, with 95 % confidence.",
            counted(told, "run"),
            percent(told)
        )
    })
}

/// The largest share that may well not be seen once in so many, in percent; rounded up.
fn percent(of: u64) -> String {
    let share = 1.0 - (1.0 - CONFIDENCE).powf(1.0 / of.max(1) as f64);
    format!("{:.2}", (share * 10_000.0).ceil() / 100.0)
}

fn are(count: u64) -> String {
    format!("{count} {}", if count == 1 { "is" } else { "are" })
}

fn were(count: u64) -> String {
    format!("{count} {}", if count == 1 { "was" } else { "were" })
}

/// `5 min 12 s`.
fn time(ms: u64) -> String {
    match ms / 1_000 {
        0 => format!("{ms} ms"),
        seconds @ 1..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// The name of a cell: `c1.acquire1.LINK-lock.reply1, lose`.
pub(crate) fn cell(map: &Map, (row, column): (usize, usize)) -> String {
    let row = map.rows.get(row).map_or("?".into(), |row| clean_name(&row.name));
    let column = map.columns.get(column).map_or("?".into(), |column| clean_name(&column.name));
    format!("{row}, {column}")
}

/// What several cells have in common.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub cells: u64,
    pub first: (usize, usize),
    pub text: String,
}

/// Why runs have no verdict, the most frequent reason first.
pub(crate) fn unknown(map: &Map) -> Vec<Told> {
    told(map, |_, cell| {
        let made = cell.made().filter(|made| made.outcome() == Outcome::Unknown)?;
        Some(clean(&made.reason))
    })
}

/// Why cells were not tried.
pub(crate) fn not_made(map: &Map) -> Vec<Told> {
    told(map, |(row, column), cell| match cell {
        Cell::NotMade { why } => Some(clean(why)),
        Cell::Alike { .. } if map.run(row, column).is_none() => {
            Some("the run that was to stand for it was not made".into())
        }
        _ => None,
    })
}

/// The proofs that ended otherwise than what stands for them.
pub(crate) fn disagreeing(map: &Map) -> Vec<Told> {
    let cells = all(map).filter_map(|(at, cell)| match cell {
        Cell::Proof { row, agrees: false, made } => {
            let other = map.run(*row, at.1).map_or("not made", |made| made.outcome().words());
            let own = made.outcome().words();
            let text = format!("{own}, while {} is {other}", self::cell(map, (*row, at.1)));
            Some(Told { cells: 1, first: at, text })
        }
        _ => None,
    });
    cells.collect()
}

fn all(map: &Map) -> impl Iterator<Item = ((usize, usize), &Cell)> {
    map.rows.iter().enumerate().flat_map(|(index, row)| {
        row.cells.iter().enumerate().map(move |(column, cell)| ((index, column), cell))
    })
}

fn told(map: &Map, why: impl Fn((usize, usize), &Cell) -> Option<String>) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    for (at, cell) in all(map) {
        let Some(text) = why(at, cell) else { continue };
        match told.iter_mut().find(|one| one.text == text) {
            Some(one) => one.cells += 1,
            None => told.push(Told { cells: 1, first: at, text }),
        }
    }
    told.sort_by_key(|one| std::cmp::Reverse(one.cells));
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_rounded_up() {
        assert_eq!(percent(1), "95.00");
        assert_eq!(percent(59), "4.96");
        assert_eq!(percent(1_000_000), "0.01");
    }

    #[test]
    fn times_are_told_in_minutes() {
        assert_eq!([time(70), time(59_999), time(312_400)], ["70 ms", "59 s", "5 min 12 s"]);
    }
}
