//! Push producers: paused above the high-water mark, resumed when all bytes are sent, and stopped.

use std::cell::Cell;
use std::rc::Rc;

use interfaces::{AlreadyProducing, BufferLimits, Chunk, Producer};
use protocol::testing::{ProducerCall, StrictProducer};

use crate::suite::pattern::pattern;
use crate::suite::producers::PullProbe;
use crate::suite::{Ability, Case, CaseContext, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "producer/pause-and-resume",
        "writes above the mark pause once, inside the write, and resume once when all has left",
        pause_and_resume,
    )
    .states(&["producer-001", "gap-004", "tls-039", "tls-045", "tls-049"]),
    Case::new(
        "producer/above-the-mark-already",
        "a push producer that comes when too much is unsent is paused by registering, then resumed",
        above_the_mark_already,
    )
    .states(&["gap-031"]),
    Case::new(
        "producer/below-the-mark",
        "a push producer hears nothing while the unsent bytes are few",
        below_the_mark,
    ),
    Case::new(
        "producer/slow-reader",
        "a writer that obeys its pauses sends all to a slow reader under a low cap",
        slow_reader,
    )
    .needs(&[Ability::BackPressure]),
    Case::new(
        "producer/lose-waits-for-unregister",
        "lose_connection waits until the producer is unregistered, and what it writes arrives",
        lose_waits,
    )
    .states(&["producer-003", "gap-002", "tls-044"]),
    Case::new(
        "producer/second-one",
        "a second producer is refused, and the first one stays",
        second_one,
    )
    .states(&["transport-001", "tls-042"]),
    Case::new(
        "producer/unregister-twice",
        "unregistering twice is harmless, and another producer may come then",
        unregister_twice,
    )
    .states(&["tls-043"]),
    Case::new(
        "producer/too-late",
        "a producer that comes after the end is stopped at once, and never resumed",
        too_late,
    )
    .states(&["transport-002", "tls-048"]),
    Case::new(
        "producer/stopped-at-the-end",
        "the end of a connection stops its producer, once and before connection_lost",
        stopped_at_the_end,
    )
    .states(&["tls-046", "gap-032"]),
];

fn pause_and_resume(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    wire.set_buffer_limits(BufferLimits::default().with_high_water(500));
    let producer = StrictProducer::new();
    same("registering", wire.register_producer(Producer::Push(producer.clone())), Ok(()))?;
    same("told by registering", producer.calls(), [])?;
    let piece: &'static [u8] = &[b'x'; 50];
    wire.write_sequence((0..20).map(|_| Chunk::from(piece)).collect());
    same("told by write_sequence", producer.calls(), [ProducerCall::Pause])?;
    wire.write(piece);
    same("told by writing on", producer.calls(), [ProducerCall::Pause])?;
    t.until("it is resumed", || producer.calls().len() > 1)?;
    t.until("all was received", || pair.server.received_bytes() >= 1051)?;
    t.settle()?;
    same("told in all", producer.calls(), [ProducerCall::Pause, ProducerCall::Resume])?;
    wire.unregister_producer();
    pair.abandon(t)?;
    same("told after unregistering", producer.calls().len(), 2)
}

fn above_the_mark_already(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    wire.set_buffer_limits(BufferLimits::default().with_high_water(500));
    let producer = StrictProducer::new();
    wire.write(&[b'x'; 5000]);
    same("registering", wire.register_producer(Producer::Push(producer.clone())), Ok(()))?;
    same("told by registering", producer.calls(), [ProducerCall::Pause])?;
    t.until("it is resumed", || producer.calls().len() > 1)?;
    t.until("all was received", || pair.server.received_bytes() >= 5001)?;
    t.settle()?;
    same("told in all", producer.calls(), [ProducerCall::Pause, ProducerCall::Resume])?;
    wire.unregister_producer();
    pair.abandon(t)
}

fn below_the_mark(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    let producer = StrictProducer::new();
    same("registering", wire.register_producer(Producer::Push(producer.clone())), Ok(()))?;
    for _ in 0..20 {
        wire.write(&[b'x'; 50]);
        t.world().turn()?;
    }
    t.until("all was received", || pair.server.received_bytes() >= 1001)?;
    same("told", producer.calls(), [])?;
    wire.unregister_producer();
    pair.abandon(t)
}

fn slow_reader(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new().made(|wire| wire.pause_producing()), Script::new())?;
    let (wire, reader) = (pair.client.transport()?, pair.server.transport()?);
    wire.set_buffer_limits(BufferLimits::default().with_high_water(20_000).with_cap(50_000));
    let producer = StrictProducer::new();
    same("registering", wire.register_producer(Producer::Push(producer.clone())), Ok(()))?;
    let data = pattern(50, (t.large_bytes() / 4).min(15 << 20));
    let mut pieces = data.chunks(10_000);
    let mut pauses = 0;
    loop {
        while producer.calls().last() != Some(&ProducerCall::Pause) {
            let Some(piece) = pieces.next() else { break };
            wire.write(piece);
        }
        if pieces.len() == 0 {
            break;
        }
        pauses += 1;
        reader.resume_producing();
        t.until("it is resumed", || producer.calls().last() == Some(&ProducerCall::Resume))?;
        reader.pause_producing();
    }
    reader.resume_producing();
    wire.unregister_producer();
    wire.lose_connection();
    pair.until_lost(t)?;
    ensure(pauses > 2, "the wire held nearly all of it, and so the case says nothing")?;
    pair.server_has(&data)?;
    pair.ensure_clean()
}

fn lose_waits(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    let producer = StrictProducer::new();
    same("registering", wire.register_producer(Producer::Push(producer.clone())), Ok(()))?;
    wire.write(b"x ");
    wire.lose_connection();
    t.settle()?;
    ensure(!pair.client.is_lost(), "the close did not wait for the producer")?;
    wire.write(b"hello world");
    wire.unregister_producer();
    wire.write(b" and more");
    pair.until_lost(t)?;
    pair.server_has(b"?x hello world")?;
    same("told", producer.calls(), [])?;
    pair.ensure_clean()
}

fn second_one(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    let (first, second) = (StrictProducer::new(), StrictProducer::new());
    same("the first", wire.register_producer(Producer::Push(first.clone())), Ok(()))?;
    let refused = wire.register_producer(Producer::Push(second.clone()));
    same("the second", refused, Err(AlreadyProducing))?;
    let pull = PullProbe::new(|_| {});
    let refused = wire.register_producer(Producer::Pull(pull.clone()));
    same("the third", refused, Err(AlreadyProducing))?;
    wire.set_buffer_limits(BufferLimits::default().with_high_water(10));
    wire.write(&[b'x'; 100]);
    same("told the first", first.calls(), [ProducerCall::Pause])?;
    pair.abandon(t)?;
    same("told the second", second.calls(), [])?;
    same("told the third", pull.calls(), [])
}

fn unregister_twice(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    wire.set_buffer_limits(BufferLimits::default().with_high_water(10));
    let (first, second) = (StrictProducer::new(), StrictProducer::new());
    same("the first", wire.register_producer(Producer::Push(first.clone())), Ok(()))?;
    wire.unregister_producer();
    wire.unregister_producer();
    same("the second", wire.register_producer(Producer::Push(second.clone())), Ok(()))?;
    wire.write(&[b'x'; 100]);
    same("told the first", first.calls(), [])?;
    same("told the second", second.calls(), [ProducerCall::Pause])?;
    t.until("all was received", || pair.server.received_bytes() >= 101)?;
    pair.abandon(t)
}

fn too_late(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.abandon(t)?;
    for end in [&pair.client, &pair.server] {
        let wire = end.transport()?;
        let (push, pull) = (StrictProducer::new(), PullProbe::new(|_| {}));
        same("registering", wire.register_producer(Producer::Push(push.clone())), Ok(()))?;
        same("told the first", push.calls(), [ProducerCall::Stop])?;
        same("registering", wire.register_producer(Producer::Pull(pull.clone())), Ok(()))?;
        t.settle()?;
        same("told the second", pull.calls(), [ProducerCall::Stop])?;
    }
    Ok(())
}

fn stopped_at_the_end(t: &CaseContext) -> Outcome {
    let producer = StrictProducer::new();
    let (registered, before) = (producer.clone(), Rc::new(Cell::new(false)));
    let (seen, set) = (producer.clone(), before.clone());
    let client = Script::new()
        .made(move |wire| {
            let _ = wire.register_producer(Producer::Push(registered.clone()));
        })
        .lost(move |_| set.set(seen.calls() == [ProducerCall::Stop]));
    let pair = t.pair(Script::new(), client)?;
    pair.exchange_bytes(t)?;
    pair.server.transport()?.abort_connection();
    pair.until_lost(t)?;
    t.settle()?;
    same("told", producer.calls(), [ProducerCall::Stop])?;
    ensure(before.get(), "it was not stopped before connection_lost")
}
