//! What the crate promises, asked from outside.
//!
//! Invariant: no test needs a socket, a file or a clock.
#![allow(clippy::unwrap_used)]

mod doubles;
mod failing_over;

mod client_contract;
mod connecting;
mod hostname;
mod hostname_ends;
mod hostname_names;
mod kinds;
mod listening;
mod mistakes;
mod oracle;
mod process;
mod process_double;
mod process_strings;
mod random_strings;
mod recording;
mod registry;
mod retrying;
mod stdio;
mod strports;
mod tcp_options;
mod tcp_strings;
mod twisted;
mod unix_strings;
mod vsock;
mod wrapping;
