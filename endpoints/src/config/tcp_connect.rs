//! [`TcpConnectConfig`]: the arguments that every client over TCP has.
//!
//! Invariant: an argument by name only is printed where it is not the default.

use alloc::rc::Rc;
use alloc::string::ToString as _;
use core::net::IpAddr;
use core::time::Duration;

use interfaces::{AddressFamily, StreamClientEndpoint};

use crate::retry::{RETRY, retried, retry_period};
use crate::tcp_options::{CLIENT_OPTIONS, SocketConfig};
use crate::tcp_reactor::ClientReactor;
use crate::{Argument, ParseError, TcpClientEndpoint, Value};

/// The arguments that are always listed.
pub(crate) const CONNECT: [&str; 2] = ["timeout", "bindAddress"];

/// The arguments of a client that are listed where they are given.
pub(crate) const CONNECT_OPTIONS: [&str; 4] = {
    let [no_delay, keep_alive, device] = CLIENT_OPTIONS;
    [RETRY, no_delay, keep_alive, device]
};

/// How a client connects over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpConnectConfig {
    /// How long each attempt may take. Default 30 s.
    pub timeout: Duration,
    /// The address to connect from. Default: the system's choice.
    pub bind_address: Option<IpAddr>,
    /// How long a server that is not there yet is tried again. Default: not at all.
    pub retry: Duration,
    /// The options of the socket.
    pub socket: SocketConfig,
}

impl Default for TcpConnectConfig {
    fn default() -> Self {
        let (bind_address, socket) = (None, SocketConfig::default());
        Self { timeout: TcpClientEndpoint::TIMEOUT, bind_address, retry: Duration::ZERO, socket }
    }
}

impl TcpConnectConfig {
    /// Reads the arguments of a host of this family.
    pub(crate) fn read(
        family: AddressFamily,
        [timeout, bind_address]: [Argument<'_>; 2],
        [retry, options @ ..]: [Argument<'_>; 4],
    ) -> Result<Self, ParseError> {
        let timeout = timeout.seconds_or(TcpClientEndpoint::TIMEOUT)?;
        let bind_address = bind_address.local_address(family)?;
        let socket = SocketConfig::of_client(options)?;
        Ok(Self { timeout, bind_address, retry: retry_period(&retry)?, socket })
    }

    pub(crate) fn arguments(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let local = self.bind_address.map(|address| address.to_string());
        let listed = [Value::Seconds(self.timeout), Value::text_or_absent(local.as_deref())];
        let retry =
            if self.retry.is_zero() { None } else { Some((RETRY, Value::Seconds(self.retry))) };
        core::iter::zip(CONNECT, listed).chain(retry).chain(self.socket.arguments())
    }

    /// The endpoint with all of them but `retry`.
    pub(crate) fn applied_to(&self, endpoint: TcpClientEndpoint) -> TcpClientEndpoint {
        let endpoint = endpoint.with_timeout(self.timeout).with_options(self.socket.options());
        match self.bind_address {
            Some(address) => endpoint.with_bind_address(address),
            None => endpoint,
        }
    }

    /// The endpoint, which tries again if `retry` says so.
    pub(crate) fn retried(
        &self,
        endpoint: impl StreamClientEndpoint + 'static,
        reactor: Rc<dyn ClientReactor>,
    ) -> Rc<dyn StreamClientEndpoint> {
        retried(endpoint, reactor as _, self.retry)
    }
}
