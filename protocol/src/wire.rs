//! Small protocols of the first days of the Internet, each a whole server; Twisted's
//! `twisted.protocols.wire`, `finger` and `ident`.
//!
//! | protocol | RFC | Twisted | here |
//! |---|---|---|---|
//! | echo | 862 | `wire.Echo` | [`Echo`] |
//! | discard | 863 | `wire.Discard` | [`Discard`] |
//! | character generator | 864 | `wire.Chargen` | [`Chargen`] |
//! | quote of the day | 865 | `wire.QOTD` | [`Qotd`] |
//! | daytime | 867 | `wire.Daytime` | [`Daytime`] |
//! | time | 868 | `wire.Time` | [`Time`] |
//! | finger | 1288 | the finger tutorial | [`FingerFactory`] |
//! | identification | 1413 | `ident.IdentServer`, `IdentClient` | [`IdentFactory`], [`ident_lookup`] |
//!
//! ```
//! # use ropewalk_protocol as protocol;
//! use protocol::testing::memory::Network;
//! use protocol::testing::{Record, Recorder};
//! use protocol::wire::Qotd;
//! use protocol::{connect_protocol, factory_fn};
//! use interfaces::StreamServerEndpoint as _;
//!
//! let network = Network::new(); // a program's are endpoints of its registry
//! let _port = network.server("quotes").listen(factory_fn(|_| Qotd::default()));
//! let record = Record::new();
//! let _client = connect_protocol(&network.client("quotes"), Recorder::new(&record));
//! network.flush();
//! assert_eq!(record.received(), b"An apple a day keeps the doctor away.\r\n");
//! ```
//!
//! Invariant: none of them holds more bytes for a peer than its transport's high-water mark and
//! one read.

mod chargen;
mod date;
mod daytime;
mod discard;
mod echo;
mod finger;
mod ident;
mod qotd;
mod request_line;
mod time;

pub use chargen::Chargen;
pub use date::Date;
pub use daytime::Daytime;
pub use discard::Discard;
pub use echo::Echo;
pub use finger::{FingerFactory, FingerRequest};
pub use ident::{IdentError, IdentFactory, IdentQuery, IdentUser, ident_lookup};
pub use qotd::Qotd;
pub use time::Time;
