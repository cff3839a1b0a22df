//! Fuzzes the operations on Deferreds: what a script shows is what the rules of the model say.
//!
//! Invariant: each byte is one choice of the script.

use std::sync::Once;

use crate::rules;
use crate::script::generate::script_of_bytes;
use crate::script::run::{ENDS, listen, run as seen};

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(listen);
    let script = script_of_bytes(data);
    assert_eq!(seen(&script), rules::run(&script, ENDS), "{script}");
}
