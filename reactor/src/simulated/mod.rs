//! A network in memory that a seed drives: the second implementation of [`StreamSys`](crate::sys::StreamSys).
//!
//! Twisted has no counterpart; its `MemoryReactor` records calls and moves no byte. Invariant: every
//! result follows from the seed and from the calls made: no wall clock, no memory address, no hash map's
//! order. So a run that fails is repeated by its seed. (Other threads are the exception: they decide how
//! long a [`ClockHold`] lasts.)
//!
//! # The clock
//!
//! It moves in [`poll`](crate::sys::Sys::poll) alone: with nothing ready it jumps to the next event of
//! the network or to the end of the timeout, whichever is first. Where there is neither, no event can
//! ever come, and the result is an error of kind [`Deadlock`](std::io::ErrorKind::Deadlock) instead of a
//! wait without end.
//!
//! # A connection's life
//!
//! ```text
//!  client's end                                   server's end
//!
//!  Opening ──────────── SYN ───────────▶ no listener: RST back ─────▶ Broken (ECONNREFUSED)
//!     │                                  backlog full: SYN lost, sent again after 1, 3, 7… s
//!     │                                  else: Established, in the listener's queue
//!     │◀──────────── SYN+ACK ───────────────┘        │ accept            │ listener closed
//!     ▼                                              ▼                   ▼
//!  Established ◀══════ segments, in order ══════▶ held by the program    RST
//!     │      │ shutdown: FIN after the data
//!     │      ▼
//!     │   half closed: the other direction goes on
//!     │
//!     ├─ dropped: FIN after the data, or RST if something unread or `reset_on_close`
//!     ├─ segment for an end that is gone: RST back
//!     ├─ reset fault: both ends
//!     ▼
//!  Broken: arrived bytes are still read, then ECONNRESET once, then the end of file
//! ```
//!
//! Each direction is a pipe: the sender's buffer, segments under way, the receiver's buffer; both
//! buffers are bounded. The answers are Linux's (tcp(7), unix(7)), down to which of an end of file
//! and an error comes first. A UNIX connection is established at once, has no RST but for unread data,
//! and answers `EPIPE` as soon as the peer is gone.
//!
//! # Datagrams
//!
//! UDP datagrams are lost, doubled and overtaken as the [`Faults`] say, and a socket whose queue is full
//! drops them. Those of UNIX sockets arrive at once, in order. One interface carries groups: `lo`, number
//! 1. The whole way is drawn in `datagram_flight`.
//!
//! # Children
//!
//! A program that is [installed](Simulated::install) is a [`Script`]: it writes, reads, sleeps, closes and
//! dies as that says, at a pace and in pieces that are drawn. Its pipes hold 64 KiB. Of the options of a
//! spawn its descriptors count, and of those the pipes and the terminal. A program may also be at the other
//! ends of [standard input and output](Simulated::connect_stdio).
//!
//! # Not simulated
//!
//! File permissions, `TIME_WAIT`, out-of-band data, `SO_REUSEPORT` (an address has one listener), network
//! devices but `lo`, and other machines: every address is this machine's,
//! unless it is a [black hole](Simulated::black_hole).

mod descriptors;
mod look_ups;
mod network;
mod outside;
mod poll;
mod processes;
mod ready;
mod sockets;
mod stdio;
mod streams;

mod datagram_flight;
mod datagram_names;
mod datagram_socket;
mod datagrams;

mod accepting;
mod child_calls;
mod children;
mod closing;
mod connecting;
mod options;
mod partition;
pub(crate) mod recording;
mod transfer;
mod works;
mod world;

mod beside;
mod connection;
mod edge;
mod ids;
mod listener;
mod names;
mod parts;
pub(crate) mod pipe;
mod script;
mod table;

mod chance;
pub(crate) mod choices;
mod clock;
mod faults;
mod kind;
mod links;
mod met;
mod nanos;
mod system_call;
pub(crate) mod trace;

pub use chance::Chance;
pub use datagrams::SimulatedDatagramSocket;
pub use descriptors::SimulatedDescriptor;
pub use faults::Faults;
pub use kind::ChoiceKind;
pub use links::Links;
pub use met::FaultCounts;
pub use names::Leftover;
pub use network::{Carried, Simulated};
pub use outside::ClockHold;
pub use processes::SimulatedChild;
pub use script::Script;
pub use sockets::{SimulatedListener, SimulatedStream};
