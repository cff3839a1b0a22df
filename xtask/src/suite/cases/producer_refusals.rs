//! A producer that comes second to a pull producer, and pull producers that write much at once.

use interfaces::{AlreadyProducing, BufferLimits, Chunk, Producer};
use protocol::testing::{ProducerCall, StrictProducer};

use crate::suite::producers::PullProbe;
use crate::suite::{Case, CaseContext, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "producer/second-to-a-pull",
        "a pull producer is asked inside the registering; a second producer is refused and told nothing",
        second_to_a_pull,
    )
    .states(&["transport-001"]),
    Case::new(
        "producer/pull-is-not-paused",
        "a pull producer that writes far above the high-water mark, by either call, is never paused",
        pull_is_not_paused,
    )
    .states(&["transport-003"]),
];

fn second_to_a_pull(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    let first = PullProbe::new(|_| {});
    let (pull, push) = (PullProbe::new(|_| {}), StrictProducer::new());
    same("the first", wire.register_producer(Producer::Pull(first.clone())), Ok(()))?;
    same("told by registering", first.calls(), [ProducerCall::Resume])?;
    let refused = wire.register_producer(Producer::Pull(pull.clone()));
    same("the second", refused, Err(AlreadyProducing))?;
    let refused = wire.register_producer(Producer::Push(push.clone()));
    same("the third", refused, Err(AlreadyProducing))?;
    same("told the second and the third", (pull.calls(), push.calls()), (vec![], vec![]))?;
    wire.unregister_producer();
    wire.lose_connection();
    pair.until_lost(t)?;
    ensure(!first.calls().contains(&ProducerCall::Stop), "one that unregistered is stopped")
}

fn pull_is_not_paused(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    pair.exchange_bytes(t)?;
    let wire = pair.client.transport()?;
    wire.set_buffer_limits(BufferLimits::default().with_high_water(500));
    let out = wire.clone();
    let producer = PullProbe::new(move |before| match before {
        0 => out.write(&[b'x'; 5000]),
        1 => out.write_sequence(vec![Chunk::from(vec![b'y'; 3000]), Chunk::from(vec![b'z'; 3000])]),
        _ => {
            out.unregister_producer();
            out.lose_connection();
        }
    });
    same("registering", wire.register_producer(Producer::Pull(producer.clone())), Ok(()))?;
    pair.until_lost(t)?;
    same("told", producer.calls(), [ProducerCall::Resume; 3])?;
    same("bytes that the server received", pair.server.received_bytes(), 11_001)?;
    pair.ensure_clean()
}
