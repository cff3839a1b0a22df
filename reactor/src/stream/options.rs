//! Socket options of TCP, and what UNIX connections alone can do.
//!
//! Invariant: on a connection whose socket is closed the getters return `false` or `None`, and the
//! setters do nothing.

use std::os::fd::OwnedFd;

use interfaces::{KeepAliveTimes, PeerCredentials, Query, TcpTransport, UnixTransport};

use super::Stream;
use crate::sys::{SocketOption, StreamSys};

impl<S: StreamSys> TcpTransport for Stream<S> {
    fn tcp_no_delay(&self) -> bool {
        self.with_socket(|sys, socket| sys.option(socket, SocketOption::NoDelay)).unwrap_or(false)
    }

    fn set_tcp_no_delay(&self, on: bool) {
        self.with_socket(|sys, socket| sys.set_option(socket, SocketOption::NoDelay, on));
    }

    fn tcp_keep_alive(&self) -> bool {
        self.with_socket(|sys, socket| sys.option(socket, SocketOption::KeepAlive)).unwrap_or(false)
    }

    fn set_tcp_keep_alive(&self, on: bool) {
        self.with_socket(|sys, socket| sys.set_option(socket, SocketOption::KeepAlive, on));
    }

    fn set_tcp_keep_alive_times(&self, times: KeepAliveTimes) {
        self.with_socket(|sys, socket| sys.set_keep_alive_times(socket, times));
    }
}

impl<S: StreamSys> UnixTransport for Stream<S> {
    fn peer_credentials(&self) -> Option<(u32, u32, u32)> {
        self.with_socket(|sys, socket| sys.peer_credentials(socket)).flatten()
    }

    fn send_file_descriptor(&self, descriptor: OwnedFd) {
        self.queue_descriptor(descriptor);
    }
}

impl<S: StreamSys> Stream<S> {
    /// What a connection without a layer knows by type: who is at the other end of a UNIX socket.
    pub(super) fn answer_query(&self, query: &mut Query<'_>) {
        if query.asks_for::<PeerCredentials>()
            && self.peer.is_unix()
            && let Some((process, user, group)) = self.peer_credentials()
        {
            query.answer_with(|| PeerCredentials { process, user, group });
        }
    }
}
