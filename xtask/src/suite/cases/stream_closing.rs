//! The end of a connection: once, later than the call that caused it, and with no event after it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{BufferLimits, Reason};

use crate::suite::pair::describe;
use crate::suite::pattern::pattern;
use crate::suite::probe::Call;
use crate::suite::{
    Ability, Case, CaseContext, Failed, Outcome, Script, ensure, open_descriptors, same,
};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "stream/dead-transport",
        "every method of a transport whose connection ended is a silent no-op",
        dead_transport,
    )
    .states(&[
        "stream-002",
        "stream-004",
        "stream-005",
        "stream-025",
        "tls-023",
        "starttls-007",
    ]),
    Case::new(
        "stream/end-comes-later",
        "lose_connection in data_received, twice, ends the connection once and after the call",
        end_comes_later,
    )
    .states(&["tls-022"]),
    Case::new(
        "stream/write-after-lose",
        "what is written after lose_connection is dropped, and what was written before arrives",
        write_after_lose,
    )
    .states(&["gap-001", "tls-016", "memory-017"]),
    Case::new(
        "stream/close-is-clean",
        "a close by either side is a clean end for both",
        close_is_clean,
    ),
    Case::new(
        "stream/close-both-at-once",
        "both sides may close at the same time",
        close_both_at_once,
    )
    .states(&["tls-033"]),
    Case::new(
        "stream/close-at-first-data",
        "sides that both answer the first data and close both end, whatever crosses on the way",
        close_at_first_data,
    )
    .states(&["starttls-006"]),
    Case::new(
        "stream/close-keeps-output",
        "unread bytes of the peer do not cost it what was written before lose_connection",
        close_keeps_output,
    )
    .states(&["gap-006"])
    .needs(&[Ability::BackPressure]),
    Case::new(
        "stream/silent-after-lose",
        "no data is delivered after lose_connection, over TLS neither, where Twisted goes on",
        silent_after_lose,
    )
    .states(&["gap-007"]),
    Case::new(
        "stream/descriptors-close",
        "when both ends were told of the end, their descriptors are closed",
        descriptors_close,
    )
    .states(&["stream-018", "tls-035"])
    .needs(&[Ability::Descriptors]),
    Case::new(
        "stream/buffer-cap",
        "more unsent bytes than the cap end the connection with a reason that names it",
        buffer_cap,
    )
    .needs(&[Ability::BackPressure]),
    Case::new(
        "stream/freed-from-inside",
        "a protocol that keeps its own transport is freed all the same",
        keeps_its_transport,
    )
    .states(&["tls-026", "starttls-007"]),
];

fn dead_transport(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    pair.client.transport()?.lose_connection();
    pair.server.transport()?.lose_connection();
    pair.until_lost(t)?;
    for end in [&pair.client, &pair.server] {
        let wire = end.transport()?;
        wire.write(b"too late");
        wire.write_sequence(vec![b"far ".into(), b"too late".into()]);
        wire.pause_producing();
        wire.resume_producing();
        wire.lose_connection();
        wire.abort_connection();
        wire.unregister_producer();
        wire.set_buffer_limits(BufferLimits::default());
        if let Some(half) = wire.as_half_closeable() {
            half.lose_write_connection();
        }
        let _ = (wire.peer(), wire.host());
    }
    t.settle()?;
    same("what the client heard", pair.client.calls(), [Call::Made, Call::Data, Call::Lost])?;
    same("what the server heard", pair.server.calls(), [Call::Made, Call::Data, Call::Lost])?;
    same("bytes that the client received", pair.client.received_bytes(), 1)?;
    same("bytes that the server received", pair.server.received_bytes(), 1)
}

fn end_comes_later(t: &CaseContext) -> Outcome {
    let inside = Rc::new(Cell::new(false));
    let (enter, seen) = (inside.clone(), Rc::new(Cell::new(false)));
    let set = seen.clone();
    let server = Script::new()
        .data(move |wire, _| {
            enter.set(true);
            wire.lose_connection();
            wire.lose_connection();
            enter.set(false);
        })
        .lost(move |_| set.set(inside.get()));
    let pair = t.pair(server, Script::new().made(|wire| wire.write(b"end")))?;
    pair.until_lost(t)?;
    t.settle()?;
    ensure(!seen.get(), "connection_lost came inside data_received")?;
    same("connection_lost came", pair.server.count(Call::Lost), 1)?;
    pair.ensure_clean()
}

fn write_after_lose(t: &CaseContext) -> Outcome {
    let data = pattern(16, 300_000);
    let sent = data.clone();
    let client = Script::new().made(move |wire| {
        wire.write(&sent);
        wire.lose_connection();
        wire.write(b"hello");
        wire.write_sequence(vec![b"world".into()]);
    });
    let pair = t.pair(Script::new(), client)?;
    pair.until_lost(t)?;
    pair.server_has(&data)?;
    pair.ensure_clean()
}

fn close_is_clean(t: &CaseContext) -> Outcome {
    for server_closes in [true, false] {
        let pair = t.pair(Script::new(), Script::new())?;
        pair.exchange_bytes(t)?;
        let closer = if server_closes { &pair.server } else { &pair.client };
        closer.transport()?.lose_connection();
        pair.until_lost(t)?;
        pair.ensure_clean()?;
    }
    Ok(())
}

fn close_both_at_once(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    pair.server.transport()?.lose_connection();
    pair.client.transport()?.lose_connection();
    pair.until_lost(t)?;
    pair.ensure_clean()
}

fn close_at_first_data(t: &CaseContext) -> Outcome {
    let script = || {
        Script::new().made(|wire| wire.write(b"x")).data(|wire, _| {
            wire.write(b"y");
            wire.lose_connection();
        })
    };
    let pair = t.pair(script(), script())?;
    pair.until_lost(t)
}

/// Linux answers a close over unread bytes with a reset, which makes the peer's kernel drop its unread
/// bytes.
fn close_keeps_output(t: &CaseContext) -> Outcome {
    let data = pattern(6, 3_000_000);
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let (server, client) = (pair.server.transport()?, pair.client.transport()?);
    client.pause_producing();
    server.pause_producing();
    client.write(b"5more");
    t.settle()?;
    server.write(&data);
    server.lose_connection();
    t.settle()?;
    client.resume_producing();
    t.until("the client is told of the end", || pair.client.is_lost())?;
    same("bytes that the client received", pair.client.received_bytes(), data.len() + 1)?;
    pair.until_lost(t)
}

fn silent_after_lose(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let (server, client) = (pair.server.transport()?, pair.client.transport()?);
    // The server still has bytes to send, which delays its end.
    server.write(&pattern(7, 2_000_000));
    server.lose_connection();
    client.write(b"are you still there?");
    pair.until_lost(t)?;
    same("bytes that the server received", pair.server.received_bytes(), 1)?;
    same("bytes that the client received", pair.client.received_bytes(), 2_000_001)
}

fn descriptors_close(t: &CaseContext) -> Outcome {
    // The first connection may make the world open descriptors that all connections share.
    let first = t.pair(Script::new(), Script::new())?;
    first.abandon(t)?;
    let side = t.side(|_| Some(Script::new()));
    let port = t.listen(&side)?;
    t.settle()?;
    let before = open_descriptors();
    let caller = t.single(Script::new().made(|wire| {
        wire.write(b"bye");
        wire.lose_connection();
    }));
    t.wait("connecting", t.connect(&port.host(), &caller))??;
    let both = || caller.lost() == 1 && side.lost() == 1;
    t.until("both ends are told of their end", both)?;
    t.settle()?;
    same("open descriptors", open_descriptors(), before)
}

fn buffer_cap(t: &CaseContext) -> Outcome {
    let reader = Script::new().made(|wire| wire.pause_producing());
    let pair = t.pair(reader, Script::new())?;
    let wire = pair.client.transport()?;
    wire.set_buffer_limits(BufferLimits::default().with_high_water(1000).with_cap(100_000));
    let data = pattern(1, t.large_bytes() / 60);
    let end = Rc::new(Cell::new(false));
    for _ in 0..60 {
        wire.write(&data);
        end.set(pair.client.is_lost());
        ensure(!end.get(), "connection_lost came inside write")?;
        t.world().turn()?;
        if pair.client.is_lost() {
            break;
        }
    }
    t.until("the writer is told of the end", || pair.client.is_lost())?;
    match pair.client.reason()? {
        Reason::WriteBufferExceeded { cap: 100_000 } => {}
        other => return Err(Failed::new(format!("the reason is {}", describe(&other)))),
    }
    pair.server.transport()?.resume_producing();
    pair.until_lost(t)
}

fn keeps_its_transport(t: &CaseContext) -> Outcome {
    let mut kept = Vec::new();
    let server = Script::new().made(move |wire| kept.push(wire.clone()));
    let pair = t.pair(server, Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    t.later(Duration::from_millis(1), move || wire.lose_connection());
    pair.until_lost(t)?;
    pair.ensure_clean()
}
