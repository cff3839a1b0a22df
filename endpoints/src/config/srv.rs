//! [`SrvClientConfig`]: the strings of clients of kind `srv`, as a value. With the feature `std`.
//!
//! Invariant: a service that is not one over TCP is an error.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use interfaces::{
    AddressFamily, ReactorTcp, ReactorTime, ReactorUdp, Resolver, StreamClientEndpoint,
};

use super::tcp_connect::{CONNECT, CONNECT_OPTIONS};
use super::{EndpointConfig, TcpConnectConfig, checked, endpoint_config};
use crate::srv::SrvContext;
use crate::{Argument, Arguments, Host, ParseError, Side, Value};

const SERVICE: &str = "service";

/// A string of a client of kind `srv`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SrvClientConfig {
    /// The service, as `_imaps._tcp.example.com`.
    pub service: String,
    /// How it connects to each place of the service.
    pub connect: TcpConnectConfig,
}

impl SrvClientConfig {
    /// To this service, with the defaults of a string.
    pub fn new(service: impl Into<String>) -> Self {
        Self { service: service.into(), connect: TcpConnectConfig::default() }
    }

    /// The endpoint, with the name servers of the system.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for a value that no string means, at its place in the string that it prints.
    pub fn client<R>(&self, reactor: R) -> Result<Rc<dyn StreamClientEndpoint>, ParseError>
    where
        R: ReactorTcp + ReactorUdp + Resolver + ReactorTime + 'static,
    {
        Ok(SrvContext::of_system(reactor).endpoint(checked(self)?))
    }
}

impl EndpointConfig for SrvClientConfig {
    const SIDE: Side = Side::Client;
    const KINDS: &'static [&'static str] = &["srv"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        let ([service], listed, options) =
            arguments.bind_with_options([SERVICE], CONNECT, CONNECT_OPTIONS)?;
        let service = service_name(&service)?;
        Ok(Self { service, connect: TcpConnectConfig::read(AddressFamily::Any, listed, options)? })
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let service = (SERVICE, Value::Text(self.service.clone().into()));
        core::iter::once(service).chain(self.connect.arguments()).collect()
    }
}

/// `_service._proto.name` as DNS has it, where the protocol is not UDP.
fn service_name(argument: &Argument<'_>) -> Result<String, ParseError> {
    let wrong = || argument.error("the name of a service, as `_imaps._tcp.example.com`");
    let Ok(Host::Name(name)) = argument.required()?.parse() else { return Err(wrong()) };
    let mut labels = name.split('.');
    let is_marked = |label: &str| label.len() > 1 && label.starts_with('_');
    let (service, protocol) = (labels.next().unwrap_or(""), labels.next().unwrap_or(""));
    let is_in_a_domain = labels.next().is_some_and(|label| !label.is_empty());
    if !is_marked(service) || !is_marked(protocol) || !is_in_a_domain {
        return Err(wrong());
    }
    if protocol.eq_ignore_ascii_case("_udp") {
        return Err(argument.error("a service over TCP"));
    }
    Ok(name)
}

endpoint_config!(SrvClientConfig, ClientString);
