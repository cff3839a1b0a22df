//! A protocol of lines that says each back, with a limit on silence; it stays the same on every wire.
//!
//! `cargo run --package ropewalk --example lines -- tcp:7007:interface=127.0.0.1 unix:/tmp/lines.sock`

use std::io;
use std::rc::Rc;

use ropewalk::prelude::*;
use ropewalk::protocol::policies::TimeoutFactory;
use ropewalk::protocol::receivers::{LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport};
use ropewalk::runner::Exit;

struct Parrot;

impl LineOnlyReceiver for Parrot {
    fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
        transport.send_line(line);
    }
}

fn main() -> io::Result<Exit> {
    let reactor = Reactor::new()?;
    let parrots = LineOnlyProtocol::factory(|_| Parrot).into_rc();
    let factory = TimeoutFactory::new(parrots, reactor.clone()).into_rc();
    Ok(ropewalk::serve(reactor, std::env::args().skip(1), factory))
}
