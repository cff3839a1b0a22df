//! Events of mio as [`Report`]s, and [`Watch`] as an interest of mio.
//!
//! Invariant: an error counts as readable, as writable and as the peer's end, so that whichever
//! operation comes next fetches it.

use mio::Interest;

use crate::sys::{Ready, Report, Token, Watch};

pub(super) fn interest(watch: Watch) -> Interest {
    match watch {
        Watch::Reading => Interest::READABLE,
        Watch::Both => Interest::READABLE | Interest::WRITABLE,
    }
}

impl Report for &mio::event::Event {
    #[inline]
    fn token(&self) -> Token {
        Token(mio::event::Event::token(self).0)
    }

    #[inline]
    fn brings_bytes(&self) -> bool {
        // Without short cuts, it is one look at the bits.
        self.is_readable() & !self.is_read_closed() & !self.is_error()
    }

    fn ready(&self) -> Ready {
        Ready {
            token: Report::token(self),
            readable: self.is_readable() | self.is_error(),
            read_closed: self.is_read_closed() | self.is_error(),
            writable: self.is_writable() | self.is_write_closed() | self.is_error(),
        }
    }
}
