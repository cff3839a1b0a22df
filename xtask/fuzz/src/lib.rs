//! What the fuzzer runs, one function for each target; and the inputs of earlier runs, which are kept.
//!
//! `cargo xtask fuzz` builds the one program of this package with libFuzzer. Without it the package has only the
//! functions and a test that runs every kept input. Invariant: a target panics for a defect alone, whatever its input.

extern crate deferred as ropewalk_deferred;

mod decoded;
mod pieces;

mod client_hellos;
mod deferreds;
mod endpoint_strings;
mod int_strings;
mod lines;
mod listen_fds;
mod netstrings;
mod pem_files;
mod proxy_answers;
mod proxy_headers;
mod receivers;
mod relays;
mod timers;
mod tls_layer;

#[path = "../../../deferred/tests/model/rules/mod.rs"]
mod rules;
#[path = "../../../deferred/tests/script/mod.rs"]
mod script;

/// A target: its name, and what runs one input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by their names.
pub const TARGETS: [Target; 14] = [
    ("client-hellos", client_hellos::run),
    ("deferreds", deferreds::run),
    ("endpoint-strings", endpoint_strings::run),
    ("int-strings", int_strings::run),
    ("lines", lines::run),
    ("listen-fds", listen_fds::run),
    ("netstrings", netstrings::run),
    ("pem-files", pem_files::run),
    ("proxy-answers", proxy_answers::run),
    ("proxy-headers", proxy_headers::run),
    ("receivers", receivers::run),
    ("relays", relays::run),
    ("timers", timers::run),
    ("tls-layer", tls_layer::run),
];

/// The function of a target.
pub fn find(name: &str) -> Option<fn(&[u8])> {
    TARGETS.iter().find(|(target, _)| *target == name).map(|(_, run)| *run)
}
