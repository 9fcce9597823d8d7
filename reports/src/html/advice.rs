//! The page of an advice: the locks, the best first, and what each rests on.

use super::{page, section, word};
use crate::advice::{Advice, Row, Standing};
use crate::text::clean_name;
use maud::{Markup, html};

pub fn advice(advice: &Advice) -> Markup {
    let title = format!("Which lock for {}", clean_name(&advice.site));
    let jumps = [("ranking", "Ranking"), ("locks", "Locks"), ("left-out", "Not tried")];
    let jumps = jumps.map(|(id, name)| (id.to_owned(), name.to_owned()));
    let has_left_out = !advice.left_out.is_empty();
    let main = html! {
        h1 { "Which lock for " (word(&advice.site)) }
        dl { @for story in &advice.stories {
            dt { (word(&story.name)) } dd { (word(&story.about)) }
        } }
        (section("ranking", "Ranking", ranking(advice)))
        (section("locks", "Locks", html! { @for row in &advice.locks { (lock(row)) } }))
        @if has_left_out {
            (section("left-out", "Not tried", html! {
                ul { @for left in &advice.left_out {
                    li { strong { (word(&left.what)) } ": " (word(&left.why)) }
                } }
            }))
        }
    };
    page(&title, if has_left_out { &jumps } else { &jumps[..2] }, main)
}

fn ranking(advice: &Advice) -> Markup {
    html! {
        p.aside {
            "Critical sections a minute, and how long one waits, are those of the story in which \
             nothing goes wrong. The last columns tell for how long nobody got the lock after \
             something had failed, at worst."
        }
        div.wide { table {
            thead { tr {
                @for name in ["lock", "", "a minute", "waits", "99 %"] { th scope="col" { (name) } }
                @for story in advice.failing() { th scope="col" { "after " (word(&story.name)) } }
            } }
            tbody { @for row in &advice.locks { tr {
                th scope="row" { a href={ "#lock-" (anchor(&row.lock)) } { (word(&row.lock)) } }
                td { (standing(row)) }
                @for cell in row.speed() { td { (cell) } }
                @for story in advice.failing() { td { (row.outage(&story.name)) } }
            } } }
        } }
    }
}

fn lock(row: &Row) -> Markup {
    html! {
        h3 id={ "lock-" (anchor(&row.lock)) } { (word(&row.lock)) " " (standing(row)) }
        @if !row.about.is_empty() { p.about { (word(&row.about)) } }
        p { (word(&row.sentence())) }
        ul { @for (story, falls) in row.fell_by_story() { li {
            strong { (word(story)) }
            @for fall in &falls { p { (word(&fall.words())) ": " (word(&fall.text)) } }
            pre { code { (word(&falls[0].reproduce)) } }
        } } }
        @if row.fell.is_empty() { pre { code { (word(&row.reproduce)) } } }
    }
}

fn standing(row: &Row) -> Markup {
    let class = match row.standing {
        Standing::Kept => "good",
        Standing::BeyondAssumptions | Standing::Unknown => "doubt",
        Standing::Broken => "bad",
    };
    html! { span class={ "tag " (class) } { (row.standing.words()) } }
}

/// What an address within a page can be made of.
fn anchor(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_page_says_of_each_lock_what_it_rests_on() {
        let page = super::advice(&crate::advice::samples::advice()).into_string();
        for words in ["kept its promises", "for ever", "#lock-flufl-lock", "in 2 of 3", "41.2"] {
            assert!(page.contains(words), "{words}");
        }
    }
}
