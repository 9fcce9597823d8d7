//! What the simulated site is for.
