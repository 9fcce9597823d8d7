//! The numbers of a scenario, and rounder ones nearer to where nothing happens.

use super::brief;
use super::tree::{self, Path};
use crate::lock::profile::Profile;
use crate::source::Segment;
use crate::units::{MILLISECOND, Nanos};
use serde_yaml::Value;

/// A number without its sign, in whole units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    pub kind: Kind,
    pub units: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A duration, in nanoseconds.
    Span,
    Count,
    /// A count below zero.
    Below,
    /// A share, in millionths.
    Share,
}

/// A number of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot {
    pub path: Path,
    /// Which one of its text.
    index: usize,
    pub number: Number,
    /// What it is where nothing happens: the default, or nothing.
    pub calm: u64,
}

/// A share is told to so many of one.
const MILLION: f64 = 1e6;
/// No story turns on less.
const SPAN_LEAST: u64 = 10 * MILLISECOND;
/// How often something is done says nothing about how much of it; it is only made rounder.
const PACES: [&str; 8] = ["refresh", "is_held", "every", "gap", "up", "down", "runs", "timeout"];
/// What these say is the number of something else, or is asked for by itself.
const NO_NUMBERS: [&str; 5] = ["about", "name", "fault", "clients", "rounds"];

/// Every number of a scenario's brief tree.
pub fn spots(brief: &Value, profile: &Profile) -> Vec<Spot> {
    let mut spots = Vec::new();
    for path in tree::places(brief) {
        let is_one = |segment: &Segment| match segment {
            Segment::Key(key) => !NO_NUMBERS.contains(&key.as_str()),
            Segment::Index(_) => true,
        };
        let Some(value) = tree::get(brief, &path).filter(|_| path.iter().all(is_one)) else {
            continue;
        };
        let numbers = of(value);
        if numbers.is_empty() {
            continue;
        }
        let calm = calm(brief, &path, profile);
        for (index, number) in numbers.into_iter().enumerate() {
            // A range stands where one number is the default.
            let calm = calm.get(index).or(calm.last()).copied();
            let calm = calm.unwrap_or(u64::from(number.kind == Kind::Count));
            spots.push(Spot { path: path.clone(), index, number, calm });
        }
    }
    spots
}

/// What a value is if nobody says anything.
fn calm(brief: &Value, path: &Path, profile: &Profile) -> Vec<u64> {
    let silent =
        tree::without(brief, path).filter(|_| matches!(path.last(), Some(Segment::Key(_))));
    let silent = silent.and_then(|value| brief::read(&value, profile));
    let full = silent.and_then(|scenario| serde_yaml::to_value(&scenario).ok());
    let value = full.as_ref().and_then(|full| tree::get(full, path));
    value.map_or_else(Vec::new, |value| of(value).into_iter().map(|it| it.units).collect())
}

/// The numbers of one value: itself, or the durations in its text.
fn of(value: &Value) -> Vec<Number> {
    match value {
        Value::String(text) => durations(text).into_iter().map(|(_, number)| number).collect(),
        Value::Number(number) => {
            let kind = match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(units), ..) => Number { kind: Kind::Count, units },
                (_, Some(below), _) => Number { kind: Kind::Below, units: below.unsigned_abs() },
                (_, _, Some(share)) if (0.0..=1.0).contains(&share) => {
                    Number { kind: Kind::Share, units: (share * MILLION).round() as u64 }
                }
                _ => return Vec::new(),
            };
            vec![kind]
        }
        _ => Vec::new(),
    }
}

/// The durations in a text, each with where it stands.
fn durations(text: &str) -> Vec<(std::ops::Range<usize>, Number)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let is_begin =
            bytes[at].is_ascii_digit() && before.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if !is_begin {
            at += 1;
            continue;
        }
        let run = |from: usize, is: fn(&u8) -> bool| {
            from + bytes[from..].iter().take_while(|byte| is(byte)).count()
        };
        let mut end = run(at, u8::is_ascii_digit);
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = run(end + 1, u8::is_ascii_digit);
        }
        end = run(end, u8::is_ascii_alphanumeric);
        if let Ok(Nanos(units)) = text[at..end].parse() {
            found.push((at..end, Number { kind: Kind::Span, units }));
        }
        at = end;
    }
    found
}

/// The tree with another number at a spot.
pub fn with(value: &Value, spot: &Spot, units: u64) -> Value {
    let Some(old) = tree::get(value, &spot.path) else {
        return value.clone();
    };
    let new = match (spot.number.kind, old) {
        (Kind::Span, Value::String(text)) => {
            let mut text = text.clone();
            if let Some((place, _)) = durations(&text).get(spot.index) {
                text.replace_range(place.clone(), &Nanos(units).to_string());
            }
            Value::from(text)
        }
        (Kind::Count, _) => Value::from(units),
        (Kind::Below, _) => Value::from(0i64.saturating_sub_unsigned(units)),
        (Kind::Share, _) => Value::from(units as f64 / MILLION),
        (Kind::Span, other) => other.clone(),
    };
    tree::with(value, &spot.path, new)
}

/// The ranges of a scenario, each with what stands for the whole of it: its most, its least.
pub fn ranges(brief: &Value) -> Vec<(Path, [Value; 2])> {
    let of_place = |path: Path| {
        let (least, most) = tree::get(brief, &path)?.as_str()?.split_once("..")?;
        let are_spans = least.parse::<Nanos>().is_ok() && most.parse::<Nanos>().is_ok();
        are_spans.then(|| (path, [Value::from(most), Value::from(least)]))
    };
    tree::places(brief).into_iter().filter_map(of_place).collect()
}

impl Spot {
    /// How many digits tell it.
    pub fn digits(&self) -> usize {
        digits(self.number.units)
    }

    /// How far it is from where nothing happens.
    pub fn distance(&self) -> u64 {
        self.number.units.abs_diff(self.calm)
    }

    /// Round numbers from where nothing happens to this one: 0, 1, 2, 5, 10, 20, 50 ...
    pub fn ladder(&self) -> Vec<u64> {
        let (least, most) = (self.calm.min(self.number.units), self.calm.max(self.number.units));
        let is_pace = |segment: &Segment| {
            matches!(segment, Segment::Key(key)
            if PACES.contains(&key.as_str()))
        };
        if self.path.iter().any(is_pace) {
            return Vec::new();
        }
        let first = match self.number.kind {
            Kind::Span => SPAN_LEAST.min(self.number.units / 10),
            Kind::Count | Kind::Below => 1,
            Kind::Share => 10_000,
        };
        let between =
            round_numbers().filter(|units| *units >= first && (least..most).contains(units));
        let mut ladder: Vec<u64> = [self.calm].into_iter().chain(between).collect();
        ladder.sort_unstable();
        ladder.dedup();
        if self.calm > self.number.units {
            ladder.reverse();
            ladder.retain(|units| *units != self.number.units);
        }
        ladder
    }

    /// The numbers beside it that have fewer digits, the roundest first.
    pub fn rounder(&self) -> Vec<u64> {
        let units = self.number.units;
        let mut found = Vec::new();
        for kept in 1..self.digits().min(4) {
            let cut = 10u64.saturating_pow(units.max(1).ilog10().saturating_sub(kept as u32 - 1));
            let below = units / cut * cut;
            for rounder in [below, below.saturating_add(cut)] {
                if digits(rounder) < self.digits() && !found.contains(&rounder) {
                    found.push(rounder);
                }
            }
        }
        found
    }
}

fn digits(units: u64) -> usize {
    units.to_string().trim_end_matches('0').len()
}

/// 1, 2, 5, 10, 20, 50 ...
pub fn round_numbers() -> impl Iterator<Item = u64> {
    let powers = (0..19).map(|power| 10u64.pow(power));
    powers.flat_map(|power| [power, 2 * power, 5 * power])
}

#[cfg(test)]
mod tests {
    use super::super::samples::{profile, scenario};
    use super::*;
    use crate::source::KeyPath;

    fn told(text: &str) -> Vec<(String, u64, u64)> {
        let spots = spots(&brief::value(&scenario(text), &profile()), &profile());
        let told = |spot: Spot| (KeyPath(spot.path).to_string(), spot.number.units, spot.calm);
        spots.into_iter().map(told).collect()
    }

    #[test]
    fn every_number_is_told_with_what_it_is_where_nothing_happens() {
        let found = told(
            "site: {wire: {latency: 5ms..7ms}, nodes: {c1: {clock: -2m}}}\n\
             faults: [{when: {entered: {count: 3}}, strike: {impair: {node: c1, loss: 0.25}}, for: 47s}]",
        );
        let found: Vec<_> =
            found.iter().map(|(path, one, calm)| (path.as_str(), *one, *calm)).collect();
        assert_eq!(
            found,
            [
                ("site.wire.latency", 5_000_000, 100_000),
                ("site.wire.latency", 7_000_000, 100_000),
                ("site.nodes.c1.clock", 120_000_000_000, 0),
                ("faults[0].when.entered.count", 3, 1),
                ("faults[0].strike.impair.loss", 250_000, 0),
                ("faults[0].for", 47_000_000_000, 0),
            ]
        );
    }

    #[test]
    fn durations_stand_anywhere_in_a_text() {
        let found = |text: &str| -> Vec<u64> {
            durations(text).into_iter().map(|(_, number)| number.units / MILLISECOND).collect()
        };
        assert_eq!(found("acquire timeout 2s -> ok within 1.5s"), [2_000, 1_500]);
        assert_eq!(found("200ms..1s"), [200, 1_000]);
        assert_eq!(found("-2m"), [120_000]);
        assert_eq!(found("64kbit 256KiB 4.2 CCC0DDD,J300/2 c1s"), [0; 0]);
    }

    #[test]
    fn a_number_is_put_where_the_other_one_was() {
        let profile = profile();
        let story = scenario("faults: [{when: {at: 47.313s}, strike: {nfsd: {}}}]");
        let value = brief::value(&story, &profile);
        let spots = spots(&value, &profile);
        let changed = with(&value, &spots[0], 5_000_000_000);
        assert_eq!(changed["faults"][0]["when"]["at"], "5s");
    }

    #[test]
    fn round_numbers_lead_from_where_nothing_happens_to_a_number() {
        let spot = |units, calm| Spot {
            path: KeyPath::keys("for").0,
            index: 0,
            number: Number { kind: Kind::Span, units },
            calm,
        };
        let seconds = |ladder: Vec<u64>| -> Vec<f64> {
            ladder.into_iter().map(|units| Nanos(units).as_secs_f64()).collect()
        };
        let ladder = seconds(spot(3_100_000_000, 0).ladder());
        assert_eq!(ladder, [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0]);
        let up = seconds(spot(3_100_000_000, 30_000_000_000).ladder());
        assert_eq!(up, [30.0, 20.0, 10.0, 5.0]);
        let rounder = seconds(spot(47_313_000_000, 0).rounder());
        assert_eq!(rounder, [40.0, 50.0, 47.0, 48.0, 47.3, 47.4]);
        assert!(spot(50_000_000_000, 0).rounder().is_empty());
    }
}
