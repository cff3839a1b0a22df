//! Endpoint strings as values: for configurations that hold endpoints, compare, change and store them.
//!
//! ```text
//!               from_str / serde / clap                         server(reactor), client(reactor)
//!  text  ──────────────────────────────►  value of one kind  ─────────────────────────────────►  endpoint
//!        ◄──────────────────────────────  TcpServerConfig …
//!               Display / serde                  │ into
//!        ──────────────────────────────►         ▼                server(registry), client(registry)
//!  text                                   ServerString, ClientString ──────────────────────────►  endpoint
//!        ◄──────────────────────────────  any kind of any registry
//! ```
//!
//! - A value of one kind has the kind's arguments as public fields, with their defaults. The parser of the kind
//!   makes this value first and the endpoint from it, so that a string and a value cannot mean two things. The
//!   names of the arguments stand once, in an array that reading binds and printing zips.
//! - A [`ServerString`] or [`ClientString`] is any string that the grammar takes; a registry judges the rest of it
//!   when it is asked for the endpoint.
//! - The fields of a value can be set to what no string says: a path with a NUL byte, a `tcp6` interface of IPv4. So
//!   whatever turns a value into something else prints it, reads that, and compares ([`checked`]): such a value is a
//!   [`ParseError`] that points into the printed string.
//!
//! Twisted's configurations hold the strings themselves. Invariant: a value that is checked prints a string that is
//! read as an equal value.

mod formats;
mod haproxy;
mod http_connect;
#[cfg(feature = "std")]
mod process;
mod sni;
mod socks;
#[cfg(feature = "std")]
mod srv;
mod stdio;
mod string;
mod tcp_client;
mod tcp_connect;
mod tcp_server;
mod unix_client;
mod unix_name;
mod unix_server;
#[cfg(feature = "vsock")]
mod vsock;

#[cfg(feature = "clap")]
pub(crate) mod clap;
#[cfg(feature = "serde")]
pub(crate) mod serde;

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::fmt::Display;
use core::str::FromStr;

use interfaces::AddressFamily;

use crate::nearest::listed;
use crate::registry::{fields, split};
use crate::{Arguments, Host, ParseError, Problem, Registry, Side, Value};
use crate::{quote_positional_argument, quote_string_argument};

#[cfg(feature = "clap")]
pub use self::clap::EndpointValueParser;
pub(crate) use self::formats::endpoint_config;
pub use self::haproxy::{ProxyClientConfig, ProxyServerConfig};
pub use self::http_connect::HttpConnectClientConfig;
#[cfg(feature = "std")]
pub use self::process::ProcessClientConfig;
pub use self::sni::{SniClientConfig, SniServerConfig};
pub use self::socks::SocksClientConfig;
#[cfg(feature = "std")]
pub use self::srv::SrvClientConfig;
pub use self::stdio::StdioServerConfig;
pub use self::string::{ClientString, ServerString};
pub use self::tcp_client::TcpClientConfig;
pub use self::tcp_connect::TcpConnectConfig;
pub use self::tcp_server::TcpServerConfig;
pub use self::unix_client::UnixClientConfig;
pub use self::unix_name::UnixName;
pub use self::unix_server::UnixServerConfig;
#[cfg(feature = "vsock")]
pub use self::vsock::{VsockClientConfig, VsockServerConfig};

/// Which of the two kinds of TCP a string is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TcpKind {
    /// `tcp`: IPv4 to listen on unless the interface says otherwise, both families to connect to.
    Tcp,
    /// `tcp6`: IPv6 alone.
    Tcp6,
}

impl TcpKind {
    /// As strings have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tcp6 => "tcp6",
        }
    }

    /// The family of what a host of this kind is connected to by.
    fn family_of(self, host: &Host) -> AddressFamily {
        match self {
            Self::Tcp => host.family(),
            Self::Tcp6 => AddressFamily::Ipv6,
        }
    }

    fn of(arguments: &Arguments<'_>) -> Self {
        if arguments.kind() == Self::Tcp6.name() { Self::Tcp6 } else { Self::Tcp }
    }
}

/// The value of the strings of one kind, or of a few that belong together.
///
/// A parser of the kind reads this value and makes the endpoint from it, so that a string and a value cannot mean
/// two things. With it, [`endpoint_config!`](crate::endpoint_config) adds what text needs. The kinds of this crate and
/// of its neighbours have such values; a third party's kind can have one, too.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "std")] {
/// use ropewalk_endpoints::{Arguments, EndpointConfig, ParseError, Side, Value, endpoint_config};
///
/// #[derive(Clone, Debug, PartialEq)]
/// struct SerialServerConfig {
///     port: u64,
///     speed: u64,
/// }
///
/// const NAMES: [&str; 2] = ["port", "speed"];
///
/// impl EndpointConfig for SerialServerConfig {
///     const SIDE: Side = Side::Server;
///     const KINDS: &'static [&'static str] = &["serial"];
///
///     fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
///         let [port, speed] = arguments.bind(NAMES)?;
///         Ok(Self { port: port.number(0..=9)?, speed: speed.number_or(300..=115_200, 9600)? })
///     }
///
///     fn arguments(&self) -> Vec<(&'static str, Value)> {
///         NAMES.into_iter().zip([self.port, self.speed].map(Value::Number)).collect()
///     }
/// }
///
/// endpoint_config!(SerialServerConfig, ServerString);
///
/// let mut config: SerialServerConfig = "serial:3".parse()?;
/// config.speed = 1200;
/// assert_eq!(config.to_string(), "serial:port=3:speed=1200");
/// # }
/// # Ok::<(), ropewalk_endpoints::ParseError>(())
/// ```
pub trait EndpointConfig: Sized {
    /// The side of its strings.
    const SIDE: Side;

    /// The kinds of its strings, as they are registered.
    const KINDS: &'static [&'static str];

    /// Whether the first field of a string means this kind.
    fn is_kind(kind: &str, given: &str) -> bool {
        given.eq_ignore_ascii_case(kind)
    }

    /// Binds the arguments and reads them. No registry is behind them where a string is read into a value, so the
    /// string of an endpoint inside is read with [`Argument::server_string`](crate::Argument::server_string).
    ///
    /// # Errors
    ///
    /// [`ParseError`].
    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError>;

    /// The kind that it prints.
    fn kind(&self) -> &'static str {
        Self::KINDS[0]
    }

    /// The arguments that it prints, in their order; an absent one is left out.
    fn arguments(&self) -> Vec<(&'static str, Value)>;

    /// The endpoints behind the arguments, as it prints them.
    fn wrapped(&self) -> Option<String> {
        None
    }

    /// The endpoint string of the value: every argument by name.
    ///
    /// # Errors
    ///
    /// [`ParseError`], which points into what `Display` prints, for a value that no string means.
    fn endpoint_string(&self) -> Result<String, ParseError>
    where
        Self: Display + FromStr<Err = ParseError> + PartialEq,
    {
        Ok(checked(self)?.to_string())
    }
}

/// Reads a string of one of a value's kinds.
pub fn parse<C: EndpointConfig>(text: &str) -> Result<C, ParseError> {
    let (kind, fields) = split(text, fields(text)?, C::SIDE)?;
    match C::KINDS.iter().find(|known| C::is_kind(known, &kind.name)) {
        Some(known) => {
            let registry = Registry::new();
            C::read(&mut Arguments::new((text, kind.end), (C::SIDE, known), fields, &registry))
        }
        None => Err(ParseError::new(text, kind.span, Problem::UnknownKind { kind: kind.name })
            .expecting(kinds(C::KINDS))),
    }
}

fn kinds(kinds: &[&'static str]) -> String {
    let listed = listed(kinds.iter().copied());
    if kinds.len() > 1 { format!("one of {listed}") } else { listed }
}

/// Prints the string of a value: every argument by name.
pub fn print(config: &impl EndpointConfig, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&quote_positional_argument(config.kind()))?;
    for (name, value) in config.arguments() {
        if value != Value::Absent {
            write!(f, ":{name}={}", quote_string_argument(&value.to_string()))?;
        }
    }
    match config.wrapped() {
        Some(wrapped) => write!(f, ":{wrapped}"),
        None => Ok(()),
    }
}

/// The value, if its string means it.
///
/// # Errors
///
/// The mistake of its string; or that this means another value, as a time of less than a millisecond does.
pub(crate) fn checked<T>(value: &T) -> Result<&T, ParseError>
where
    T: Display + FromStr<Err = ParseError> + PartialEq,
{
    let text = value.to_string();
    if text.parse::<T>()? == *value {
        return Ok(value);
    }
    let message = "no endpoint string means this value: its own string is read as another one";
    Err(ParseError::new(&text, 0..text.len(), Problem::Refused { message: message.into() }))
}
