//! The page of the module `simulation` shows what the simulator prints.
//!
//! Invariant: the program here is the one of the page.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use deferred::{Cancelled, Deferred, Promise};
use interfaces::{ConnectTcp, ListenTcp, Protocol, ReactorTcp, Reason, Transport};
use ropewalk_reactor::simulated::Faults;
use ropewalk_reactor::simulation::{RunToken, SimulatedWorld, Simulation};

/// Whether the server forgets the second of two requests that share a read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Buggy,
    Repaired,
}

struct Server {
    version: Version,
    pending: Vec<u8>,
}

impl Protocol for Server {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.pending.extend(data);
        let whole = self.pending.len() / 4 * 4;
        let answered = if self.version == Version::Buggy { whole.min(4) } else { whole };
        transport.write(&self.pending[..answered]);
        self.pending.drain(..whole);
    }
}

struct Client {
    world: SimulatedWorld,
    requests: usize,
    answered: usize,
    done: Option<Promise<()>>,
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        for _ in 0..self.requests {
            let transport = transport.clone();
            let delay = self.world.delay(Duration::from_millis(5));
            self.world.reactor().call_later(delay, move || transport.write(b"ping"));
        }
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.answered += data.len();
        if self.answered == self.requests * 4 {
            self.done.take().unwrap().callback(());
            transport.lose_connection();
        }
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
        if let Some(done) = self.done.take() {
            done.errback(Cancelled);
        }
    }
}

fn conversation(world: &SimulatedWorld, version: Version) {
    world.network().set_faults(Faults::harmless());
    let address: SocketAddr = "127.0.0.1:4000".parse().unwrap();
    let servers = protocol::factory_fn(move |_| Server { version, pending: Vec::new() });
    world.reactor().listen_tcp(&ListenTcp::new(address), world.checked(servers)).unwrap();
    let (answered, promise) = Deferred::<()>::new();
    drop(world.must_fire("every request is answered", answered));
    let (requests, done, of_client) = (1 + world.choose(4), Some(promise), world.clone());
    let done = RefCell::new(done);
    let clients = protocol::factory_fn(move |_| {
        let (world, done) = (of_client.clone(), done.take());
        Client { world, requests, answered: 0, done }
    });
    drop(world.reactor().connect_tcp(&ConnectTcp::new(address), world.checked(clients)));
}

fn buggy(world: &SimulatedWorld) {
    conversation(world, Version::Buggy);
}

#[test]
fn a_lost_reply_is_found_in_a_second_and_shrunk_and_the_page_shows_the_report() {
    let began = Instant::now();
    let failure = Simulation::new().run(0..1000, buggy).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(failure.token().choices(), Some(1), "{failure}");
    let page = include_str!("../../src/simulation/mod.rs");
    let text = page.lines().map(|line| line.trim_start_matches("//!"));
    let shown = text.skip_while(|line| *line != " ```text").skip(1);
    let shown: Vec<_> = shown.take_while(|line| *line != " ```").collect();
    let printed = failure.to_string();
    let mut printed = printed.lines();
    for line in &shown {
        let line = line.strip_prefix(' ').unwrap_or(line);
        let next = printed.next().unwrap_or_default();
        assert!(next.starts_with(line), "the page has {line:?}, and it is {next:?}");
    }
    assert!(shown.len() > 20);
}

#[test]
fn a_shrunk_run_fails_again_by_its_token_alone() {
    let failure = Simulation::new().run(0..1000, buggy).unwrap_err();
    let token: RunToken = failure.token().to_string().parse().unwrap();
    let again = Simulation::new().run_token(&token, buggy).unwrap_err();
    assert_eq!(again.what(), failure.what());
    assert_eq!(again.time_line(), failure.time_line());
    assert!(failure.time_line_svg().starts_with("<svg"));
    assert!(failure.time_line_svg().contains("8 bytes"));
}

#[test]
fn the_repaired_server_passes_the_same_test_twice() {
    let repaired = |world: &SimulatedWorld| conversation(world, Version::Repaired);
    let clean = Simulation::new().twice().run(0..300, repaired).unwrap();
    assert_eq!(clean.runs, 300);
    assert!(clean.faults.lives() == 300);
}

#[test]
fn three_times_as_many_clean_runs_are_wanted_as_it_took_to_find_the_bug() {
    let failure = Simulation::new().after(99).run(1..1000, buggy).unwrap_err();
    assert_eq!(failure.clean_runs_wanted(), 300);
    assert!(failure.to_string().ends_with("300 clean runs are wanted."), "{failure}");
}
