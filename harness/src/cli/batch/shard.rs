//! A part of a batch, for one of several machines, and the time that it may take.

use std::time::Duration;

/// A part of a batch: `index` from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    pub index: usize,
    pub count: usize,
}

impl Shard {
    /// Those of its part, of jobs in an order that is the same on every machine. They are dealt
    /// out like cards: parts differ by one at most.
    pub fn of<T>(self, all: Vec<T>) -> Vec<T> {
        let those = all.into_iter().skip(self.index);
        those.step_by(self.count).collect()
    }
}

/// Those of the jobs that `--shard` asks for; without it, all.
pub fn part<T>(shard: Option<Shard>, all: Vec<T>) -> Vec<T> {
    match shard {
        None => all,
        Some(shard) => shard.of(all),
    }
}

/// Understands `--shard`.
pub fn parse_shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/');
    let parts = parts.and_then(|(i, n)| Some((i.parse::<usize>().ok()?, n.parse().ok()?)));
    match parts {
        Some((part, count)) if (1..=count).contains(&part) => Ok(Shard { index: part - 1, count }),
        _ => Err("expected a part and how many there are, such as 2/8".into()),
    }
}

/// Understands `--budget`.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let time: crate::units::Nanos = text.parse()?;
    Ok(Duration::from_nanos(time.0))
}
