//! [`VsockServerConfig`] and [`VsockClientConfig`]: the strings of kind `vsock`, as values.
//!
//! Invariant: a number that has a name is printed by it where it is a placeholder, which no number is.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::time::Duration;

use interfaces::{
    BACKLOG_MAX, ReactorFdSet, ReactorSocket, ReactorTime, StreamClientEndpoint, VsockAddress,
};

use super::{EndpointConfig, checked, endpoint_config};
use crate::retry::{RETRY, retried, retry_period};
use crate::vsock::{VsockClientEndpoint, VsockServerEndpoint};
use crate::{Argument, Arguments, ParseError, Side, Value};

const LISTEN: [&str; 3] = ["cid", "port", "backlog"];

const CONNECT: [&str; 2] = ["cid", "port"];

const TIMEOUT: &str = "timeout";

/// A string of a server of kind `vsock`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct VsockServerConfig {
    /// Where it listens.
    pub address: VsockAddress,
    /// How many connections the kernel keeps before they are accepted. Default [`BACKLOG_MAX`], printed as `max`.
    pub backlog: u32,
}

impl VsockServerConfig {
    /// On this address.
    pub fn new(address: VsockAddress) -> Self {
        Self { address, backlog: BACKLOG_MAX }
    }

    /// The endpoint.
    ///
    /// # Errors
    ///
    /// [`ParseError`], at its place in the string that the value prints.
    pub fn server(
        &self,
        reactor: impl ReactorSocket + 'static,
    ) -> Result<VsockServerEndpoint, ParseError> {
        Ok(checked(self)?.endpoint(reactor))
    }

    pub(crate) fn endpoint(&self, reactor: impl ReactorSocket + 'static) -> VsockServerEndpoint {
        VsockServerEndpoint::new(reactor, self.address).with_backlog(self.backlog)
    }
}

/// A string of a client of kind `vsock`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct VsockClientConfig {
    /// Where it connects to.
    pub address: VsockAddress,
    /// How long an attempt may take. Default: 30 s.
    pub timeout: Duration,
    /// For how long it tries again while its server is not there. Default: 0.
    pub retry: Duration,
}

impl VsockClientConfig {
    /// To this address.
    pub fn new(address: VsockAddress) -> Self {
        let timeout = Duration::from_secs(30);
        Self { address, timeout, retry: Duration::ZERO }
    }

    /// The endpoint.
    ///
    /// # Errors
    ///
    /// [`ParseError`], at its place in the string that the value prints.
    pub fn client<R>(&self, reactor: R) -> Result<Rc<dyn StreamClientEndpoint>, ParseError>
    where
        R: ReactorSocket + ReactorFdSet + ReactorTime + Clone + 'static,
    {
        checked(self)?;
        let time = Rc::new(reactor.clone());
        Ok(self.around(VsockClientEndpoint::new(reactor, self.address), time))
    }

    /// The endpoint with its times.
    pub(crate) fn around(
        &self,
        endpoint: VsockClientEndpoint,
        time: Rc<dyn ReactorTime>,
    ) -> Rc<dyn StreamClientEndpoint> {
        retried(endpoint.with_timeout(self.timeout), time, self.retry)
    }
}

/// Every number that means itself.
const NUMBERS: core::ops::RangeInclusive<u64> = 0..=(u32::MAX - 1) as u64;

/// A name, and the number that it stands for.
type NamedNumber = (&'static str, u32);

const LOCAL: NamedNumber = ("local", VsockAddress::CID_LOCAL);
const HOST: NamedNumber = ("host", VsockAddress::CID_HOST);
const ANY_CID: NamedNumber = ("any", VsockAddress::CID_ANY);
const ANY_PORT: NamedNumber = ("any", VsockAddress::PORT_ANY);

/// A number of 32 bits that is no placeholder, or one of these names.
fn number(argument: &Argument<'_>, names: &[NamedNumber]) -> Result<u32, ParseError> {
    let text = argument.required()?;
    if let Some((_, number)) = names.iter().find(|(name, _)| *name == text) {
        return Ok(*number);
    }
    let number = argument.number(NUMBERS).map_err(|error| match names {
        [] => error,
        names => {
            let names: Vec<_> = names.iter().map(|(name, _)| format!("`{name}`")).collect();
            let (names, end) = (names.join(", "), NUMBERS.end());
            argument.error(format!("{names} or a number from 0 to {end}"))
        }
    })?;
    Ok(number as u32)
}

/// The number, or the name of a placeholder.
fn printed(number: u32, placeholder: NamedNumber) -> Value {
    match placeholder {
        (name, stands_for) if stands_for == number => Value::Text(name.into()),
        _ => Value::Text(number.to_string().into()),
    }
}

fn address(address: VsockAddress) -> [Value; 2] {
    [printed(address.cid, ANY_CID), printed(address.port, ANY_PORT)]
}

impl EndpointConfig for VsockServerConfig {
    const SIDE: Side = Side::Server;
    const KINDS: &'static [&'static str] = &["vsock"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        let [cid, port, backlog] = arguments.bind(LISTEN)?;
        let cid = number(&cid, &[ANY_CID, LOCAL, HOST])?;
        let address = VsockAddress { cid, port: number(&port, &[ANY_PORT])? };
        Ok(Self { address, backlog: backlog.backlog()? })
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let [cid, port] = address(self.address);
        core::iter::zip(LISTEN, [cid, port, Value::backlog(self.backlog)]).collect()
    }
}

impl EndpointConfig for VsockClientConfig {
    const SIDE: Side = Side::Client;
    const KINDS: &'static [&'static str] = &["vsock"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        let ([cid, port], [timeout], [retry]) =
            arguments.bind_with_options(CONNECT, [TIMEOUT], [RETRY])?;
        let address =
            VsockAddress { cid: number(&cid, &[LOCAL, HOST])?, port: number(&port, &[])? };
        let timeout = timeout.seconds_or(Duration::from_secs(30))?;
        Ok(Self { address, timeout, retry: retry_period(&retry)? })
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let retry =
            if self.retry.is_zero() { None } else { Some((RETRY, Value::Seconds(self.retry))) };
        let timeout = (TIMEOUT, Value::Seconds(self.timeout));
        core::iter::zip(CONNECT, address(self.address)).chain([timeout]).chain(retry).collect()
    }
}

endpoint_config!(VsockServerConfig, ServerString);
endpoint_config!(VsockClientConfig, ClientString);
