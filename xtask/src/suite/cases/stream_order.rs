//! Bytes arrive as written: all, once, in order, for any split.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::Chunk;

use crate::suite::outcome::same_bytes;
use crate::suite::pair::roomy;
use crate::suite::pattern::{Dice, pattern};
use crate::suite::{Ability, Case, CaseContext, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "stream/written-at-once",
        "what connection_made writes, in pieces, arrives in order and before the close",
        written_at_once,
    )
    .states(&["stream-010", "memory-021", "tls-014", "tls-031"]),
    Case::new(
        "stream/sequence-first",
        "write_sequence as the first call of all delivers the concatenation",
        sequence_first,
    )
    .states(&["stream-014"]),
    Case::new(
        "stream/large",
        "one write of 60 MiB less a byte, then a byte from a timer and the close, arrive complete",
        large,
    )
    .states(&["stream-011"]),
    Case::new(
        "stream/small-writes",
        "many small writes with turns between them in any interleaving arrive as they were written",
        small_writes,
    )
    .states(&["stream-012", "tls-013"]),
    Case::new(
        "stream/full-wire",
        "a wire that takes no more keeps what is queued, and the connection, until the peer reads",
        full_wire,
    )
    .states(&["stream-013"])
    .needs(&[Ability::BackPressure]),
    Case::new("stream/both-ways", "a megabyte goes each way at the same time", both_ways),
    Case::new(
        "stream/ping-pong",
        "an answer to each message, written from data_received, until one side closes",
        ping_pong,
    )
    .states(&["memory-022", "memory-026"]),
    Case::new(
        "stream/one-callback-one-order",
        "write and write_sequence in one callback keep their order among each other",
        mixed_writes,
    ),
];

fn written_at_once(t: &CaseContext) -> Outcome {
    let server = Script::new().made(|wire| {
        wire.write(b"A");
        wire.write_sequence(vec![b"B".into(), b"C".into(), b"D".into(), b"E".into()]);
        let _ = (wire.peer(), wire.host());
        wire.lose_connection();
    });
    let pair = t.pair(server, Script::new())?;
    pair.until_lost(t)?;
    pair.client_has(b"ABCDE")?;
    pair.ensure_clean()
}

fn sequence_first(t: &CaseContext) -> Outcome {
    let pieces: [&'static [u8]; 3] = [b"Some ", b"sequence ", b"in pieces"];
    let client = Script::new().made(move |wire| {
        wire.write_sequence(pieces.into_iter().map(Chunk::from).collect());
    });
    let pair = t.pair(Script::new(), client)?;
    t.until("the server has the sequence", || pair.server.received_bytes() >= 23)?;
    pair.server_has(&pieces.concat())?;
    pair.abandon(t)
}

fn large(t: &CaseContext) -> Outcome {
    let data = pattern(11, t.large_bytes());
    let pair = t.pair(Script::new(), Script::new())?;
    let wire = pair.server.transport()?;
    wire.set_buffer_limits(roomy(data.len()));
    let (last, body) = data.split_last().unwrap_or((&0, &[]));
    wire.write(body);
    let last = *last;
    t.later(Duration::from_millis(1), move || {
        wire.write(&[last]);
        wire.lose_connection();
    });
    pair.until_lost(t)?;
    pair.client_has(&data)?;
    pair.ensure_clean()
}

fn small_writes(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    let (wire, reader) = (pair.client.transport()?, pair.server.transport()?);
    let dice = Dice::new(12);
    let mut written = Vec::new();
    for round in 0..200 {
        match dice.below(5) {
            0 => t.world().turn()?,
            1 => reader.pause_producing(),
            2 => reader.resume_producing(),
            _ => {
                let data = pattern(round, 1 + dice.below(10));
                wire.write(&data);
                written.extend_from_slice(&data);
            }
        }
    }
    reader.resume_producing();
    t.until("all was received", || pair.server.received_bytes() >= written.len())?;
    t.settle()?;
    pair.server_has(&written)?;
    pair.abandon(t)
}

fn full_wire(t: &CaseContext) -> Outcome {
    let data = pattern(13, t.large_bytes() / 4);
    let reader = Script::new().made(|wire| wire.pause_producing());
    let pair = t.pair(reader, Script::new())?;
    let wire = pair.client.transport()?;
    wire.set_buffer_limits(roomy(data.len()));
    wire.write(&data);
    t.settle()?;
    same("bytes received while paused", pair.server.received_bytes(), 0)?;
    ensure(!pair.client.is_lost(), "the writer was told of an end")?;
    pair.server.transport()?.resume_producing();
    t.until("all was received", || pair.server.received_bytes() >= data.len())?;
    pair.server_has(&data)?;
    pair.abandon(t)
}

fn both_ways(t: &CaseContext) -> Outcome {
    let (up, down) = (pattern(1, 1 << 20), pattern(2, 1 << 20));
    let (to_server, to_client) = (up.clone(), down.clone());
    let pair = t.pair(
        Script::new().made(move |wire| wire.write(&to_client)),
        Script::new().made(move |wire| wire.write(&to_server)),
    )?;
    t.until("a megabyte went each way", || {
        pair.server.received_bytes() >= up.len() && pair.client.received_bytes() >= down.len()
    })?;
    pair.server_has(&up)?;
    pair.client_has(&down)?;
    pair.abandon(t)
}

fn ping_pong(t: &CaseContext) -> Outcome {
    let server = Script::new().data(|wire, data| {
        let answers: Vec<u8> = data.iter().map(|byte| byte + 1).collect();
        wire.write(&answers);
    });
    let client = Script::new().made(|wire| wire.write(&[0])).data(|wire, data| match data.last() {
        Some(40..) => wire.lose_connection(),
        _ => wire.write(&data.iter().map(|byte| byte + 1).collect::<Vec<u8>>()),
    });
    let pair = t.pair(server, client)?;
    pair.until_lost(t)?;
    let even: Vec<u8> = (0..=40).step_by(2).collect();
    let odd: Vec<u8> = (1..=41).step_by(2).collect();
    pair.server_has(&even)?;
    pair.client_has(&odd)?;
    pair.ensure_clean()
}

fn mixed_writes(t: &CaseContext) -> Outcome {
    let written = Rc::new(Cell::new(0));
    let total = written.clone();
    let client = Script::new().made(move |wire| {
        for round in 0..20 {
            // Short writes are gathered; long ones may be sent from the caller's slice.
            let data = pattern(round, if round % 3 == 0 { 20_000 } else { 7 });
            total.set(total.get() + data.len());
            if round % 2 == 0 { wire.write(&data) } else { wire.write_sequence(vec![data.into()]) }
        }
    });
    let pair = t.pair(Script::new(), client)?;
    t.until("all was received", || pair.server.received_bytes() >= written.get())?;
    let want: Vec<u8> =
        (0..20).flat_map(|round| pattern(round, if round % 3 == 0 { 20_000 } else { 7 })).collect();
    same_bytes("what the server received", &pair.server.received(), &want)?;
    pair.abandon(t)
}
