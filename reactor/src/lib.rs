//! Ropewalk's event loop: one thread that drives everything, on the kernel or in a seeded simulation; and
//! [`ReactorGroup`], several of them that share ports.
//!
//! A whole program, an echo server on a free port that stops itself:
//!
//! ```
//! use std::rc::Rc;
//! # use ropewalk_reactor as reactor;
//! use interfaces::{ListenTcp, Protocol, ReactorCore, ReactorTcp, Transport};
//! use ropewalk_reactor::Reactor;
//!
//! struct Echo;
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let reactor = Reactor::new()?;
//!     let options = ListenTcp::new(([127, 0, 0, 1], 0));
//!     let port = reactor.listen_tcp(&options, protocol::factory_fn(|_peer| Echo))?;
//!     println!("listening {}", port.host());
//!     let stopper = reactor.clone();
//!     reactor.call_when_running(Box::new(move || stopper.stop().expect("it runs")));
//!     reactor.run()?;
//!     Ok(())
//! }
//! ```
//!
//! # Promises
//!
//! - A turn has seven phases, always in the order that the module `turn` draws, each bounded.
//! - All that is written during one callback leaves in one system call when the callback returns. A
//!   write of 8 KiB or more with nothing queued goes out at once, from the caller's slice, together
//!   with what the callback wrote before it.
//! - The datagrams of one callback leave together, many in one system call; those that a full socket does
//!   not take wait in order, up to a limit, and every datagram that is dropped on this side is counted.
//! - `connection_lost` comes exactly once, on a later turn than the call that caused it.
//! - What the peer sent is delivered before the loss of its connection is told, also where sending failed
//!   first; a protocol that has paused its reading gets it when it resumes.
//! - A stream that is cut ends with a reset and never with a clean end, where the wire has a reset. A stop
//!   cuts none that takes its bytes within [`Limits::linger`].
//! - An idle connection owns no buffer, neither for reading nor for writing.
//! - A panic in a callback costs that connection only, if the program unwinds. With
//!   `panic = "abort"` it ends the process.
//!
//! # No promises
//!
//! - Which of two connections that are ready together is served first.
//! - That a timer fires at its time and not later: the wait below is in whole milliseconds, rounded
//!   up, so never early.
//! - Anything about descriptors that were given to the system by other means: an adopted socket that
//!   another process reads too shares its data with it.
//! - Byte-exact wake-ups around TCP's urgent data: a read that stops short at it waits for the next arrival,
//!   as with any edge-triggered loop that stops after a short read.
//!
//! # Portability
//!
//! It is built and tested on Linux; the kernel's side uses accept4(2), `SO_PEERCRED` and open-file locks.
//! Readiness is edge-triggered and may be spurious; the loop never relies on an event that says more
//! than "look again".
//!
//! # Map
//!
//! One line for each room; a room's own header tells the rest. `stream` tells the life of a message.
//!
//! ```text
//! group           several reactors on threads of their own, and the ports that they share
//! reactor         Reactor, Counts, Remote: the handles, which only forward; react: a program that is one future
//! capabilities    one file for each trait of `interfaces` that the reactor implements
//! run             the loop: the phases of a turn, and its life from start to stop
//! stream          a connection: state, reading, delivering, writing, closing
//! listen          ports: accepting in bounded numbers, and what to do without descriptors
//! connect         one connection attempt, TCP or UNIX
//! datagram        a datagram port: UDP, its groups, UNIX
//! process         a child process: its pipes or its terminal, its signals, its end
//! descriptor      pipes, terminals and files: queues, standard input and output; descriptors of others
//! core            what every tenant of a slot stands on, and no tenant: slots, foreign calls, clock, tasks
//! buffers         bytes on their way out
//! threads         the pool for blocking work, and the queue of calls from other threads
//! timers          the delayed calls in the order of their times
//! sys             the seam: what the reactor needs of a system, split by ability
//! kernel          the operating system, on mio and socket2
//! simulated       a network in memory that a seed drives
//! simulation      whole runs of a program on it: invariants, shrinking, replay, time lines
//! ```
//!
//! The arrows between them, which a test holds:
//!
//! ```text
//! capabilities → reactor → run → { stream, listen, connect, datagram, process, descriptor } → core → { buffers, threads, timers, sys }
//! listen, connect → stream;  process → descriptor;  buffers → sys
//! reactor → { kernel, simulated };  kernel, simulated → sys;  group → reactor;  simulation → reactor, simulated
//! nothing → run;  nothing → capabilities;  nothing → group
//! core ⇢ stream::Running: a slot holds a stream by value, so that a message meets no virtual call before its protocol
//! ```
//!
//! A new kind of transport is a room of its own whose type implements `core::tenant::Tenant`, and one
//! variant of its `Kind`. `Core` has methods in `core` alone; what a tenant does is a method of the
//! tenant's type and takes `&Core`. What threads share knows no core, so `core` gives work to `threads`
//! and the handle for other threads lies beside the reactor's.
#![deny(unsafe_code)]

mod group;
mod reactor;

mod capabilities;
mod run;

mod connect;
mod datagram;
mod descriptor;
mod listen;
mod process;
mod stream;

mod buffers;
mod core;
mod threads;
mod timers;

mod kernel;
pub mod simulated;
pub mod simulation;
pub mod sys;

pub use self::core::counts::Counts;
pub use self::core::limits::Limits;
pub use self::threads::thread_pool::{ThreadPool, ThreadPoolCounts};
pub use group::{GroupError, Member, ReactorGroup, Spread};
pub use kernel::standard_error::StandardError;
pub use kernel::{Kernel, KernelChild, KernelDatagramSocket, KernelDescriptor, KernelListener};
pub use reactor::{Reactor, Remote, SystemExit, WithThreadPool, react};
