//! What a program that embeds the reactor in another runtime needs: a function around each wait, and the
//! numbers of descriptors.

use std::cell::{Cell, RefCell};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use crate::support::{echo, listen, turn_until};
use interfaces::{ListenUdp, Protocol, ReactorUdp as _, Transport};
use protocol::factory_fn;
use protocol::testing::DatagramRecorder;
use ropewalk_reactor::{Kernel, Limits, Reactor};

#[test]
fn a_function_around_the_wait_is_called_once_a_turn_and_events_come_of_what_it_calls() {
    let (waits, skips) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    let (count, skip) = (waits.clone(), skips.clone());
    let kernel = Kernel::new().unwrap().with_around_wait(move |wait| {
        count.set(count.get() + 1);
        if !skip.get() {
            wait();
        }
    });
    let reactor = Reactor::on(kernel, Limits::default());
    let (_port, address) = listen(&reactor, echo());
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"hello").unwrap();
    skips.set(true);
    for turn in 1..=3 {
        reactor.turn(None).unwrap();
        assert_eq!((waits.get(), reactor.counts().streams), (turn, 0), "it found no events");
    }
    skips.set(false);
    client.set_nonblocking(true).unwrap();
    let mut answer = [0; 5];
    turn_until(&reactor, "it is served", || client.read_exact(&mut answer).is_ok());
    assert_eq!(&answer, b"hello");
}

#[test]
fn a_timer_is_called_by_the_turn_behind_a_wait_that_ended_early() {
    let kernel = Kernel::new().unwrap().with_around_wait(|_| {});
    let reactor = Reactor::on(kernel, Limits::default());
    let fired = Rc::new(Cell::new(false));
    let tell = fired.clone();
    reactor.call_later(Duration::from_millis(5), move || tell.set(true));
    turn_until(&reactor, "it is due", || fired.get());
}

/// Keeps its transport, and the number that it had at the start.
struct Keeper {
    kept: Rc<RefCell<Option<Rc<dyn Transport>>>>,
    ended: Rc<Cell<bool>>,
}

impl Protocol for Keeper {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        *self.kept.borrow_mut() = Some(transport.clone());
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &interfaces::Reason) {
        self.ended.set(true);
    }
}

/// Whether a number leads to a socket of this process.
fn is_socket(number: i32) -> bool {
    let target = std::fs::read_link(format!("/proc/self/fd/{number}"));
    target.is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
}

#[test]
fn ports_and_connections_tell_the_numbers_of_their_descriptors_while_they_are_open() {
    let reactor = Reactor::new().unwrap();
    let (kept, ended) = (Rc::default(), Rc::new(Cell::new(false)));
    let (keep, end) = (Rc::clone(&kept), ended.clone());
    let factory = factory_fn(move |_| Keeper { kept: Rc::clone(&keep), ended: end.clone() });
    let (port, address) = listen(&reactor, factory);
    let number = port.raw_descriptor().unwrap();
    assert!(is_socket(number));
    let client = TcpStream::connect(address).unwrap();
    turn_until(&reactor, "it is made", || kept.borrow().is_some());
    let transport: Rc<dyn Transport> = kept.borrow().clone().unwrap();
    let connection = transport.raw_descriptor().unwrap();
    assert!(is_socket(connection) && connection != number);
    drop(client);
    turn_until(&reactor, "it has ended", || ended.get());
    turn_until(&reactor, "its socket is closed", || transport.raw_descriptor().is_none());
    drop(port.stop_listening());
    assert_eq!(port.raw_descriptor(), None);
    let (recorder, _) = DatagramRecorder::silent();
    let datagrams = reactor.listen_udp(&ListenUdp::new(([127, 0, 0, 1], 0)), recorder).unwrap();
    assert!(is_socket(datagrams.raw_descriptor().unwrap()));
    drop(datagrams.stop_listening());
    turn_until(&reactor, "it is closed", || datagrams.raw_descriptor().is_none());
}
