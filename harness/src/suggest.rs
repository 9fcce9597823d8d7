//! "Did you mean": the known word nearest to an unknown one.

/// The candidate that is most likely meant by `word`, if one is near enough to be worth saying.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long words are cut: the distance costs their product, and nobody meant them.
    let lower: String = word.chars().take(64).flat_map(char::to_lowercase).collect();
    candidates
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&lower, &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance <= known.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Names in a sentence: "`a`, `b` or `c`".
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{}`", n.as_ref())).collect();
    match quoted.split_last() {
        None => "nothing".into(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["clients", "server", "wire"];
        assert_eq!(closest("clinets", known), Some("clients"));
        assert_eq!(closest("Server", known), Some("server"));
        assert_eq!(closest("banana", known), None);
    }
}
