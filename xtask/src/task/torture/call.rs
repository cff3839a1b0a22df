//! The calls of a system that can fail, and the errors that their man pages list.
//!
//! Invariant: `EAGAIN` is in no list, as readiness is edge-triggered and a report has to follow it; the faults of
//! the simulation answer it.

use libc::{
    EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, ECHILD, ECONNABORTED, ECONNREFUSED,
    ECONNRESET, EHOSTUNREACH, EINTR, EINVAL, EIO, EMFILE, ENETDOWN, ENETUNREACH, ENFILE, ENOBUFS,
    ENOMEM, ENOSPC, ENOTCONN, EPERM, EPIPE, EPROTO, ESRCH, ETIMEDOUT,
};

/// A call of a system that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SystemCall {
    ListenTcp,
    ListenUnix,
    RegisterListener,
    Accept,
    AcceptAndClose,
    ConnectTcp,
    ConnectUnix,
    Register,
    WatchWriting,
    TakeError,
    Read,
    Write,
    /// A write of no bytes, which asks whether the peer is gone.
    WriteNothing,
    Shutdown,
    BindUdp,
    RegisterDatagrams,
    WatchDatagrams,
    ReceiveDatagrams,
    SendDatagrams,
    Spawn,
    RegisterChild,
    TryWait,
    SignalChild,
    RegisterDescriptor,
    ReadDescriptor,
    WriteDescriptor,
}

/// socket(2), bind(2), listen(2)
const OPEN: &[i32] =
    &[EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EMFILE, ENFILE, ENOBUFS, ENOMEM];

/// epoll_ctl(2)
const WATCH: &[i32] = &[ENOMEM, ENOSPC];

/// accept(2)
#[rustfmt::skip]
const ACCEPT: &[i32] = &[
    ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTO, ENETDOWN, EHOSTUNREACH, ETIMEDOUT,
];

/// socket(2), connect(2)
#[rustfmt::skip]
const CONNECT: &[i32] = &[
    EACCES, EPERM, EADDRINUSE, EADDRNOTAVAIL, ECONNREFUSED, ENETUNREACH, ETIMEDOUT, EMFILE, ENFILE, ENOBUFS,
    ENOMEM,
];

/// getsockopt(2) of `SO_ERROR`, with the errors of tcp(7)
const PENDING: &[i32] = &[ECONNREFUSED, ECONNRESET, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EINTR];

/// send(2)
const SEND: &[i32] = &[ECONNRESET, EINTR, ENOBUFS, ENOMEM, EPIPE, ETIMEDOUT, EHOSTUNREACH];

/// sendmmsg(2)
const SEND_DATAGRAMS: &[i32] =
    &[EACCES, ECONNREFUSED, EINTR, EINVAL, ENOBUFS, ENOMEM, EPERM, ENETUNREACH, EHOSTUNREACH];

impl SystemCall {
    /// The errors that it is failed with.
    pub(crate) const fn errors(self) -> &'static [i32] {
        match self {
            Self::ListenTcp | Self::ListenUnix | Self::BindUdp => OPEN,
            Self::RegisterListener
            | Self::Register
            | Self::WatchWriting
            | Self::RegisterDatagrams
            | Self::WatchDatagrams
            | Self::RegisterChild
            | Self::RegisterDescriptor => WATCH,
            Self::Accept | Self::AcceptAndClose => ACCEPT,
            Self::ConnectTcp | Self::ConnectUnix => CONNECT,
            Self::TakeError => PENDING,
            // recv(2)
            Self::Read => &[ECONNRESET, EINTR, ENOMEM, ENOTCONN, ETIMEDOUT],
            Self::Write => SEND,
            // Without EPIPE, which would be the answer that the peer is gone.
            Self::WriteNothing => &[ECONNRESET, EINTR, ENOBUFS, ENOMEM, ETIMEDOUT],
            // shutdown(2)
            Self::Shutdown => &[ENOTCONN, ENOBUFS],
            // recvmmsg(2)
            Self::ReceiveDatagrams => &[ECONNREFUSED, EINTR, ENOMEM],
            Self::SendDatagrams => SEND_DATAGRAMS,
            // fork(2), pipe(2), execve(2)
            Self::Spawn => &[EMFILE, ENFILE, ENOMEM, EACCES],
            // waitid(2)
            Self::TryWait => &[EINTR, ECHILD],
            // pidfd_send_signal(2)
            Self::SignalChild => &[EPERM, ESRCH],
            // read(2), write(2)
            Self::ReadDescriptor => &[EINTR, EIO],
            Self::WriteDescriptor => &[EINTR, EIO, ENOSPC, EPIPE],
        }
    }
}
