//! What a datagram and an idle datagram port cost in memory, counted by the allocator.

use std::net::UdpSocket;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Address, DatagramProtocol, DatagramTransport, ListenUdp, ReactorUdp as _};
use protocol::datagram_protocol;
use ropewalk_reactor::Reactor;
use testkit::{allocations, live_bytes};

/// Sends everything back.
struct Echo;

impl DatagramProtocol for Echo {
    fn datagram_received(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        sender: &Address,
    ) {
        transport.send_to(data, sender).unwrap();
    }
}

fn open(reactor: &Reactor) -> Rc<dyn DatagramTransport> {
    let options = ListenUdp::new(([127, 0, 0, 1], 0));
    reactor.listen_udp(&options, datagram_protocol(Echo)).unwrap()
}

/// Sends datagrams to a port, and has the reactor answer them all.
fn exchange(reactor: &Reactor, client: &UdpSocket, port: &Rc<dyn DatagramTransport>, count: usize) {
    let to = port.host().as_socket_addr().unwrap();
    for _ in 0..count {
        client.send_to(&[7; 1000], to).unwrap();
    }
    let mut buffer = [0; 2000];
    let mut came = 0;
    for _ in 0..2000 {
        reactor.turn(Some(Duration::from_millis(10))).unwrap();
        while client.recv(&mut buffer).is_ok() {
            came += 1;
        }
        if came == count {
            return;
        }
    }
    panic!("{came} of {count} were answered");
}

fn client() -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_nonblocking(true).unwrap();
    client
}

#[test]
fn a_datagram_and_its_answer_allocate_nothing() {
    let (reactor, client) = (Reactor::new().unwrap(), client());
    let port = open(&reactor);
    exchange(&reactor, &client, &port, 40);
    let before = allocations();
    for count in [1, 2, 40] {
        exchange(&reactor, &client, &port, count);
    }
    assert_eq!(allocations() - before, 0);
}

#[test]
fn an_idle_port_owns_no_buffer_after_what_it_has_carried() {
    const PORTS: usize = 200;
    let (reactor, client) = (Reactor::new().unwrap(), client());
    let shared = open(&reactor);
    exchange(&reactor, &client, &shared, 40);
    let mut ports = Vec::with_capacity(PORTS);
    let before = live_bytes();
    ports.extend((0..PORTS).map(|_| open(&reactor)));
    let opened = live_bytes() - before;
    for port in &ports {
        exchange(&reactor, &client, port, 40);
    }
    let carried = live_bytes() - before;
    println!("{} bytes for an idle port", opened / PORTS as isize);
    assert!(opened / (PORTS as isize) < 700, "{} bytes for each", opened / PORTS as isize);
    assert!(carried <= opened, "{opened} bytes when opened, {carried} when used");
}
