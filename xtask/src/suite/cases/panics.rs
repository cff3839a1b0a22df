//! A panic in a callback costs one connection, and is reported once.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Producer, Reason};

use crate::suite::notices::panic_as_planned;
use crate::suite::pair::describe;
use crate::suite::probe::Call;
use crate::suite::producers::PullProbe;
use crate::suite::{Ability, Case, CaseContext, Failed, Outcome, Probe, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "stream/panic-in-data-received",
        "a panic in data_received ends that connection with it as the reason, and no other",
        in_data_received,
    )
    .states(&["gap-020"])
    .needs(&[Ability::CatchPanics]),
    Case::new(
        "stream/panic-in-connection-made",
        "a panic in connection_made, of either side, ends that connection with it as the reason",
        in_connection_made,
    )
    .states(&["gap-020"])
    .needs(&[Ability::CatchPanics]),
    Case::new(
        "stream/panic-in-connection-lost",
        "a panic in connection_lost is reported, and nothing is called twice",
        in_connection_lost,
    )
    .needs(&[Ability::CatchPanics]),
    Case::new(
        "stream/panic-in-build-protocol",
        "a panic in build_protocol costs the connection or the attempt, and the port goes on",
        in_build_protocol,
    )
    .states(&["gap-021"])
    .needs(&[Ability::CatchPanics, Ability::Endpoints]),
    Case::new(
        "abort/panic-after-abort",
        "data_received that aborts and then panics loses the connection once, reported once",
        after_abort,
    )
    .states(&["abort-011"])
    .needs(&[Ability::CatchPanics]),
    Case::new(
        "halfclose/panic-in-read-connection-lost",
        "a panic in read_connection_lost is reported once and ends the connection",
        in_read_connection_lost,
    )
    .states(&["halfclose-007"])
    .needs(&[Ability::CatchPanics, Ability::HalfClose]),
    Case::new(
        "halfclose/panic-in-write-connection-lost",
        "a panic in write_connection_lost is reported once and ends the connection",
        in_write_connection_lost,
    )
    .states(&["halfclose-008"])
    .needs(&[Ability::CatchPanics, Ability::HalfClose]),
    Case::new(
        "producer/panic-in-resume",
        "a pull producer that panics is reported once, and costs that connection",
        in_resume_producing,
    )
    .states(&["producer-010"])
    .needs(&[Ability::CatchPanics]),
    Case::new(
        "time/panic-in-call",
        "a panic in a delayed call is reported, and the other calls are made",
        in_delayed_call,
    )
    .states(&["time-011"])
    .needs(&[Ability::CatchPanics, Ability::LoopClock]),
];

fn ended_by_panic(probe: &Probe) -> Outcome {
    match probe.reason()? {
        Reason::Panicked(message) if message.contains("in the case") => Ok(()),
        other => Err(Failed::new(format!("the reason is {}", describe(&other)))),
    }
}

fn reported_once(t: &CaseContext) -> Outcome {
    t.settle()?;
    same("panics reported", t.planned_panics(), 1)
}

fn in_data_received(t: &CaseContext) -> Outcome {
    let other = t.pair(Script::new(), Script::new())?;
    let server = Script::new().data(|_, _| panic_as_planned("in the case"));
    let pair = t.pair(server, Script::new().made(|wire| wire.write(b"now")))?;
    pair.until_lost(t)?;
    ended_by_panic(&pair.server)?;
    reported_once(t)?;
    same("connection_lost came", pair.server.count(Call::Lost), 1)?;
    other.exchange_bytes(t)?;
    other.abandon(t)
}

fn in_connection_made(t: &CaseContext) -> Outcome {
    let server = t.single(Script::new().made(|_| panic_as_planned("in the case")));
    let client = t.single(Script::new());
    let port = t.listen(&server)?;
    // The client gets a connection or a failure; that depends on the timing.
    let _ = t.wait("connecting", t.connect(&port.host(), &client))?;
    t.until("the server is told of its end", || server.lost() == 1)?;
    ended_by_panic(&*server.probe(0)?)?;
    t.until("the client is told of its end", || client.lost() == client.made())?;
    same("panics reported", t.planned_panics(), 1)?;

    let server = t.single(Script::new());
    let client = t.single(Script::new().made(|_| panic_as_planned("in the case")));
    let port = t.listen(&server)?;
    let _ = t.wait("connecting", t.connect(&port.host(), &client))?;
    t.until("both ends are told of their end", || {
        client.lost() == 1 && server.lost() == server.made()
    })?;
    ended_by_panic(&*client.probe(0)?)?;
    t.settle()?;
    same("panics reported", t.planned_panics(), 2)
}

fn in_connection_lost(t: &CaseContext) -> Outcome {
    let server = Script::new().lost(|_| panic_as_planned("in the case"));
    let pair = t.pair(server, Script::new().made(|wire| wire.lose_connection()))?;
    pair.until_lost(t)?;
    reported_once(t)?;
    same("connection_lost came", pair.server.count(Call::Lost), 1)
}

fn in_build_protocol(t: &CaseContext) -> Outcome {
    let first = Cell::new(true);
    let server = t.side(move |_| {
        if first.take() {
            panic_as_planned("in the case");
        }
        Some(Script::new())
    });
    let port = t.listen(&server)?;
    let client = t.side(|_| Some(Script::new()));
    let _ = t.wait("connecting", t.connect(&port.host(), &client))?;
    t.until("the panic is reported", || t.planned_panics() == 1)?;
    t.until("the client is told of its end", || client.lost() == client.made())?;
    let after = client.made();
    t.wait("connecting again", t.connect(&port.host(), &client))??;
    t.until("the server accepts again", || server.made() == 1 && client.made() == after + 1)?;
    server.probe(0)?.transport()?.abort_connection();
    t.until("all have ended", || server.lost() == 1 && client.lost() == client.made())?;
    let faulty = t.side(|_| {
        panic_as_planned("in the case");
        None
    });
    let outcome = t.wait("connecting", t.connect(&port.host(), &faulty))?;
    ensure(outcome.is_err(), "connecting succeeded without a protocol")?;
    t.until("the panic is reported", || t.planned_panics() == 2)?;
    t.settle()?;
    t.until("the server is told of the end", || server.lost() == server.made())
}

fn after_abort(t: &CaseContext) -> Outcome {
    let server = Script::new().data(|wire, _| {
        wire.abort_connection();
        panic_as_planned("in the case");
    });
    let pair = t.pair(server, Script::new().made(|wire| wire.write(b"now")))?;
    pair.until_lost(t)?;
    reported_once(t)?;
    same("connection_lost came", pair.server.count(Call::Lost), 1)?;
    match pair.server.reason()? {
        Reason::Aborted | Reason::Panicked(_) => Ok(()),
        other => Err(Failed::new(format!("the reason is {}", describe(&other)))),
    }
}

fn in_read_connection_lost(t: &CaseContext) -> Outcome {
    let server = Script::new().read_lost(|_| panic_as_planned("in the case"));
    let client = Script::new().half_closeable();
    let pair = t.pair(server, client)?;
    pair.exchange_bytes(t)?;
    crate::suite::pair::half(&pair.client.transport()?)?.lose_write_connection();
    t.until("the server is told of its end", || pair.server.is_lost())?;
    ended_by_panic(&pair.server)?;
    t.until("the client hears of it", || {
        pair.client.is_lost() || pair.client.count(Call::ReadLost) == 1
    })?;
    reported_once(t)?;
    pair.client.transport()?.lose_connection();
    pair.until_lost(t)
}

fn in_write_connection_lost(t: &CaseContext) -> Outcome {
    let server = Script::new().write_lost(|_| panic_as_planned("in the case"));
    let pair = t.pair(server, Script::new())?;
    pair.exchange_bytes(t)?;
    crate::suite::pair::half(&pair.server.transport()?)?.lose_write_connection();
    pair.until_lost(t)?;
    ended_by_panic(&pair.server)?;
    reported_once(t)
}

fn in_resume_producing(t: &CaseContext) -> Outcome {
    let client = Script::new().made(|wire| {
        let _ = wire
            .register_producer(Producer::Pull(PullProbe::new(|_| panic_as_planned("in the case"))));
    });
    let server = t.single(Script::new());
    let client = t.single(client);
    let port = t.listen(&server)?;
    let _ = t.wait("connecting", t.connect(&port.host(), &client))?;
    t.until("the client is told of its end", || client.lost() == 1)?;
    ended_by_panic(&*client.probe(0)?)?;
    t.until("the server is told of its end", || server.lost() == server.made())?;
    reported_once(t)
}

fn in_delayed_call(t: &CaseContext) -> Outcome {
    let after = Rc::new(Cell::new(false));
    let set = after.clone();
    t.later(Duration::ZERO, || panic_as_planned("in the case"));
    t.later(Duration::ZERO, move || set.set(true));
    t.until("the other call is made", || after.get())?;
    reported_once(t)
}
