//! The protocol of a datagram port; Twisted's `DatagramProtocol`.
//!
//! Invariant: the calls of one port come one at a time, in this order: `start_protocol` once, any number
//! of the others, `stop_protocol` once and last.

use alloc::rc::Rc;

use crate::{Address, DatagramTransport, OsError, short_type_name};

/// The behaviour of a datagram port, whatever its peers. Twisted's `DatagramProtocol` and
/// `ConnectedDatagramProtocol`.
///
/// ```
/// use std::rc::Rc;
/// use ropewalk_interfaces::{Address, DatagramProtocol, DatagramTransport};
///
/// struct Echo;
/// impl DatagramProtocol for Echo {
///     fn datagram_received(
///         &mut self,
///         transport: &Rc<dyn DatagramTransport>,
///         data: &[u8],
///         sender: &Address,
///     ) {
///         // A sender that cannot be answered is told nothing.
///         let _ = transport.send_to(data, sender);
///     }
/// }
/// ```
///
/// The reactor calls every method on its own thread with nothing borrowed: inside, anything may be
/// called, this port's transport included. What is sent in one call leaves together after it. A turn of the
/// reactor that is made inside brings this port no further datagram, so that they come in order.
///
/// # Panics
///
/// A panic costs this port only: the reactor catches it, closes the port, and calls `stop_protocol`,
/// unless it was that call that panicked.
///
/// # Differences from Twisted
///
/// The transport comes with every call. A protocol that runs on several ports is started and stopped
/// for each of them; Twisted starts it for the first and stops it for the last.
#[doc(alias = "ConnectedDatagramProtocol")]
pub trait DatagramProtocol: 'static {
    /// What logs call this kind of protocol. Default the type's name; Twisted's `logPrefix`.
    #[doc(alias = "logPrefix")]
    fn log_prefix() -> &'static str
    where
        Self: Sized,
    {
        short_type_name::<Self>()
    }

    /// The port is open. The first call, once for each port, before the call that opened it returns.
    #[doc(alias = "startProtocol")]
    fn start_protocol(&mut self, transport: &Rc<dyn DatagramTransport>) {
        let _ = transport;
    }

    /// A whole datagram came, which may be empty. On a connected port it is the peer's.
    #[doc(alias = "datagramReceived")]
    fn datagram_received(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        sender: &Address,
    );

    /// A datagram came that is longer than the port's
    /// [`packet_bytes_max`](crate::ListenUdp::packet_bytes_max). `data` is its beginning, and `length` the
    /// number of bytes that it had. Drops it if not overridden; it is counted either way. Twisted delivers
    /// the beginning as if it were the datagram.
    fn datagram_truncated(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        length: usize,
        sender: &Address,
    ) {
        let _ = (transport, data, length, sender);
    }

    /// The peer of a connected port refused an earlier datagram: no socket is at its address
    /// (`ECONNREFUSED`). Once for each refusal that the system reports. An unconnected port is told of
    /// none over UDP.
    #[doc(alias = "connectionRefused")]
    fn connection_refused(&mut self, transport: &Rc<dyn DatagramTransport>) {
        let _ = transport;
    }

    /// The system did not take a datagram for `receiver`, or says that an earlier one did not arrive: no
    /// route (`ENETUNREACH`), a firewall (`EPERM`), too long for this way (`EMSGSIZE`), no socket at a UNIX
    /// path (`ENOENT`, `ECONNREFUSED`). Twisted raises it from `write`; here the datagrams of one call leave together
    /// after it.
    fn send_failed(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        receiver: &Address,
        error: OsError,
    ) {
        let _ = (transport, receiver, error);
    }

    /// The port is closed. The last call, once for each port, on a later turn than the
    /// `stop_listening` that caused it, or in the turn in which the reactor stops. The transport still
    /// returns its address, and refuses what is sent.
    #[doc(alias = "stopProtocol")]
    fn stop_protocol(&mut self, transport: &Rc<dyn DatagramTransport>) {
        let _ = transport;
    }
}
