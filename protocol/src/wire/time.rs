//! Time (RFC 868): the seconds since 1900 as four bytes; Twisted's `wire.Time`.
//!
//! Invariant: four bytes are sent, and the connection closed.

use alloc::rc::Rc;
use core::time::Duration;

use interfaces::{Protocol, Transport};

/// From 1 January 1900 to 1 January 1970, in seconds; RFC 868 has this number.
const FROM_1900_TO_1970: u64 = 2_208_988_800;

/// Sends the time in network order and closes. What the peer sends is thrown away. The number begins
/// again on 7 February 2036.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    since_1970: Duration,
}

impl Time {
    /// The server of a connection that is made at this time since 1970, in UTC.
    pub fn at(since_1970: Duration) -> Self {
        Self { since_1970 }
    }

    /// The server of a connection that is made now, by the system's clock.
    #[cfg(feature = "std")]
    pub fn now() -> Self {
        Self::at(super::daytime::system_time())
    }
}

impl Protocol for Time {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        // The RFC's number is the lower half.
        let seconds = self.since_1970.as_secs().wrapping_add(FROM_1900_TO_1970) as u32;
        transport.write(&seconds.to_be_bytes());
        transport.lose_connection();
    }

    fn data_received(&mut self, _transport: &Rc<dyn Transport>, _data: &[u8]) {}
}
