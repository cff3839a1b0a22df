//! A simulator for programs: runs real protocols, factories, services and timers on a
//! [simulated network](crate::simulated), and shrinks what goes wrong.
//!
//! A test sets a program up on the reactor of a [`SimulatedWorld`]. The run goes on until nothing happens any
//! more; then the reactor is stopped, and nothing may be left. [`simulate_seeds`] does that once for each seed.
//!
//! # A server with a bug
//!
//! Its requests are four bytes each, and it answers each with the same four. Where two requests come in one read,
//! the second is forgotten:
//!
//! ```
//! use std::net::SocketAddr;
//! use std::rc::Rc;
//! use std::time::Duration;
//!
//! use deferred::{Cancelled, Deferred, Promise};
//! use interfaces::{ConnectTcp, ListenTcp, Protocol, Reason, ReactorTcp, Transport};
//! use ropewalk_reactor::simulated::Faults;
//! use ropewalk_reactor::simulation::{SimulatedWorld, Simulation};
//!
//! #[derive(Default)]
//! struct Server { pending: Vec<u8> }
//!
//! impl Protocol for Server {
//!     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
//!         self.pending.extend(data);
//!         if self.pending.len() >= 4 {
//!             transport.write(&self.pending[..4]);
//!             self.pending.drain(..self.pending.len() / 4 * 4); // the bug
//!         }
//!     }
//! }
//!
//! struct Client { world: SimulatedWorld, requests: usize, answered: usize, done: Option<Promise<()>> }
//!
//! impl Protocol for Client {
//!     fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
//!         for _ in 0..self.requests {
//!             let transport = transport.clone();
//!             let delay = self.world.delay(Duration::from_millis(5));
//!             self.world.reactor().call_later(delay, move || transport.write(b"ping"));
//!         }
//!     }
//!
//!     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
//!         self.answered += data.len();
//!         if self.answered == self.requests * 4 {
//!             self.done.take().unwrap().callback(());
//!             transport.lose_connection();
//!         }
//!     }
//!
//!     fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
//!         if let Some(done) = self.done.take() {
//!             done.errback(Cancelled);
//!         }
//!     }
//! }
//!
//! fn conversation(world: &SimulatedWorld) {
//!     world.network().set_faults(Faults::harmless()); // this program does not come back after a reset
//!     let address: SocketAddr = "127.0.0.1:4000".parse().unwrap();
//!     let servers = protocol::factory_fn(|_| Server::default());
//!     world.reactor().listen_tcp(&ListenTcp::new(address), world.checked(servers)).unwrap();
//!
//!     let (answered, promise) = Deferred::<()>::new();
//!     drop(world.must_fire("every request is answered", answered));
//!     let (requests, done, of_client) = (1 + world.choose(4), promise.into(), world.clone());
//!     let done = std::cell::RefCell::<Option<_>>::new(done);
//!     let clients = protocol::factory_fn(move |_| {
//!         Client { world: of_client.clone(), requests, answered: 0, done: done.take() }
//!     });
//!     drop(world.reactor().connect_tcp(&ConnectTcp::new(address), world.checked(clients)));
//! }
//!
//! let failure = Simulation::new().run(0..1000, conversation).unwrap_err();
//! assert!(failure.what().starts_with("every request is answered"), "{failure}");
//! assert_eq!(failure.token().choices(), Some(1), "{failure}");
//! ```
//!
//! In a test of one's own the last lines are `simulate_seeds(0..1000, conversation)`, which panics with the report:
//!
//! ```text
//! a simulated run failed: every request is answered: the Deferred has not fired, and nothing happens any more
//! at 0.061 ms of the network's time, in the run 1
//!
//! Run it again, shrunk in 34 runs:
//!   ROPEWALK_SEED=1:test.0=1 cargo test
//!
//! It needs these choices, of all that the seed draws:
//!   test, number 0: 1
//!
//! The sockets at that moment:
//! Proto Recv-Q Send-Q Local Address           Foreign Address         State
//! tcp        0      0 127.0.0.1:4000          *                       LISTEN
//! tcp        0      0 127.0.0.1:49152         127.0.0.1:4000          ESTABLISHED
//! tcp        0      0 127.0.0.1:4000          127.0.0.1:49152         ESTABLISHED
//!
//! The connection that was used last:
//!           ms  127.0.0.1:49152                   127.0.0.1:4000
//!        0.030  send 8
//!        0.030    8 bytes leave
//!        0.045                                      8 bytes arrive
//!        0.045                                    recv 8
//!        0.045                                    send 4
//!        0.045                                      4 bytes leave
//!        0.060    4 bytes arrive
//!        0.060  recv 4
//! ```
//!
//! Of hundreds of choices that the seed drew one is left: two requests instead of one. The time line shows that they
//! left together, and that four bytes came back.
//!
//! # Choices
//!
//! Every [`ChoiceKind`](crate::simulated::ChoiceKind) of the network is drawn from the seed: latency, the sizes of buffers
//! and segments, the order of reports, and the [`Faults`](crate::simulated::Faults). So is what the test draws
//! itself ([`choose`](SimulatedWorld::choose), [`delay`](SimulatedWorld::delay)), and when and in which order work
//! on other threads ends, which the network does by itself, on the reactor's thread. Some faults a test
//! makes at its own times: [partitions](crate::simulated::Simulated::partition_addresses),
//! [black holes](crate::simulated::Simulated::black_hole), a
//! [limit of descriptors](crate::simulated::Simulated::limit_descriptors); a slow reader is a small
//! [`Links::buffer`](crate::simulated::Links::buffer) and a protocol that pauses.
//!
//! Time is counted, never waited for. The run ends when nothing is under way, or after an
//! [hour](SimulatedWorld::stop_after) of the network's time.
//!
//! # Invariants
//!
//! | invariant | how |
//! |---|---|
//! | no callback panics, no error stays unhandled | always; [`allow_unhandled`](SimulatedWorld::allow_unhandled) |
//! | nothing but ports is open when nothing happens any more | always; [`allow_open`](SimulatedWorld::allow_open) |
//! | after the stop the reactor and the network are empty | always |
//! | `connection_made` first, `connection_lost` once and last, no protocol outlives the run | [`checked`](SimulatedWorld::checked) |
//! | a Deferred fires or is cancelled | [`must_fire`](SimulatedWorld::must_fire) |
//! | no byte is lost, doubled or reordered before a clean close | [`byte_stream`](SimulatedWorld::byte_stream) |
//! | one's own | [`always`](SimulatedWorld::always), [`at_end`](SimulatedWorld::at_end), [`fail`](SimulatedWorld::fail) |
//!
//! # Tokens
//!
//! A run is named by a [`RunToken`]: a seed, or a seed with the choices that are kept of it; the others have their
//! plain answers. `ROPEWALK_SEED=TOKEN cargo test NAME` runs that one alone, and `ROPEWALK_RUNS=N cargo test NAME` N
//! seeds instead of the test's own number. The token of the run that is on is in a file NAME.token, for a run that
//! ends the process, and the time line of a failure in NAME.svg; the folder is `ropewalk-simulation` below that for
//! temporary files, or the one that `ROPEWALK_SIMULATION` names.
//!
//! # Determinism
//!
//! A test that asks the real clock, iterates over a `HashMap` or draws random numbers differs from run to run, and
//! then a token leads nowhere. [`Simulation::twice`] finds that: it stops at the first call in which two runs of one
//! seed differ. Random numbers follow from [`seed`](SimulatedWorld::seed): those of TLS, and its time, by
//! `seeded_provider` and `FixedTime` of the crate tls (feature `testing`), those of a client that comes back by
//! its policy's `with_jitter`, and the order of a `HashMap` by a hasher without a seed, or a `BTreeMap`.
//! [`CleanRuns::trace`] is the same in each build; a test may pin it.
//!
//! Invariant: a run is a function of its token and of the test.

mod barrier;
mod byte_stream;
mod checked;
mod hooks;
mod report;
mod run;
mod seeds;
mod shrink;
mod time_line;
mod token;
mod world;

pub use barrier::Barrier;
pub use byte_stream::ByteStream;
pub use report::SimulationFailure;
pub use seeds::{CleanRuns, Simulation, simulate, simulate_seeds};
pub use token::{RunToken, TokenError};
pub use world::SimulatedWorld;
