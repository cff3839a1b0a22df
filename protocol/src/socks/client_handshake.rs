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

/// What the client does next.
#[derive(Debug)]
pub(super) enum ClientStep {
    /// More bytes have to come.
    Wait,
    /// These are sent to the proxy.
    Send(Vec<u8>),
    /// The way is open. These bytes came behind the answer, and are the destination's.
    Open(Vec<u8>),
    /// There will be no connection.
    Fail(SocksClientError),
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
    /// A handshake, and its first bytes.
    ///
    /// # Errors
    ///
    /// [`SocksClientError::TooLong`].
    pub(super) fn begin(
        (host, port): (SocksHost, u16),
        credentials: Option<SocksCredentials>,
    ) -> Result<(Self, &'static [u8]), SocksClientError> {
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
        let greeting: &[u8] = if credentials.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
        let (stage, bytes) = (ClientStage::Method, Vec::new());
        Ok((Self { stage, bytes, host, port, credentials }, greeting))
    }

    /// Takes bytes from the proxy. Call [`step`](Self::step) until it waits, opens or fails.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
    }

    /// The next thing to do.
    pub(super) fn step(&mut self) -> ClientStep {
        match self.stage {
            ClientStage::Method => self.method(),
            ClientStage::Password => self.password(),
            ClientStage::Reply => self.reply(),
        }
    }

    fn method(&mut self) -> ClientStep {
        match (self.bytes.first(), self.bytes.get(1), &self.credentials) {
            (None, ..) | (Some(5), None, _) => ClientStep::Wait,
            (Some(5), Some(0), _) => self.ask(),
            (Some(5), Some(2), Some(credentials)) => {
                let mut message = Vec::from([1]);
                push_counted(&mut message, credentials.name.as_bytes());
                push_counted(&mut message, credentials.password.as_bytes());
                self.stage = ClientStage::Password;
                self.bytes.drain(..2);
                ClientStep::Send(message)
            }
            (Some(5), Some(0xff), _) => ClientStep::Fail(SocksClientError::NotAuthenticated),
            _ => ClientStep::Fail(SocksClientError::NotSocks5),
        }
    }

    fn password(&mut self) -> ClientStep {
        match self.bytes.first_chunk() {
            None => ClientStep::Wait,
            Some([_, 0]) => self.ask(),
            Some([_, _]) => ClientStep::Fail(SocksClientError::NotAuthenticated),
        }
    }

    /// Sends the request, in place of two bytes of an answer.
    fn ask(&mut self) -> ClientStep {
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
        ClientStep::Send(message)
    }

    fn reply(&mut self) -> ClientStep {
        let Some(&[five, number, _, kind]) = self.bytes.first_chunk() else {
            return ClientStep::Wait;
        };
        if five != 5 {
            return ClientStep::Fail(SocksClientError::NotSocks5);
        }
        if number != 0 {
            return ClientStep::Fail(SocksClientError::Refused { number });
        }
        let address = match (kind, self.bytes.get(4)) {
            (1, _) => 4,
            (4, _) => 16,
            (3, Some(length)) => 1 + usize::from(*length),
            (3, None) => return ClientStep::Wait,
            _ => return ClientStep::Fail(SocksClientError::NotSocks5),
        };
        let length = 4 + address + 2;
        if self.bytes.len() < length {
            return ClientStep::Wait;
        }
        ClientStep::Open(self.bytes.split_off(length))
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
