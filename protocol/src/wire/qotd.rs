//! Quote of the day (RFC 865): one short text; Twisted's `wire.QOTD`.
//!
//! Invariant: one text is sent, and the connection closed.

use alloc::borrow::Cow;
use alloc::rc::Rc;

use interfaces::{Protocol, Transport};

/// Sends a text and closes. What the peer sends is thrown away.
#[derive(Clone, Debug)]
pub struct Qotd {
    quote: Cow<'static, str>,
}

impl Qotd {
    /// Sends this text and a line end. The RFC wants at most 512 characters.
    pub fn new(quote: impl Into<Cow<'static, str>>) -> Self {
        Self { quote: quote.into() }
    }
}

/// Twisted's quote.
impl Default for Qotd {
    fn default() -> Self {
        Self::new("An apple a day keeps the doctor away.")
    }
}

impl Protocol for Qotd {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(self.quote.as_bytes());
        transport.write(b"\r\n");
        transport.lose_connection();
    }

    fn data_received(&mut self, _transport: &Rc<dyn Transport>, _data: &[u8]) {}
}
