//! Patterns of paths: `*.lck`, `/locks/?/*`.

use wildmatch::WildMatch;

/// Whether a path is one of those that the pattern means. `*` stands for any characters, also none,
/// and `?` for one. A pattern without a slash means the last name of the path.
pub fn matches(pattern: &str, path: &str) -> bool {
    let text = match pattern.contains('/') {
        true => path,
        false => path.rsplit('/').next().unwrap_or(path),
    };
    WildMatch::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
