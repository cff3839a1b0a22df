//! The bench's server on this workspace's crates, as a user would write it: a protocol, a string that
//! says where to listen, and the reactor.
//!
//! Invariant: nothing here is reached but by the public API, and no limit is changed.

mod protocols;

use std::error::Error;
use std::net::Ipv4Addr;

use endpoints::Registry;
use interfaces::{Factory, ListenUdp, ReactorUdp as _};
use peer::{Mode, State, Wire};
use reactor::Reactor;
use std::rc::Rc;

use protocols::{Close, DatagramEcho, Echo, Four, LargeEcho, Sink, Source};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = peer::arguments();
    if arguments.wire == Wire::Datagrams {
        return serve_datagrams();
    }
    let options = "0:interface=127.0.0.1:backlog=1024";
    let text = match &arguments.tls {
        None => format!("tcp:{options}"),
        Some(directory) => {
            let directory = directory.display();
            let files =
                format!("privateKey={directory}/key.pem:certKey={directory}/certificate.pem");
            format!("ssl:{options}:{files}")
        }
    };
    let reactor = Reactor::new()?;
    let registry = tls::register(Registry::standard(reactor.clone()), reactor.clone());
    let listening = registry.server(&text)?.listen(factory(arguments.mode, arguments.state));
    listening
        .add_callback(|port| {
            peer::ready(port.host().port().unwrap_or(0));
            Ok(())
        })
        .add_errback(|failure| -> Result<(), _> { peer::fail(&format!("{failure:#}")) });
    Ok(reactor.run()?)
}

fn serve_datagrams() -> Result<(), Box<dyn Error>> {
    let reactor = Reactor::new()?;
    let options = ListenUdp::new((Ipv4Addr::LOCALHOST, 0));
    let port = reactor.listen_udp(&options, protocol::datagram_protocol(DatagramEcho))?;
    peer::ready(port.host().port().unwrap_or(0));
    Ok(reactor.run()?)
}

fn factory(mode: Mode, state: State) -> Rc<dyn Factory> {
    match (mode, state) {
        (Mode::Echo, State::Empty) => protocol::factory_fn(|_peer| Echo),
        (Mode::Echo, State::Large) => protocol::factory_fn(|_peer| LargeEcho::default()),
        (Mode::Sink, _) => protocol::factory_fn(|_peer| Sink::default()),
        (Mode::Source, _) => protocol::factory_fn(|_peer| Source::default()),
        (Mode::Close, _) => protocol::factory_fn(|_peer| Close),
        (Mode::Four, _) => protocol::factory_fn(|_peer| Four),
    }
}
