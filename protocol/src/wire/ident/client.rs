//! The client of identification; Twisted's `IdentClient`.
//!
//! Invariant: the promise is fired once: by the answer, or by the end of the connection.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;

use deferred::{Deferred, Failure, Promise};
use interfaces::{Protocol, Reason, StreamClientEndpoint, Transport};

use super::{IdentError, IdentUser, LINE_BYTES_MAX, numbers};
use crate::connect_protocol;
use crate::wire::request_line::{RequestLine, RequestProgress};

/// Asks a host which of its users has a connection to this one: the host's port of it, and ours.
/// `endpoint` leads to port 113 of the host, from the address that the connection has here. Cancelling
/// ends the connection.
///
/// # Errors
///
/// Fails with [`IdentError`], with the endpoint's error, or with the [`Reason`] of an end before the
/// answer.
///
/// # Differences from Twisted
///
/// One connection asks once.
pub fn ident_lookup(
    endpoint: &dyn StreamClientEndpoint,
    port_on_server: u16,
    port_on_client: u16,
) -> Deferred<IdentUser> {
    let (found, promise) = Deferred::new();
    let asker = IdentAsker {
        ports: (port_on_server.into(), port_on_client.into()),
        answer: RequestLine::new(LINE_BYTES_MAX),
        promise: Some(promise),
    };
    connect_protocol(endpoint, asker).add_callback(move |running| {
        let transport = running.transport();
        let handle = found.cancel_handle();
        let (asked, outcome) = Deferred::with_cooperative_canceller(move || {
            handle.cancel();
            if let Some(transport) = &transport {
                transport.abort_connection();
            }
        });
        found.chain_deferred(outcome);
        asked
    })
}

struct IdentAsker {
    ports: (u64, u64),
    answer: RequestLine,
    promise: Option<Promise<IdentUser>>,
}

impl IdentAsker {
    fn fire(&mut self, result: Result<IdentUser, Failure>) {
        if let Some(promise) = self.promise.take() {
            promise.fire(result);
        }
    }
}

impl Protocol for IdentAsker {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        let (on_server, on_client) = self.ports;
        transport.write(format!("{on_server}, {on_client}\r\n").as_bytes());
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        let result = match self.answer.push(data) {
            RequestProgress::Waiting => return,
            RequestProgress::TooLong => Err(IdentError::Unknown),
            RequestProgress::Line(line) => parse(&line, self.ports),
        };
        transport.lose_connection();
        self.fire(result.map_err(Failure::new));
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.fire(Err(reason.clone().into()));
    }
}

/// `6193, 23 : USERID : UNIX : stjohns`, or `6195, 23 : ERROR : NO-USER`. The user's name may have colons
/// and spaces in it.
fn parse(line: &[u8], ports: (u64, u64)) -> Result<IdentUser, IdentError> {
    let text = String::from_utf8_lossy(line);
    let mut parts = text.splitn(4, ':');
    let mut next = || parts.next().ok_or(IdentError::Unknown);
    let (asked, kind, detail) = (next()?, next()?, next()?);
    if numbers(asked.as_bytes()) != Some(ports) {
        return Err(IdentError::Unknown);
    }
    match kind.trim() {
        "USERID" => {
            let user = next()?;
            // One space comes from the separator.
            let user = user.strip_prefix(' ').unwrap_or(user);
            Ok(IdentUser { system: detail.trim().into(), user: user.into() })
        }
        "ERROR" => Err(match detail.trim() {
            "INVALID-PORT" => IdentError::InvalidPort,
            "NO-USER" => IdentError::NoUser,
            "HIDDEN-USER" => IdentError::HiddenUser,
            _ => IdentError::Unknown,
        }),
        _ => Err(IdentError::Unknown),
    }
}
