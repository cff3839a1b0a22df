//! Routing by the ClientHello: the parser, the endpoints around a relay, and their strings.
//!
//! Invariant: no test needs a socket, a file or a clock.
#![allow(clippy::unwrap_used)]

mod hellos;
mod site;

mod parsing;
mod routing;
mod strings;
