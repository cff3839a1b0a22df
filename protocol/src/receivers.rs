//! Protocols whose bytes are lines, strings or pieces; Twisted's `twisted.protocols.basic` and
//! `twisted.protocols.stateful`.
//!
//! | Twisted | what you implement | what runs it | the decoder alone |
//! |---|---|---|---|
//! | `LineReceiver` | [`LineReceiver`] | [`LineProtocol`] | [`LineDecoder`] |
//! | `LineOnlyReceiver` | [`LineOnlyReceiver`] | [`LineOnlyProtocol`] | [`LineDecoder`] |
//! | `NetstringReceiver` | [`StringReceiver`] | [`NetstringProtocol`] | [`NetstringDecoder`] |
//! | `Int8StringReceiver` | [`StringReceiver`] | [`Int8StringProtocol`] | [`Int8Decoder`] |
//! | `Int16StringReceiver` | [`StringReceiver`] | [`Int16StringProtocol`] | [`Int16Decoder`] |
//! | `Int32StringReceiver` | [`StringReceiver`] | [`Int32StringProtocol`] | [`Int32Decoder`] |
//! | `StatefulStringProtocol` | [`StatefulStringReceiver`] | any of these four | |
//! | `StatefulProtocol` | [`StatefulReceiver`] | [`StatefulProtocol`] | [`ExactDecoder`] |
//!
//! A whole chat, but for its room:
//!
//! ```
//! # use ropewalk_protocol as protocol;
//! # use std::rc::Rc;
//! use protocol::receivers::{LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport};
//!
//! struct Guest { name: Option<String> }
//!
//! impl LineOnlyReceiver for Guest {
//!     fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
//!         let line = String::from_utf8_lossy(line).into_owned();
//!         match &self.name {
//!             None => self.name = Some(line),
//!             Some(name) => transport.send_line(format!("{name}: {line}").as_bytes()),
//!         }
//!     }
//! }
//!
//! let factory = LineOnlyProtocol::factory(|_peer| Guest { name: None }).into_rc();
//! # let _ = factory;
//! ```
//!
//! A frame is a part of what was read, so nothing is copied for it, unless it came in several reads. Each
//! kind has a limit on the length of a frame by default; a peer that passes it is told about, and loses its
//! connection.
//!
//! # Pausing, closing, and another protocol
//!
//! The transport that comes with each call, a [`ReceiverTransport`], stops between two frames: after
//! `pause_producing` the next frame waits for `resume_producing`, and after `lose_connection` there is none.
//! In raw mode it delivers all bytes as they are, those first that have arrived behind the frame, so that
//! another protocol can take over without a gap.
//!
//! Invariant: a receiver is called for a frame only while it is neither paused nor closed.

mod decoder;
mod exact_decoder;
mod int_decoder;
mod line;
mod line_decoder;
mod netstring_decoder;
mod partial;
mod protocol;
mod sending;
mod stateful;
mod string;
mod string_decoder;
mod transport;
mod waiting;

pub use decoder::Decoder;
pub use exact_decoder::ExactDecoder;
pub use int_decoder::{Int8Decoder, Int16Decoder, Int32Decoder, IntDecoder};
pub use line::{
    LineOnlyDecoder, LineOnlyProtocol, LineOnlyReceiver, LineOnlyTransport, LineProtocol,
    LineReceiver, LineTransport,
};
pub use line_decoder::{LineDecoder, LineLengthExceeded};
pub use netstring_decoder::NetstringDecoder;
pub use protocol::{FrameReceiver, ReceiverProtocol};
pub use stateful::{
    Stateful, StatefulProtocol, StatefulReceiver, StatefulString, StatefulStringReceiver,
    StatefulTransport,
};
pub use string::{
    Int8StringProtocol, Int16StringProtocol, Int32StringProtocol, NetstringProtocol, StringReceiver,
};
pub use string_decoder::{StringDecoder, StringError, StringHeader, StringTooLong};
pub use transport::ReceiverTransport;
