//! The scenarios that lockstorm ships, compiled in, so that their names work from anywhere.

include!(concat!(env!("OUT_DIR"), "/shipped_scenarios.rs"));

/// The text of a shipped scenario, by its name below scenarios/.
pub fn text(name: &str) -> Option<&'static str> {
    let found = SHIPPED.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

/// The names of all shipped scenarios, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}
