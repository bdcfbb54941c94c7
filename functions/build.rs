//! Links the functions to be loaded at a fixed address. They need no table then of the places to mend
//! when they are loaded elsewhere, which is a twentieth of them, and nothing is mended at each start.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
