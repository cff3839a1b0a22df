//! What arrived is delivered before the bad news behind it, and a stop loses nothing, under seeds: over TCP
//! and UNIX sockets, to fast and slow readers.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Address, ConnectTcp, ListenTcp, ListenUnix, ReactorCore as _, ReactorTcp as _,
    ReactorUnix as _, Reason, Transport, UnixAddress,
};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::simulated::{Faults, Links, Simulated, SimulatedStream};
use ropewalk_reactor::sys::StreamSys as _;
use ropewalk_reactor::{Limits, Reactor};
use testkit::{Dice, pattern};

use crate::only_ports;

const SEEDS: u64 = 40;

/// More turns than any of these tests needs.
const TURNS_MAX: usize = 200_000;

/// A server of one connection, and its peer, which a test moves by hand.
struct Scene {
    reactor: Reactor<Simulated>,
    network: Simulated,
    dice: Dice,
    is_tcp: bool,
    seen: Record,
    peer: RefCell<Option<SimulatedStream>>,
    received: RefCell<Vec<u8>>,
    /// What the peer read last, if it was no bytes.
    end: Cell<Option<Result<(), i32>>>,
}

impl Scene {
    /// Connects them, with faults that break nothing.
    fn new(seed: u64, on_made: impl FnMut(&Rc<dyn Transport>) + Clone + 'static) -> Rc<Self> {
        let network = Simulated::new(seed);
        network.set_faults(Faults::none());
        network.set_links(Links { buffer: 100..=20_000, ..Links::default() });
        let limits = Limits::default().with_read_buffer_bytes(500).with_reads_per_turn(2);
        let limits = limits.with_linger(Duration::from_secs(3600));
        let reactor = Reactor::on(network.clone(), limits);
        let (seen, is_tcp) = (Record::new(), seed.is_multiple_of(2));
        let of_server = seen.clone();
        let server =
            factory_fn(move |_: &Address| Recorder::new(&of_server).on_made(on_made.clone()));
        let peer = if is_tcp {
            let address: SocketAddr = "127.0.0.1:80".parse().expect("an address");
            drop(reactor.listen_tcp(&ListenTcp::new(address), server).expect("listens"));
            network.connect_tcp(&ConnectTcp::new(address)).expect("begins")
        } else {
            let address = UnixAddress::Path(b"/run/x".as_slice().into());
            let options = ListenUnix::new(address.clone());
            drop(reactor.listen_unix(&options, server).expect("listens"));
            network.connect_unix(&address).expect("begins")
        };
        // The peer's own calls up to here do not try again.
        network.set_faults(Faults::harmless());
        let scene = Rc::new(Self {
            reactor,
            network,
            dice: Dice::new(seed),
            is_tcp,
            seen,
            peer: RefCell::new(Some(peer)),
            received: RefCell::default(),
            end: Cell::new(None),
        });
        scene.turn_until("it is made", || scene.seen.count("connection_made") == 1);
        scene
    }

    fn turn_until(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..TURNS_MAX {
            if done() {
                return;
            }
            self.reactor.turn(Some(Duration::from_millis(1))).expect("turns");
        }
        panic!("waited in vain until {what}: {:?}", self.network.log());
    }

    /// The peer reads once, if it is its time, and notes an end.
    fn peer_reads(&self, slowly: bool) {
        let peer = self.peer.borrow();
        let Some(peer) = peer.as_ref().filter(|_| !slowly || self.dice.one_in(20)) else { return };
        let mut buffer = vec![0; 1 + self.dice.below(3000)];
        match self.network.read(peer, &mut buffer) {
            Ok(0) => self.end.set(Some(Ok(()))),
            Ok(count) => self.received.borrow_mut().extend_from_slice(&buffer[..count]),
            Err(error) => match error.raw_os_error() {
                Some(libc::EINTR | libc::EAGAIN) => {}
                Some(number) => self.end.set(Some(Err(number))),
                None => panic!("{error}"),
            },
        }
    }

    fn peer_reads_to_the_end(&self, slowly: bool) {
        self.turn_until("the peer has read everything", || {
            self.peer_reads(slowly);
            self.end.get().is_some()
        });
    }

    /// The peer writes all of it, and its system has it acknowledged.
    fn peer_writes(&self, bytes: &[u8]) {
        let sent = Cell::new(0);
        self.turn_until("the peer has written everything", || {
            let peer = self.peer.borrow();
            let peer = peer.as_ref().expect("it is there");
            if sent.get() < bytes.len() {
                sent.set(sent.get() + self.network.write(peer, &bytes[sent.get()..]).unwrap_or(0));
            }
            sent.get() == bytes.len() && self.network.unacknowledged_bytes(peer) == 0
        });
    }

    fn peer_resets(&self) {
        let peer = self.peer.take().expect("it is there");
        self.network.reset_on_close(&peer);
    }

    fn is_lost(&self) -> bool {
        self.seen.lost().is_some()
    }

    fn finish(&self) {
        drop(self.peer.take());
        self.turn_until("nothing is left", || only_ports(self.reactor.counts()));
        self.seen.forget();
        self.reactor.disconnect_all();
    }
}

#[test]
fn what_the_peer_sent_is_delivered_though_sending_failed() {
    for seed in 0..SEEDS {
        for (slowly, pauses) in [(false, false), (true, false), (true, true)] {
            let scene = Scene::new(seed, |_| {});
            let transport = scene.seen.transport();
            let sent = pattern(seed, 1 + scene.dice.below(90));
            transport.pause_producing();
            scene.peer_writes(&sent);
            // More than the buffers hold, now and then.
            transport.write(&pattern(seed, 1 + scene.dice.below(50_000)));
            scene.peer_resets();
            if !pauses {
                transport.resume_producing();
            }
            for _ in 0..300 {
                transport.write(b"more");
                scene.reactor.turn(Some(Duration::from_millis(1))).expect("turns");
            }
            if pauses {
                assert!(!scene.is_lost(), "seed {seed}: lost before it was read");
            }
            transport.resume_producing();
            scene.turn_until("it is lost", || {
                if slowly && scene.dice.one_in(3) {
                    transport.pause_producing();
                } else {
                    transport.resume_producing();
                }
                scene.is_lost()
            });
            assert_eq!(scene.seen.received(), sent, "seed {seed}, slowly: {slowly}");
            let reason = scene.seen.lost().expect("it is lost");
            assert!(matches!(reason, Reason::Lost(_)), "seed {seed}: {reason:?}");
            scene.finish();
        }
    }
}

#[test]
fn a_close_with_a_reset_gives_the_peer_everything_in_its_own_time_and_then_the_reset() {
    for seed in 0..SEEDS {
        for slowly in [false, true] {
            let sent = pattern(seed, Dice::new(seed).below(60_000));
            let written = sent.clone();
            let scene = Scene::new(seed, move |transport| {
                transport.write(&written);
                transport.lose_connection_with_reset();
                transport.write(b"too late");
            });
            scene.peer_reads_to_the_end(slowly);
            assert!(*scene.received.borrow() == sent, "seed {seed}");
            let end = if scene.is_tcp { Err(libc::ECONNRESET) } else { Ok(()) };
            assert_eq!(scene.end.get(), Some(end), "seed {seed}");
            assert!(matches!(scene.seen.lost(), Some(Reason::Aborted)), "seed {seed}");
            scene.finish();
        }
    }
}

#[test]
fn what_was_written_before_a_stop_arrives_and_then_the_end() {
    for seed in 0..SEEDS {
        for slowly in [false, true] {
            let sent = pattern(seed, Dice::new(seed).below(60_000));
            let written = sent.clone();
            let scene = Scene::new(seed, move |transport| transport.write(&written));
            reading_now_and_then(&scene, slowly);
            let stopper = scene.reactor.clone();
            scene.reactor.call_when_running(Box::new(move || stopper.stop().expect("it runs")));
            scene.reactor.run().expect("it runs");
            let stopped_after = scene.received.borrow().len();
            assert!(matches!(scene.seen.lost(), Some(Reason::Stopped)), "seed {seed}");
            scene.peer_reads_to_the_end(false);
            assert!(*scene.received.borrow() == sent, "seed {seed}: {stopped_after} until then");
            assert_eq!(scene.end.get(), Some(Ok(())), "seed {seed}");
            scene.finish();
        }
    }
}

/// Has the peer read from a timer, while the reactor runs.
fn reading_now_and_then(scene: &Rc<Scene>, slowly: bool) {
    let next = Rc::downgrade(scene);
    scene.reactor.call_later(Duration::from_micros(300), move || {
        if let Some(scene) = next.upgrade() {
            scene.peer_reads(slowly);
            reading_now_and_then(&scene, slowly);
        }
    });
}

#[test]
fn a_unix_peer_that_is_gone_ends_a_half_closed_connection_within_a_second() {
    for seed in 0..SEEDS {
        let network = Simulated::new(seed);
        network.set_faults(Faults::none());
        let reactor = Reactor::on(network.clone(), Limits::default());
        let seen = Record::new();
        let of_server = seen.clone();
        let server = factory_fn(move |_: &Address| Recorder::new(&of_server).half_closeable());
        let address = UnixAddress::Path(b"/run/x".as_slice().into());
        let port = reactor.listen_unix(&ListenUnix::new(address.clone()), server).expect("listens");
        let peer = network.connect_unix(&address).expect("begins");
        network.set_faults(Faults::harmless());
        let until = |what: &str| {
            for _ in 0..1000 {
                if seen.count(what) == 1 {
                    return;
                }
                reactor.turn(Some(Duration::from_millis(1))).expect("turns");
            }
            panic!("seed {seed}: no {what}: {:?}", seen.calls());
        };
        until("connection_made");
        if seed.is_multiple_of(2) {
            while network.shutdown_write(&peer).is_err() {}
            until("read_connection_lost");
        }
        drop(peer);
        until("connection_lost");
        assert_eq!(seen.calls(), ["connection_made", "read_connection_lost", "connection_lost"]);
        seen.forget();
        drop(port);
        reactor.disconnect_all();
    }
}
