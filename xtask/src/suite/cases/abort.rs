//! `abort_connection`: now, unclean, and never inside the call.

use std::cell::Cell;
use std::rc::Rc;

use interfaces::{Reason, Transport};

use crate::suite::pair::{describe, unclean};
use crate::suite::pattern::pattern;
use crate::suite::probe::Call;
use crate::suite::{Ability, Case, CaseContext, Failed, Outcome, Probe, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "abort/between-writes",
        "data_received that writes, aborts and writes: the end comes later, the last write never",
        between_writes,
    )
    .states(&["abort-001", "abort-002", "tls-030"]),
    Case::new("abort/twice", "a second abort_connection is nothing", twice).states(&["abort-005"]),
    Case::new("abort/then-lose", "lose_connection after abort_connection is nothing", then_lose)
        .states(&["abort-006"]),
    Case::new(
        "abort/after-lose",
        "abort_connection after lose_connection drops what is still queued",
        after_lose,
    )
    .needs(&[Ability::BackPressure]),
    Case::new(
        "abort/reasons",
        "the one who aborts is told so, and the other of a connection that broke",
        reasons,
    )
    .states(&["gap-014", "gap-022"])
    .needs(&[Ability::Reset]),
    Case::new(
        "abort/in-connection-made",
        "an abort in connection_made ends the connection for both",
        in_connection_made,
    ),
    Case::new(
        "abort/from-a-timer",
        "an abort from outside of all callbacks delivers the end on a later turn",
        from_a_timer,
    )
    .states(&["gap-032"]),
    Case::new(
        "abort/while-paused",
        "an abort reaches a side that is paused for reading",
        while_paused,
    ),
    Case::new("abort/both-at-once", "both sides may abort at the same time", both_at_once),
];

pub(super) fn aborted(whose: &str, probe: &Probe) -> Outcome {
    match probe.reason()? {
        Reason::Aborted => Ok(()),
        other => Err(Failed::new(format!("the reason of {whose} is {}", describe(&other)))),
    }
}

/// Calls `abort_connection` outside all callbacks; no callback may run inside the call.
pub(super) fn undisturbed(probe: &Probe, call: impl FnOnce(&dyn Transport)) -> Outcome {
    let before = probe.calls();
    call(&*probe.transport()?);
    same("callbacks inside the call", probe.calls().len() - before.len(), 0)
}

fn between_writes(t: &CaseContext) -> Outcome {
    let inside = Rc::new(Cell::new(false));
    let reentrant = Rc::new(Cell::new(false));
    let (enter, seen) = (inside.clone(), reentrant.clone());
    let client = Script::new()
        .data(move |wire, _| {
            enter.set(true);
            wire.write(&[b'X'; 10_000]);
            wire.abort_connection();
            wire.write(&[b'Y'; 10_000]);
            enter.set(false);
        })
        .lost(move |_| seen.set(inside.get()));
    let pair = t.pair(Script::new().made(|wire| wire.write(b"go")), client)?;
    pair.until_lost(t)?;
    ensure(!reentrant.get(), "connection_lost came inside data_received")?;
    aborted("the client", &pair.client)?;
    let received = pair.server.received();
    ensure(!received.contains(&b'Y'), "the server received what was written after the abort")
}

fn twice(t: &CaseContext) -> Outcome {
    let server = Script::new().data(|wire, _| {
        wire.abort_connection();
        wire.abort_connection();
    });
    ends_once(t, server)
}

fn then_lose(t: &CaseContext) -> Outcome {
    let server = Script::new().data(|wire, _| {
        wire.abort_connection();
        wire.lose_connection();
    });
    ends_once(t, server)
}

fn ends_once(t: &CaseContext, server: Script) -> Outcome {
    let pair = t.pair(server, Script::new().made(|wire| wire.write(b"go")))?;
    pair.until_lost(t)?;
    t.settle()?;
    aborted("the server", &pair.server)?;
    same("connection_lost of the server came", pair.server.count(Call::Lost), 1)?;
    same("connection_lost of the client came", pair.client.count(Call::Lost), 1)
}

fn after_lose(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new().made(|wire| wire.pause_producing()), Script::new())?;
    let wire = pair.client.transport()?;
    let data = pattern(3, (t.large_bytes() / 4).min(15 << 20));
    wire.write(&data);
    wire.lose_connection();
    t.settle()?;
    ensure(!pair.client.is_lost(), "the close did not wait for the peer to read")?;
    undisturbed(&pair.client, |wire| wire.abort_connection())?;
    t.until("the client is told of its end", || pair.client.is_lost())?;
    aborted("the client", &pair.client)?;
    pair.server.transport()?.resume_producing();
    pair.until_lost(t)?;
    ensure(pair.server.received_bytes() < data.len(), "all arrived in spite of the abort")
}

fn reasons(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    pair.client.transport()?.abort_connection();
    pair.until_lost(t)?;
    aborted("the client", &pair.client)?;
    unclean("the server's end", &pair.server)
}

fn in_connection_made(t: &CaseContext) -> Outcome {
    let server = t.single(Script::new());
    let client = t.single(Script::new().made(|wire| wire.abort_connection()));
    let port = t.listen(&server)?;
    // The connection was established, but its end may arrive before the attempt's result.
    let _ = t.wait("connecting", t.connect(&port.host(), &client))?;
    t.until("the client is told of its end", || client.lost() == 1)?;
    aborted("the client", &*client.probe(0)?)?;
    t.settle()?;
    t.until("the server is told of its end", || server.lost() == server.made())
}

fn from_a_timer(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    undisturbed(&pair.server, |wire| wire.abort_connection())?;
    pair.until_lost(t)?;
    aborted("the server", &pair.server)
}

fn while_paused(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    wire.pause_producing();
    undisturbed(&pair.client, |wire| wire.abort_connection())?;
    pair.until_lost(t)?;
    aborted("the client", &pair.client)
}

fn both_at_once(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    pair.server.transport()?.abort_connection();
    pair.client.transport()?.abort_connection();
    pair.until_lost(t)?;
    aborted("the server", &pair.server)?;
    aborted("the client", &pair.client)
}
