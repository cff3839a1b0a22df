//! [`StdioServerConfig`]: the string `stdio`, as a value.
//!
//! Invariant: there is one such value.

use alloc::vec::Vec;

use interfaces::ReactorStdio;

use super::{EndpointConfig, endpoint_config};
use crate::{Arguments, ParseError, Side, StdioServerEndpoint, Value};

/// The string of a server of kind `stdio`, which has no arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StdioServerConfig {}

impl StdioServerConfig {
    /// The endpoint.
    pub fn server(&self, reactor: impl ReactorStdio + 'static) -> StdioServerEndpoint {
        StdioServerEndpoint::new(reactor)
    }
}

impl EndpointConfig for StdioServerConfig {
    const SIDE: Side = Side::Server;
    const KINDS: &'static [&'static str] = &["stdio"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        // The colon of `stdio:` leaves one empty value.
        match arguments.fields() {
            [only] if only.name.is_none() && only.value.text.is_empty() => {}
            _ => {
                let [] = arguments.bind([])?;
            }
        }
        Ok(Self {})
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

endpoint_config!(StdioServerConfig, ServerString);
