//! Endpoints from strings that an administrator can edit; Twisted's `twisted.internet.endpoints`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod parse_error;
mod registry;

mod argument;
mod arguments;
mod description;
mod host;
mod quote;

mod tcp_client;
mod tcp_server;
mod unix;

mod standard;
mod tcp_strings;
mod unix_strings;

mod grammar;
mod nearest;
mod number;
mod picture;
mod tcp_reactor;

pub use argument::Argument;
pub use arguments::Arguments;
pub use description::{Description, Parsed, Value};
pub use host::{BadHost, Host};
pub use parse_error::{ParseError, Problem, Side};
pub use quote::quote_string_argument;
pub use registry::{ClientParser, Registry, ServerParser};
pub use tcp_client::TcpClientEndpoint;
pub use tcp_server::TcpServerEndpoint;
pub use unix::{UnixClientEndpoint, UnixServerEndpoint};
