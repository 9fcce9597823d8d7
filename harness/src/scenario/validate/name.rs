//! The rule about a scenario's name: results are filed under it.

use super::Findings;
use crate::name::{self, RULE};
use crate::source::{KeyPath, Problem};

/// So many characters of a wrong name are quoted.
const QUOTED_MAX: usize = 40;

/// A file's stem is a name, too, where the file gives none.
pub fn check(name: &str, findings: &mut Findings) {
    if name::is_name(name) {
        return;
    }
    let quoted: String = name.chars().take(QUOTED_MAX).collect();
    let cut = if quoted.len() < name.len() { "..." } else { "" };
    let instead = name::nearest(name).unwrap_or_else(|| "my-story".into());
    let message =
        format!("`{quoted}{cut}` cannot be a scenario's name, under which results are filed");
    let problem = Problem::new(KeyPath::keys("name"), message);
    findings.0.push(problem.help(format!("write `name: {instead}`: {RULE}")));
}
