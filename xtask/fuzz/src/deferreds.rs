//! Fuzzes the operations on Deferreds: what a script shows is what the rules of the model say.
//!
//! Invariant: each byte is one choice of the script.

use deferred::set_unhandled_hook;

use crate::rules;
use crate::script::generate::script_of_bytes;
use crate::script::run::{ENDS, listen, run as seen};

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let script = script_of_bytes(data);
    listen();
    let shown = seen(&script);
    // The hook is the process's, and other targets have errors of other types.
    set_unhandled_hook(|_| {});
    assert_eq!(shown, rules::run(&script, ENDS), "{script}");
}
