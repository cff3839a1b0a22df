//! The protocols of the two sides of a [`Joint`].
//!
//! Invariant: they only forward.

use std::rc::Rc;

use interfaces::{HalfCloseableProtocol, Protocol, Reason, Transport};

use super::Joint;

/// The side of the connection.
pub(crate) struct NetworkSide(pub(crate) Rc<Joint>);

/// The side of standard input and output.
pub(super) struct StdioSide(pub(super) Rc<Joint>);

impl Protocol for NetworkSide {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.0.network_made(transport);
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.0.network_received(data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.0.network_lost(reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for NetworkSide {
    fn read_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.0.network_ended();
    }
}

impl Protocol for StdioSide {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.0.stdio_made(transport);
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.0.input_received(data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.0.stdio_lost(reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for StdioSide {
    fn read_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.0.input_ended();
    }

    fn write_connection_lost(&mut self, _: &Rc<dyn Transport>) {
        self.0.output_ended();
    }
}
