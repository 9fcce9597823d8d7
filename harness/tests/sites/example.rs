//! The worked example: a lock with a planted bug, and the mended one. That the gate refuses the one
//! and passes the other, the tutorial shows (`book.rs`).

use std::path::PathBuf;

fn example() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/leaselock")
}

#[test]
fn the_mend_is_all_that_differs_between_the_two() {
    let text = |version: &str| {
        std::fs::read_to_string(example().join(version).join("leaselock.py")).unwrap()
    };
    let (old, new) = (text("1.0"), text("1.1"));
    let without = |text: &str| {
        let text = text.replace("\"1.1\"", "\"1.0\"");
        let (before, after) = text.split_once("    def release(self):").unwrap();
        format!("{before}{}", after.split_once("    def _break_expired").unwrap().1)
    };
    assert_eq!(without(&old), without(&new));
}
