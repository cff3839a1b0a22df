//! Ports: accepting, refusing and closing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::Cancelled;
use interfaces::ListeningPort;

use crate::suite::notices::{PLANNED, panic_as_planned};
use crate::suite::{Ability, Case, CaseContext, Failed, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "listen/stops-at-once",
        "a stopped port accepts no more, and what it accepted before goes on",
        stops_at_once,
    )
    .states(&["listen-006"])
    .needs(&[Ability::Endpoints]),
    Case::new(
        "listen/stop-twice",
        "stopping a port twice, before or after it is closed, succeeds both times",
        stop_twice,
    )
    .states(&["gap-023"])
    .needs(&[Ability::Endpoints]),
    Case::new(
        "listen/factory-hooks",
        "do_start comes with the listening, and do_stop before stop_listening fires",
        factory_hooks,
    )
    .needs(&[Ability::Endpoints]),
    Case::new(
        "listen/failing-stop",
        "what do_stop fails with is what stop_listening fails with, and one listens anew",
        failing_stop,
    )
    .states(&["listen-008", "listen-009", "listen-007"])
    .needs(&[Ability::Endpoints]),
    Case::new(
        "listen/panicking-stop",
        "what do_stop panics with is what stop_listening fails with, and the port is closed",
        panicking_stop,
    )
    .states(&["listen-012"])
    .needs(&[Ability::Endpoints, Ability::CatchPanics]),
    Case::new(
        "stream/port-stops-in-build-protocol",
        "a factory may stop its own port, and the connection that it builds for completes",
        stops_in_build_protocol,
    )
    .states(&["stream-017"]),
    Case::new("listen/many", "fifty connections at a time each carry their own bytes", many),
    Case::new(
        "listen/refused-peer",
        "a peer that the server's factory refuses is told of its end",
        refused_peer,
    )
    .needs(&[Ability::Endpoints]),
];

fn stops_at_once(t: &CaseContext) -> Outcome {
    let server = t.side(|_| Some(Script::new()));
    let client = t.side(|_| Some(Script::new()));
    let port = t.listen(&server)?;
    t.wait("connecting", t.connect(&port.host(), &client))??;
    t.until("the server accepted", || server.made() == 1)?;
    t.wait("stopping", port.stop_listening())??;
    // The attempt fails at once, or its connection ends at once; that depends on the wire.
    let _ = t.wait("connecting", t.connect(&port.host(), &client))?;
    t.settle()?;
    same("connections that were accepted", server.built(), 1)?;
    client.probe(0)?.transport()?.write(b"still here");
    let first = server.probe(0)?;
    t.until("the first connection goes on", || first.received_bytes() == 10)?;
    first.transport()?.lose_connection();
    t.until("all have ended", || server.lost() == 1 && client.lost() == client.made())
}

fn stop_twice(t: &CaseContext) -> Outcome {
    let port = t.listen(&t.side(|_| Some(Script::new())))?;
    let (first, second) = (port.stop_listening(), port.stop_listening());
    t.wait("the first", first)??;
    t.wait("the second", second)??;
    t.wait("the third", port.stop_listening())??;
    Ok(())
}

fn factory_hooks(t: &CaseContext) -> Outcome {
    let server = t.side(|_| Some(Script::new()));
    let first = t.listen(&server)?;
    let second = t.listen(&server)?;
    same("starts", (server.started(), server.stopped()), (2, 0))?;
    t.wait("stopping", first.stop_listening())??;
    same("stops", (server.started(), server.stopped()), (2, 1))?;
    t.wait("stopping", second.stop_listening())??;
    same("stops", (server.started(), server.stopped()), (2, 2))
}

fn failing_stop(t: &CaseContext) -> Outcome {
    let server = t.side(|_| Some(Script::new()));
    server.on_stop(|| Err(Cancelled.into()));
    let port = t.listen(&server)?;
    match t.wait("stopping", port.stop_listening())? {
        Err(failure) if failure.check::<Cancelled>() => {}
        other => return Err(Failed::new(format!("stopping gave {other:?}"))),
    }
    server.on_stop(|| Ok(()));
    let port = t.listen(&server)?;
    let client = t.single(Script::new().made(|wire| wire.lose_connection()));
    t.wait("connecting", t.connect(&port.host(), &client))??;
    t.until("both have ended", || server.lost() == 1 && client.lost() == 1)
}

fn panicking_stop(t: &CaseContext) -> Outcome {
    let server = t.side(|_| Some(Script::new()));
    server.on_stop(|| {
        panic_as_planned("in the case");
        Ok(())
    });
    let port = t.listen(&server)?;
    match t.wait("stopping", port.stop_listening())? {
        Err(failure) => ensure(failure.to_string().contains(PLANNED), "it failed otherwise")?,
        Ok(()) => return Err(Failed::new("stopping succeeded")),
    }
    same("panics reported", t.planned_panics(), 1)?;
    t.wait("stopping again", port.stop_listening())??;
    let client = t.side(|_| Some(Script::new()));
    let _ = t.wait("connecting", t.connect(&port.host(), &client))?;
    t.settle()?;
    same("connections that were accepted", server.built(), 0)?;
    t.until("all have ended", || client.lost() == client.made())
}

fn stops_in_build_protocol(t: &CaseContext) -> Outcome {
    let own_port = Rc::new(RefCell::new(None::<Rc<dyn ListeningPort>>));
    let (port, stopped) = (own_port.clone(), Rc::new(RefCell::new(None)));
    let set = stopped.clone();
    let server = t.side(move |_| {
        if let Some(port) = port.take() {
            let set = set.clone();
            drop(port.stop_listening().add_both(move |outcome| {
                *set.borrow_mut() = Some(outcome.is_ok());
                Ok::<(), deferred::Failure>(())
            }));
        }
        Some(Script::new().made(|wire| {
            wire.write(b"bye");
            wire.lose_connection();
        }))
    });
    let port = t.listen(&server)?;
    let address = port.host();
    *own_port.borrow_mut() = Some(port);
    let client = t.single(Script::new());
    t.wait("connecting", t.connect(&address, &client))??;
    t.until("both have ended", || server.lost() == 1 && client.lost() == 1)?;
    t.until("the port is stopped", || stopped.borrow().is_some())?;
    same("stopping succeeded", stopped.take(), Some(true))?;
    crate::suite::pair::clean("the client's end", &*client.probe(0)?)
}

fn many(t: &CaseContext) -> Outcome {
    const CONNECTIONS: usize = 50;
    let server = t.side(|_| Some(Script::new().data(|wire, data| wire.write(data))));
    let port = t.listen(&server)?;
    let built = Cell::new(0_u8);
    let client = t.side(move |_| {
        built.set(built.get() + 1);
        let own = [built.get(); 1000];
        Some(Script::new().made(move |wire| wire.write(&own)))
    });
    let attempts: Vec<_> = (0..CONNECTIONS).map(|_| t.connect(&port.host(), &client)).collect();
    for attempt in attempts {
        t.wait("connecting", attempt)??;
    }
    let probes = (0..CONNECTIONS).map(|n| client.probe(n)).collect::<Result<Vec<_>, _>>()?;
    t.until("every answer is complete", || {
        probes.iter().all(|probe| probe.received_bytes() >= 1000)
    })?;
    for (n, probe) in probes.iter().enumerate() {
        let own = vec![n as u8 + 1; 1000];
        ensure(probe.received() == own, "an answer went to another connection")?;
        probe.transport()?.lose_connection();
    }
    t.until("all have ended", || server.lost() == CONNECTIONS && client.lost() == CONNECTIONS)
}

fn refused_peer(t: &CaseContext) -> Outcome {
    let first = Cell::new(true);
    let server = t.side(move |_| (!first.take()).then(Script::new));
    let port = t.listen(&server)?;
    let client = t.side(|_| Some(Script::new()));
    let _ = t.wait("connecting", t.connect(&port.host(), &client))?;
    t.until("the client is told of its end", || client.lost() == client.made())?;
    let before = client.made();
    t.wait("connecting again", t.connect(&port.host(), &client))??;
    t.until("the next one is served", || server.made() == 1 && client.made() == before + 1)?;
    server.probe(0)?.transport()?.lose_connection();
    t.until("all have ended", || server.lost() == 1 && client.lost() == client.made())
}
