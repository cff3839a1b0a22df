//! A SOCKS proxy of versions 4, 4a and 5.
//!
//! ```text
//! $ cargo run --example socks_proxy -- tcp:1080:interface=127.0.0.1
//! $ curl --socks5-hostname 127.0.0.1:1080 http://example.com/
//! ```
//!
//! On SIGTERM or SIGINT it accepts no more, and lets connections finish for 30 seconds.
//!
//! Invariant: it listens on the loopback, unless it is told otherwise.

use std::error::Error;
use std::rc::Rc;

use ropewalk::endpoints::service;
use ropewalk::prelude::*;
use ropewalk::protocol::policies::ConnectionCount;
use ropewalk::protocol::socks::SocksFactory;
use ropewalk::runner::{Exit, Log, LogFormat, LogLevel, LogOutput, Runner};

fn main() -> Result<Exit, Box<dyn Error>> {
    let listen = std::env::args().nth(1);
    let listen = listen.unwrap_or_else(|| "tcp:1080:interface=127.0.0.1".into());
    let reactor = Reactor::new()?;
    let connections = ConnectionCount::new();
    let proxy = SocksFactory::new(Rc::new(reactor.clone())).into_rc();
    let registry = ropewalk::registry(reactor.clone());
    let service = service(&registry, &listen, connections.counting(proxy))?;
    Ok(Runner::new(reactor, Rc::new(service))
        .log(Log::new(LogLevel::Info, LogFormat::Text, LogOutput::Stderr)?)
        .drain(move || connections.none_left())
        .run())
}
