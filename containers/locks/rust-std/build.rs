//! The standard library has the version of the compiler, which knows it.

fn main() {
    let rustc = std::env::var("RUSTC").expect("cargo sets RUSTC");
    let said = std::process::Command::new(rustc).arg("--version").output();
    let said = String::from_utf8(said.expect("rustc runs").stdout).expect("a version is text");
    let version = said.split(' ').nth(1).expect("rustc VERSION (...)");
    println!("cargo::rustc-env=RUST_VERSION={version}");
}
