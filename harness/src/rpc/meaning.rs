//! What an operation means for the state of client and server.

use super::Operation;

impl Operation {
    /// See [`reclaims`].
    pub fn reclaims(&self) -> bool {
        reclaims(self.name, &self.arguments)
    }

    /// See [`delegates`].
    pub fn delegates(&self) -> Option<&'static str> {
        delegates(self.name, &self.result)
    }

    /// Whether its reply says that there is a file of its path now.
    pub fn makes_its_path(&self) -> bool {
        let makes =
            matches!(self.name, "OPEN" | "CREATE" | "MKDIR" | "SYMLINK" | "LINK" | "RENAME");
        makes && self.status.is_some_and(|status| status.is_ok())
    }
}

/// Whether an operation with these arguments claims what was open or locked before the server's
/// restart (RFC 8881, section 8.4.2.1).
pub fn reclaims(operation: &str, arguments: &str) -> bool {
    match operation {
        "OPEN" => has(arguments, "claim=previous"),
        "LOCK" => has(arguments, "reclaim"),
        _ => false,
    }
}

/// What delegation a result gives to the client (RFC 8881, sections 10.4 and 10.9): to read, to
/// write, or of a directory.
pub fn delegates(operation: &str, result: &str) -> Option<&'static str> {
    let given: &[(&str, &str)] = match operation {
        "OPEN" => &[
            ("delegation=write", "write"),
            ("delegation=write_attrs", "write"),
            ("delegation=read", "read"),
            ("delegation=read_attrs", "read"),
        ],
        "GET_DIR_DELEGATION" => &[("granted", "directory")],
        _ => &[],
    };
    given.iter().find(|(word, _)| has(result, word)).map(|(_, kind)| *kind)
}

fn has(words: &str, word: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

#[cfg(test)]
mod tests {
    use crate::rpc::{Operation, Status};

    fn operation(name: &'static str, arguments: &str, result: &str) -> Operation {
        let (arguments, result) = (arguments.into(), result.into());
        Operation { name, arguments, result, ..Operation::default() }
    }

    #[test]
    fn opens_and_locks_reclaim_and_nothing_else_does() {
        assert!(operation("OPEN", "claim=previous delegation=none", "").reclaims());
        assert!(!operation("OPEN", "claim=fh", "").reclaims());
        assert!(operation("LOCK", "type=write reclaim range=0..", "").reclaims());
        assert!(!operation("RECLAIM_COMPLETE", "", "").reclaims());
    }

    #[test]
    fn a_delegation_is_given_by_its_reply() {
        let given = |name, result| operation(name, "delegation=read", result).delegates();
        assert_eq!(given("OPEN", "state=1 delegation=write delegation_state=2"), Some("write"));
        assert_eq!(given("OPEN", "delegation=not_wanted"), None);
        assert_eq!(given("GET_DIR_DELEGATION", "granted state=1"), Some("directory"));
        assert_eq!(given("GET_DIR_DELEGATION", "unavailable"), None);
        assert_eq!(given("REMOVE", "delegation=write"), None);
    }

    #[test]
    fn a_name_is_made_by_a_reply_of_success() {
        let with = |code| Some(Status { code, name: "" });
        let link = |status| Operation { status, ..operation("LINK", "", "") };
        assert!(link(with(0)).makes_its_path());
        assert!(!link(with(17)).makes_its_path() && !link(None).makes_its_path());
        assert!(!Operation { status: with(0), ..operation("REMOVE", "", "") }.makes_its_path());
    }
}
