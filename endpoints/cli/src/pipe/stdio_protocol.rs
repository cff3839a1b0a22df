//! The protocol between the connection and standard input and output.
//!
//! Invariant: the input is read and the output written only while the connection stands, but for
//! what was received, which is always written.

use std::rc::Rc;

use deferred::Promise;
use interfaces::{HalfCloseableProtocol, Protocol, Reason, Transport};

use super::{Input, Output};

/// Sends the input, writes what comes, and tells when the connection is over.
pub(crate) struct Ends {
    input: Rc<Input>,
    output: Rc<Output>,
    over: Option<Promise<Reason>>,
}

impl Ends {
    /// `over` fires with the reason for the end.
    pub(crate) fn new(input: Rc<Input>, output: Rc<Output>, over: Promise<Reason>) -> Self {
        Self { input, output, over: Some(over) }
    }
}

impl Protocol for Ends {
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

impl HalfCloseableProtocol for Ends {
    /// The peer has said all. What it was sent before is still delivered; that there may be more
    /// to read, on a terminal for example, keeps nobody waiting.
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        self.input.end();
        transport.lose_connection();
    }
}
