//! One direction at a time: `lose_write_connection` and the two callbacks of the half-close role.

use std::cell::Cell;
use std::rc::Rc;

use interfaces::Producer;

use crate::suite::pair::{half, roomy};
use crate::suite::pattern::pattern;
use crate::suite::probe::Call;
use crate::suite::producers::PullProbe;
use crate::suite::{Ability, Case, CaseContext, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "halfclose/closer-and-peer",
        "the closer gets write_connection_lost, the peer all bytes and then read_connection_lost",
        closer_and_peer,
    )
    .states(&["halfclose-001", "gap-010"])
    .needs(&[Ability::HalfClose]),
    Case::new(
        "halfclose/later-writes",
        "what is written after lose_write_connection is dropped",
        later_writes,
    )
    .states(&["halfclose-002"])
    .needs(&[Ability::HalfClose]),
    Case::new(
        "halfclose/by-the-server",
        "the server may close its direction first, and still receives",
        by_the_server,
    )
    .states(&["halfclose-003"])
    .needs(&[Ability::HalfClose]),
    Case::new(
        "halfclose/each-closes",
        "after a half-close each side is closed by itself alone",
        each_closes,
    )
    .states(&["halfclose-004"])
    .needs(&[Ability::HalfClose]),
    Case::new(
        "halfclose/unaware-peer",
        "a peer without the role gets the bytes, and then a full end on both sides",
        unaware_peer,
    )
    .states(&["halfclose-005"])
    .needs(&[Ability::HalfClose]),
    Case::new(
        "halfclose/lose-in-write-lost",
        "lose_connection inside write_connection_lost ends the connection, when that has returned",
        lose_in_write_lost,
    )
    .states(&["halfclose-009", "gap-012", "gap-034"])
    .needs(&[Ability::HalfClose]),
    Case::new(
        "halfclose/queued-bytes",
        "what was queued before lose_write_connection is sent first, however much it is",
        queued_bytes,
    )
    .needs(&[Ability::HalfClose]),
    Case::new(
        "halfclose/pending-producer",
        "a producer that unregisters without writing lets the half-close go on",
        pending_producer,
    )
    .states(&["gap-003"])
    .needs(&[Ability::HalfClose]),
    Case::new(
        "halfclose/forwarder",
        "two connections that feed each other end one way at a time, without a word about producers",
        forwarder,
    )
    .needs(&[Ability::HalfClose]),
    Case::new("halfclose/twice", "lose_write_connection twice is told once", twice)
        .needs(&[Ability::HalfClose]),
];

fn closer_and_peer(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new().half_closeable(), Script::new().half_closeable())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    wire.write(b"hello");
    half(&wire)?.lose_write_connection();
    same("callbacks inside the call", pair.client.count(Call::WriteLost), 0)?;
    t.until("both heard of it", || {
        pair.client.count(Call::WriteLost) == 1 && pair.server.count(Call::ReadLost) == 1
    })?;
    t.settle()?;
    same("what the client heard", pair.client.calls(), [Call::Made, Call::Data, Call::WriteLost])?;
    same("what the server heard", pair.server.calls(), [Call::Made, Call::Data, Call::ReadLost])?;
    pair.server_has(b"?hello")?;
    pair.abandon(t)
}

fn later_writes(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new().half_closeable(), Script::new().half_closeable())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    wire.write(b"hello");
    half(&wire)?.lose_write_connection();
    wire.write(b" world");
    t.until("it is closed", || pair.client.count(Call::WriteLost) == 1)?;
    wire.write(b"...");
    wire.write_sequence(vec![b"...".into()]);
    t.until("the server heard of it", || pair.server.count(Call::ReadLost) == 1)?;
    t.settle()?;
    pair.server_has(b"?hello")?;
    pair.abandon(t)
}

fn by_the_server(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new().half_closeable(), Script::new().half_closeable())?;
    pair.exchange_bytes(t)?;
    half(&pair.server.transport()?)?.lose_write_connection();
    t.until("both heard of it", || {
        pair.server.count(Call::WriteLost) == 1 && pair.client.count(Call::ReadLost) == 1
    })?;
    pair.client.transport()?.write(b"still here");
    t.until("the server receives", || pair.server.received_bytes() >= 11)?;
    pair.server_has(b"?still here")?;
    same("read_connection_lost of the server came", pair.server.count(Call::ReadLost), 0)?;
    pair.abandon(t)
}

fn each_closes(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new().half_closeable(), Script::new().half_closeable())?;
    pair.exchange_bytes(t)?;
    half(&pair.client.transport()?)?.lose_write_connection();
    t.until("both heard of it", || {
        pair.client.count(Call::WriteLost) == 1 && pair.server.count(Call::ReadLost) == 1
    })?;
    t.settle()?;
    ensure(!pair.client.is_lost() && !pair.server.is_lost(), "an end came by itself")?;
    pair.server.transport()?.write(b"answer");
    t.until("the client receives", || pair.client.received_bytes() >= 7)?;
    pair.client_has(b"!answer")?;
    pair.server.transport()?.lose_connection();
    t.until("the server's end came", || pair.server.is_lost())?;
    t.until("the client heard of it", || pair.client.count(Call::ReadLost) == 1)?;
    pair.client.transport()?.lose_connection();
    pair.until_lost(t)?;
    pair.ensure_clean()
}

fn unaware_peer(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    wire.write(b"hello");
    half(&wire)?.lose_write_connection();
    pair.until_lost(t)?;
    pair.server_has(b"?hello")?;
    same("read_connection_lost of the server came", pair.server.count(Call::ReadLost), 0)?;
    pair.ensure_clean()
}

fn lose_in_write_lost(t: &CaseContext) -> Outcome {
    let (ended, ended_inside) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (end, has_ended, seen) = (ended.clone(), ended, ended_inside.clone());
    let server = Script::new()
        .lost(move |_| end.set(true))
        .read_lost(|wire| {
            if let Some(half) = wire.as_half_closeable() {
                half.lose_write_connection();
            }
        })
        .write_lost(move |wire| {
            wire.lose_connection();
            seen.set(has_ended.get());
        });
    let pair = t.pair(server, Script::new())?;
    pair.exchange_bytes(t)?;
    pair.client.transport()?.lose_connection();
    pair.until_lost(t)?;
    ensure(!ended_inside.get(), "connection_lost came inside lose_connection")?;
    same(
        "what the server heard",
        pair.server.calls(),
        [Call::Made, Call::Data, Call::ReadLost, Call::WriteLost, Call::Lost],
    )?;
    pair.ensure_clean()
}

fn queued_bytes(t: &CaseContext) -> Outcome {
    let data = pattern(40, t.large_bytes() / 8);
    let pair = t.pair(Script::new().half_closeable(), Script::new().half_closeable())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    wire.set_buffer_limits(roomy(data.len()));
    wire.write(&data);
    half(&wire)?.lose_write_connection();
    t.until("the server heard of it", || pair.server.count(Call::ReadLost) == 1)?;
    t.until("the client heard of it", || pair.client.count(Call::WriteLost) == 1)?;
    same("bytes that the server received", pair.server.received_bytes(), data.len() + 1)?;
    ensure(pair.server.received()[1..] == data, "the bytes are not those that were written")?;
    pair.abandon(t)
}

fn pending_producer(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new().half_closeable(), Script::new().half_closeable())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    let out = wire.clone();
    // It has nothing to write on the second request.
    let producer = PullProbe::new(move |before| match before {
        0 => out.write(b"one piece"),
        _ => out.unregister_producer(),
    });
    same("registering", wire.register_producer(Producer::Pull(producer)), Ok(()))?;
    half(&wire)?.lose_write_connection();
    t.until("both heard of it", || {
        pair.client.count(Call::WriteLost) == 1 && pair.server.count(Call::ReadLost) == 1
    })?;
    pair.server_has(b"?one piece")?;
    pair.abandon(t)
}

/// Each end is registered as the producer of the other pair's end, and passes its end of file on.
fn forwarder(t: &CaseContext) -> Outcome {
    let front = t.pair(Script::new().half_closeable(), Script::new().half_closeable())?;
    let back = t.pair(Script::new().half_closeable(), Script::new().half_closeable())?;
    front.exchange_bytes(t)?;
    back.exchange_bytes(t)?;
    let (inner, outer) = (front.server.transport()?, back.client.transport()?);
    let fed = inner.register_producer(Producer::Push(outer.clone()));
    same("registering the inner one", fed, Ok(()))?;
    let fed = outer.register_producer(Producer::Push(inner.clone()));
    same("registering the outer one", fed, Ok(()))?;

    half(&front.client.transport()?)?.lose_write_connection();
    t.until("the end came in", || front.server.count(Call::ReadLost) == 1)?;
    outer.write(b"request");
    half(&outer)?.lose_write_connection();
    t.until("the end went on", || back.server.count(Call::ReadLost) == 1)?;
    back.server_has(b"?request")?;

    back.server.transport()?.write(b"answer");
    half(&back.server.transport()?)?.lose_write_connection();
    t.until("the other end came in", || back.client.count(Call::ReadLost) == 1)?;
    inner.write(b"answer");
    half(&inner)?.lose_write_connection();
    t.until("the other end went on", || front.client.count(Call::ReadLost) == 1)?;
    same("bytes of the answer", front.client.received_bytes(), b"!answer".len())?;
    front.abandon(t)?;
    back.abandon(t)
}

fn twice(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new().half_closeable(), Script::new().half_closeable())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    half(&wire)?.lose_write_connection();
    half(&wire)?.lose_write_connection();
    t.until("the server heard of it", || pair.server.count(Call::ReadLost) == 1)?;
    half(&wire)?.lose_write_connection();
    t.settle()?;
    same("write_connection_lost came", pair.client.count(Call::WriteLost), 1)?;
    same("read_connection_lost came", pair.server.count(Call::ReadLost), 1)?;
    pair.abandon(t)
}
