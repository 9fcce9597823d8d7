//! The formats: a renderer is one module, and one line in [`FORMATS`].

pub use crate::subject::{Options, Subject};
use crate::{github, html, json, junit, markdown, tap, terminal};

/// One format.
pub struct Format {
    /// As `--format` and `--to` name it.
    pub name: &'static str,
    /// The file that it is written to, beside what it is about.
    pub file: &'static str,
    pub about: &'static str,
    pub render: fn(Subject, Options) -> String,
}

/// Every format.
pub const FORMATS: [Format; 7] = [
    Format {
        name: "text",
        file: "report.txt",
        about: "plain words, as in a terminal",
        render: terminal::render_subject,
    },
    Format {
        name: "html",
        file: "report.html",
        about: "a page that stands alone",
        render: html::render,
    },
    Format {
        name: "markdown",
        file: "report.md",
        about: "for a pull request or a job's summary",
        render: markdown::render,
    },
    Format {
        name: "junit",
        file: "junit.xml",
        about: "JUnit XML, for CI servers",
        render: junit::render,
    },
    Format {
        name: "tap",
        file: "report.tap",
        about: "the Test Anything Protocol, version 14",
        render: tap::render,
    },
    Format {
        name: "github",
        file: "annotations.txt",
        about: "workflow commands that annotate a job of GitHub Actions",
        render: github::render,
    },
    Format {
        name: "json",
        file: "report.json",
        about: "the document itself",
        render: json::render_subject,
    },
];

/// The format of a name; the error says which there are.
pub fn named(name: &str) -> Result<&'static Format, String> {
    FORMATS.iter().find(|format| format.name == name).ok_or_else(|| {
        let known: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        format!("no format `{name}`; there are: {}", known.join(", "))
    })
}
