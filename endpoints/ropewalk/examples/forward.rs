//! A port forwarder: each connection to the first endpoint is joined to one to the second.
//!
//! ```text
//! cargo run --package ropewalk --example forward -- tcp:8080 tls:example.com:443
//! ```

use std::env::args;
use std::error::Error;

use ropewalk::prelude::*;
use ropewalk::protocol::relay::RelayFactory;
use ropewalk::runner::Exit;

fn main() -> Result<Exit, Box<dyn Error>> {
    let [_, from, to] = &args().collect::<Vec<_>>()[..] else {
        return Err("usage: forward FROM TO, two endpoints".into());
    };
    let (from, to): (ServerString, ClientString) = (from.parse()?, to.parse()?);
    let reactor = Reactor::new()?;
    let to = to.client(&ropewalk::registry(reactor.clone()))?;
    let relay = RelayFactory::new(to, reactor.clone()).into_rc();
    Ok(ropewalk::serve(reactor, [from], relay))
}
