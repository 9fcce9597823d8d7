//! The numbers that plots are drawn from.

use crate::check::Evidence;
use lockstorm_reports::timeline::{Bucket, Plots};

/// How many parts a run is divided into.
const PARTS: u64 = 60;

/// The plots of a run in which acquire took so long.
pub(super) fn plots(evidence: &Evidence, waits: &[u64], began_ns: u64) -> Plots {
    Plots { waiting: waiting(waits), holds: holds(evidence, began_ns) }
}

/// Steps of 1, 2, 5 as on an axis, from the one below the least to the one above the most.
fn waiting(waits: &[u64]) -> Vec<Bucket> {
    let (Some(&least), Some(&most)) = (waits.iter().min(), waits.iter().max()) else {
        return Vec::new();
    };
    let mut edges = vec![0];
    // Below a microsecond nothing is measured.
    let mut decade: u64 = 1_000;
    while edges.last().is_some_and(|edge| *edge <= most) {
        edges.extend([1, 2, 5].map(|step| decade.saturating_mul(step)));
        let Some(next) = decade.checked_mul(10) else {
            break;
        };
        decade = next;
    }
    let buckets = edges.windows(2).map(|edge| Bucket {
        from_ns: edge[0],
        until_ns: edge[1],
        count: waits.iter().filter(|wait| (edge[0]..edge[1]).contains(wait)).count() as u64,
    });
    buckets.filter(|bucket| bucket.until_ns > least && bucket.from_ns <= most).collect()
}

fn holds(evidence: &Evidence, began_ns: u64) -> Vec<Bucket> {
    let length = evidence.end_ns.saturating_sub(began_ns);
    if length == 0 {
        return Vec::new();
    }
    let part = length.div_ceil(PARTS);
    let parts = length.div_ceil(part);
    let mut buckets: Vec<Bucket> = (0..parts)
        .map(|index| Bucket {
            from_ns: began_ns.saturating_add(index.saturating_mul(part)),
            until_ns: began_ns
                .saturating_add(index.saturating_add(1).saturating_mul(part))
                .min(evidence.end_ns),
            count: 0,
        })
        .collect();
    for hold in &evidence.holds {
        let index = hold.entered.at_ns.saturating_sub(began_ns) / part;
        let last = buckets.len() - 1;
        buckets[(index as usize).min(last)].count += 1;
    }
    buckets
}
