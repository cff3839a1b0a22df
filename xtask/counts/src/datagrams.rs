//! Datagrams of 64 bytes through the reactor on the kernel: what each passes through, from the poll to the
//! protocol and back to the socket. The system calls themselves count as one instruction.
//!
//! The client is std's socket on the same thread. Invariant: all that a turn deals with has arrived before
//! it begins, so the kernel's pace changes nothing.

use std::net::{Ipv4Addr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Address, DatagramProtocol, DatagramTransport, ListenUdp, ReactorUdp as _};
use protocol::datagram_protocol;
use reactor::Reactor;

use crate::wire::MESSAGE;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many datagrams there are to be received in one turn.
const CROWD: usize = 30;

/// Sends every datagram back.
struct DatagramEcho;

impl DatagramProtocol for DatagramEcho {
    fn datagram_received(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        sender: &Address,
    ) {
        transport.send_to(data, sender).expect("a sender can be answered");
    }
}

/// One datagram in a turn.
pub(crate) fn echo_alone(repeats: u64) {
    exchange(1, repeats);
}

/// Thirty datagrams in a turn.
pub(crate) fn echo_in_a_crowd(repeats: u64) {
    exchange(CROWD, repeats);
}

/// Rounds in which the client sends some datagrams and receives as many.
fn exchange(datagrams: usize, rounds: u64) {
    let reactor = Reactor::new().expect("there are descriptors");
    let options = ListenUdp::new((Ipv4Addr::LOCALHOST, 0));
    let port = reactor.listen_udp(&options, datagram_protocol(DatagramEcho));
    let port = port.expect("a port is free");
    let address = port.host().as_socket_addr().expect("it is a UDP port");
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    client.connect(address).expect("the loopback is there");
    client.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    let mut heard = [0; MESSAGE.len()];
    for _ in 0..rounds {
        for _ in 0..datagrams {
            client.send(&MESSAGE).expect("the server lives");
        }
        reactor.turn(Some(PATIENCE)).expect("epoll_wait does not fail");
        for _ in 0..datagrams {
            client.recv(&mut heard).expect("the server answers within its turn");
            assert_eq!(heard, MESSAGE);
        }
    }
}
