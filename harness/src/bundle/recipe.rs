//! The recipes of kernels and node image, as they were when this harness was built.

include!(concat!(env!("OUT_DIR"), "/recipe.rs"));

/// A file of the recipes.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// From the top of the repository.
    pub path: &'static str,
    pub is_program: bool,
    pub bytes: &'static [u8],
}

/// All of them, by their paths.
pub fn files() -> impl Iterator<Item = File> {
    RECIPE.iter().map(|(path, is_program, bytes)| File { path, is_program: *is_program, bytes })
}
