//! Seeds: every draw of a run has its own named stream of the run's seed, so that a new draw in
//! one place changes none in another.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// The generator of a seed. It is keyed by the seed itself, not through `seed_from_u64`, whose
/// expansion its library may change.
pub fn generator(seed: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// The seed of the stream `name`.
pub fn derive(seed: u64, name: &str) -> u64 {
    let mut stream = [0; 8];
    stream.copy_from_slice(&Sha256::digest(name)[..8]);
    let mut generator = generator(seed);
    generator.set_stream(u64::from_le_bytes(stream));
    generator.next_u64()
}

/// The stream of a client's workload.
pub fn of_workload(client: &str) -> String {
    format!("workload/{client}")
}

/// The stream of the wire's latencies.
pub const WIRE: &str = "wire";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_seeds_differ_and_stay_the_same_for_ever() {
        assert_ne!(derive(1, "wire"), derive(1, "node/c1"));
        assert_ne!(derive(1, "wire"), derive(2, "wire"));
        // A change here makes every saved seed tell another story.
        insta::assert_snapshot!(derive(1, "wire"), @"8106032495075496911");
    }
}
