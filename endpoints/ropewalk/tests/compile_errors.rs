//! What the compiler says to the mistakes that newcomers make.
//!
//! Invariant: each program is checked outside of the workspace, against the crate as it is.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// What the compiler says to a program that is wrong.
fn errors(name: &str, body: &str) -> String {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let package = temporary.join(name);
    fs::create_dir_all(package.join("src")).unwrap();
    let deferred = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deferred");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nedition = \"2024\"\n\n[dependencies]\n\
         deferred = {{ package = \"ropewalk-deferred\", path = {deferred:?} }}\n\n[workspace]\n"
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    let program = format!("use deferred::*;\n\nfn main() {{\n{body}\n}}\n");
    fs::write(package.join("src/main.rs"), program).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--offline", "--color=never", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(temporary.join("compile_errors"))
        .output()
        .unwrap();
    assert!(!output.status.success(), "{body} compiles");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_callback_that_returns_a_plain_value_or_nothing_is_told_what_to_write() {
    let bodies = [
        ("plain_value", "Deferred::<u32>::succeed(1).add_callback(|n| n + 1);", "`u32`"),
        ("nothing", "Deferred::<u32>::succeed(1).add_callback(|n| println!(\"{n}\"));", "`()`"),
        ("errback", "Deferred::<u32>::succeed(1).add_errback(|_| 0);", "`{integer}`"),
    ];
    for (name, body, returned) in bodies {
        let said = errors(name, body);
        let message = format!("a callback returns a `Result` or a `Deferred`, not {returned}");
        assert!(said.contains(&message), "{said}");
        assert!(said.contains("write `Ok(value)`"), "{said}");
        assert!(said.contains("end with `Ok(())`"), "{said}");
    }
}
