//! [`SniPreread`]: reads the ClientHello of a connection, and leaves it to the protocol.
//!
//! Invariant: the protocol gets all the bytes of the peer, unchanged.

use alloc::vec::Vec;
use core::cell::{OnceCell, RefCell};
use core::time::Duration;

use interfaces::{Address, Query, Transport};

use super::{ClientHello, ClientHelloParser, Hello, SniRefusal};
use crate::preread::{Preread, Step};

/// The first bytes of one connection.
pub(super) struct SniPreread {
    parser: RefCell<ClientHelloParser>,
    /// What the connection begins with, when it is known.
    begins: OnceCell<Option<ClientHello>>,
}

/// The answer of a connection that was read and does not begin with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTls;

impl Preread for SniPreread {
    /// The time that a ClientHello has.
    type Options = Duration;
    type Refusal = SniRefusal;
    const NAME: &'static str = "SNI";

    fn new(_: &Duration) -> Self {
        Self { parser: RefCell::default(), begins: OnceCell::new() }
    }

    fn time_limit(options: &Duration) -> Duration {
        *options
    }

    fn admit(_: &Duration, _: &Address) -> Result<(), SniRefusal> {
        Ok(())
    }

    fn push(&self, _: &dyn Transport, data: &[u8]) -> Result<Step, SniRefusal> {
        let begins = match self.parser.borrow_mut().push(data)? {
            Hello::Incomplete => return Ok(Step::Wait),
            Hello::Complete(hello) => Some(hello),
            Hello::NotTls => None,
        };
        // A connection begins once.
        let _ = self.begins.set(begins);
        Ok(Step::Open(data.len()))
    }

    fn has_begun(&self) -> bool {
        self.parser.borrow().has_begun()
    }

    fn replay(&self) -> Vec<u8> {
        self.parser.take().into_taken()
    }

    fn timed_out() -> SniRefusal {
        SniRefusal::TimedOut
    }

    fn ended() -> SniRefusal {
        SniRefusal::Ended
    }

    fn answer(&self, query: &mut Query<'_>) {
        match self.begins.get() {
            Some(Some(hello)) => query.answer_with(|| hello.clone()),
            Some(None) => query.answer_with(|| NotTls),
            None => query,
        };
    }
}
