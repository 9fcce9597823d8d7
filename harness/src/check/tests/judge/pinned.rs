use super::search::{Opinion, judge};
