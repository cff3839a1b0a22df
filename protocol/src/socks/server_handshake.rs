//! The handshake as the proxy sees it, without I/O.
//!
//! Invariant: it holds at most [`HANDSHAKE_BYTES_MAX`] bytes, and any cut of the bytes gives the same steps.
//!
//! ```text
//!           version 4                                            a request
//!  Version ───────────▶ Request4 ─────────────────────────────────────────────▶ Over
//!     │ version 5            method 0                   a request                 ▲
//!     └──────────▶ Methods ────────────▶ Request5 ────────────────────────────────┤
//!                     │ method 2            ▲ right                               │
//!                     └─────────▶ Password ─┴───────────────── wrong ─────────────┘
//! ```

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::answer::Refusal;
use super::request::{SocksCommand, SocksHost, SocksRequest, SocksVersion};

/// More than the longest handshake, when all of it comes at once: 257 bytes of methods, 513 of a name and a
/// password, 262 of a request.
const HANDSHAKE_BYTES_MAX: usize = 1100;
/// The longest text of version 4, as version 5 has a byte for its length.
const TEXT_BYTES_MAX: usize = 255;

/// Whether a name and a password belong together.
pub(super) type Passwords = Rc<dyn Fn(&str, &str) -> bool>;

/// What the proxy does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HandshakeStep {
    /// More bytes have to come.
    Wait,
    /// These are sent to the client.
    Send([u8; 2]),
    /// These are sent to the client, and the connection is closed.
    Close([u8; 2]),
    /// The request is refused.
    Refuse(SocksVersion, Refusal),
    /// The request; no byte came behind it.
    Request(SocksRequest),
}

/// Takes bytes apart.
pub(super) struct ServerHandshake {
    stage: ProxyStage,
    bytes: Vec<u8>,
    passwords: Option<Passwords>,
    user: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProxyStage {
    Version,
    Request4,
    Methods,
    Password,
    Request5,
    Over,
}

impl ServerHandshake {
    /// With passwords, clients of version 5 have to have one, and others are refused.
    pub(super) fn new(passwords: Option<Passwords>) -> Self {
        let (stage, bytes, user) = (ProxyStage::Version, Vec::new(), String::new());
        Self { stage, bytes, passwords, user }
    }

    /// Takes bytes from the client. Call [`step`](Self::step) until it waits.
    pub(super) fn push(&mut self, data: &[u8]) {
        // What does not fit is behind a request, or in a text that is too long: both are refused.
        let room = (HANDSHAKE_BYTES_MAX + 1).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&data[..data.len().min(room)]);
    }

    /// The next thing to do.
    pub(super) fn step(&mut self) -> HandshakeStep {
        match self.stage {
            ProxyStage::Version => self.version(),
            ProxyStage::Request4 => self.request4(),
            ProxyStage::Methods => self.methods(),
            ProxyStage::Password => self.password(),
            ProxyStage::Request5 => self.request5(),
            ProxyStage::Over => HandshakeStep::Wait,
        }
    }

    fn version(&mut self) -> HandshakeStep {
        self.stage = match self.bytes.first() {
            None => return HandshakeStep::Wait,
            Some(4) if self.passwords.is_some() => {
                return self.refuse(SocksVersion::V4, Refusal::NotAllowed);
            }
            Some(4) => ProxyStage::Request4,
            Some(5) => ProxyStage::Methods,
            // A client of another version understands neither answer; that of 4 is the older one.
            Some(_) => return self.refuse(SocksVersion::V4, Refusal::General),
        };
        self.step()
    }

    /// `04 command port(2) address(4) user 00`, and of 4a `host 00`.
    fn request4(&mut self) -> HandshakeStep {
        let version = SocksVersion::V4;
        let Some((head, texts)) = self.bytes.split_first_chunk::<8>() else {
            return HandshakeStep::Wait;
        };
        let [_, command, port_high, port_low, address @ ..] = *head;
        let (user, rest) = match text_before_nul(texts) {
            Text::Whole(user, rest) => (user, rest),
            Text::Part => return HandshakeStep::Wait,
            Text::TooLong => return self.refuse(version, Refusal::General),
        };
        let (host, rest) = match address {
            [0, 0, 0, last] if last != 0 => match text_before_nul(rest) {
                Text::Whole(name, rest) => (name_or_address(name), rest),
                Text::Part => return HandshakeStep::Wait,
                Text::TooLong => return self.refuse(version, Refusal::General),
            },
            _ => (SocksHost::Ip(Ipv4Addr::from(address).into()), rest),
        };
        let request = command_of(command).filter(|_| rest.is_empty()).map(|command| SocksRequest {
            version,
            command,
            host,
            port: u16::from_be_bytes([port_high, port_low]),
            user,
        });
        match request {
            Some(request) => self.over(HandshakeStep::Request(request)),
            None => self.refuse(version, Refusal::Command),
        }
    }

    /// `05 count methods(count)`; the answer is `05 method`, or `05 FF` when there is none.
    fn methods(&mut self) -> HandshakeStep {
        let Some(&[_, count]) = self.bytes.first_chunk() else { return HandshakeStep::Wait };
        let Some(methods) = self.bytes.get(2..2 + usize::from(count)) else {
            return HandshakeStep::Wait;
        };
        let (method, next) = match self.passwords {
            Some(_) => (2, ProxyStage::Password),
            None => (0, ProxyStage::Request5),
        };
        if !methods.contains(&method) {
            return self.over(HandshakeStep::Close([5, 0xff]));
        }
        self.bytes.drain(..2 + usize::from(count));
        self.stage = next;
        HandshakeStep::Send([5, method])
    }

    /// `01 length name(length) length password(length)`; the answer is `01 00`, or `01 01` and the end.
    fn password(&mut self) -> HandshakeStep {
        let Some(&version) = self.bytes.first() else { return HandshakeStep::Wait };
        if version != 1 {
            return self.over(HandshakeStep::Close([1, 1]));
        }
        let Some((name, rest)) = counted_text(&self.bytes[1..]) else { return HandshakeStep::Wait };
        let Some((password, rest)) = counted_text(rest) else { return HandshakeStep::Wait };
        let texts = core::str::from_utf8(name).ok().zip(core::str::from_utf8(password).ok());
        let is_right = |(name, password)| {
            self.passwords.as_ref().is_some_and(|passwords| passwords(name, password))
        };
        let Some((name, _)) = texts.filter(|texts| is_right(*texts)) else {
            return self.over(HandshakeStep::Close([1, 1]));
        };
        let left = rest.len();
        self.user = name.into();
        self.bytes.drain(..self.bytes.len() - left);
        self.stage = ProxyStage::Request5;
        HandshakeStep::Send([1, 0])
    }

    /// `05 command 00 kind address port(2)`, where the kind is 1 (IPv4), 3 (a name) or 4 (IPv6).
    fn request5(&mut self) -> HandshakeStep {
        let version = SocksVersion::V5;
        let Some((&[five, command, _, kind], rest)) = self.bytes.split_first_chunk::<4>() else {
            return HandshakeStep::Wait;
        };
        if five != 5 {
            return self.refuse(version, Refusal::General);
        }
        let address = match kind {
            1 => rest
                .split_first_chunk()
                .map(|(ip, rest)| (SocksHost::Ip(IpAddr::from(*ip as [u8; 4])), rest)),
            4 => rest
                .split_first_chunk()
                .map(|(ip, rest)| (SocksHost::Ip(Ipv6Addr::from(*ip as [u8; 16]).into()), rest)),
            3 => counted_text(rest).map(|(name, rest)| (name_or_address(lossy(name)), rest)),
            _ => return self.refuse(version, Refusal::AddressKind),
        };
        let Some((host, rest)) = address else { return HandshakeStep::Wait };
        let Some((port, rest)) = rest.split_first_chunk::<2>() else { return HandshakeStep::Wait };
        if !rest.is_empty() {
            return self.refuse(version, Refusal::General);
        }
        let port = u16::from_be_bytes(*port);
        match command_of(command) {
            Some(command) => {
                let user = core::mem::take(&mut self.user);
                let request = SocksRequest { version, command, host, port, user };
                self.over(HandshakeStep::Request(request))
            }
            None => self.refuse(version, Refusal::Command),
        }
    }

    fn refuse(&mut self, version: SocksVersion, refusal: Refusal) -> HandshakeStep {
        self.over(HandshakeStep::Refuse(version, refusal))
    }

    fn over(&mut self, step: HandshakeStep) -> HandshakeStep {
        self.stage = ProxyStage::Over;
        self.bytes = Vec::new();
        step
    }
}

/// A text that ends with a NUL byte, as far as it has come.
enum Text<'a> {
    Whole(String, &'a [u8]),
    Part,
    TooLong,
}

fn text_before_nul(bytes: &[u8]) -> Text<'_> {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(end) if end <= TEXT_BYTES_MAX => Text::Whole(lossy(&bytes[..end]), &bytes[end + 1..]),
        None if bytes.len() <= TEXT_BYTES_MAX => Text::Part,
        Some(_) | None => Text::TooLong,
    }
}

/// A text behind its length, and what is behind it.
fn counted_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// A text that is not UTF-8 is no name that could be found, nor a user who is known.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn name_or_address(name: String) -> SocksHost {
    name.parse().map_or_else(|_| SocksHost::Name(name), SocksHost::Ip)
}

fn command_of(number: u8) -> Option<SocksCommand> {
    match number {
        1 => Some(SocksCommand::Connect),
        2 => Some(SocksCommand::Bind),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
