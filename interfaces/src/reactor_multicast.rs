//! Ports of groups as a capability; Twisted's `IReactorMulticast`.
//!
//! Invariant: only a port that asks for it shares its number with others.

use alloc::rc::Rc;

use crate::{DatagramTransport, DeliverDatagram, ListenError, ListenUdp};

/// The ability to open UDP ports that share a number, as members of groups do. Any UDP port can
/// [join groups](DatagramTransport::as_multicast).
#[doc(alias = "IReactorMulticast")]
pub trait ReactorMulticast {
    /// As [`listen_udp`](crate::ReactorUdp::listen_udp), with these options.
    ///
    /// # Errors
    ///
    /// [`ListenError`]; nothing is left behind.
    #[doc(alias = "listenMulticast")]
    fn listen_multicast(
        &self,
        options: &ListenMulticast,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError>;
}

/// The options of a port of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenMulticast {
    /// The options that every UDP port has.
    pub udp: ListenUdp,
    /// Whether other sockets may have the same address and port (`SO_REUSEADDR`, `SO_REUSEPORT`): each
    /// receives what is sent to a group of which it is a member. Off at first. Twisted's
    /// `listenMultiple`.
    pub listen_multiple: bool,
}

impl ListenMulticast {
    /// A port with these options, which shares its number with none.
    pub fn new(udp: ListenUdp) -> Self {
        Self { udp, listen_multiple: false }
    }

    /// With another [`listen_multiple`](Self::listen_multiple).
    #[must_use]
    pub fn with_listen_multiple(mut self, listen_multiple: bool) -> Self {
        self.listen_multiple = listen_multiple;
        self
    }
}

impl<R: ReactorMulticast + ?Sized> ReactorMulticast for Rc<R> {
    fn listen_multicast(
        &self,
        options: &ListenMulticast,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError> {
        (**self).listen_multicast(options, protocol)
    }
}
