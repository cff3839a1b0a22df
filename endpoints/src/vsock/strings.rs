//! The strings of kind `vsock`.
//!
//! Invariant: both sides read the same two arguments, and the address that a port prints is such a string.

use alloc::rc::Rc;
use core::fmt;
use core::time::Duration;

use interfaces::{
    ReactorFdSet, ReactorSocket, ReactorTime, StreamClientEndpoint, StreamServerEndpoint,
    VsockAddress,
};

use super::{VsockClientEndpoint, VsockReactor, VsockServerEndpoint};
use crate::retry::{retried, retry_period};
use crate::{Argument, Arguments, ClientParser, ParseError, Parsed, ServerParser};

/// The kind, and the name of the layer.
const KIND: &str = "vsock";

/// Every number that means itself.
const NUMBERS: core::ops::RangeInclusive<u64> = 0..=(u32::MAX - 1) as u64;

/// Reads the strings of servers of kind `vsock`, as `vsock:any:5000`.
#[derive(Clone)]
pub struct VsockServerParser(Rc<dyn ReactorSocket>);

impl VsockServerParser {
    /// On this reactor.
    pub fn new(reactor: impl ReactorSocket + 'static) -> Self {
        Self(Rc::new(reactor))
    }
}

impl ServerParser for VsockServerParser {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let [cid, port, backlog] = arguments.bind(["cid", "port", "backlog"])?;
        let [cid, port] = [
            number(&cid, &[("any", VsockAddress::CID_ANY), LOCAL, HOST])?,
            number(&port, &[("any", VsockAddress::PORT_ANY)])?,
        ];
        let endpoint = VsockServerEndpoint::new(self.0.clone(), VsockAddress { cid, port });
        let endpoint = endpoint.with_backlog(backlog.backlog()?);
        Ok(arguments.parsed(Rc::new(endpoint), [KIND]))
    }
}

/// Reads the strings of clients of kind `vsock`, as `vsock:host:5000`.
#[derive(Clone)]
pub struct VsockClientParser {
    reactor: Rc<dyn VsockReactor>,
    time: Rc<dyn ReactorTime>,
}

impl VsockClientParser {
    /// On this reactor.
    pub fn new<R>(reactor: R) -> Self
    where
        R: ReactorSocket + ReactorFdSet + ReactorTime + 'static,
    {
        let reactor = Rc::new(reactor);
        Self { reactor: reactor.clone(), time: reactor }
    }
}

impl ClientParser for VsockClientParser {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let ([cid, port], [timeout], [retry]) =
            arguments.bind_with_options(["cid", "port"], ["timeout"], ["retry"])?;
        let address =
            VsockAddress { cid: number(&cid, &[LOCAL, HOST])?, port: number(&port, &[])? };
        let timeout = timeout.seconds_or(Duration::from_secs(30))?;
        let endpoint = VsockClientEndpoint::shared(self.reactor.clone(), address);
        let endpoint =
            retried(endpoint.with_timeout(timeout), self.time.clone(), retry_period(&retry)?);
        Ok(arguments.parsed(endpoint, [KIND]))
    }
}

/// A name, and the number that it stands for.
type Named = (&'static str, u32);

const LOCAL: Named = ("local", VsockAddress::CID_LOCAL);
const HOST: Named = ("host", VsockAddress::CID_HOST);

/// A number of 32 bits that is no placeholder, or one of these names.
fn number(argument: &Argument<'_>, names: &[Named]) -> Result<u32, ParseError> {
    let text = argument.required()?;
    if let Some((_, number)) = names.iter().find(|(name, _)| *name == text) {
        return Ok(*number);
    }
    let number = argument.number(NUMBERS).map_err(|error| match names {
        [] => error,
        names => {
            let names: alloc::vec::Vec<_> =
                names.iter().map(|(name, _)| alloc::format!("`{name}`")).collect();
            let (names, end) = (names.join(", "), NUMBERS.end());
            argument.error(alloc::format!("{names} or a number from 0 to {end}"))
        }
    })?;
    Ok(number as u32)
}

impl fmt::Debug for VsockServerParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VsockServerParser")
    }
}

impl fmt::Debug for VsockClientParser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VsockClientParser")
    }
}
