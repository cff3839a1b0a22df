//! One session, from the client's end, and the judgement on both.
//!
//! Invariant: a session is right only if each end that does not give up saw all that the other one sent,
//! or a prefix of it when that took bytes back by a reset.

use std::net::{SocketAddr, TcpStream};

use super::conversation::{Ending, LIMIT, Seen, converse};
use super::plan::{End, Plan};
use super::server::UnixServer;

/// What came of a session.
#[derive(Debug)]
pub(super) struct SessionResult {
    pub(super) seed: u64,
    /// How many bytes arrived at both ends.
    pub(super) bytes: u64,
    pub(super) broken: bool,
    pub(super) result: Result<(), String>,
}

pub(super) fn run(address: SocketAddr, server: &UnixServer, seed: u64) -> SessionResult {
    let plan = Plan::new(seed);
    let client = TcpStream::connect_timeout(&address, LIMIT)
        .and_then(|wire| converse(wire, &plan, End::Client, 0));
    let client = match client {
        Ok(seen) => seen,
        Err(error) => {
            let result = Err(format!("cannot begin a session: {error}"));
            return SessionResult { seed, bytes: 0, broken: plan.broken.is_some(), result };
        }
    };
    // The header of a client that gave up may never arrive.
    let behind = match plan.gives_up(End::Client) {
        Some(_) => server.seen_by_now(seed),
        None => server.seen(seed),
    };
    let at_server = behind.as_ref().map_or(0, |seen| seen.bytes);
    let result = judge(&plan, End::Client, &client).and_then(|()| match &behind {
        Some(seen) => judge(&plan, End::Server, seen),
        None if plan.broken.is_some() => Ok(()),
        None => Err("the session never ended at the server".into()),
    });
    let bytes = (client.bytes + at_server) as u64;
    SessionResult { seed, bytes, broken: plan.broken.is_some(), result }
}

/// Whether `end` saw what its peer did.
fn judge(plan: &Plan, end: End, seen: &Seen) -> Result<(), String> {
    let peer = end.other();
    let gave_up = plan.gives_up(peer);
    let sent = gave_up.unwrap_or(plan.part(peer).bytes);
    // A client that resets at once takes back what its kernel had not sent; a UNIX socket takes nothing
    // back.
    let all = seen.bytes == sent;
    let is_enough = all || peer == End::Client && gave_up.is_some() && !plan.is_patient;
    let right = match &seen.how {
        Ending::GaveUp => true,
        Ending::Wrong(_) | Ending::Silent => false,
        // A UNIX socket has no reset: at the server, a client that gave up is an end of file.
        Ending::Clean if gave_up.is_some() && end == End::Server => is_enough,
        Ending::Clean => all,
        Ending::Error(_) => gave_up.is_some() && is_enough,
    };
    if right && seen.time < LIMIT {
        return Ok(());
    }
    let how = if plan.is_patient { "patient" } else { "hasty" };
    Err(format!(
        "the {end:?} saw {} of {sent} bytes: {:?} after {:.1?}; the {how} plan: {:?}",
        seen.bytes, seen.how, seen.time, plan.broken
    ))
}
