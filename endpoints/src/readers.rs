//! The typed readers of an argument.
//!
//! Invariant: every reader either returns a value that is safe to use and records it, or returns an
//! error with the place of the mistake.

use alloc::string::{String, ToString as _};
use core::net::IpAddr;
use core::ops::RangeInclusive;
use core::time::Duration;

use interfaces::{
    AddressFamily, BACKLOG_MAX, LockFile, StreamClientEndpoint, StreamServerEndpoint,
};

use crate::description::BACKLOG_WORD;
use crate::duration::SECONDS_MAX;
use crate::grammar::{Form, Piece};
use crate::number;
use crate::{
    Argument, ClientString, Host, ParseError, Parsed, ServerString, Value, quote_string_argument,
};

/// Every TCP port.
const PORTS: RangeInclusive<u64> = 0..=u16::MAX as u64;

impl<'a> Argument<'a> {
    /// The text, if it is given. An IPv6 literal in brackets is a mistake here.
    pub fn text(&self) -> Result<Option<&'a str>, ParseError> {
        match self.piece() {
            Some(Piece { text, form: Form::Literal, .. }) => {
                let quoted = quote_string_argument(text);
                Err(self.error(alloc::format!("plain text, as `{quoted}` would be")))
            }
            Some(Piece { text, form: Form::Plain, .. }) => {
                self.record(Value::Text(String::from(&**text).into()));
                Ok(Some(text))
            }
            None => Ok(None),
        }
    }

    /// The text, which must be given.
    pub fn required(&self) -> Result<&'a str, ParseError> {
        self.text()?.ok_or_else(|| self.missing())
    }

    /// The text, or `default` if it is not given.
    pub fn text_or(&self, default: &'a str) -> Result<&'a str, ParseError> {
        let text = self.text()?;
        if text.is_none() {
            self.record(Value::Text(String::from(default).into()));
        }
        Ok(text.unwrap_or(default))
    }

    /// A TCP port, which must be given.
    pub fn port(&self) -> Result<u16, ParseError> {
        self.number(PORTS).map(|port| port as u16)
    }

    /// A TCP port, or `default` if it is not given.
    pub fn port_or(&self, default: u16) -> Result<u16, ParseError> {
        self.number_or(PORTS, default.into()).map(|port| port as u16)
    }

    /// How many connections the kernel keeps before they are accepted: a number, or `max`, which is the
    /// default and means as many as the kernel allows.
    pub fn backlog(&self) -> Result<u32, ParseError> {
        if self.piece().is_none_or(|piece| piece.text == BACKLOG_WORD) {
            self.record(Value::Text(BACKLOG_WORD.into()));
            return Ok(BACKLOG_MAX);
        }
        let allowed = 0..=BACKLOG_MAX.into();
        let expected =
            || self.error(alloc::format!("`{BACKLOG_WORD}` or a number from 0 to {BACKLOG_MAX}"));
        self.number(allowed).map(|backlog| backlog as u32).map_err(|_| expected())
    }

    /// A decimal number in the range, which must be given.
    pub fn number(&self, range: RangeInclusive<u64>) -> Result<u64, ParseError> {
        let piece = self.piece().ok_or_else(|| self.missing())?;
        let number = number::decimal(&piece.text).filter(|number| range.contains(number));
        let number = number.ok_or_else(|| {
            self.error(alloc::format!("a number from {} to {}", range.start(), range.end()))
        })?;
        self.record(Value::Number(number));
        Ok(number)
    }

    /// A decimal number in the range, or `default` if it is not given.
    pub fn number_or(&self, range: RangeInclusive<u64>, default: u64) -> Result<u64, ParseError> {
        if self.is_given() {
            return self.number(range);
        }
        self.record(Value::Number(default));
        Ok(default)
    }

    /// Permission bits: an octal number up to 7777, with or without `0` or `0o` before it.
    pub fn octal_mode_or(&self, default: u32) -> Result<u32, ParseError> {
        let mode = match self.piece() {
            Some(piece) => number::octal(&piece.text)
                .filter(|mode| *mode <= 0o7777)
                .ok_or_else(|| self.error("an octal mode from 0 to 7777"))?
                as u32,
            None => default,
        };
        self.record(Value::Mode(mode));
        Ok(mode)
    }

    /// A switch: `1`, `yes` or `true` for on, `0`, `no` or `false` for off.
    pub fn flag_or(&self, default: bool) -> Result<bool, ParseError> {
        let flag = match self.piece() {
            Some(piece) => {
                let expected = "0 or 1, no or yes, false or true";
                number::switch(&piece.text).ok_or_else(|| self.error(expected))?
            }
            None => default,
        };
        self.record(Value::Flag(flag));
        Ok(flag)
    }

    /// A time: a number of seconds, or a number with `ms`, `s`, `m` or `h`.
    pub fn seconds_or(&self, default: Duration) -> Result<Duration, ParseError> {
        let time = match self.piece() {
            Some(piece) => number::duration(&piece.text).ok_or_else(|| {
                self.error(alloc::format!(
                    "a time from 0 to {SECONDS_MAX} s, as in `30` or `500ms`"
                ))
            })?,
            None => default,
        };
        self.record(Value::Seconds(time));
        Ok(time)
    }

    /// A numeric address or a host name, which must be given. The description shows a name as it is
    /// written, as Twisted does.
    pub fn host(&self) -> Result<Host, ParseError> {
        let Some(piece) = self.piece() else { return Err(self.missing()) };
        let brackets: &[char] = match piece.form {
            Form::Plain => &[],
            Form::Literal => &['[', ']'],
        };
        let text = piece.text.trim_matches(brackets);
        let host: Host = text.parse().map_err(|_| self.error("an IP address or a host name"))?;
        let shown = match &host {
            Host::Name(_) => text.into(),
            _ => host.to_string(),
        };
        self.record(Value::Text(shown.into()));
        Ok(host)
    }

    /// An IPv6 address or a host name, which must be given.
    pub(crate) fn ipv6_host(&self) -> Result<Host, ParseError> {
        let expected = "an IPv6 address or a host name";
        let host = self.host().map_err(|_| self.error(expected))?;
        if host.is_ipv6() == Some(false) { Err(self.error(expected)) } else { Ok(host) }
    }

    /// A numeric address or a host name, or `default`; given but empty counts as not given, as in
    /// Twisted.
    pub fn host_or(&self, default: Host) -> Result<Host, ParseError> {
        if !self.is_empty() {
            return self.host();
        }
        self.record(Value::Text(default.to_string().into()));
        Ok(default)
    }

    /// A numeric address; given but empty counts as not given, as in Twisted.
    pub fn ip_address(&self) -> Result<Option<IpAddr>, ParseError> {
        if self.is_empty() {
            return Ok(None);
        }
        match self.host() {
            Ok(Host::Ip(address)) => Ok(Some(address)),
            Ok(_) | Err(_) => Err(self.error("an IP address")),
        }
    }

    /// The address of this machine to connect from, for a host of this family; given but empty counts as not given.
    pub fn local_address(&self, family: AddressFamily) -> Result<Option<IpAddr>, ParseError> {
        match (family, self.ip_address()?) {
            (AddressFamily::Ipv6, Some(IpAddr::V4(_))) => Err(self.error("an IPv6 address")),
            (AddressFamily::Ipv4, Some(IpAddr::V6(_))) => Err(self.error("an IPv4 address")),
            (_, address) => Ok(address),
        }
    }

    /// An endpoint string of its own, which the same registry parses. Its mistakes are found at
    /// their place in the outer string.
    pub fn server(&self) -> Result<Option<Parsed<dyn StreamServerEndpoint>>, ParseError> {
        let parsed = self.text()?.map(|text| self.arguments().registry().parse_server(text));
        parsed.transpose().map_err(|error| self.nested(error))
    }

    /// As [`server`](Self::server), for a client.
    pub fn client(&self) -> Result<Option<Parsed<dyn StreamClientEndpoint>>, ParseError> {
        let parsed = self.text()?.map(|text| self.arguments().registry().parse_client(text));
        parsed.transpose().map_err(|error| self.nested(error))
    }

    /// The string of a server inside, of whatever kind: its grammar is checked, and a registry judges the rest.
    pub fn server_string(&self) -> Result<Option<ServerString>, ParseError> {
        self.text()?.map(str::parse).transpose().map_err(|error| self.nested(error))
    }

    /// As [`server_string`](Self::server_string), of a client.
    pub fn client_string(&self) -> Result<Option<ClientString>, ParseError> {
        self.text()?.map(str::parse).transpose().map_err(|error| self.nested(error))
    }

    /// Moves a mistake in a nested endpoint string to its place in the outer string.
    fn nested(&self, inner: ParseError) -> ParseError {
        let Some(piece) = self.piece() else { return inner };
        let outer = |offset| self.arguments().written_offset(piece, offset);
        let span = outer(inner.offset())..outer(inner.offset() + inner.length());
        let unescaped = self.arguments().mistaken(span.clone()).inner_string();
        let moved = inner.moved_to(self.arguments().text(), span);
        if unescaped.is_some() { moved.hinting(unescaped) } else { moved }
    }

    /// Whether it is not given, or given as nothing.
    fn is_empty(&self) -> bool {
        self.piece().is_none_or(|piece| piece.text.is_empty())
    }
}

/// The meaning of a switch `lockfile`.
pub(crate) fn lock_file(used: bool) -> LockFile {
    if used { LockFile::Used } else { LockFile::Ignored }
}

/// The switch that [`lock_file`] reads as this.
pub(crate) fn lock_file_value(lock_file: LockFile) -> Value {
    Value::Flag(lock_file == LockFile::Used)
}
