//! Abilities of some wires only: socket options, and the names of UNIX sockets.

use std::rc::Rc;

use interfaces::{TcpTransport, Transport};

use crate::suite::{Ability, Case, CaseContext, Failed, Outcome, Script, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "tcp/no-delay",
        "TCP_NODELAY is off at first, and is set and cleared on both ends",
        no_delay,
    )
    .states(&["tcp-002", "tls-007"])
    .needs(&[Ability::TcpOptions]),
    Case::new(
        "tcp/keep-alive",
        "SO_KEEPALIVE is off at first, and is set and cleared on both ends",
        keep_alive,
    )
    .states(&["tcp-003", "tls-007"])
    .needs(&[Ability::TcpOptions]),
    Case::new(
        "tcp/options-at-the-end",
        "the options of a connection that ended are off, and setting them does nothing",
        options_at_the_end,
    )
    .needs(&[Ability::TcpOptions]),
];

fn tcp(transport: &Rc<dyn Transport>) -> Result<&dyn TcpTransport, Failed> {
    transport.as_tcp().ok_or_else(|| Failed::new("as_tcp() is None"))
}

fn no_delay(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    for end in [&pair.client, &pair.server] {
        let wire = end.transport()?;
        same("at first", tcp(&wire)?.tcp_no_delay(), false)?;
        tcp(&wire)?.set_tcp_no_delay(true);
        same("when set", tcp(&wire)?.tcp_no_delay(), true)?;
        tcp(&wire)?.set_tcp_no_delay(false);
        same("when cleared", tcp(&wire)?.tcp_no_delay(), false)?;
    }
    pair.abandon(t)
}

fn keep_alive(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    for end in [&pair.client, &pair.server] {
        let wire = end.transport()?;
        same("at first", tcp(&wire)?.tcp_keep_alive(), false)?;
        tcp(&wire)?.set_tcp_keep_alive(true);
        same("when set", tcp(&wire)?.tcp_keep_alive(), true)?;
        tcp(&wire)?.set_tcp_keep_alive(false);
        same("when cleared", tcp(&wire)?.tcp_keep_alive(), false)?;
    }
    pair.abandon(t)
}

fn options_at_the_end(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    pair.client.transport()?.lose_connection();
    pair.until_lost(t)?;
    for end in [&pair.client, &pair.server] {
        let wire = end.transport()?;
        let Some(tcp) = wire.as_tcp() else { continue };
        tcp.set_tcp_no_delay(true);
        tcp.set_tcp_keep_alive(true);
        same("TCP_NODELAY", tcp.tcp_no_delay(), false)?;
        same("SO_KEEPALIVE", tcp.tcp_keep_alive(), false)?;
    }
    Ok(())
}
