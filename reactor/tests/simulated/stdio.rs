//! Standard input and output in the simulation, under seeds: slow programs at the other ends, ones that die in
//! the middle, ones that never read.

use std::time::Duration;

use interfaces::{ReactorStdio as _, Reason};
use protocol::ProtocolRef;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::simulated::{Faults, Script, Simulated};
use ropewalk_reactor::{Counts, Limits, Reactor};
use testkit::pattern;

const SEEDS: u64 = 40;

/// More turns than any of these tests needs.
const TURNS_MAX: usize = 200_000;

/// A connection over standard input and output, with a program at the other ends.
struct Scene {
    network: Simulated,
    reactor: Reactor<Simulated>,
    seen: Record,
}

impl Scene {
    fn open(seed: u64, script: Script, hooks: impl FnOnce(Recorder) -> Recorder) -> Self {
        let network = Simulated::new(seed);
        network.set_faults(Faults::harmless());
        network.connect_stdio(script);
        let limits = Limits::default().with_read_buffer_bytes(500).with_reads_per_turn(3);
        let reactor = Reactor::on(network.clone(), limits);
        let seen = Record::new();
        reactor.open_stdio(ProtocolRef::new(hooks(Recorder::new(&seen))).as_deliver()).unwrap();
        Self { network, reactor, seen }
    }

    fn turn_until(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..TURNS_MAX {
            if done() {
                return;
            }
            self.reactor.turn(Some(Duration::from_secs(1))).unwrap();
        }
        panic!("waited in vain until {what}; {:?} {:?}", self.reactor, self.network);
    }

    /// Turns until the connection is lost and the program has ended, and nothing is left.
    fn end(&self) -> Reason {
        self.turn_until("the connection is lost", || self.seen.lost().is_some());
        self.turn_until("the program ended", || self.network.carried() == Default::default());
        assert_eq!(self.reactor.counts(), Counts::default());
        self.seen.lost().unwrap()
    }
}

#[test]
fn a_slow_program_gets_every_byte_and_its_answer_comes_back() {
    for seed in 0..SEEDS {
        let slow = Duration::ZERO..=Duration::from_millis(1 + seed * 3);
        let data = pattern(seed, 100_000);
        let written = data.clone();
        let scene = Scene::open(seed, Script::new().paced(slow).echo(), |recorder| {
            let recorder = recorder.on_made(move |transport| {
                transport.write(&written);
                transport.as_half_closeable().unwrap().lose_write_connection();
            });
            recorder.on_read_lost(|transport| transport.lose_connection())
        });
        assert!(scene.end().is_clean(), "seed {seed}");
        assert!(scene.seen.received() == data, "seed {seed}");
    }
}

#[test]
fn what_a_program_wrote_before_it_dies_is_delivered_before_the_end() {
    for seed in 0..SEEDS {
        let data = pattern(seed, 90_000);
        let script = Script::new().write(1, data.clone()).die(libc::SIGSEGV);
        let scene = Scene::open(seed, script, |recorder| recorder.half_closeable());
        scene.turn_until("the input ended", || scene.seen.count("read_connection_lost") == 1);
        assert!(scene.seen.received() == data, "seed {seed}");
        let transport = scene.seen.transport();
        transport.write(b"nobody reads this");
        transport.lose_connection();
        scene.end();
    }
}

#[test]
fn a_reader_that_is_gone_is_told_without_a_write() {
    for seed in 0..SEEDS {
        let hour = Duration::from_secs(3600);
        let script = Script::new().read(4).close(0).sleep(hour);
        let scene = Scene::open(seed, script, |recorder| {
            recorder.on_made(|transport| transport.write(b"word"))
        });
        scene.turn_until("it was told", || scene.seen.lost().is_some());
        assert!(matches!(scene.seen.lost(), Some(Reason::Lost(_))), "seed {seed}");
        assert_eq!(scene.reactor.counts(), Counts::default());
    }
}

#[test]
fn a_program_that_never_reads_costs_bounded_memory_and_can_be_left() {
    for seed in 0..SEEDS {
        let hour = Duration::from_secs(3600);
        let scene = Scene::open(seed, Script::new().sleep(hour), |recorder| {
            recorder.on_made(|transport| {
                let limits = interfaces::BufferLimits::default().with_cap(300_000);
                transport.set_buffer_limits(limits);
            })
        });
        scene.turn_until("it has begun", || scene.seen.count("connection_made") == 1);
        for _ in 0..10 {
            scene.seen.transport().write(&[0; 50_000]);
            scene.reactor.turn(Some(Duration::ZERO)).unwrap();
        }
        scene.turn_until("it was given up", || scene.seen.lost().is_some());
        let cap = Reason::WriteBufferExceeded { cap: 300_000 };
        assert_eq!(scene.seen.lost().map(|it| it.to_string()), Some(cap.to_string()));
        assert_eq!(scene.reactor.counts(), Counts::default());
        let scene = Scene::open(seed, Script::new().sleep(hour), |recorder| recorder);
        scene.turn_until("it has begun", || scene.seen.count("connection_made") == 1);
        scene.seen.transport().write(&[0; 100_000]);
        scene.seen.transport().abort_connection();
        scene.turn_until("it is lost", || scene.seen.lost().is_some());
        assert!(matches!(scene.seen.lost(), Some(Reason::Aborted)), "seed {seed}");
    }
}

#[test]
fn the_streams_are_taken_over_once_and_need_a_program() {
    let network = Simulated::new(1);
    let reactor = Reactor::on(network.clone(), Limits::default());
    let open = || {
        let seen = Record::new();
        reactor.open_stdio(ProtocolRef::new(Recorder::new(&seen)).as_deliver())
    };
    let closed = open().unwrap_err();
    assert_eq!((closed.direction, closed.source.raw_os_error()), ("input", libc::EBADF));
    network.connect_stdio(Script::new().echo());
    network.connect_stdio(Script::new().echo());
    assert_eq!(
        (network.carried().pipes, network.carried().streams),
        (2, 0),
        "the first are closed"
    );
    open().unwrap();
    assert!(open().is_err());
    drop(reactor);
    assert_eq!(network.carried().pipes, 0);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let hash = |seed| {
        let scene = Scene::open(seed, Script::new().echo(), |recorder| {
            recorder.on_made(|transport| {
                transport.write(&pattern(1, 50_000));
                transport.lose_connection();
            })
        });
        scene.end();
        scene.network.trace_hash()
    };
    let hashes: Vec<u64> = (0..6).map(hash).collect();
    assert_eq!((0..6).map(hash).collect::<Vec<_>>(), hashes);
    assert_ne!(hashes[0], hashes[1]);
}
