//! [`SystemCall`]: the names of the calls in a trace.
//!
//! Invariant: its order is part of the trace's hash, so a new one comes last.

/// The entries of the trace: the calls of a program, and the reports of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SystemCall {
    Accept,
    Close,
    Connect,
    Deregister,
    Getsockopt,
    Listen,
    /// Asking whether a connection waits.
    Look,
    Peek,
    Ioctl,
    Poll,
    /// One report of a poll.
    Ready,
    Recv,
    Register,
    Send,
    Sendmsg,
    Setsockopt,
    AcceptAndClose,
    Shutdown,
    Sigaction,
    Bind,
    Recvmmsg,
    Sendmmsg,
    LookUp,
    Spawn,
    /// The end of a child.
    Exit,
    Wait,
    Kill,
    Read,
    Write,
}

impl SystemCall {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Close => "close",
            Self::Connect => "connect",
            Self::Deregister => "deregister",
            Self::Getsockopt => "getsockopt",
            Self::Listen => "listen",
            Self::Look => "look",
            Self::Peek => "peek",
            Self::Ioctl => "ioctl",
            Self::Poll => "poll",
            Self::Ready => "ready",
            Self::Recv => "recv",
            Self::Register => "register",
            Self::Send => "send",
            Self::Sendmsg => "sendmsg",
            Self::Setsockopt => "setsockopt",
            Self::AcceptAndClose => "accept-and-close",
            Self::Shutdown => "shutdown",
            Self::Sigaction => "sigaction",
            Self::Bind => "bind",
            Self::Recvmmsg => "recvmmsg",
            Self::Sendmmsg => "sendmmsg",
            Self::LookUp => "look-up",
            Self::Spawn => "spawn",
            Self::Exit => "exit",
            Self::Wait => "wait",
            Self::Kill => "kill",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}
