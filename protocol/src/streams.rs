//! A connection as a pair of halves to be awaited, for a protocol that reads best as a loop; in Twisted such
//! a protocol is a state machine.
//!
//! ```
//! # use ropewalk_protocol as protocol;
//! use deferred::Failure;
//! use interfaces::StreamClientEndpoint;
//! use protocol::streams::{self, Incoming};
//! use protocol::testing::memory::Network;
//! # use deferred::TaskRunner;
//!
//! /// Sends each line back, until there is none.
//! async fn serve(mut incoming: Incoming) -> Result<(), Failure> {
//!     let (mut reader, mut writer) = incoming.accept().await;
//!     while let Ok(line) = reader.read_until(b"\n", 1024).await {
//!         writer.write(&line).await?;
//!     }
//!     writer.close().await?;
//!     Ok(())
//! }
//!
//! async fn ask(endpoint: impl StreamClientEndpoint) -> Result<Vec<u8>, Failure> {
//!     let (mut reader, mut writer) = streams::connect(&endpoint).await?;
//!     writer.write(b"is anybody there?\n").await?;
//!     writer.close().await?;
//!     Ok(reader.read_exactly(18).await?)
//! }
//!
//! # let network = Network::new();
//! # let incoming = streams::listen(&network.server("echo")).try_into_result().ok().unwrap().unwrap();
//! # let (tasks, client) = (TaskRunner::new(), network.client("echo"));
//! # let served = tasks.spawn(serve(incoming));
//! # let asked = tasks.spawn(ask(client));
//! # for _ in 0..20 { network.flush(); tasks.run(); }
//! # assert_eq!(asked.try_into_result().ok().unwrap().unwrap(), b"is anybody there?\n");
//! # served.try_into_result().ok().unwrap().unwrap();
//! ```
//!
//! # Promises
//!
//! - Bytes that are not read stay on the way: above a water mark the transport is paused. So a half holds no more
//!   than that mark and one read, or what a single call asks for.
//! - A write waits while the transport has more unsent bytes than its water mark.
//! - A read that is dropped before it is done takes nothing.
//! - The drop of the last half aborts the connection, unless the writing half was closed.
//!
//! Invariant: no waker is woken, cloned or dropped with anything borrowed.

mod byte_buffer;
mod incoming;
mod read_half;
mod shared;
mod stream_error;
mod stream_protocol;
mod write_half;

#[cfg(feature = "futures-io")]
mod futures_io;

use alloc::rc::Rc;

use deferred::Deferred;
use interfaces::StreamClientEndpoint;

pub use incoming::{Incoming, listen};
pub use read_half::ReadHalf;
pub use stream_error::StreamError;
pub use write_half::WriteHalf;

use shared::StreamShared;
use stream_protocol::StreamProtocol;

use crate::connect_protocol;

/// Connects. Fires with the two halves of the connection; cancelling gives the attempt up.
///
/// # Errors
///
/// What [`connect`](StreamClientEndpoint::connect) fails with.
pub fn connect(endpoint: &dyn StreamClientEndpoint) -> Deferred<(ReadHalf, WriteHalf)> {
    let shared = Rc::new(StreamShared::default());
    // They are there from the beginning: where the attempt is given up, their drop aborts it.
    let halves = halves(&shared);
    let connected = connect_protocol(endpoint, StreamProtocol::new(shared, None));
    connected.add_callback(move |_protocol| Ok(halves))
}

fn halves(shared: &Rc<StreamShared>) -> (ReadHalf, WriteHalf) {
    (ReadHalf::new(shared.clone()), WriteHalf::new(shared.clone()))
}
