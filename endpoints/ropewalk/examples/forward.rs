//! A port forwarder: each connection to the first endpoint is joined to one to the second.
//!
//! ```text
//! cargo run --package ropewalk --example forward -- tcp:8080 tls:example.com:443
//! ```
#![allow(clippy::print_stdout, reason = "it is a program")]

use std::env::args;
use std::error::Error;

use ropewalk::prelude::*;
use ropewalk::protocol::relay::RelayFactory;

fn main() -> Result<(), Box<dyn Error>> {
    let [_, from, to] = &args().collect::<Vec<_>>()[..] else {
        return Err("usage: forward FROM TO, two endpoints".into());
    };
    let reactor = Reactor::new()?;
    reactor.stop_on_signals()?;
    let registry = ropewalk::registry(reactor.clone());
    let relay = RelayFactory::new(registry.client(to)?, reactor.clone()).into_rc();
    if let Ok(port) = registry.server(from)?.listen(relay).try_into_result() {
        println!("listening {}", port?.host());
    }
    Ok(reactor.run()?)
}
