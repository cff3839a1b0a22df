//! A group of reactors, each on a thread of its own, that share ports; Netty's `EventLoopGroup`.
//!
//! ```text
//!   thread of member 0                                     thread of member 1
//!   Port ── accept4 ── Handing: the fewest connections? ── Inbox ──▶ JoinedPort
//!                         └── here: its own factory                     └── its own factory
//!
//!   runner.rs         ReactorGroup: starts the threads, joins them, reports the first error
//!   pinned.rs         a thread that runs on one core
//!   start_line.rs     no member begins before all have a reactor
//!   member.rs         Member: what the program of one thread holds
//!   capabilities.rs   what a member can do, as `interfaces` has it
//!   ports.rs          who listens first opens the port, the others join it
//!   shared_port.rs    a port of several members, and which of them gets the next connection
//!   handing.rs · inbox.rs · joined_port.rs    the way of a connection to another member
//!   on_the_way.rs     the number of those that are on it
//!   shared.rs         what the threads share: handles, loads, ports, the first error
//!   sent_address.rs   an address that goes from thread to thread
//! ```
//!
//! Invariant: what threads share is touched when a connection begins or ends, and never by a message.

mod capabilities;
mod group_error;
mod handing;
mod inbox;
mod joined_port;
mod member;
mod on_the_way;
mod pinned;
mod ports;
mod runner;
mod sent_address;
mod shared;
mod shared_port;
mod start_line;

pub use group_error::GroupError;
pub use member::Member;
pub use runner::{ReactorGroup, Spread};
