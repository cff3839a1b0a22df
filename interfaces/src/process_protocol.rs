//! The protocol of a child process; Twisted's `IProcessProtocol` and `ProcessProtocol`.
//!
//! Invariant: the calls of one process come one at a time: `connection_made` first and once,
//! `process_ended` last and once.

use alloc::rc::Rc;

use crate::{ProcessReason, ProcessTransport, Reason};

/// The behaviour of one child process. Twisted's `ProcessProtocol`.
///
/// The reactor calls every method on its own thread, from its turn, with nothing borrowed: inside,
/// anything may be called, this process's transport included. By default the events of the standard
/// three descriptors come by their names, and all others are ignored.
///
/// ```text
///  connection_made ─┬─ child_data_received*   for each descriptor ── child_connection_lost, once each ─┐
///                   └─ process_exited, once ───────────────────────────────────────────────────────────┴─ process_ended
/// ```
///
/// # Panics
///
/// A panic is caught, and the reactor's observer is told. One in `child_data_received` closes that
/// descriptor; the process goes on.
///
/// # Differences from Twisted
///
/// The transport comes with every call, and the loss of a descriptor with its reason.
#[doc(alias = "IProcessProtocol")]
pub trait ProcessProtocol: 'static {
    /// The process runs. On a later turn than the call that spawned it.
    #[doc(alias = "connectionMade")]
    fn connection_made(&mut self, transport: &Rc<dyn ProcessTransport>) {
        let _ = transport;
    }

    /// Bytes from the child's descriptor `child_fd`, cut anywhere. Those of a terminal come as of 1.
    #[doc(alias = "childDataReceived")]
    fn child_data_received(
        &mut self,
        transport: &Rc<dyn ProcessTransport>,
        child_fd: i32,
        data: &[u8],
    ) {
        match child_fd {
            1 => self.out_received(transport, data),
            2 => self.err_received(transport, data),
            _ => {}
        }
    }

    /// Bytes from the child's standard output.
    #[doc(alias = "outReceived")]
    fn out_received(&mut self, transport: &Rc<dyn ProcessTransport>, data: &[u8]) {
        let _ = (transport, data);
    }

    /// Bytes from the child's standard error.
    #[doc(alias = "errReceived")]
    fn err_received(&mut self, transport: &Rc<dyn ProcessTransport>, data: &[u8]) {
        let _ = (transport, data);
    }

    /// The pipe of the child's descriptor `child_fd` is closed, by the child or by this side; once for
    /// each pipe, in the order in which they close. A terminal is lost as 1.
    /// [`Reason::Done`] where no byte was lost.
    #[doc(alias = "childConnectionLost")]
    fn child_connection_lost(
        &mut self,
        transport: &Rc<dyn ProcessTransport>,
        child_fd: i32,
        reason: &Reason,
    ) {
        match child_fd {
            0 => self.in_connection_lost(transport, reason),
            1 => self.out_connection_lost(transport, reason),
            2 => self.err_connection_lost(transport, reason),
            _ => {}
        }
    }

    /// The child's standard input is closed.
    #[doc(alias = "inConnectionLost")]
    fn in_connection_lost(&mut self, transport: &Rc<dyn ProcessTransport>, reason: &Reason) {
        let _ = (transport, reason);
    }

    /// The child's standard output is closed.
    #[doc(alias = "outConnectionLost")]
    fn out_connection_lost(&mut self, transport: &Rc<dyn ProcessTransport>, reason: &Reason) {
        let _ = (transport, reason);
    }

    /// The child's standard error is closed.
    #[doc(alias = "errConnectionLost")]
    fn err_connection_lost(&mut self, transport: &Rc<dyn ProcessTransport>, reason: &Reason) {
        let _ = (transport, reason);
    }

    /// The process is no more. Pipes that its own children hold too may still bring bytes.
    #[doc(alias = "processExited")]
    fn process_exited(&mut self, transport: &Rc<dyn ProcessTransport>, reason: &ProcessReason) {
        let _ = (transport, reason);
    }

    /// The process is no more, and every pipe is closed: the last call.
    #[doc(alias = "processEnded")]
    fn process_ended(&mut self, transport: &Rc<dyn ProcessTransport>, reason: &ProcessReason) {
        let _ = (transport, reason);
    }
}
