//! A TCP echo program on this workspace's reactor, to be weighed beside the one in `../tokio`.
//!
//! Invariant: both listen on the address of the first argument, print it, and echo until killed.

use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;

use interfaces::{ListenTcp, Protocol, ReactorTcp as _, Transport};
use reactor::Reactor;

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = std::env::args().nth(1).ok_or("ADDRESS:PORT is missing")?.parse()?;
    let reactor = Reactor::new()?;
    let port = reactor.listen_tcp(&ListenTcp::new(address), protocol::factory_fn(|_peer| Echo))?;
    println!("listening {}", port.host());
    Ok(reactor.run()?)
}
