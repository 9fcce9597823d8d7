//! The scenarios that lockstorm ships, compiled in, so that their names work from anywhere.

include!(concat!(env!("OUT_DIR"), "/shipped_scenarios.rs"));

/// The text of a shipped scenario, by its name below scenarios/.
pub fn text(name: &str) -> Option<&'static str> {
    let found = SHIPPED.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

/// The folder of the scenarios that show known bugs.
pub const KNOWN_BUGS: &str = "known-bugs/";

/// The names of all shipped scenarios, in order, but for those of known bugs.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name).filter(|name| !name.starts_with(KNOWN_BUGS))
}

/// The file of a known bug, as [`text`] finds it.
pub fn known_bug_file(name: &str) -> String {
    format!("{KNOWN_BUGS}{name}.yaml")
}

/// The names of the known bugs, in order.
pub fn known_bugs() -> impl Iterator<Item = &'static str> {
    let name = |(path, _): &(&'static str, &str)| path.strip_prefix(KNOWN_BUGS);
    SHIPPED.iter().filter_map(name).map(|name| name.strip_suffix(".yaml").unwrap_or(name))
}
