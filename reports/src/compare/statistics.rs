//! The tests that tell a change from chance, and intervals of rates. All of them are exact where
//! that can be computed.

/// Fisher's exact test, two-sided: how probable so unlike a split is when `a` of `n` and `b` of
/// `m` runs fail with the same probability.
pub fn fisher(a: u64, n: u64, b: u64, m: u64) -> f64 {
    let (a, b) = (a.min(n), b.min(m));
    let failed = a + b;
    let logs = ln_factorials(n + m);
    let ln = |k: u64| logs[k as usize];
    let choose = |n: u64, k: u64| ln(n) - ln(k) - ln(n - k);
    // The probability that x of the failures fall among the first n runs.
    let probability = |x: u64| (choose(n, x) + choose(m, failed - x) - choose(n + m, failed)).exp();
    let observed = probability(a);
    let least = failed.saturating_sub(m);
    let as_unlike = (least..=failed.min(n)).map(probability);
    // What is as unlikely as the observed split counts, whatever the last digits say.
    let sum: f64 = as_unlike.filter(|p| *p <= observed * (1.0 + 1e-9)).sum();
    sum.min(1.0)
}

fn ln_factorials(up_to: u64) -> Vec<f64> {
    let mut sum = 0.0;
    let rest = (1..=up_to).map(|k| {
        sum += (k as f64).ln();
        sum
    });
    std::iter::once(0.0).chain(rest).collect()
}

/// More values than this, and the normal distribution is as good as counting.
const COUNTED_MAX: usize = 80;

/// The test of Mann, Whitney and Wilcoxon, two-sided: how probable so unlike ranks are when both
/// samples come from one distribution. Ties share their ranks.
pub fn mann_whitney(xs: &[u64], ys: &[u64]) -> f64 {
    if xs.is_empty() || ys.is_empty() {
        return 1.0;
    }
    let (ranks, of_xs) = double_ranks(xs, ys);
    match ranks.len() <= COUNTED_MAX {
        true => rank_sum_counted(&ranks, xs.len(), of_xs),
        false => rank_sum_normal(&ranks, xs.len(), of_xs),
    }
}

/// Twice the rank of every value (so that shared ranks are whole), and the sum of those of `xs`.
fn double_ranks(xs: &[u64], ys: &[u64]) -> (Vec<usize>, usize) {
    let xs = xs.iter().map(|x| (*x, true));
    let mut all: Vec<(u64, bool)> = xs.chain(ys.iter().map(|y| (*y, false))).collect();
    all.sort_unstable();
    let mut ranks = Vec::with_capacity(all.len());
    let mut of_xs = 0;
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        let first = ranks.len() + 1;
        let last = ranks.len() + tied.len();
        for (_, is_x) in tied {
            ranks.push(first + last);
            of_xs += usize::from(*is_x) * (first + last);
        }
    }
    (ranks, of_xs)
}

/// Of all ways to choose `n` of the ranks, the share whose sum is as far from the middle.
fn rank_sum_counted(ranks: &[usize], n: usize, observed: usize) -> f64 {
    let total: usize = ranks.iter().sum();
    // ways[k][s]: in how many ways k of the ranks sum up to s.
    let mut ways = vec![vec![0.0_f64; total + 1]; n + 1];
    ways[0][0] = 1.0;
    for (index, rank) in ranks.iter().enumerate() {
        for k in (1..=n.min(index + 1)).rev() {
            for sum in (*rank..=total).rev() {
                ways[k][sum] += ways[k - 1][sum - rank];
            }
        }
    }
    let middle = (n * total) as f64 / ranks.len() as f64;
    let far = |sum: usize| (sum as f64 - middle).abs();
    let all: f64 = ways[n].iter().sum();
    let as_far = ways[n].iter().enumerate().filter(|(sum, _)| far(*sum) >= far(observed) - 1e-9);
    (as_far.map(|(_, ways)| ways).sum::<f64>() / all).min(1.0)
}

fn rank_sum_normal(ranks: &[usize], n: usize, observed: usize) -> f64 {
    let size = ranks.len() as f64;
    let mean = ranks.iter().sum::<usize>() as f64 / size;
    let variance = ranks.iter().map(|rank| (*rank as f64 - mean).powi(2)).sum::<f64>() / size;
    let (n, m) = (n as f64, size - n as f64);
    // Of the sum of n drawn without replacement.
    let deviation = (n * m / (size - 1.0) * variance).sqrt();
    if deviation == 0.0 {
        return 1.0;
    }
    let far = ((observed as f64 - n * mean).abs() - 1.0).max(0.0) / deviation;
    two_tails(far)
}

/// The probability that a normal value is at least `z` deviations off. The approximation is
/// Abramowitz and Stegun's 26.2.17, good to 1e-7.
fn two_tails(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let series = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let polynomial = series.iter().fold(0.0, |sum, factor| (sum + factor) * t);
    let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    (2.0 * density * polynomial).min(1.0)
}

/// Which of many tests are significant when no more than the share `alpha` of those may be false
/// alarms (Benjamini and Hochberg). Where nothing has changed, `alpha` is the probability that
/// there is any at all.
pub fn significant(p_values: &[f64], alpha: f64) -> Vec<bool> {
    let mut sorted: Vec<f64> = p_values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let passing = sorted.iter().enumerate().rev();
    let mut passing = passing.filter(|(index, p)| **p <= alpha * (*index as f64 + 1.0) / count);
    let limit = passing.next().map_or(-1.0, |(_, p)| *p);
    p_values.iter().map(|p| *p <= limit).collect()
}

/// The interval that holds the true rate with probability `level` or more, of something that was
/// seen in `seen` of `of` runs: Clopper and Pearson's, which is exact.
pub fn interval(seen: u64, of: u64, level: f64) -> (f64, f64) {
    let seen = seen.min(of);
    let tail = (1.0 - level) / 2.0;
    let least = match seen {
        0 => 0.0,
        _ => rate_at(|rate| at_least(seen, of, rate), tail),
    };
    let most = match seen == of {
        true => 1.0,
        // So many are not seen.
        false => 1.0 - rate_at(|rate| at_least(of - seen, of, rate), tail),
    };
    (least, most)
}

/// What the rate of something is at most, with this probability, that was seen in none of `of`
/// runs: of 59, no more than one in twenty with 95 %.
pub fn rate_of_unseen(of: u64, level: f64) -> f64 {
    match of {
        0 => 1.0,
        _ => 1.0 - (1.0 - level).powf(1.0 / of as f64),
    }
}

/// How probable `k` or more of `n` are at this rate.
fn at_least(k: u64, n: u64, rate: f64) -> f64 {
    let logs = ln_factorials(n);
    let ln = |k: u64| logs[k as usize];
    let (yes, no) = (rate.ln(), (1.0 - rate).ln());
    let term = |i: u64| (ln(n) - ln(i) - ln(n - i) + i as f64 * yes + (n - i) as f64 * no).exp();
    (k..=n).map(|i| if i == n { (n as f64 * yes).exp() } else { term(i) }).sum()
}

/// Where a probability that grows with the rate comes to `wanted`.
fn rate_at(probability: impl Fn(f64) -> f64, wanted: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // Halved so often, an f64 has no digits left.
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match probability(middle) < wanted {
            true => low = middle,
            false => high = middle,
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn fisher_agrees_with_the_tables() {
        // The lady tasting tea, and others by hand.
        assert!(near(fisher(3, 4, 1, 4), 0.485_714_285));
        assert!(near(fisher(0, 5, 5, 5), 0.007_936_508));
        assert!(near(fisher(1, 10, 11, 14), 0.002_759_456));
        assert!(near(fisher(0, 20, 1, 20), 1.0));
        assert!(near(fisher(0, 0, 0, 0), 1.0));
        assert!(near(fisher(0, 3, 0, 9), 1.0));
    }

    #[test]
    fn ranks_agree_with_the_tables() {
        assert!(near(mann_whitney(&[1, 2, 3, 4, 5], &[6, 7, 8, 9, 10]), 2.0 / 252.0));
        assert!(near(mann_whitney(&[1, 3], &[2, 4]), 2.0 * 2.0 / 6.0));
        assert!(near(mann_whitney(&[7, 7, 7], &[7, 7]), 1.0));
        assert!(near(mann_whitney(&[], &[1]), 1.0));
    }

    #[test]
    fn counting_and_the_normal_distribution_agree_where_they_meet() {
        let xs: Vec<u64> = (0..40).map(|i| i * 3 % 50).collect();
        let ys: Vec<u64> = (0..40).map(|i| i * 7 % 60 + 5).collect();
        let (ranks, sum) = double_ranks(&xs, &ys);
        let (counted, normal) =
            (rank_sum_counted(&ranks, 40, sum), rank_sum_normal(&ranks, 40, sum));
        assert!((counted - normal).abs() < 0.005, "{counted} {normal}");
    }

    #[test]
    fn many_tests_share_their_alarms() {
        assert_eq!(significant(&[0.04, 0.04], 0.05), [true, true]);
        assert_eq!(significant(&[0.04, 0.5], 0.05), [false, false]);
        assert_eq!(significant(&[0.5, 0.02], 0.05), [false, true]);
        assert_eq!(significant(&[], 0.05), [false; 0]);
    }

    #[test]
    fn intervals_agree_with_the_published_ones() {
        let near = |found: (f64, f64), published: (f64, f64)| {
            (found.0 - published.0).abs() < 5e-5 && (found.1 - published.1).abs() < 5e-5
        };
        // Newcombe (1998), table I, the method of Clopper and Pearson.
        assert!(near(interval(81, 263, 0.95), (0.2527, 0.3676)));
        assert!(near(interval(15, 148, 0.95), (0.0578, 0.1617)));
        assert!(near(interval(0, 20, 0.95), (0.0, 0.1684)));
        assert!(near(interval(1, 29, 0.95), (0.0009, 0.1776)));
        assert!(near(interval(5, 10, 0.95), (0.1871, 0.8129)));
        assert!(near(interval(20, 20, 0.95), (0.8316, 1.0)));
        assert!(near(interval(0, 0, 0.95), (0.0, 1.0)));
    }

    #[test]
    fn what_was_never_seen_is_rare_with_the_well_known_sample_sizes() {
        // 59 runs for 95 % of 95 %, 299 for 99 % of 95 % (Wilks).
        assert!(rate_of_unseen(59, 0.95) < 0.05 && rate_of_unseen(58, 0.95) > 0.05);
        assert!(rate_of_unseen(299, 0.95) < 0.01 && rate_of_unseen(298, 0.95) > 0.01);
        assert!(near(rate_of_unseen(0, 0.95), 1.0));
        assert!(near(rate_of_unseen(1, 0.95), 0.95));
    }
}
