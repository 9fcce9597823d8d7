//! The verdict: what the findings and the run itself add up to.
