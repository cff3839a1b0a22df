//! Doubles for tests; Twisted's `proto_helpers`, `task.Clock` and `loopback`.
//!
//! They are ordinary implementations of the public traits, so a protocol cannot tell them from a
//! reactor, and no test needs to sleep or to open a port.
//!
//! | to test | take |
//! |---|---|
//! | what one protocol writes | [`StringTransport`] |
//! | what it does as time passes | [`Clock`] |
//! | two protocols that talk with each other | [`memory::Pair`] |
//! | factories and endpoints too | [`memory::Network`] |
//! | what looks names up | [`FakeResolver`] |
//! | how a transport treats its producer | [`StrictProducer`] as that producer |
//! | what reaches a protocol | [`Recorder`] as that protocol |
//! | what reaches a datagram protocol | [`DatagramRecorder`] as that protocol |
//! | what reaches a process protocol | [`ProcessRecorder`] as that protocol |

mod clock;
mod datagram_recorder;
mod fake_resolver;
pub mod memory;
mod process_recorder;
mod recorder;
mod strict_producer;
mod string_transport;

pub use clock::Clock;
pub use datagram_recorder::{DatagramRecord, DatagramRecorder, SeenDatagram};
pub use fake_resolver::FakeResolver;
pub use process_recorder::{ProcessRecord, ProcessRecorder, ProcessSeen};
pub use recorder::{Record, Recorder, Seen};
pub use strict_producer::{ProducerCall, StrictProducer};
pub use string_transport::{ProducerState, StringTransport};
