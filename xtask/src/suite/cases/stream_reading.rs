//! A transport as the producer of its protocol's input: pausing, resuming, and the events between.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{BufferLimits, Producer, PushProducer};

use crate::suite::pair::{roomy, unclean};
use crate::suite::pattern::pattern;
use crate::suite::producers::PullProbe;
use crate::suite::{Ability, Case, CaseContext, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "stream/end-waits-for-resume",
        "an end that comes while paused is told after resume, and is not forgotten",
        end_waits_for_resume,
    )
    .states(&["stream-021", "gap-013"]),
    Case::new(
        "stream/pause-and-resume-often",
        "pausing and resuming again and again loses and doubles nothing",
        pause_and_resume_often,
    )
    .states(&["stream-022"]),
    Case::new(
        "stream/paused-is-silent",
        "nothing arrives between pause_producing and resume_producing, and all of it after",
        paused_is_silent,
    )
    .states(&["stream-023"]),
    Case::new(
        "stream/paused-from-the-start",
        "a pause in connection_made holds: connecting does not begin to read afterwards",
        paused_from_the_start,
    )
    .states(&["stream-026"]),
    Case::new(
        "stream/paused-in-a-chunk",
        "after a pause in data_received not even what was read already arrives",
        paused_in_a_chunk,
    ),
    Case::new(
        "stream/told-by-writing",
        "a side that does not read learns of its peer's end by writing, as an unclean end, or behind \
         the peer's unread bytes when it resumes",
        told_by_writing,
    )
    .states(&["harness-003", "stream-027"]),
    Case::new(
        "stream/relay",
        "two connections joined by one register_producer each pass all bytes to a slow reader",
        relay,
    )
    .states(&["stream-031"])
    .needs(&[Ability::BackPressure]),
    Case::new(
        "stream/stop-producing",
        "stop_producing of a transport is lose_connection",
        stop_producing,
    ),
];

fn end_waits_for_resume(t: &CaseContext) -> Outcome {
    let story = Rc::new(RefCell::new(Vec::new()));
    let (at_data, at_end) = (story.clone(), story.clone());
    let time = t.time();
    let server = Script::new()
        .data(move |wire, _| {
            at_data.borrow_mut().push("paused");
            wire.pause_producing();
            let (wire, story) = (wire.clone(), at_data.clone());
            // Long enough for the end of file to arrive.
            let resume = move || {
                story.borrow_mut().push("resumed");
                wire.resume_producing();
            };
            time.call_later(Duration::from_millis(20), Box::new(resume));
        })
        .lost(move |_| at_end.borrow_mut().push("lost"));
    let client = Script::new().made(|wire| {
        wire.write(b"some bytes");
        wire.lose_connection();
    });
    let pair = t.pair(server, client)?;
    pair.until_lost(t)?;
    pair.server_has(b"some bytes")?;
    pair.ensure_clean()?;
    let story = story.borrow();
    // The bytes may have come in several pieces, each of which paused and resumed.
    let lost = story.iter().position(|word| *word == "lost");
    same("connection_lost is", lost, Some(story.len() - 1))?;
    let turns = story[..story.len() - 1].chunks(2).all(|turn| turn == ["paused", "resumed"]);
    ensure(turns, &format!("the story was {story:?}"))
}

fn pause_and_resume_often(t: &CaseContext) -> Outcome {
    let server = Script::new().made(|wire| {
        wire.pause_producing();
        wire.resume_producing();
    });
    let pair = t.pair(server, Script::new())?;
    for round in 0..3 {
        let wire = pair.server.transport()?;
        t.later(Duration::from_millis(round), move || {
            wire.pause_producing();
            wire.resume_producing();
        });
    }
    let data = pattern(22, 16_384);
    pair.client.transport()?.write(&data);
    t.until("all was received", || pair.server.received_bytes() >= data.len())?;
    t.settle()?;
    pair.server_has(&data)?;
    pair.abandon(t)
}

fn paused_is_silent(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.server.transport()?;
    for round in 1..4 {
        wire.pause_producing();
        wire.pause_producing();
        pair.client.transport()?.write(b"x");
        t.settle()?;
        same("bytes received while paused", pair.server.received_bytes(), round)?;
        wire.resume_producing();
        same("bytes received inside resume", pair.server.received_bytes(), round)?;
        t.until("it arrives", || pair.server.received_bytes() > round)?;
    }
    pair.server_has(b"?xxx")?;
    pair.abandon(t)
}

fn paused_from_the_start(t: &CaseContext) -> Outcome {
    let server = Script::new().made(|wire| wire.write(b"welcome"));
    let client = Script::new().made(|wire| wire.pause_producing());
    let pair = t.pair(server, client)?;
    t.settle()?;
    same("bytes received while paused", pair.client.received_bytes(), 0)?;
    pair.client.transport()?.resume_producing();
    t.until("it arrives", || pair.client.received_bytes() >= 7)?;
    pair.client_has(b"welcome")?;
    pair.abandon(t)
}

fn paused_in_a_chunk(t: &CaseContext) -> Outcome {
    let paused = Rc::new(Cell::new(false));
    let early = Rc::new(Cell::new(0));
    let (pause, count) = (paused.clone(), early.clone());
    let server = Script::new().data(move |wire, _| {
        count.set(count.get() + u32::from(pause.replace(true)));
        wire.pause_producing();
    });
    let data = pattern(5, 1 << 20);
    let sent = data.clone();
    let pair = t.pair(server, Script::new().made(move |wire| wire.write(&sent)))?;
    let wire = pair.server.transport()?;
    while pair.server.received_bytes() < data.len() {
        t.until("a pause", || paused.get())?;
        t.world().turn()?;
        same("data_received while paused", early.get(), 0)?;
        paused.set(false);
        wire.resume_producing();
        t.until("more is received", || paused.get() || pair.server.received_bytes() >= data.len())?;
    }
    pair.server_has(&data)?;
    pair.abandon(t)
}

fn told_by_writing(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    wire.pause_producing();
    pair.server.transport()?.lose_connection();
    t.until("the server is gone", || pair.server.is_lost())?;
    let out = wire.clone();
    let drip = PullProbe::new(move |_| out.write(b"."));
    let _ = wire.register_producer(Producer::Pull(drip));
    if wire.as_tls().is_some() {
        // The goodbye of the peer's TLS is unread below. It is delivered before the loss is told, and it
        // makes the end a clean one.
        t.settle()?;
        wire.resume_producing();
        return t.until("the client is told", || pair.client.is_lost());
    }
    t.until("the client is told", || pair.client.is_lost())?;
    unclean("the client's end", &pair.client)
}

/// A cap far below the relayed amount ends the connection if the writer is not paused.
fn relay(t: &CaseContext) -> Outcome {
    let sink = t.pair(Script::new().made(|wire| wire.pause_producing()), Script::new())?;
    let to = sink.client.transport()?;
    to.set_buffer_limits(BufferLimits::default().with_high_water(10_000).with_cap(1 << 20));
    let (registrar, writer) = (to.clone(), to.clone());
    let joint = Script::new()
        .made(move |wire| {
            let as_producer: Rc<dyn PushProducer> = wire.clone();
            let _ = registrar.register_producer(Producer::Push(as_producer));
        })
        .data(move |_, data| writer.write(data));
    let source = t.pair(joint, Script::new())?;
    let data = pattern(31, t.large_bytes() / 4);
    let from = source.client.transport()?;
    from.set_buffer_limits(roomy(data.len()));
    from.write(&data);
    t.settle()?;
    sink.server.transport()?.resume_producing();
    t.until("all came through", || sink.server.received_bytes() >= data.len())?;
    sink.server_has(&data)?;
    to.unregister_producer();
    source.abandon(t)?;
    sink.abandon(t)
}

fn stop_producing(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    wire.write(b"the last words");
    let as_producer: Rc<dyn PushProducer> = wire;
    as_producer.stop_producing();
    pair.until_lost(t)?;
    pair.server_has(b"?the last words")?;
    pair.ensure_clean()
}
