//! The handshake as a client of SOCKS 5 sees it, without I/O.
//!
//! Invariant: it takes no byte behind the proxy's last answer.
//!
//! ```text
//!             method 0                          granted
//!  Method ────────────────▶ Reply ──────────────────────▶ over
//!     │ method 2               ▲ right     │ refused
//!     └────────────▶ Password ─┴─ wrong ───┴──▶ over, with an error
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use interfaces::Reason;

use super::request::SocksHost;
use crate::tunnel::{Handshake, Step};

/// The longest text, as its length is one byte.
pub(super) const TEXT_BYTES_MAX: usize = 255;

/// A name and a password for the proxy (RFC 1929), which travel as they are.
#[derive(Clone, PartialEq, Eq)]
pub struct SocksCredentials {
    name: String,
    password: String,
}

impl SocksCredentials {
    /// At most 255 bytes each; longer ones fail when they are used.
    pub fn new(name: impl Into<String>, password: impl Into<String>) -> Self {
        Self { name: name.into(), password: password.into() }
    }
}

/// Shows the name alone.
impl fmt::Debug for SocksCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksCredentials").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a proxy made no connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SocksClientError {
    /// The proxy refuses the destination, or could not reach it.
    Refused {
        /// The number of RFC 1928, section 6.
        number: u8,
    },
    /// The proxy asks for a name and a password, or does not take those that it got.
    NotAuthenticated,
    /// The peer is no proxy of SOCKS 5.
    NotSocks5,
    /// The host's name, the user or the password has more than 255 bytes.
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The proxy did not answer in time.
    TimedOut {
        /// The time limit.
        after: Duration,
    },
    /// The connection to the proxy ended before its answer.
    Ended(Reason),
}

impl fmt::Display for SocksClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot connect through the SOCKS proxy: ")?;
        match self {
            Self::Refused { number } => f.write_str(&told(*number)),
            Self::NotAuthenticated => f.write_str("it wants another name and password"),
            Self::NotSocks5 => f.write_str("the answer is not one of SOCKS 5"),
            Self::TooLong { length } => {
                write!(f, "a name has {length} bytes, and the limit is {TEXT_BYTES_MAX}")
            }
            Self::TimedOut { after } => write!(f, "no answer within {after:?}"),
            Self::Ended(_) => f.write_str("the connection ended before its answer"),
        }
    }
}

impl core::error::Error for SocksClientError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Ended(reason) => Some(reason),
            Self::Refused { .. }
            | Self::NotAuthenticated
            | Self::NotSocks5
            | Self::TooLong { .. }
            | Self::TimedOut { .. } => None,
        }
    }
}

/// RFC 1928, section 6.
fn told(number: u8) -> String {
    let text = match number {
        1 => "general failure",
        2 => "not allowed",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => return alloc::format!("error {number}"),
    };
    text.into()
}

/// Asks for one destination.
pub(super) struct ClientHandshake {
    stage: ClientStage,
    bytes: Vec<u8>,
    host: SocksHost,
    port: u16,
    credentials: Option<SocksCredentials>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientStage {
    Method,
    Password,
    Reply,
}

impl ClientHandshake {
    /// A handshake for this destination.
    ///
    /// # Errors
    ///
    /// [`SocksClientError::TooLong`].
    pub(super) fn new(
        (host, port): (SocksHost, u16),
        credentials: Option<SocksCredentials>,
    ) -> Result<Self, SocksClientError> {
        let name = match &host {
            SocksHost::Name(name) => name.len(),
            SocksHost::Ip(_) => 0,
        };
        let (user, password) =
            credentials.as_ref().map_or((0, 0), |it| (it.name.len(), it.password.len()));
        let length = name.max(user).max(password);
        if length > TEXT_BYTES_MAX {
            return Err(SocksClientError::TooLong { length });
        }
        Ok(Self { stage: ClientStage::Method, bytes: Vec::new(), host, port, credentials })
    }

    fn method(&mut self) -> Step<SocksClientError> {
        match (self.bytes.first(), self.bytes.get(1), &self.credentials) {
            (None, ..) | (Some(5), None, _) => Step::Wait,
            (Some(5), Some(0), _) => self.ask(),
            (Some(5), Some(2), Some(credentials)) => {
                let mut message = Vec::from([1]);
                push_counted(&mut message, credentials.name.as_bytes());
                push_counted(&mut message, credentials.password.as_bytes());
                self.stage = ClientStage::Password;
                self.bytes.drain(..2);
                Step::Send(message)
            }
            (Some(5), Some(0xff), _) => Step::Fail(SocksClientError::NotAuthenticated),
            _ => Step::Fail(SocksClientError::NotSocks5),
        }
    }

    fn password(&mut self) -> Step<SocksClientError> {
        match self.bytes.first_chunk() {
            None => Step::Wait,
            Some([_, 0]) => self.ask(),
            Some([_, _]) => Step::Fail(SocksClientError::NotAuthenticated),
        }
    }

    /// Sends the request, in place of two bytes of an answer.
    fn ask(&mut self) -> Step<SocksClientError> {
        self.bytes.drain(..2);
        self.stage = ClientStage::Reply;
        let mut message = Vec::from([5, 1, 0]);
        match &self.host {
            SocksHost::Ip(IpAddr::V4(ip)) => {
                message.push(1);
                message.extend_from_slice(&ip.octets());
            }
            SocksHost::Ip(IpAddr::V6(ip)) => {
                message.push(4);
                message.extend_from_slice(&ip.octets());
            }
            SocksHost::Name(name) => {
                message.push(3);
                push_counted(&mut message, name.as_bytes());
            }
        }
        message.extend_from_slice(&self.port.to_be_bytes());
        Step::Send(message)
    }

    fn reply(&mut self) -> Step<SocksClientError> {
        let Some(&[five, number, _, kind]) = self.bytes.first_chunk() else {
            return Step::Wait;
        };
        if five != 5 {
            return Step::Fail(SocksClientError::NotSocks5);
        }
        if number != 0 {
            return Step::Fail(SocksClientError::Refused { number });
        }
        let address = match (kind, self.bytes.get(4)) {
            (1, _) => 4,
            (4, _) => 16,
            (3, Some(length)) => 1 + usize::from(*length),
            (3, None) => return Step::Wait,
            _ => return Step::Fail(SocksClientError::NotSocks5),
        };
        let length = 4 + address + 2;
        if self.bytes.len() < length {
            return Step::Wait;
        }
        Step::Open(self.bytes.split_off(length))
    }
}

impl Handshake for ClientHandshake {
    const LOG_PREFIX: &'static str = "SocksTunnel";
    type Error = SocksClientError;

    /// The methods that are offered.
    fn first(&self) -> Vec<u8> {
        match &self.credentials {
            Some(_) => Vec::from([5, 2, 0, 2]),
            None => Vec::from([5, 1, 0]),
        }
    }

    fn push(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
    }

    fn step(&mut self) -> Step<SocksClientError> {
        match self.stage {
            ClientStage::Method => self.method(),
            ClientStage::Password => self.password(),
            ClientStage::Reply => self.reply(),
        }
    }

    fn timed_out(after: Duration) -> SocksClientError {
        SocksClientError::TimedOut { after }
    }

    fn ended(reason: Reason) -> SocksClientError {
        SocksClientError::Ended(reason)
    }
}

/// Appends a text behind its length, which fits into one byte.
fn push_counted(message: &mut Vec<u8>, text: &[u8]) {
    message.push(text.len() as u8);
    message.extend_from_slice(text);
}

/// The host of a text: an address, in brackets or not, or a name.
pub(super) fn host_of(text: &str) -> SocksHost {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_or_else(|_| SocksHost::Name(text.into()), SocksHost::Ip)
}
