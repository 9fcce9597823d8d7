//! Checkers: pure functions from plan and history to findings.
