//! Endpoint strings.
//!
//! Invariant: the string has what most have: a kind, a port, a named argument.

use std::hint::black_box;

use endpoints::Registry;
use reactor::Reactor;

/// One string becomes an endpoint.
pub(crate) fn parsed(repeats: u64) {
    let registry = Registry::standard(Reactor::simulated(1));
    for _ in 0..repeats {
        let parsed = registry.parse_server(black_box("tcp:8080:interface=127.0.0.1"));
        assert!(parsed.is_ok());
    }
}
