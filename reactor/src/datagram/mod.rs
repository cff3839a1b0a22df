//! A datagram port: UDP, groups, UNIX datagrams.
//!
//! ```text
//!                          start_protocol
//!   socket bound ── open ──────────────────► Open ── stop_listening, or a panic ──► Stopping
//!                                              │                                       │ a later turn
//!                                              └────────── the reactor stops ──────────▼
//!                                                                    stop_protocol ► Stopped
//! ```
//!
//! ```text
//!   port.rs        DatagramPort: opening, its place in the loop, closing
//!   receive.rs     from the socket to the protocol, in bounded numbers
//!   send.rs        from the protocol to the socket, gathered
//!   caution.rs     how the next call is cut after a refusal
//!   transport.rs   what a protocol sees of its port
//! ```
//!
//! # The life of a datagram
//!
//! The poll reports the socket; `ready` receives up to 32 packets in one call into the batch that all
//! ports share, and hands each datagram to the protocol where it lies. What the protocol sends meanwhile
//! is copied behind one another into a queue, also shared while it is empty. When the batch is through,
//! the queue is cut into runs, and one call sends up to 32 of them. What the socket does not take stays in
//! the port's own queue until the poll reports room.
//!
//! Invariant: an idle port owns no buffer, and no cell is borrowed while its protocol runs.

mod caution;
pub(crate) mod port;
mod receive;
mod send;
mod transport;
