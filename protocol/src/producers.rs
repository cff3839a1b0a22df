//! Sources of bytes for transports, and joints between sources and transports; Twisted's
//! `protocols.basic.FileSender` and `protocols.pcp`.
//!
//! | Twisted | here |
//! |---|---|
//! | `FileSender` | [`FileSender`] |
//! | `BasicProducerConsumerProxy` | [`BasicProducerConsumerProxy`] |
//! | `ProducerConsumerProxy` | [`ProducerConsumerProxy`] |
//! | `IConsumer`, `IFinishableConsumer` | [`Consumer`] |
//!
//! ```
//! # use ropewalk_protocol as protocol;
//! # use std::rc::Rc;
//! use interfaces::Transport;
//! use protocol::producers::FileSender;
//!
//! fn send(transport: &Rc<dyn Transport>, page: Vec<u8>) {
//!     let sent = FileSender::new(bytes(page)).begin(transport.clone());
//!     let transport = transport.clone();
//!     sent.add_callback(move |_last| Ok(transport.lose_connection()));
//! }
//!
//! /// A file, as `std::fs::File` is with the feature `std`: `FileSender::of(file)`.
//! fn bytes(page: Vec<u8>) -> impl FnMut(&mut [u8]) -> Result<usize, deferred::Failure> {
//!     let mut at = 0;
//!     move |buffer| {
//!         let count = buffer.len().min(page.len() - at);
//!         buffer[..count].copy_from_slice(&page[at..at + count]);
//!         at += count;
//!         Ok(count)
//!     }
//! }
//! # let transport = protocol::testing::StringTransport::new();
//! # send(&transport.as_transport(), b"hello".to_vec());
//! # assert_eq!(transport.value(), b"hello");
//! ```
//!
//! Invariant: nothing is called with anything borrowed, and nothing is called after it was stopped.

mod basic_proxy;
mod consumer;
mod file_sender;
mod proxy;

pub use basic_proxy::BasicProducerConsumerProxy;
pub use consumer::Consumer;
pub use file_sender::{FileSender, TransferStopped};
pub use proxy::{ProducerConsumerProxy, ProxyOptions};
