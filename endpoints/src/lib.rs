//! Endpoints from strings that an administrator can edit; Twisted's `twisted.internet.endpoints`.
//!
//! A command line or a file says where a program listens and where it connects. A [`Registry`]
//! turns such a string into an endpoint, or into a [`ParseError`] that points at the mistake.
//! Making an endpoint opens nothing. [`Registry::standard`] knows `tcp`, `tcp6` and `unix`; any
//! crate can add kinds. This example adds one that listens in memory:
//!
//! ```
//! use interfaces::StreamServerEndpoint;
//! use protocol::testing::memory::Network;
//! use ropewalk_endpoints::{Arguments, ParseError, Parsed, Registry, ServerParser};
//!
//! struct Memory(Network);
//!
//! impl ServerParser for Memory {
//!     fn kind(&self) -> &'static str {
//!         "memory"
//!     }
//!
//!     fn parse(
//!         &self,
//!         arguments: Arguments<'_>,
//!     ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
//!         let [name] = arguments.bind(["name"])?;
//!         let endpoint = self.0.server(name.required()?);
//!         Ok(arguments.parsed(std::rc::Rc::new(endpoint), ["memory"]))
//!     }
//! }
//!
//! fn main() -> Result<(), ParseError> {
//!     let registry = Registry::new().with_server(Memory(Network::new()));
//!     let parsed = registry.parse_server("memory:here")?;
//!     assert_eq!(parsed.description.to_string(), "memory:name=here");
//!
//!     let mistake = registry.parse_server("memory:nmae=here").unwrap_err();
//!     assert_eq!(mistake.report(), "\
//! error: unknown option `nmae` for a `memory` server
//!   memory:nmae=here
//!          ^^^^ column 8: a similar option exists: `name`");
//!     Ok(())
//! }
//! ```
//!
//! # The grammar
//!
//! In EBNF (ISO/IEC 14977, with `? … ?` for what words say better):
//!
//! ```text
//! endpoint   = field, { ":", field } ;
//! field      = positional | option ;
//! option     = name, "=", value ;               (* ends the name at the first plain "=" of the field *)
//! positional = literal | { escape | plain - "=" } ;
//! name       = { escape | plain - "=" } ;
//! value      = literal | { escape | plain } ;   (* a further "=" is a letter *)
//! plain      = ? any character but ":" and "\" ? ;
//! escape     = "\", ? any character ? ;         (* stands for that character *)
//! literal    = "[", ? an IPv6 address ?, [ "%", zone ], "]" ;
//! zone       = zone letter, { zone letter } ;
//! zone letter = ? any visible character but : / % = \ [ ] ? ;
//! ```
//!
//! It is Twisted's, but for `literal`, which is read as one only if it is a whole value and the address is
//! valid; its colons separate nothing. The rest of what Twisted's strings mean holds, too:
//!
//! - The first positional is the kind, wherever it stands. A string without one is a mistake.
//! - Fields may be empty, and an empty one is an empty value: `tcp:80:` has an empty interface.
//! - The other positionals are arguments in the order of the kind's table. Options may stand anywhere.
//! - Of an option that is given twice the later one counts.
//! - Nothing is trimmed, and letters of names are compared exactly. The only mistake of the grammar itself is a
//!   backslash at the end.
//! - A string within a string is escaped once more, or is the rest of the string of a kind that wraps.
//!
//! [`quote_string_argument`] escapes a text that stands behind `name=`, and [`quote_positional_argument`] one
//! that stands by position.
//!
//! # The kinds
//!
//! | kind | | by position or by name | by name only |
//! |---|---|---|---|
//! | `tcp` | server | `port`, `interface` (0.0.0.0), `backlog` (max) | `noDelay`, `keepAlive`, `device`, `reusePort`, `ipv6Only` |
//! | `tcp6` | server | `port`, `backlog` (max), `interface` (::) | as `tcp` |
//! | `unix` | server | `address`, `mode` (0600), `backlog` (max), `lockfile` (1) | `abstract`, `owner`, `group` |
//! | `tcp`, `tcp6` | client | `host`, `port` | `timeout` (30), `bindAddress`, `retry` (0), `noDelay`, `keepAlive`, `device` |
//! | `unix` | client | `path` | `lockfile` (0), `timeout` (30), `checkPID`, `abstract`, `retry` (0) |
//! | `vsock` | server | `cid`, `port`, `backlog` (max) | |
//! | `vsock` | client | `cid`, `port` | `timeout` (30), `retry` (0) |
//! | `haproxy` | server | the wrapped server | `trust` (loopback,unix), `timeout` (5), both before it |
//! | `haproxy` | client | the wrapped client | `version` (2), `crc32c` (0), both before it |
//! | `sni` | server | the wrapped server | `timeout` (5), before it |
//! | `sni` | client | the client of each route | `for`, before it |
//! | `socks5`, `http-connect` | client | the client that connects to the proxy | `host`, `port`, `user`, `password`, all before it |
//!
//! `retry=30s` connects again for 30 s to a server that is not there yet.
//!
//! `sni` routes by the server name of TLS without ending it ([`sni`]): `sni:tcp:443` listens, and
//! `sni:for=www.example.com:tcp:10.0.0.1:443:for=*:tcp:10.0.0.2:443` connects. `for` is a name, `*.` and a name
//! for the names below it, `alpn=` and a protocol, or `*` for every connection, TLS or not; the first that takes a
//! connection counts.
//!
//! `haproxy` and `sni` are added by [`haproxy::register`] and [`sni::register`], as they need a clock. `haproxy` takes
//! the rest of its string as it stands: `haproxy:tcp:80`, and any kind can do so ([`Arguments::bind_wrapper`]).
//!
//! A single value by position is the `port` of a client whose `host` is given by name. Servers of
//! kind `tcp` and `unix` want their kind in lower case, as in Twisted.
//!
//! [`StdioServerParser`], [`SocksClientParser`], [`HttpConnectClientParser`] and, with the feature `std`, `ProcessClientParser`
//! and `SrvClientParser` add the kinds `stdio`, `socks5`, `http-connect`, `process` and `srv`, which a program has to ask for;
//! with the feature `vsock`, `VsockServerParser` and `VsockClientParser` the kind of that name.
//!
//! # Configurations
//!
//! A program that reads its endpoints from a file or a command line holds them as values: [`ServerString`] and
//! [`ClientString`] for a string of any kind, and [`TcpServerConfig`], [`UnixServerConfig`], [`TcpClientConfig`] and
//! so on for one of a certain kind, whose arguments are fields. They compare, print the string and are parsed from
//! it; the features `serde` and `clap` read and write them as their string, and a mistake keeps its picture. `ssl`, `tls`
//! and `systemd` have theirs in their crates, and a third party's kind gets one by [`EndpointConfig`].
//! A mistake in a string with a password is shown with stars in its place.
//!
//! # Differences from Twisted
//!
//! A string that Twisted accepts means the same here, or is a mistake for one of the reasons 1 to
//! 7 and 17; 8, 9 and 16 are the only values that change. `tests/oracle.tsv` has Twisted's answer to each of
//! some hundred strings, and a test compares.
//!
//! Stricter, where being lax is dangerous:
//!
//! 1. A port above 65535 is a mistake, and so is a mode above 7777, a backlog above 2147483647 and
//!    a timeout above 4294967295.
//! 2. A minus sign is a mistake, and so are digits that are not ASCII.
//! 3. A host or an interface that is neither a numeric address nor a host name is a mistake: no
//!    text, `999.1.1.1`, `1.2.3`, `0x7f.1` (the system would read these two as addresses, too),
//!    letters that no name has. What `bindAddress` names is numeric, and of the host's family.
//! 4. The interface of `tcp6` is an IPv6 address or a name; with an IPv4 address, or with none,
//!    Twisted listens on IPv4.
//! 5. A UNIX path that is empty, has a NUL byte inside or more than 107 bytes is a mistake.
//! 6. A client's argument by position and by name, values by position that no argument takes, and any argument of
//!    `stdio` are mistakes; Twisted ignores some of them without a word.
//! 7. A mode for an abstract name is a mistake, and so is a lock file that a client is to look at:
//!    there is no file.
//!
//! Safer:
//!
//! 8. UNIX sockets have mode 0600 unless the string says otherwise; Twisted's have 0666.
//! 9. `checkPID` is a switch, as `lockfile`; Twisted takes any text but the empty one for on, `0`
//!    too.
//!
//! Added, where Twisted has an error, or an address that cannot be:
//!
//! 10. IPv6 addresses in brackets.
//! 11. `tcp6` clients.
//! 12. `abstract=` for Linux's abstract names; the NUL byte that Twisted wants works, too.
//! 13. Times with a unit: `500ms`, `30s`, `5m`, `2h`.
//! 14. The options of sockets (`noDelay`, `keepAlive`, `device`, `reusePort`, `ipv6Only`), and `retry`.
//! 15. The grammar lets names be of any letters; they are then unknown options.
//!
//! Larger:
//!
//! 16. The backlog is as large as the kernel allows unless the string says otherwise, which `max` says
//!     too; Twisted's is 50, which a burst of clients overflows.
//!
//! Clearer:
//!
//! 17. A switch is also `yes` or `true`, `no` or `false`, and a number other than 0 and 1 is a mistake, which
//!     Twisted takes for on.
//!
//! Around `haproxy`: only the peers in `trust` may send a header, and within `timeout`; an escaped `=` reaches the
//! wrapped kind, where Twisted loses it; there is a client.
//!
//! And apart from strings: kinds are registered, not discovered among installed packages, and the
//! first of two stays. Every address of a name is tried, IPv6 and IPv4 by turns (Happy Eyeballs, RFC 8305).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(feature = "std", feature = "clap"))]
extern crate std;

mod parse_error;
mod parser;
mod problem;
mod registry;

mod argument;
mod arguments;
mod ascii_name;
mod bind_address;
mod binding;
mod description;
mod host;
mod hostname;
mod http_connect_strings;
mod quote;
mod readers;

#[cfg(feature = "std")]
mod process;
mod retry;
mod socks_strings;
#[cfg(feature = "std")]
mod srv;
mod stdio;
mod tcp_client;
mod tcp_server;
mod unix;
#[cfg(feature = "vsock")]
mod vsock;

mod catalogue;
mod config;

mod standard;
mod strports;
mod tcp_strings;
mod unix_strings;

mod bracket_hint;
mod duration;
mod failover;
mod grammar;
mod hints;
mod nearest;
mod number;
mod picture;
mod preread;
mod secrets;
mod tcp_options;
mod tcp_reactor;
mod wrapper_endpoint;
mod wrapping;

pub mod haproxy;
pub mod sni;

pub use argument::Argument;
pub use arguments::Arguments;
pub use bind_address::BindAddress;
pub use catalogue::{KindDescription, ParameterDescription};
#[cfg(feature = "clap")]
pub use config::EndpointValueParser;
pub use config::{
    ClientString, EndpointConfig, HttpConnectClientConfig, ServerString, SocksClientConfig,
    StdioServerConfig, TcpClientConfig, TcpConnectConfig, TcpKind, TcpServerConfig,
    UnixClientConfig, UnixName, UnixServerConfig,
};
#[cfg(feature = "std")]
pub use config::{ProcessClientConfig, SrvClientConfig};
#[cfg(feature = "vsock")]
pub use config::{VsockClientConfig, VsockServerConfig};
/// What [`endpoint_config!`] calls from other crates.
#[doc(hidden)]
pub mod formats {
    #[cfg(feature = "clap")]
    pub use crate::config::clap::ValueParserFactory;
    #[cfg(feature = "serde")]
    pub use crate::config::serde::{deserialize, serialize};
    pub use crate::config::{parse, print};
    #[cfg(feature = "serde")]
    pub use serde;
}

pub use description::{Description, Parsed, RouteDescription, Value};
pub use duration::{BadDuration, parse_duration};
pub use failover::FailoverClientEndpoint;
pub use host::{BadHost, Host};
pub use http_connect_strings::HttpConnectClientParser;
pub use parse_error::ParseError;
pub use parser::{ClientParser, ServerParser};
pub use problem::{Problem, Side};
#[cfg(feature = "std")]
pub use process::{ProcessClientParser, ProcessEndpoint, StandardErrorBehavior};
pub use quote::{quote_positional_argument, quote_string_argument};
pub use registry::{DuplicateKind, Registry};
pub use retry::RetryClientEndpoint;
pub use socks_strings::SocksClientParser;
#[cfg(feature = "std")]
pub use srv::{
    DnsServers, DnsServiceResolver, ServiceError, ServiceRecord, ServiceResolver,
    SrvClientEndpoint, SrvClientParser,
};
pub use stdio::{NoStdioProtocol, StdioServerEndpoint, StdioServerParser};
pub use strports::{service, services};
pub use tcp_client::TcpClientEndpoint;
pub use tcp_options::SocketConfig;
pub use tcp_server::TcpServerEndpoint;
pub use unix::{UnixClientEndpoint, UnixServerEndpoint};
#[cfg(feature = "vsock")]
pub use vsock::{VsockClientEndpoint, VsockClientParser, VsockServerEndpoint, VsockServerParser};
pub use wrapper_endpoint::{WrapperClientEndpoint, WrapperServerEndpoint};
pub use wrapping::Wrapped;
