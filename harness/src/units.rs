//! Durations as people write them: `250ms`, `15s`, `2m`, and ranges of them: `200ms..1s`.
//!
//! Virtual time is counted in nanoseconds since the site was switched on, in a `u64`:
//! enough for 584 years.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

pub const MICROSECOND: u64 = 1_000;
pub const MILLISECOND: u64 = 1_000_000;
pub const SECOND: u64 = 1_000_000_000;

/// A span of virtual time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", MICROSECOND),
    ("ms", MILLISECOND),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
];

impl Nanos {
    pub const ZERO: Nanos = Nanos(0);

    pub const fn from_secs(secs: u64) -> Nanos {
        Nanos(secs * SECOND)
    }

    pub const fn from_millis(millis: u64) -> Nanos {
        Nanos(millis * MILLISECOND)
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / SECOND as f64
    }
}

impl FromStr for Nanos {
    type Err = String;

    /// Parses one number with one unit, such as `1.5s`. The error says what was expected.
    fn from_str(text: &str) -> Result<Nanos, String> {
        let text = text.trim();
        let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        if text.starts_with('-') {
            let forward = text.trim_start_matches('-');
            return Err(format!("`{text}` is negative; did you mean `{forward}`?"));
        }
        let expected = "a number and a unit (ns, us, ms, s, m, h), such as 1.5s";
        if !number.contains(|c: char| c.is_ascii_digit()) {
            return Err(format!("`{text}` is not a duration; expected {expected}"));
        }
        if unit.trim().is_empty() {
            return Err(format!("`{text}` has no unit; expected such as `{text}ms` or `{text}s`"));
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit.trim()) else {
            return Err(format!("`{}` is not a unit of time; expected {expected}", unit.trim()));
        };
        scaled(number, *scale)
            .ok_or_else(|| format!("`{text}` is not a duration; expected {expected}"))
    }
}

/// Exact decimal arithmetic: `0.1s` is 100,000,000 ns on every machine.
fn scaled(number: &str, scale: u64) -> Option<Nanos> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.checked_mul(scale)?;
    let mut digit_scale = scale;
    for digit in fraction.chars() {
        digit_scale /= 10;
        nanos = nanos.checked_add(u64::from(digit.to_digit(10)?) * digit_scale)?;
    }
    Some(Nanos(nanos))
}

impl fmt::Display for Nanos {
    /// The largest unit that leaves a short decimal: `1.5s`, `250ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let exact = UNITS[..4].iter().rev().find(|(_, scale)| {
            self.0 >= *scale && (u128::from(self.0) * 1000).is_multiple_of(u128::from(*scale))
        });
        let (name, scale) = exact.copied().unwrap_or(("ns", 1));
        let (whole, rest) = (self.0 / scale, self.0 % scale);
        if rest == 0 {
            return write!(f, "{whole}{name}");
        }
        let decimals = format!("{:03}", rest * 1000 / scale);
        write!(f, "{whole}.{}{name}", decimals.trim_end_matches('0'))
    }
}

impl Serialize for Nanos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Nanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Nanos, D::Error> {
        deserializer.deserialize_any(DurationText)
    }
}

struct DurationText;

impl de::Visitor<'_> for DurationText {
    type Value = Nanos;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as 1.5s")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Nanos, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Nanos, E> {
        if number == 0 {
            return Ok(Nanos::ZERO);
        }
        Err(E::custom(format!(
            "`{number}` has no unit; expected such as `{number}ms` or `{number}s`"
        )))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Nanos, E> {
        Err(E::custom(format!(
            "`{number}` is negative; did you mean `{}s`?",
            number.unsigned_abs()
        )))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Nanos, E> {
        Err(E::custom(format!(
            "`{number}` has no unit; expected such as `{number}ms` or `{number}s`"
        )))
    }
}

/// An amount of memory in MiB: `128MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mebibytes(pub u32);

impl FromStr for Mebibytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Mebibytes, String> {
        let number = text.trim().strip_suffix("MiB").map(str::trim_end);
        let number = number.and_then(|number| number.parse().ok()).map(Mebibytes);
        number.ok_or_else(|| format!("`{text}` is no amount of memory; expected such as 128MiB"))
    }
}

impl fmt::Display for Mebibytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}MiB", self.0)
    }
}

impl Serialize for Mebibytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mebibytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Mebibytes, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// An amount of data: `64KiB`, `4MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A rate of a link in bits a second: `10Mbit`, `1Gbit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub u64);

const AMOUNTS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
const RATES: [(&str, u64); 3] = [("kbit", 1_000), ("Mbit", 1_000_000), ("Gbit", 1_000_000_000)];

/// A whole number with one of these units.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let (number, scale) =
        units.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)))?;
    number.trim_end().parse::<u64>().ok()?.checked_mul(scale)
}

/// In the largest unit that leaves a whole number.
fn in_units(number: u64, units: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let whole = units.iter().rev().find(|(_, scale)| number.is_multiple_of(*scale));
    match whole {
        Some((unit, scale)) => write!(f, "{}{unit}", number / scale),
        None => write!(f, "{number}"),
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Bytes, String> {
        let bytes = with_unit(text, &AMOUNTS).map(Bytes);
        bytes.ok_or_else(|| format!("`{text}` is no amount of data; expected such as 256KiB"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        in_units(self.0, &AMOUNTS, f)
    }
}

impl Rate {
    /// How long so many bytes take (ns), rounded up.
    pub fn time_of(self, bytes: u64) -> u64 {
        let bits = u128::from(bytes) * 8 * u128::from(SECOND);
        u64::try_from(bits.div_ceil(u128::from(self.0.max(1)))).unwrap_or(u64::MAX)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        let rate = with_unit(text, &RATES).map(Rate);
        rate.ok_or_else(|| format!("`{text}` is no rate of a link; expected such as 100Mbit"))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        in_units(self.0, &RATES, f)
    }
}

macro_rules! as_text {
    ($type:ident, $name:literal, $about:literal, $pattern:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": $about,
                    "type": "string",
                    "pattern": $pattern
                })
            }
        }
    };
}

as_text!(Bytes, "Bytes", "An amount of data, such as 256KiB", "^[0-9]+ *(KiB|MiB|GiB)$");
as_text!(Rate, "Rate", "A rate of a link, such as 100Mbit", "^[0-9]+ *(kbit|Mbit|Gbit)$");

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a text is the key of a part in the cache: 16 hexadecimal digits, and so no way to
/// anywhere else.
pub fn is_key(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl JsonSchema for Nanos {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A duration: a number and a unit, such as 1.5s",
            "type": "string",
            "pattern": "^[0-9]*\\.?[0-9]+ *(ns|us|ms|s|m|h)$"
        })
    }
}

/// An inclusive range of durations, drawn from evenly: `200ms..1s`, or one duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NanosRange {
    pub least: Nanos,
    pub most: Nanos,
}

impl FromStr for NanosRange {
    type Err = String;

    fn from_str(text: &str) -> Result<NanosRange, String> {
        let (least, most) = match text.split_once("..") {
            Some((least, most)) => (least.parse()?, most.parse()?),
            None => (text.parse()?, text.parse()?),
        };
        if least > most {
            return Err(format!("`{text}` runs backward; did you mean `{most}..{least}`?"));
        }
        Ok(NanosRange { least, most })
    }
}

impl fmt::Display for NanosRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.most {
            return self.least.fmt(f);
        }
        write!(f, "{}..{}", self.least, self.most)
    }
}

impl Serialize for NanosRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NanosRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NanosRange, D::Error> {
        struct RangeText;
        impl de::Visitor<'_> for RangeText {
            type Value = NanosRange;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration or a range of them, such as 200ms..1s")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<NanosRange, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<NanosRange, E> {
                DurationText.visit_u64(number).map(|n| NanosRange { least: n, most: n })
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<NanosRange, E> {
                DurationText.visit_i64(number).map(|n| NanosRange { least: n, most: n })
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<NanosRange, E> {
                DurationText.visit_f64(number).map(|n| NanosRange { least: n, most: n })
            }
        }
        deserializer.deserialize_any(RangeText)
    }
}

impl JsonSchema for NanosRange {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DurationRange".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A duration, or a range of them to draw from, such as 200ms..1s",
            "type": "string"
        })
    }
}

/// A step of a clock: `8s` ahead, `-2m` back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignedNanos(pub i64);

impl FromStr for SignedNanos {
    type Err = String;

    fn from_str(text: &str) -> Result<SignedNanos, String> {
        let text = text.trim();
        let (sign, size) = match text.strip_prefix('-') {
            Some(size) => (-1, size),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let size: Nanos = size.parse()?;
        let size = i64::try_from(size.0).map_err(|_| format!("`{text}` is too long"))?;
        Ok(SignedNanos(sign * size))
    }
}

impl fmt::Display for SignedNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", Nanos(self.0.unsigned_abs()))
    }
}

impl Serialize for SignedNanos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SignedNanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SignedNanos, D::Error> {
        struct StepText;
        impl de::Visitor<'_> for StepText {
            type Value = SignedNanos;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration with an optional sign, such as -2m")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<SignedNanos, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<SignedNanos, E> {
                DurationText.visit_u64(number).map(|_| SignedNanos::default())
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<SignedNanos, E> {
                Err(E::custom(format!(
                    "`{number}` has no unit; expected such as `{number}ms` or `{number}s`"
                )))
            }
        }
        deserializer.deserialize_any(StepText)
    }
}

impl JsonSchema for SignedNanos {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SignedDuration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A duration with an optional sign, such as -2m",
            "type": "string"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_says_how_long_data_takes() {
        assert_eq!("100Mbit".parse::<Rate>().unwrap().time_of(1500), 120 * MICROSECOND);
        assert_eq!(Rate(3).time_of(1), 2_666_666_667);
        assert!("100".parse::<Rate>().unwrap_err().contains("such as 100Mbit"));
        assert!("4MB".parse::<Bytes>().unwrap_err().contains("such as 256KiB"));
    }

    #[test]
    fn memory_has_a_unit() {
        assert_eq!("128MiB".parse(), Ok(Mebibytes(128)));
        for wrong in ["128", "MiB", "-1MiB", "1.5MiB", "99999999999MiB", "1GiB"] {
            assert!(wrong.parse::<Mebibytes>().unwrap_err().contains("such as 128MiB"));
        }
    }
    use proptest::prelude::*;

    #[test]
    fn a_wrong_duration_says_what_was_expected() {
        let message = |text: &str| text.parse::<Nanos>().unwrap_err();
        insta::assert_snapshot!(message("15"), @"`15` has no unit; expected such as `15ms` or `15s`");
        insta::assert_snapshot!(message("-3s"), @"`-3s` is negative; did you mean `3s`?");
        insta::assert_snapshot!(message(".s"), @"`.s` is not a duration; expected a number and a unit (ns, us, ms, s, m, h), such as 1.5s");
        insta::assert_snapshot!(message("3 parsecs"), @"`parsecs` is not a unit of time; expected a number and a unit (ns, us, ms, s, m, h), such as 1.5s");
        insta::assert_snapshot!(message("1.2.3s"), @"`1.2.3s` is not a duration; expected a number and a unit (ns, us, ms, s, m, h), such as 1.5s");
        insta::assert_snapshot!("5s..1s".parse::<NanosRange>().unwrap_err(), @"`5s..1s` runs backward; did you mean `1s..5s`?");
    }

    proptest! {
        #[test]
        fn a_duration_prints_so_that_it_reads_back(nanos: u64, signed in -i64::MAX..) {
            prop_assert_eq!(Nanos(nanos).to_string().parse(), Ok(Nanos(nanos)));
            let signed = SignedNanos(signed);
            prop_assert_eq!(signed.to_string().parse(), Ok(signed));
        }

        #[test]
        fn an_amount_and_a_rate_print_so_that_they_read_back(number in 0..1u64 << 30) {
            let (bytes, rate) = (Bytes(number << 10), Rate(number * 1_000));
            prop_assert_eq!(bytes.to_string().parse(), Ok(bytes));
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }

        #[test]
        fn no_text_makes_a_duration_panic(text: String) {
            let _ = text.parse::<Bytes>();
            let _ = text.parse::<Rate>();
            let _ = text.parse::<Nanos>();
            let _ = text.parse::<NanosRange>();
            let _ = text.parse::<SignedNanos>();
        }
    }
}
