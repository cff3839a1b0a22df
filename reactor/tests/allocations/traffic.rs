//! What a message and an idle connection cost in memory, counted by the allocator.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    ListenTcp, ListeningPort, Producer, Protocol, PushProducer, ReactorTcp as _, Transport,
};
use ropewalk_reactor::Reactor;
use testkit::{allocations, live_bytes};

const MESSAGE: usize = 64;

/// Bounded: its transport is its own producer.
struct Echo;

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        let itself: Rc<dyn PushProducer> = transport.clone();
        transport.register_producer(Producer::Push(itself)).unwrap();
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

/// Hands everything to the other connection of a pair.
struct Join(Rc<Cell<Option<Rc<dyn Transport>>>>, Option<Rc<dyn Transport>>);

impl Protocol for Join {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.1 = self.0.take();
        self.0.set(Some(transport.clone()));
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        if let Some(other) = &self.1 {
            other.write(data);
        }
    }
}

thread_local! {
    /// What a timer is to write, so that its closure captures nothing: what it captures is the
    /// program's own allocation, not the reactor's.
    static LATER: RefCell<Option<(Rc<dyn Transport>, [u8; MESSAGE], usize)>> =
        const { RefCell::new(None) };
}

/// Answers from a timer, outside of its own callback, and stops reading until then.
struct Late(Reactor);

impl Protocol for Late {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        let mut copy = [0; MESSAGE];
        copy[..data.len()].copy_from_slice(data);
        LATER.set(Some((transport.clone(), copy, data.len())));
        transport.pause_producing();
        self.0.call_later(Duration::ZERO, || {
            let (transport, copy, length) = LATER.take().unwrap();
            transport.write(&copy[..length]);
            transport.resume_producing();
        });
    }
}

fn listen<P: Protocol>(
    reactor: &Reactor,
    build: impl Fn() -> P + 'static,
) -> Rc<dyn ListeningPort> {
    let options = ListenTcp::new(([127, 0, 0, 1], 0)).with_backlog(1024);
    reactor.listen_tcp(&options, protocol::factory_fn(move |_| build())).unwrap()
}

/// Connects, and has the reactor accept it.
fn connect(reactor: &Reactor, port: &Rc<dyn ListeningPort>) -> TcpStream {
    let streams = reactor.counts().streams;
    let client = TcpStream::connect(port.host().as_socket_addr().unwrap()).unwrap();
    client.set_nonblocking(true).unwrap();
    for _ in 0..1000 {
        if reactor.counts().streams > streams {
            return client;
        }
        reactor.turn(Some(Duration::from_millis(10))).unwrap();
    }
    panic!("the connection was not accepted");
}

/// Sends one message and turns the reactor until the answer is there.
fn exchange(reactor: &Reactor, mut from: &TcpStream, mut to: &TcpStream) {
    let mut answer = [0; MESSAGE];
    let mut received = 0;
    from.write_all(&[7; MESSAGE]).unwrap();
    for _ in 0..10_000 {
        reactor.turn(Some(Duration::from_millis(1))).unwrap();
        match to.read(&mut answer[received..]) {
            Ok(count) => received += count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        if received == MESSAGE {
            return;
        }
    }
    panic!("no answer came");
}

fn allocations_of(work: impl Fn()) -> usize {
    let before = allocations();
    work();
    allocations() - before
}

#[test]
fn a_steady_echo_allocates_nothing_per_message() {
    let reactor = Reactor::new().unwrap();
    let port = listen(&reactor, || Echo);
    let client = connect(&reactor, &port);
    let exchanges = |count: usize| (0..count).for_each(|_| exchange(&reactor, &client, &client));
    exchanges(100);
    assert_eq!(allocations_of(|| exchanges(10_000)), 0);
}

#[test]
fn what_one_connection_hands_to_another_allocates_nothing_per_message() {
    let reactor = Reactor::new().unwrap();
    let waiting = Rc::new(Cell::new(None));
    let port = listen(&reactor, move || Join(waiting.clone(), None));
    let first = connect(&reactor, &port);
    let second = connect(&reactor, &port);
    let exchanges = |count: usize| (0..count).for_each(|_| exchange(&reactor, &second, &first));
    exchanges(100);
    assert_eq!(allocations_of(|| exchanges(10_000)), 0);
}

#[test]
fn an_answer_from_a_timer_and_a_pause_until_then_allocate_nothing_per_message() {
    let reactor = Reactor::new().unwrap();
    let own = reactor.clone();
    let port = listen(&reactor, move || Late(own.clone()));
    let client = connect(&reactor, &port);
    let exchanges = |count: usize| (0..count).for_each(|_| exchange(&reactor, &client, &client));
    exchanges(100);
    // Each waits a moment, for a turn by hand looks for events after its timers.
    assert_eq!(allocations_of(|| exchanges(1_000)), 0);
    reactor.disconnect_all();
}

#[test]
fn a_mebibyte_that_does_not_fit_costs_at_most_two_allocations() {
    const LARGE: usize = 1 << 20;
    let reactor = Reactor::new().unwrap();
    let port = listen(&reactor, || Echo);
    let client = connect(&reactor, &port);
    let message = vec![7; LARGE];
    let answer = RefCell::new(vec![0; 1 << 16]);
    let exchange = || {
        let (mut sent, mut received) = (0, 0);
        let mut answer = answer.borrow_mut();
        for _ in 0..100_000 {
            sent += (&client).write(&message[sent..]).unwrap_or(0);
            reactor.turn(Some(Duration::from_millis(1))).unwrap();
            received += (&client).read(&mut answer).unwrap_or(0);
            if received == LARGE {
                return;
            }
        }
        panic!("only {received} bytes came back");
    };
    (0..10).for_each(|_| exchange());
    let allocations = allocations_of(|| (0..50).for_each(|_| exchange()));
    println!("{allocations} allocations for 50 messages of 1 MiB");
    assert!(allocations <= 2 * 50);
}

#[test]
fn many_connections_in_flight_allocate_nothing_per_message() {
    let reactor = Reactor::new().unwrap();
    let port = listen(&reactor, || Echo);
    let clients: Vec<_> = (0..200).map(|_| connect(&reactor, &port)).collect();
    let round = || {
        for mut client in &clients {
            client.write_all(&[7; MESSAGE]).unwrap();
        }
        let mut answer = [0; MESSAGE];
        for mut client in &clients {
            let mut received = 0;
            while received < MESSAGE {
                match client.read(&mut answer) {
                    Ok(count) => received += count,
                    Err(_) => reactor.turn(Some(Duration::from_millis(10))).unwrap(),
                }
            }
        }
    };
    (0..5).for_each(|_| round());
    assert_eq!(allocations_of(|| (0..20).for_each(|_| round())), 0);
}

#[test]
fn an_idle_connection_costs_at_most_a_kibibyte() {
    const CONNECTIONS: usize = 5_000;
    let descriptors = raise_descriptor_limit();
    let connections = CONNECTIONS.min((descriptors - 100) / 2);
    if connections < CONNECTIONS {
        println!("only {connections} connections, as {descriptors} descriptors are allowed");
    }
    let reactor = Reactor::new().unwrap();
    let port = listen(&reactor, || Echo);
    let mut clients = Vec::with_capacity(connections);
    let before = live_bytes();
    for _ in 0..connections {
        clients.push(connect(&reactor, &port));
    }
    // Each has carried a message and is idle again.
    clients.iter().for_each(|client| exchange(&reactor, client, client));
    let each = (live_bytes() - before) / connections as isize;
    println!("{each} bytes of heap for each of {connections} idle connections");
    assert!(each <= 1024, "{each} bytes");
}

/// Allows as many descriptors as there may be; answers how many that is.
fn raise_descriptor_limit() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer leads to a structure that both calls may use for as long as they run.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_max.min(20_000);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
    usize::try_from(limit.rlim_cur).unwrap()
}
