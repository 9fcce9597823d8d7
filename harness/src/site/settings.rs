//! What sets single nodes of a site apart: a wrong clock, another time zone, a name that is not
//! theirs alone.

use crate::units::SignedNanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a node differs from one of which a scenario says nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NodeSettings {
    /// How far off its wall clock is whenever it boots: `1h` ahead, `-2m` back. Faults of the clock
    /// come on top of that.
    #[serde(skip_serializing_if = "is_right")]
    pub clock: SignedNanos,
    /// The time zone of its lock, as in the variable TZ (tzset(3)): `<+0530>-5:30`, `EST5EDT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its host name, if that is not its own, as of machines that were cloned. To the server it
    /// stays a client of its own (nfs4_unique_id of the kernel's module nfs).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// Its lock's process is number 1 of a pid namespace of its own, as in a container.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pid_namespace: bool,
    /// rpc.statd does not run on it, which NFSv3 needs for its locks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_statd: bool,
}

impl NodeSettings {
    pub fn are_default(&self) -> bool {
        *self == NodeSettings::default()
    }
}

fn is_right(clock: &SignedNanos) -> bool {
    clock.0 == 0
}

/// Whether this is a host name: hostname(7), and HOST_NAME_MAX of Linux.
pub fn is_host_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    begins && text.len() <= 64 && text.chars().all(allowed)
}

/// Whether this is a time zone that needs no database: std offset, and dst with its rules, as POSIX
/// has them (POSIX.1-2017, 8.3, TZ). Another would be taken for UTC without a word.
pub fn is_posix_zone(text: &str) -> bool {
    let Some(rest) = after_name(text).and_then(after_time) else {
        return false;
    };
    if rest.is_empty() {
        return true;
    }
    let Some(rest) = after_name(rest) else {
        return false;
    };
    let rules = after_time(rest).unwrap_or(rest);
    let allowed = |c: char| c.is_ascii_digit() || "MJ.,/:+-".contains(c);
    rules.is_empty() || (rules.starts_with(',') && rules.chars().all(allowed))
}

/// What stands behind `CET` or `<+0530>`.
fn after_name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        let (name, rest) = quoted.split_once('>')?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '-';
        return (name.len() >= 3 && name.chars().all(allowed)).then_some(rest);
    }
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    (letters >= 3).then(|| &text[letters..])
}

/// What stands behind `-5:30`.
fn after_time(text: &str) -> Option<&str> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let rest = unsigned.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
    let time = &unsigned[..unsigned.len() - rest.len()];
    let hours = time.split(':').next().and_then(|hours| hours.parse::<u8>().ok());
    hours.is_some_and(|hours| hours <= 24).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::is_posix_zone;
    use rstest::rstest;

    #[rstest]
    #[case("UTC0")]
    #[case("<+0530>-5:30")]
    #[case("EST5EDT")]
    #[case("CET-1CEST,M3.5.0,M10.5.0/3")]
    #[case("AAA0BBB-1,J1/0:01:00,J300/2")]
    fn a_zone_of_posix_needs_no_database(#[case] zone: &str) {
        assert!(is_posix_zone(zone));
    }

    #[rstest]
    #[case("")]
    #[case("Asia/Kolkata")]
    #[case("UTC")]
    #[case("+5")]
    #[case("<+05-5")]
    #[case("CET-99")]
    #[case("CET-1CEST,M3.5.0;rm")]
    fn what_only_a_database_knows_is_none(#[case] zone: &str) {
        assert!(!is_posix_zone(zone));
    }
}
