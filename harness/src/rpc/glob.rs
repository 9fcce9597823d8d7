//! Patterns of paths: `*.lck`, `/locks/?/*`.

/// Whether a path is one of those that the pattern means. `*` stands for any characters, also none,
/// and `?` for one. A pattern without a slash means the last name of the path.
pub fn matches(pattern: &str, path: &str) -> bool {
    let text = match pattern.contains('/') {
        true => path,
        false => path.rsplit('/').next().unwrap_or(path),
    };
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut of) = (0, 0);
    // Where the last star stands, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while of < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(one) if *one == '?' || *one == text[of] => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((stands, taken)) = star else {
                    return false;
                };
                star = Some((stands, taken + 1));
                at = stands + 1;
                of = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|one| *one == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_means_the_last_name_unless_it_has_a_slash() {
        for (pattern, path, is_meant) in [
            ("*.lck", "/locks/a.lck", true),
            ("*.lck", "/locks/a.lck.1", false),
            ("a?c", "/abc", true),
            ("a?c", "/ac", false),
            ("/locks/*", "/locks/x/y", true),
            ("/locks/*", "/other", false),
            ("*", "/", true),
            ("", "/", true),
            ("lock|c1|*", "/lock|c1|113|69", true),
            ("fh:*", "fh:0123abcd", true),
            ("*a*b*c", "aXbbYcZc", true),
        ] {
            assert_eq!(matches(pattern, path), is_meant, "{pattern} {path}");
        }
    }

    proptest! {
        #[test]
        fn stars_take_whatever_is_there(parts in prop::collection::vec("[ab]{0,4}", 1..6)) {
            let within = format!("*{}*", parts[0]);
            prop_assert!(matches(&parts.join("*"), &parts.join("ab?")));
            prop_assert!(matches(&within, &parts.concat()));
        }
    }
}
