//! The kinds of lines that may come again and again, as peers or files cause them, each with a count of its own.
//!
//! Invariant: a kind is never made from what a peer sent, so their number is bounded.

use runner::LogLevel;

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A port could not accept.
    Accept,
    /// A TLS handshake of a peer failed.
    Handshake,
    /// A client showed a certificate over TLS.
    Client,
    /// The outgoing connection of a relay could not be made.
    Dial,
    /// An established connection ended with an error.
    Connection,
    /// A connection ended by a limit on its time.
    TimeLimit,
    /// The program of a connection did not start, or failed.
    Program,
    /// A connection was refused by a limit on their number.
    Refused,
    /// A connection was refused for its PROXY header, or for its lack of one.
    Proxy,
    /// A connection was refused for its ClientHello, or for its lack of one.
    Hello,
    /// A port waits, as the limit on the number of connections is reached.
    Full,
    /// A callback panicked.
    Panic,
    /// A file of certificates, or a part of one, is not used.
    Files,
    /// A piece had no room in the dump.
    Dump,
    /// An error that reached no caller.
    Unhandled,
}

impl Kind {
    /// How important its lines are.
    pub(crate) fn level(self) -> LogLevel {
        match self {
            Self::Client => LogLevel::Info,
            Self::Dial | Self::Connection | Self::Program | Self::Panic | Self::Unhandled => {
                LogLevel::Error
            }
            Self::Accept
            | Self::Handshake
            | Self::TimeLimit
            | Self::Refused
            | Self::Proxy
            | Self::Hello
            | Self::Full
            | Self::Files
            | Self::Dump => LogLevel::Warn,
        }
    }

    /// Its name in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Handshake => "handshake",
            Self::Client => "client",
            Self::Dial => "dial",
            Self::Connection => "broken",
            Self::TimeLimit => "time_limit",
            Self::Program => "program",
            Self::Refused => "refused",
            Self::Proxy => "proxy",
            Self::Hello => "hello",
            Self::Full => "full",
            Self::Panic => "panic",
            Self::Files => "files",
            Self::Dump => "dump",
            Self::Unhandled => "unhandled",
        }
    }

    /// The things that are counted, two or more.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Accept => "failed accepts",
            Self::Handshake => "failed TLS handshakes",
            Self::Client => "clients with certificates",
            Self::Dial => "connections that could not be relayed",
            Self::Connection => "broken connections",
            Self::TimeLimit => "connections that timed out",
            Self::Program => "programs that failed",
            Self::Refused => "refused connections",
            Self::Proxy => "connections without a PROXY header",
            Self::Hello => "connections without a ClientHello",
            Self::Full => "waits for a free place",
            Self::Panic => "panics",
            Self::Files => "warnings about files of certificates",
            Self::Dump => "pieces that are not in the dump",
            Self::Unhandled => "errors",
        }
    }
}
