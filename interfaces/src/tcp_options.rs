//! The socket options of TCP that are set before a socket listens or connects; in Twisted a program sets
//! them on the socket itself.
//!
//! Invariant: the defaults change no option of the system's.

use alloc::rc::Rc;

use crate::KeepAliveTimes;

/// The options of a TCP socket from its first moment (tcp(7), socket(7)). A listening socket hands
/// [`no_delay`](Self::no_delay) and [`keep_alive`](Self::keep_alive) on to the connections that it accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpOptions {
    /// Whether small writes go out at once (`TCP_NODELAY`). Default off, as in Twisted.
    pub no_delay: bool,
    /// When an idle connection is probed (`SO_KEEPALIVE` and its three times). Default never.
    pub keep_alive: Option<KeepAliveTimes>,
    /// Whether other sockets of the same user may be bound to the same address, if they say so too
    /// (`SO_REUSEPORT`). The system spreads connections over those that listen. Default off.
    pub reuse_port: bool,
    /// The network device whose packets alone are sent and received, as `eth0` (`SO_BINDTODEVICE`). The
    /// system may ask for `CAP_NET_RAW`. Default every device.
    pub device: Option<Rc<str>>,
}

impl TcpOptions {
    /// With another [`no_delay`](Self::no_delay).
    #[must_use]
    pub fn with_no_delay(mut self, no_delay: bool) -> Self {
        self.no_delay = no_delay;
        self
    }

    /// With another [`keep_alive`](Self::keep_alive).
    #[must_use]
    pub fn with_keep_alive(mut self, keep_alive: Option<KeepAliveTimes>) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// With another [`reuse_port`](Self::reuse_port).
    #[must_use]
    pub fn with_reuse_port(mut self, reuse_port: bool) -> Self {
        self.reuse_port = reuse_port;
        self
    }

    /// On another [`device`](Self::device).
    #[must_use]
    pub fn with_device(mut self, device: Option<Rc<str>>) -> Self {
        self.device = device;
        self
    }
}
