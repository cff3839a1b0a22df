//! Connection attempts: their errors, their cancellation, and the addresses of their connections.

use deferred::Cancelled;
use interfaces::ConnectError;

use crate::suite::{Ability, Case, CaseContext, Failed, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "connect/addresses",
        "both ends and both factories agree on the addresses",
        addresses,
    )
    .states(&["stream-019", "stream-020", "stream-029", "listen-019", "listen-020", "listen-021"])
    .needs(&[Ability::Endpoints]),
    Case::new(
        "connect/no-protocol",
        "a client factory that builds nothing fails the attempt, and the server is told of the end",
        no_protocol,
    )
    .states(&["stream-006"])
    .needs(&[Ability::Endpoints]),
    Case::new(
        "connect/nobody-listens",
        "connecting to an address without a listener fails with the address and the system's error",
        nobody_listens,
    )
    .states(&["tcp-004", "tcp-005", "unix-007"])
    .needs(&[Ability::Refusal]),
    Case::new(
        "connect/given-up",
        "an attempt that is cancelled fails as that, and its protocol is never run",
        given_up,
    )
    .states(&["stream-007", "connector-009"])
    .needs(&[Ability::Attempt]),
    Case::new(
        "connect/factory-hooks",
        "the client's factory is started by connecting, and stopped when it is over",
        factory_hooks,
    )
    .states(&["connector-005"])
    .needs(&[Ability::Endpoints]),
    Case::new(
        "connect/fires-after-made",
        "connecting is reported when connection_made has returned",
        fires_after_made,
    )
    .needs(&[Ability::Endpoints]),
];

fn addresses(t: &CaseContext) -> Outcome {
    let server = t.single(Script::new());
    let client = t.single(Script::new());
    let port = t.listen(&server)?;
    t.wait("connecting", t.connect(&port.host(), &client))??;
    t.until("both know of it", || server.made() == 1 && client.made() == 1)?;
    let (near, far) = (client.probe(0)?.transport()?, server.probe(0)?.transport()?);
    same("the client's peer", near.peer(), port.host())?;
    same("the server's host", far.host(), port.host())?;
    same("the server's peer", far.peer(), near.host())?;
    same("what the client's factory was given", client.peers(), [near.peer()])?;
    same("what the server's factory was given", server.peers(), [far.peer()])?;
    near.lose_connection();
    t.until("both have ended", || server.lost() == 1 && client.lost() == 1)?;
    same("the client's peer at the end", near.peer(), port.host())?;
    same("the server's peer at the end", far.peer(), near.host())
}

fn no_protocol(t: &CaseContext) -> Outcome {
    let server = t.side(|_| Some(Script::new()));
    let port = t.listen(&server)?;
    let client = t.side(|_| None);
    match t.wait("connecting", t.connect(&port.host(), &client))? {
        Err(failure) => match failure.downcast_ref::<ConnectError>() {
            Some(ConnectError::NoProtocol { .. }) => {}
            _ => return Err(Failed::new(format!("connecting failed with {failure:?}"))),
        },
        Ok(()) => return Err(Failed::new("connecting succeeded")),
    }
    same("protocols asked for", client.peers().len(), 1)?;
    t.settle()?;
    t.until("the server is told of the end", || server.lost() == server.made())
}

fn nobody_listens(t: &CaseContext) -> Outcome {
    let client = t.side(|_| Some(Script::new()));
    match t.wait("connecting", t.world().connect_refused(client.clone()))? {
        Err(failure) => match failure.downcast_ref::<ConnectError>() {
            Some(ConnectError::Refused { source, .. }) => {
                let answers = [libc::ECONNREFUSED, libc::ENOENT];
                ensure(answers.contains(&source.raw_os_error()), "the system's answer is another")?;
            }
            _ => return Err(Failed::new(format!("connecting failed with {failure:?}"))),
        },
        Ok(()) => return Err(Failed::new("connecting succeeded")),
    }
    same("protocols asked for", client.peers().len(), 0)?;
    same("starts and stops", (client.started(), client.stopped()), (1, 1))
}

fn given_up(t: &CaseContext) -> Outcome {
    let server = t.side(|_| Some(Script::new()));
    let port = t.listen(&server)?;
    let client = t.side(|_| Some(Script::new()));
    let attempt = t.connect(&port.host(), &client);
    attempt.cancel_handle().cancel();
    match t.wait("connecting", attempt)? {
        Err(failure) if failure.check::<Cancelled>() => {}
        other => return Err(Failed::new(format!("connecting gave {other:?}"))),
    }
    t.settle()?;
    same("connections made", client.made(), 0)?;
    t.until("the server is told of the end", || server.lost() == server.made())
}

fn factory_hooks(t: &CaseContext) -> Outcome {
    let server = t.single(Script::new());
    let port = t.listen(&server)?;
    let client = t.single(Script::new());
    let attempt = t.connect(&port.host(), &client);
    same("starts when connect has returned", client.started(), 1)?;
    t.wait("connecting", attempt)??;
    client.probe(0)?.transport()?.lose_connection();
    t.until("both have ended", || server.lost() == 1 && client.lost() == 1)?;
    t.until("the factory is stopped", || client.stopped() > 0)?;
    t.settle()?;
    same("starts and stops", (client.started(), client.stopped()), (1, 1))
}

fn fires_after_made(t: &CaseContext) -> Outcome {
    let server = t.single(Script::new());
    let port = t.listen(&server)?;
    let client = t.single(Script::new().made(|wire| wire.write(b"made")));
    let seen = client.clone();
    let attempt = t.connect(&port.host(), &client).add_callback(move |()| Ok(seen.made()));
    same("connections made when it was reported", t.wait("connecting", attempt)??, 1)?;
    client.probe(0)?.transport()?.lose_connection();
    t.until("both have ended", || server.lost() == 1 && client.lost() == 1)?;
    crate::suite::outcome::same_bytes(
        "what the server received",
        &server.probe(0)?.received(),
        b"made",
    )
}
