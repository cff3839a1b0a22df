//! The protocol that joins a connection to standard input and output.
//!
//! Invariant: the input is read only while the connection stands; bytes received from it are written
//! even after its end.

use std::rc::Rc;

use deferred::Promise;
use interfaces::{HalfCloseableProtocol, Protocol, Reason, Transport};

use super::{Input, Output};

/// Sends the input, writes the received bytes, and fires when the connection ended.
pub(crate) struct StdioProtocol {
    input: Rc<Input>,
    output: Rc<Output>,
    over: Option<Promise<Reason>>,
}

impl StdioProtocol {
    /// `over` fires with the reason of `connection_lost`.
    pub(crate) fn new(input: Rc<Input>, output: Rc<Output>, over: Promise<Reason>) -> Self {
        Self { input, output, over: Some(over) }
    }
}

impl Protocol for StdioProtocol {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.output.start(transport);
        self.input.start(transport);
    }

    fn data_received(&mut self, _transport: &Rc<dyn Transport>, data: &[u8]) {
        self.output.write(data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.input.end();
        self.output.end();
        if let Some(over) = self.over.take() {
            over.callback(reason.clone());
        }
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for StdioProtocol {
    /// The peer sends no more, so the connection is closed after the bytes already queued. Input that
    /// was not read yet, at a terminal for example, is not waited for.
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        self.input.end();
        transport.lose_connection();
    }
}
