//! Text for terminals: times, wrapping, and names that cannot do harm.

/// Longest name that a renderer shows (a SHA-256 fits); names come from scenarios, adapters and
/// kernels.
const NAME_CHARS_MAX: usize = 64;
/// Longest free text (an error message, an explanation) that a renderer shows.
const TEXT_CHARS_MAX: usize = 600;

/// Makes foreign text harmless: what would move a terminal's cursor, colour it, reverse its
/// direction or hide in it is shown as an escape, and runs of white space as one blank.
pub fn clean(text: &str) -> String {
    clean_up_to(text, TEXT_CHARS_MAX)
}

/// [`clean`] for names, which are cut sooner.
pub fn clean_name(name: &str) -> String {
    clean_up_to(name, NAME_CHARS_MAX)
}

/// [`clean`] for a text of many lines, whose indentation matters.
pub fn clean_block(text: &str) -> String {
    const LINES_MAX: usize = 2_000;
    let mut out = String::new();
    for (index, line) in text.lines().enumerate() {
        if index == LINES_MAX {
            out.push_str("…\n");
            break;
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        out.push_str(&line[..indent.min(80)]);
        out.push_str(&clean(line));
        out.push('\n');
    }
    out
}

fn clean_up_to(text: &str, chars_max: usize) -> String {
    let mut out = String::new();
    // Escapes count as long as they are shown.
    let mut length = 0;
    for c in text.trim().chars() {
        let piece: String = match c {
            '\n' | '\t' | '\r' | ' ' if out.ends_with(' ') => continue,
            '\n' | '\t' | '\r' | ' ' => " ".into(),
            c if is_harmful(c) => c.escape_unicode().collect(),
            c => c.into(),
        };
        length += piece.chars().count();
        if length > chars_max {
            out.push('…');
            break;
        }
        out.push_str(&piece);
    }
    out
}

/// Control characters, line separators, and the invisible ones that reorder or hide text.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

/// A point or a span of time in seconds with milliseconds: `12.345 s`.
pub fn seconds(ns: u64) -> String {
    format!("{}.{:03} s", ns / 1_000_000_000, ns / 1_000_000 % 1_000)
}

/// [`seconds`], but what would read as `0.000 s` in its largest whole unit: `120 us`.
pub fn span(ns: u64) -> String {
    match ns {
        0 => "0 s".into(),
        1..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} us", ns / 1_000),
        _ => seconds(ns),
    }
}

/// `1 run`, `2 runs`.
pub fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// The command that runs a scenario; names that a shell would understand otherwise are quoted.
pub fn scenario_command(scenario: &str, lock: &str, seed: u64) -> String {
    let (scenario, lock) = (quoted(scenario), quoted(lock));
    format!("lockstorm scenario {scenario} --lock {lock} --seed {seed}")
}

/// A word as a POSIX shell takes it literally.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Breaks text into lines of at most `width` characters; a longer word is cut.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let chars: Vec<char> = word.chars().collect();
        for (index, piece) in chars.chunks(width).enumerate() {
            let blank = usize::from(length > 0 && index == 0);
            if length > 0 && (index > 0 || length + blank + piece.len() > width) {
                lines.push(std::mem::take(&mut line));
                length = 0;
            } else if blank == 1 {
                line.push(' ');
                length += 1;
            }
            line.extend(piece);
            length += piece.len();
        }
    }
    if length > 0 || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_reversals_do_not_reach_the_terminal() {
        assert_eq!(clean("a\x1b[31mb"), "a\\u{1b}[31mb");
        assert_eq!(clean("a\u{202e}b\u{9b}c"), "a\\u{202e}b\\u{9b}c");
        assert_eq!(clean(" two\n\t lines \r\n"), "two lines");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(clean_name(&"x".repeat(10_000)).chars().count(), 65);
    }

    #[test]
    fn lines_are_never_wider_than_asked() {
        let text = format!("some words and {} then more", "x".repeat(200));
        for width in 0..90 {
            for line in wrap(&text, width) {
                assert!(line.chars().count() <= width.max(1), "{width}: {line}");
            }
        }
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("aaa bbb ccc", 7), ["aaa bbb", "ccc"]);
    }

    #[test]
    fn short_spans_keep_their_meaning() {
        assert_eq!(seconds(12_345_678_901), "12.345 s");
        assert_eq!(span(120_000), "120 us");
        assert_eq!(span(999), "999 ns");
    }
}
