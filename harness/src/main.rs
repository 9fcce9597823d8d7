//! The lockstorm command: everything is in the library, so that tests reach it.

fn main() -> std::process::ExitCode {
    lockstorm::cli::main()
}
