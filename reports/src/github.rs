//! Workflow commands: a job of GitHub Actions that prints them is annotated with them.

use crate::cases::{Case, CaseStatus, suites};
use crate::subject::{Options, Subject};
use crate::text::clean;

/// GitHub shows no more of a kind for one step.
const ANNOTATIONS_MAX: usize = 10;

/// Renders what is not as it should be; a document without that is one notice.
pub fn render(subject: Subject, options: Options) -> String {
    let suites = suites(subject, options.directory);
    let all = suites.iter().flat_map(|suite| suite.cases.iter().map(move |case| (suite, case)));
    let mut out = String::new();
    for (level, status) in [("error", CaseStatus::Failed), ("warning", CaseStatus::Error)] {
        let told: Vec<_> = all.clone().filter(|(_, case)| case.status == status).collect();
        // The last place is for how many more there are.
        let shown = if told.len() > ANNOTATIONS_MAX { ANNOTATIONS_MAX - 1 } else { told.len() };
        for (suite, case) in &told[..shown] {
            let title = format!("{}: {}", clean(&suite.name), clean(&case.name));
            annotate(&mut out, level, &title, &message(case));
        }
        if told.len() > shown {
            let more = format!("and {} more, in the other reports", told.len() - shown);
            annotate(&mut out, level, "lockstorm", &more);
        }
    }
    if out.is_empty() {
        let tried = all.filter(|(_, case)| case.status == CaseStatus::Passed).count();
        annotate(&mut out, "notice", "lockstorm", &format!("{tried} passed, and nothing failed"));
    }
    out
}

/// The begin of what there is to say, and its end: the command that makes the run again.
fn message(case: &Case) -> String {
    const FIRST_MAX: usize = 6;
    let first = case.detail.iter().take(FIRST_MAX);
    let last = case.detail.iter().skip(FIRST_MAX).last();
    let lines = std::iter::once(&case.message).chain(first).chain(last);
    let lines: Vec<String> = lines.map(|line| clean(line)).collect();
    lines.join("\n")
}

fn annotate(out: &mut String, level: &str, title: &str, message: &str) {
    out.push_str(&annotation(level, title, message));
}

/// One annotation: a line, with its line feed.
pub fn annotation(level: &str, title: &str, message: &str) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    format!("::{level} title={}::{}\n", property(title), data(message))
}
