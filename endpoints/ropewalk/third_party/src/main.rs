//! An echo server that knows one kind more: `ropewalk-spew spew:tcp:7007:interface=127.0.0.1`.
//!
//! Invariant: one line adds the kind.

use std::{env::args, io};

use ropewalk::prelude::*;
use ropewalk::protocol::wire::Echo;
use ropewalk::runner::Exit;
use ropewalk_spew::Spew;

fn main() -> io::Result<Exit> {
    let reactor = Reactor::new()?;
    let registry = ropewalk::registry(reactor.clone()).with_server(Spew).with_client(Spew);
    let echo = factory_fn(|_peer| Echo);
    Ok(ropewalk::serve_with(reactor, &registry, args().skip(1), echo))
}
