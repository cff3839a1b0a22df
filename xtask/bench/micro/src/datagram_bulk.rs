//! Datagrams from one port to another, as fast as they go: by a reactor on each side, and by one call for
//! each.
//!
//! Invariant: what counts is what came, and the sender has a core for itself where there are two.

use std::cell::Cell;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use interfaces::{Address, DatagramProtocol, DatagramTransport, ListenUdp, ReactorUdp as _};
use protocol::datagram_protocol;
use reactor::Reactor;
use serde_json::{Value, json};

const BYTES: usize = 1200;
const TIME: Duration = Duration::from_millis(400);
/// How many are sent in one go.
const BURST: usize = 54;

/// What both threads share.
#[derive(Clone, Default)]
struct Shared {
    came: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

/// Counts what comes.
struct Sink(Rc<Cell<u64>>);

impl DatagramProtocol for Sink {
    fn datagram_received(&mut self, _: &Rc<dyn DatagramTransport>, data: &[u8], _: &Address) {
        assert_eq!(data.len(), BYTES, "another datagram came");
        self.0.set(self.0.get() + 1);
    }
}

pub(crate) fn ours() -> Result<Value, Box<dyn Error>> {
    let shared = Shared::default();
    let (tell, told) = std::sync::mpsc::channel::<SocketAddr>();
    let receiving = shared.clone();
    let receiver = thread::spawn(move || {
        let reactor = Reactor::new().expect("there are descriptors");
        let came = Rc::new(Cell::new(0));
        let options = ListenUdp::new((Ipv4Addr::LOCALHOST, 0));
        let port = reactor.listen_udp(&options, datagram_protocol(Sink(came.clone())));
        let host = port.expect("a port is free").host();
        tell.send(host.as_socket_addr().expect("it is a UDP port")).expect("the sender waits");
        while !receiving.is_over.load(Ordering::Relaxed) {
            reactor.turn(Some(Duration::from_millis(10))).expect("epoll_wait does not fail");
            receiving.came.store(came.get(), Ordering::Relaxed);
        }
    });
    let reactor = Reactor::new()?;
    let sink = datagram_protocol(Sink(Rc::default()));
    let port = reactor.listen_udp(&ListenUdp::new((Ipv4Addr::LOCALHOST, 0)), sink)?;
    port.as_udp().ok_or("it is a UDP port")?.connect(told.recv()?)?;
    let result = measure(&shared, || {
        for _ in 0..BURST {
            port.send(&[7; BYTES])?;
        }
        Ok(reactor.turn(Some(Duration::ZERO))?)
    });
    shared.is_over.store(true, Ordering::Relaxed);
    receiver.join().map_err(|_| "the receiver panicked")?;
    result
}

pub(crate) fn one_by_one() -> Result<Value, Box<dyn Error>> {
    let shared = Shared::default();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_millis(10)))?;
    let address = socket.local_addr()?;
    let receiving = shared.clone();
    let receiver = thread::spawn(move || {
        let mut buffer = [0; 2 * BYTES];
        while !receiving.is_over.load(Ordering::Relaxed) {
            if socket.recv_from(&mut buffer).is_ok_and(|(length, _)| length == BYTES) {
                receiving.came.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let result = measure(&shared, || {
        for _ in 0..BURST {
            sender.send_to(&[7; BYTES], address)?;
        }
        Ok(())
    });
    shared.is_over.store(true, Ordering::Relaxed);
    receiver.join().map_err(|_| "the receiver panicked")?;
    result
}

/// Sends until the time is over, and counts what comes.
fn measure(
    shared: &Shared,
    mut burst: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Value, Box<dyn Error>> {
    let warm_up = Instant::now();
    while warm_up.elapsed() < TIME / 4 {
        burst()?;
    }
    let (begin, before) = (Instant::now(), shared.came.load(Ordering::Relaxed));
    while begin.elapsed() < TIME {
        burst()?;
    }
    let (time, came) = (begin.elapsed(), shared.came.load(Ordering::Relaxed) - before);
    let nanoseconds = u64::try_from(time.as_nanos())?;
    Ok(json!({"operations": came, "nanoseconds": nanoseconds}))
}
