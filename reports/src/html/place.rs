//! Where a page stands among others: the way back, what it may link to, and whose style it has.

use super::{SCRIPT, STYLE, address};
use crate::set::RunSummary;
use crate::text::clean_name;
use maud::{Markup, PreEscaped, html};

/// Nothing but what stands in the page itself.
const ALONE: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                     img-src data:; base-uri 'none'; form-action 'none'";
/// Nothing but that and what lies beside it, be it on a server or in a file.
const OF_A_SITE: &str = "default-src 'none'; style-src 'self' file: 'unsafe-inline'; \
                         script-src 'self' file:; img-src data:; base-uri 'none'; \
                         form-action 'none'";

/// A page above this one: its path from here, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crumb {
    pub path: String,
    pub name: String,
}

/// Where a page stands.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The pages above it, the uppermost first.
    pub trail: &'a [Crumb],
    /// Whether a file that the document names lies beside the page.
    pub has: &'a dyn Fn(&str) -> bool,
    /// Of a run of the set: the path of its page from here, if there is one.
    pub page_of: &'a dyn Fn(&RunSummary) -> Option<String>,
    /// The path of the directory with style.css and script.js; `None`: the page holds them itself.
    pub shared: Option<&'a str>,
    /// The set's directory, as the reader can name it.
    pub directory: Option<&'a str>,
}

impl Default for Place<'_> {
    /// In the directory of what it is about, and alone.
    fn default() -> Self {
        Place {
            trail: &[],
            has: &|_| true,
            page_of: &page_in_its_directory,
            shared: None,
            directory: None,
        }
    }
}

/// A run's page in the run's own directory.
pub fn page_in_its_directory(run: &RunSummary) -> Option<String> {
    run.judged()?;
    run.directory.as_ref().map(|directory| format!("{directory}/report.html"))
}

impl Place<'_> {
    pub(super) fn policy(&self) -> &'static str {
        match self.shared {
            None => ALONE,
            Some(_) => OF_A_SITE,
        }
    }

    pub(super) fn style(&self) -> Markup {
        match self.shared {
            None => html! { style { (PreEscaped(STYLE)) } },
            Some(root) => {
                html! { link rel="stylesheet" href=(address(&format!("{root}style.css"))); }
            }
        }
    }

    pub(super) fn script(&self) -> Markup {
        match self.shared {
            None => html! { script { (PreEscaped(SCRIPT)) } },
            Some(root) => html! { script src=(address(&format!("{root}script.js"))) {} },
        }
    }

    /// The brand, and the pages above this one.
    pub(super) fn way_back(&self) -> Markup {
        html! {
            @if self.trail.is_empty() { span.brand { "lockstorm" } }
            @else {
                nav.trail aria-label="Pages above this one" {
                    span.brand { "lockstorm" }
                    @for crumb in self.trail {
                        a href=(address(&crumb.path)) { (clean_name(&crumb.name)) }
                    }
                }
            }
        }
    }
}
