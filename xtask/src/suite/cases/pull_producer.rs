//! Pull producers: asked for a piece at registration, and again each time their bytes are sent.

use std::cell::RefCell;
use std::rc::Rc;

use interfaces::{BufferLimits, Producer};
use protocol::testing::ProducerCall;

use crate::suite::pair::unclean;
use crate::suite::pattern::pattern;
use crate::suite::producers::PullProbe;
use crate::suite::{Ability, Case, CaseContext, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "producer/pull",
        "a pull producer is asked inside the registering, and again when its piece has left",
        pull,
    )
    .states(&["producer-002", "transport-003"]),
    Case::new(
        "producer/pull-to-the-end",
        "a pull producer of ten pieces is asked until it unregisters itself, and not again",
        pull_to_the_end,
    )
    .states(&["producer-005", "producer-011", "tls-047"]),
    Case::new(
        "producer/pull-reentrant",
        "a pull producer that goes and comes again inside a request is asked on to its end",
        pull_reentrant,
    )
    .states(&["producer-007"]),
    Case::new(
        "producer/pull-to-a-slow-reader",
        "a pull producer is asked only as fast as the peer reads",
        pull_to_a_slow_reader,
    )
    .states(&["producer-006"])
    .needs(&[Ability::BackPressure]),
    Case::new(
        "producer/pull-stopped",
        "a pull producer is stopped when the consumer ends during its third piece",
        pull_stopped,
    )
    .states(&["producer-008"]),
    Case::new(
        "producer/unregister-in-connection-lost",
        "a producer unregistered inside connection_lost leaves nothing behind",
        unregister_in_connection_lost,
    )
    .states(&["producer-004"]),
    Case::new(
        "producer/lose-waits-for-pull",
        "lose_connection waits for a pull producer to write all that it has",
        lose_waits_for_pull,
    )
    .states(&["producer-003"]),
    Case::new(
        "producer/pull-loses-its-peer",
        "a pull producer whose peer is gone is stopped, and its connection ends uncleanly",
        pull_loses_its_peer,
    )
    .needs(&[Ability::Reset]),
];

fn pull(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    wire.set_buffer_limits(BufferLimits::default().with_high_water(500));
    let out = wire.clone();
    let producer = PullProbe::new(move |before| match before {
        // Far above the high-water mark; a pull producer is not paused.
        0 => out.write(&[b'x'; 1000]),
        _ => {
            out.unregister_producer();
            out.lose_connection();
        }
    });
    same("registering", wire.register_producer(Producer::Pull(producer.clone())), Ok(()))?;
    same("told by registering", producer.calls(), [ProducerCall::Resume])?;
    pair.until_lost(t)?;
    same("told in all", producer.calls(), [ProducerCall::Resume, ProducerCall::Resume])?;
    same("bytes that the server received", pair.server.received_bytes(), 1001)?;
    pair.ensure_clean()
}

fn pull_to_the_end(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    let out = wire.clone();
    let producer = PullProbe::new(move |before| {
        out.write(before.to_string().as_bytes());
        if before == 9 {
            out.unregister_producer();
            out.unregister_producer();
        }
    });
    same("registering", wire.register_producer(Producer::Pull(producer.clone())), Ok(()))?;
    t.until("all was received", || pair.server.received_bytes() >= 11)?;
    t.settle()?;
    pair.server_has(b"?0123456789")?;
    same("told", producer.calls(), [ProducerCall::Resume; 10])?;
    pair.abandon(t)
}

fn pull_reentrant(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    let (out, own) = (wire.clone(), Rc::new(RefCell::new(None::<Rc<PullProbe>>)));
    let itself = own.clone();
    let producer = PullProbe::new(move |before| {
        out.write(before.to_string().as_bytes());
        match before {
            2 => {
                let itself = itself.borrow().clone();
                out.unregister_producer();
                if let Some(itself) = itself {
                    let _ = out.register_producer(Producer::Pull(itself));
                }
            }
            // Its own reading, which has nothing to do with what it produces.
            5 => {
                out.pause_producing();
                out.resume_producing();
            }
            9 => out.unregister_producer(),
            _ => {}
        }
    });
    *own.borrow_mut() = Some(producer.clone());
    same("registering", wire.register_producer(Producer::Pull(producer.clone())), Ok(()))?;
    t.until("all was received", || pair.server.received_bytes() >= 11)?;
    t.settle()?;
    own.take();
    pair.server_has(b"?0123456789")?;
    same("told", producer.calls(), [ProducerCall::Resume; 10])?;
    pair.abandon(t)
}

fn pull_to_a_slow_reader(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new().made(|wire| wire.pause_producing()), Script::new())?;
    let (wire, reader) = (pair.client.transport()?, pair.server.transport()?);
    let pieces = t.large_bytes() / 4 / 20_000;
    let out = wire.clone();
    let producer = PullProbe::new(move |before| {
        out.write(&pattern(before as u64, 20_000));
        if before + 1 == pieces {
            out.unregister_producer();
            out.lose_connection();
        }
    });
    same("registering", wire.register_producer(Producer::Pull(producer.clone())), Ok(()))?;
    // The kernel grows its buffers while they are in use, up to a bound.
    let mut asked = 0;
    while producer.calls().len() > asked {
        asked = producer.calls().len();
        t.settle()?;
    }
    ensure(asked < pieces, "it was asked for all though its peer does not read")?;
    reader.resume_producing();
    pair.until_lost(t)?;
    let want: Vec<u8> = (0..pieces).flat_map(|piece| pattern(piece as u64, 20_000)).collect();
    pair.server_has(&want)?;
    pair.ensure_clean()
}

fn pull_stopped(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    let out = wire.clone();
    let producer = PullProbe::new(move |before| {
        out.write(before.to_string().as_bytes());
        if before == 2 {
            out.abort_connection();
        }
    });
    same("registering", wire.register_producer(Producer::Pull(producer.clone())), Ok(()))?;
    pair.until_lost(t)?;
    same(
        "told",
        producer.calls(),
        [ProducerCall::Resume, ProducerCall::Resume, ProducerCall::Resume, ProducerCall::Stop],
    )?;
    let received = pair.server.received();
    ensure(b"?012".starts_with(&received), "the server received what was never written")
}

fn unregister_in_connection_lost(t: &CaseContext) -> Outcome {
    let kept = Rc::new(std::cell::RefCell::new(None));
    let (keep, take) = (kept.clone(), kept);
    let client = Script::new()
        .made(move |wire| {
            let _ = wire.register_producer(Producer::Pull(PullProbe::new(|_| {})));
            *keep.borrow_mut() = Some(wire.clone());
            wire.lose_connection();
        })
        .lost(move |_| {
            if let Some(wire) = take.take() {
                wire.unregister_producer();
                wire.write(b"too late");
            }
        });
    let pair = t.pair(Script::new(), client)?;
    t.settle()?;
    ensure(!pair.client.is_lost(), "the close did not wait for the producer")?;
    pair.server.transport()?.abort_connection();
    pair.until_lost(t)?;
    same("bytes that the server received", pair.server.received_bytes(), 0)
}

fn lose_waits_for_pull(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    let out = wire.clone();
    let producer = PullProbe::new(move |before| match before {
        0..5 => out.write(b"piece "),
        _ => out.unregister_producer(),
    });
    same("registering", wire.register_producer(Producer::Pull(producer)), Ok(()))?;
    wire.lose_connection();
    pair.until_lost(t)?;
    pair.server_has(b"?piece piece piece piece piece ")?;
    pair.ensure_clean()
}

fn pull_loses_its_peer(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    let out = wire.clone();
    let producer = PullProbe::new(move |_| out.write(b"on and on "));
    same("registering", wire.register_producer(Producer::Pull(producer.clone())), Ok(()))?;
    t.settle()?;
    pair.server.transport()?.abort_connection();
    pair.until_lost(t)?;
    same("told at last", producer.calls().last(), Some(&ProducerCall::Stop))?;
    unclean("the client's end", &pair.client)
}
