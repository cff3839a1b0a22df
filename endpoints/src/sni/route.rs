//! [`RoutePattern`]: the connections that a route takes.
//!
//! Invariant: a name is compared in lower case, and a pattern prints as it was read.

use alloc::rc::Rc;
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use super::ClientHello;
use super::hello::host_name;
use crate::ascii_name::to_ascii;

/// The connections that a route takes, as `for=` has it in strings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoutePattern {
    /// `*`: every connection, also one that is no TLS.
    Any,
    /// `www.example.com`: clients that ask for this name.
    Name(Arc<str>),
    /// `*.example.com`: clients that ask for a name below this one, at any depth, and not for it itself.
    Below(Arc<str>),
    /// `alpn=acme-tls/1`: clients that offer this protocol.
    Protocol(Arc<str>),
}

impl RoutePattern {
    /// Whether a client with this ClientHello is taken.
    pub fn takes(&self, hello: &ClientHello) -> bool {
        let name = hello.server_name.as_deref();
        match self {
            Self::Any => true,
            Self::Name(wanted) => name == Some(&**wanted),
            Self::Below(parent) => {
                let below = name.and_then(|name| name.strip_suffix(&**parent));
                below.is_some_and(|below| below.len() > 1 && below.ends_with('.'))
            }
            Self::Protocol(protocol) => hello.offers(protocol.as_bytes()),
        }
    }

    /// Whether no connection that `other` takes is left when this route stands before.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Below(parent), Self::Name(name) | Self::Below(name)) => {
                let asked =
                    ClientHello { server_name: Some(Rc::from(&**name)), ..Default::default() };
                self == other || Self::Below(parent.clone()).takes(&asked)
            }
            _ => self == other,
        }
    }
}

/// A text that is no pattern of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a server name as `www.example.com`, `*.example.com`, `alpn=acme-tls/1`, or `*` for every connection"
)]
pub struct BadPattern;

impl FromStr for RoutePattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some(protocol) = text.strip_prefix("alpn=") {
            let has_length = (1..=255).contains(&protocol.len());
            return if has_length { Ok(Self::Protocol(protocol.into())) } else { Err(BadPattern) };
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(parent) => (true, parent),
            None => (false, text),
        };
        let name = to_ascii(name).and_then(|name| host_name(name.as_bytes())).ok_or(BadPattern)?;
        let name = Arc::from(&*name);
        Ok(if below { Self::Below(name) } else { Self::Name(name) })
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Name(name) => f.write_str(name),
            Self::Below(parent) => write!(f, "*.{parent}"),
            Self::Protocol(protocol) => write!(f, "alpn={protocol}"),
        }
    }
}
