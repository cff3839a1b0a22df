//! 1000 connections of uneven load over two reactors: how many each has, and how long the quiet ones wait
//! for their answers.
//!
//! The connections come in 20 waves; after each wave every third of its connections ends, so that what is
//! left is by chance. One in ten of those that stay asks without a pause, and the others ask ten times a
//! second and measure. Invariant: both spreads get the same connections in the same order, in turns.

use std::cell::RefCell;
use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use interfaces::{ConnectTcp, ListenTcp, Protocol, ReactorCore as _, ReactorTcp as _, Transport};
use protocol::factory_fn;
use reactor::{Reactor, ReactorGroup, Spread};

use crate::median;

const ROUNDS: usize = 3;
const WAVES: usize = 20;
const WAVE: usize = 75;
const TIME: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(100);

/// How long the server computes for each message.
const WORK: Duration = Duration::from_micros(10);

/// Computes for a while, and answers.
struct Worker;

impl Protocol for Worker {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        let begin = Instant::now();
        while begin.elapsed() < WORK {
            std::hint::spin_loop();
        }
        transport.write(data);
    }
}

/// What a client does with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Leaves,
    AsksWithoutPause,
    AsksSeldom,
}

struct Client {
    role: Role,
    reactor: Reactor,
    asked: Instant,
    waits: Rc<RefCell<Vec<f64>>>,
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        match self.role {
            Role::Leaves => transport.lose_connection(),
            Role::AsksWithoutPause | Role::AsksSeldom => transport.write(b"?"),
        }
        self.asked = Instant::now();
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        if self.role == Role::AsksWithoutPause {
            return transport.write(data);
        }
        self.waits.borrow_mut().push(self.asked.elapsed().as_secs_f64() * 1e3);
        // The time of the next question is that of the timer.
        self.asked = Instant::now() + PAUSE;
        let transport = transport.clone();
        self.reactor.call_later(PAUSE, move || transport.write(b"?"));
    }
}

/// What one run found.
struct Run {
    connections: Vec<usize>,
    median: f64,
    p99: f64,
}

fn run(spread: Spread) -> Result<Run, Box<dyn Error>> {
    let (opened, found) = (Barrier::new(2), Mutex::new(None));
    let group = ReactorGroup::new(2).without_signals().with_spread(spread);
    thread::scope(|scope| {
        group.run(|member| {
            let options = ListenTcp::new(([127, 0, 0, 1], 0));
            if member.index() == 1 {
                opened.wait();
            }
            let port = member.listen_tcp(&options, factory_fn(|_| Worker))?;
            if member.index() == 0 {
                opened.wait();
                return Ok(());
            }
            let address = port.host().as_socket_addr();
            let remotes = [0, 1].map(|it| member.remote(it).cloned());
            let found = &found;
            scope.spawn(move || {
                let waits = address.and_then(|address| visit(address).ok());
                let connections = remotes.iter().flatten().map(|remote| {
                    let (send, receive) = std::sync::mpsc::channel();
                    remote.call_from_thread(move |reactor| {
                        let _ = send.send(reactor.counts().streams);
                        let _ = reactor.stop();
                    });
                    receive.recv().unwrap_or(0)
                });
                let connections: Vec<usize> = connections.collect();
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                *found = waits.map(|waits| (connections, waits));
            });
            Ok(())
        })
    })?;
    let found = found.into_inner().ok().flatten();
    let (connections, mut waits) = found.ok_or("the clients failed")?;
    let median = median(&mut waits);
    let p99 = waits.get(waits.len() * 99 / 100).copied().unwrap_or(f64::NAN);
    Ok(Run { connections, median, p99 })
}

/// Runs the clients on this thread; returns how long the quiet ones waited, in milliseconds.
fn visit(address: SocketAddr) -> Result<Vec<f64>, Box<dyn Error>> {
    let reactor = Reactor::new()?;
    let waits = Rc::new(RefCell::new(Vec::new()));
    let mut staying = 0;
    for _ in 0..WAVES {
        for number in 0..WAVE {
            let role = match number % 3 {
                0 => Role::Leaves,
                _ if staying % 10 == 0 => Role::AsksWithoutPause,
                _ => Role::AsksSeldom,
            };
            staying += usize::from(role != Role::Leaves);
            let (home, waits) = (reactor.clone(), waits.clone());
            let client = factory_fn(move |_| Client {
                role,
                reactor: home.clone(),
                asked: Instant::now(),
                waits: waits.clone(),
            });
            drop(reactor.connect_tcp(&ConnectTcp::new(address), client));
        }
        for _ in 0..20 {
            reactor.turn(Some(Duration::from_millis(1)))?;
        }
    }
    waits.borrow_mut().clear();
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        reactor.turn(Some(Duration::from_millis(10)))?;
    }
    Ok(waits.take())
}

pub(crate) fn measure() -> Result<String, Box<dyn Error>> {
    let mut text = String::from(
        "1000 connections over two reactors, one in ten without a pause, 10 µs a message\n",
    );
    for round in 1..=ROUNDS {
        for spread in [Spread::FewestConnections, Spread::ReusePort] {
            let Run { connections, median, p99 } = run(spread)?;
            let name = format!("{spread:?}");
            text += &format!(
                "  round {round}  {name:<18} connections {connections:?}   answers: median {median:.2} ms, \
                 p99 {p99:.2} ms\n"
            );
        }
    }
    text.pop();
    Ok(text)
}
