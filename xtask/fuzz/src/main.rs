//! The program that libFuzzer drives: `ROPEWALK_FUZZ` names the target.
//!
//! Invariant: an unknown target ends it before the first input.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod fuzzing {
    use std::sync::LazyLock;

    /// What runs one input.
    static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
        let name = std::env::var("ROPEWALK_FUZZ").unwrap_or_default();
        ropewalk_fuzz::find(&name).unwrap_or_else(|| panic!("ROPEWALK_FUZZ={name} is no target"))
    });

    libfuzzer_sys::fuzz_target!(|data: &[u8]| (*TARGET)(data));
}

#[cfg(not(fuzzing))]
fn main() {
    for (name, _) in ropewalk_fuzz::TARGETS {
        println!("{name}");
    }
}
