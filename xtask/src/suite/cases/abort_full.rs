//! Aborts of a connection whose buffers are full, and of one with a producer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Producer, PullProducer, Transport};
use protocol::testing::{ProducerCall, StrictProducer};

use super::abort::{aborted, undisturbed};
use crate::suite::pair::roomy;
use crate::suite::pattern::pattern;
use crate::suite::{Ability, Case, CaseContext, Outcome, Pair, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "abort/in-resume-producing",
        "a pull producer that aborts is stopped before connection_lost, and not asked again",
        in_resume_producing,
    )
    .states(&["abort-007"]),
    Case::new(
        "abort/full-wire",
        "an abort with a full wire and a paused producer is told although nothing can be written",
        full_wire,
    )
    .states(&["abort-009"])
    .needs(&[Ability::BackPressure]),
    Case::new(
        "abort/full-wire-after-exchange",
        "the same after a byte went each way",
        full_wire_after_exchange,
    )
    .states(&["abort-010"])
    .needs(&[Ability::BackPressure]),
];

/// A pull producer that aborts on the second request.
struct AbortingPull {
    wire: Rc<dyn Transport>,
    story: Rc<RefCell<Vec<&'static str>>>,
}

impl PullProducer for AbortingPull {
    fn resume_producing(&self) {
        self.story.borrow_mut().push("resume");
        if self.story.borrow().len() == 1 {
            self.wire.write(b"first");
        } else {
            self.wire.abort_connection();
        }
    }

    fn stop_producing(&self) {
        self.story.borrow_mut().push("stop");
    }
}

fn in_resume_producing(t: &CaseContext) -> Outcome {
    let story = Rc::new(RefCell::new(Vec::new()));
    let (made, lost) = (story.clone(), story.clone());
    let client = Script::new()
        .made(move |wire| {
            wire.write(&pattern(7, 762_000));
            let producer = AbortingPull { wire: wire.clone(), story: made.clone() };
            let _ = wire.register_producer(Producer::Pull(Rc::new(producer)));
        })
        .lost(move |_| lost.borrow_mut().push("lost"));
    let (server, client) = (t.single(Script::new()), t.single(client));
    let port = t.listen(&server)?;
    let _ = t.wait("connecting", t.connect(&port.host(), &client))?;
    t.until("the client is told of its end", || client.lost() == 1)?;
    t.until("the server is told of its end", || server.lost() == 1)?;
    t.settle()?;
    same("the story", story.borrow().as_slice(), ["resume", "resume", "stop", "lost"])?;
    aborted("the client", &*client.probe(0)?)
}

fn full_wire(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new().made(|wire| wire.pause_producing()), Script::new())?;
    abort_with_full_buffers(t, &pair)
}

fn full_wire_after_exchange(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    pair.server.transport()?.pause_producing();
    abort_with_full_buffers(t, &pair)
}

fn abort_with_full_buffers(t: &CaseContext, pair: &Pair) -> Outcome {
    let wire = pair.client.transport()?;
    wire.set_buffer_limits(roomy(t.large_bytes()));
    let producer = StrictProducer::new();
    same("registering", wire.register_producer(Producer::Push(producer.clone())), Ok(()))?;
    let data = pattern(9, t.large_bytes() / 200);
    for _ in 0..100 {
        wire.write(&data);
    }
    t.until("the producer is paused", || producer.calls().first() == Some(&ProducerCall::Pause))?;
    let waited = Rc::new(Cell::new(false));
    let ring = waited.clone();
    t.later(Duration::from_millis(10), move || ring.set(true));
    t.until("10 ms have passed", || waited.get())?;
    undisturbed(&pair.client, |wire| wire.abort_connection())?;
    t.until("the client is told of its end", || pair.client.is_lost())?;
    aborted("the client", &pair.client)?;
    ensure(producer.calls().last() == Some(&ProducerCall::Stop), "the producer was not stopped")?;
    pair.server.transport()?.resume_producing();
    pair.until_lost(t)
}
