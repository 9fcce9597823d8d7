//! Names that people give to scenarios and locks: they become parts of paths.

/// Longer ones would not fit, with lock, seed and hash beside them, into a file's name (255 bytes:
/// NAME_MAX in limits.h).
pub const CHARS_MAX: usize = 64;

/// What a name is made of, for messages.
pub const RULE: &str = "letters, digits, `-_.`, at most 64, first a letter or digit";

/// Whether it can be a part of a path as it is, and means no other place.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(is_of_a_name)
        && text.len() <= CHARS_MAX
}

/// The name that is nearest to a text; `None` where nothing of it can stay.
pub fn nearest(text: &str) -> Option<String> {
    let words = text.split(|c: char| !is_of_a_name(c)).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join("-");
    let begin = joined.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let name: String = begin.chars().take(CHARS_MAX).collect();
    (!name.is_empty()).then_some(name)
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_no_way_to_anywhere_else() {
        for good in ["calm", "a", "7", "late-reclaim", "flufl.lock", "a..b", &"x".repeat(64)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "..", "../..", "a/b", "/", ".hidden", "-x", "a b", "é", "a\n"] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(!is_name(&"x".repeat(65)));
    }

    #[test]
    fn the_nearest_name_keeps_what_can_stay() {
        let nearest = |text: &str| nearest(text).unwrap_or_default();
        assert_eq!(nearest("../../my story"), "my-story");
        assert_eq!(nearest("-- two  words!"), "two-words");
        assert_eq!(nearest("../.."), "");
        assert_eq!(nearest(&"x".repeat(300)), "x".repeat(64));
    }

    proptest! {
        #[test]
        fn the_nearest_name_is_a_name(text in ".{0,100}") {
            if let Some(name) = nearest(&text) {
                prop_assert!(is_name(&name), "{name:?}");
            }
            if is_name(&text) {
                prop_assert_eq!(nearest(&text), Some(text));
            }
        }
    }
}
