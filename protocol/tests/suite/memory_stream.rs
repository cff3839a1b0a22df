//! Claims about bytes in memory: order, bounds, pausing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{Talk, why};
use interfaces::{BufferLimits, Chunk, Transport};
use ropewalk_protocol::testing::Recorder;
use ropewalk_protocol::testing::memory::Network;
use testkit::Dice;

#[test]
fn both_sides_hear_of_their_connection_from_a_pump_and_see_each_others_addresses() {
    let talk = Talk::new();
    assert!(talk.client.calls().is_empty(), "nothing happens by itself");
    assert!(talk.pair.pump());
    assert_eq!(talk.client.calls(), ["connection_made"]);
    assert_eq!(talk.server.calls(), ["connection_made"]);
    let (client, server) = (talk.pair.client(), talk.pair.server());
    assert_eq!(client.host(), server.peer());
    assert_eq!(client.peer(), server.host());
    assert_ne!(client.host(), server.host());
    assert!(!talk.pair.pump(), "all is quiet");
}

#[test]
fn each_connection_has_addresses_of_its_own_unless_they_are_given() {
    let network = Network::new();
    let plain = |recorder: Recorder| recorder;
    let talks = [Talk::over(&network, plain, plain), Talk::over(&network, plain, plain)];
    assert_ne!(talks[0].pair.client().host(), talks[1].pair.client().host());
}

#[test]
fn writes_and_sequences_arrive_in_order_and_then_the_end() {
    let talk = Talk::of(
        |client| client,
        |server| {
            server.on_made(|transport| {
                transport.write(b"a");
                transport.write_sequence(vec![
                    Chunk::from(b"bc"),
                    Chunk::from(vec![b'd']),
                    Chunk::from(Rc::<[u8]>::from(&b"e"[..])),
                ]);
                transport.write(b"f");
                transport.lose_connection();
            })
        },
    );
    talk.pair.flush();
    assert_eq!(talk.client.received(), b"abcdef");
    assert_eq!(talk.client.calls(), ["connection_made", "data_received", "connection_lost"]);
    assert_eq!((why(&talk.client), why(&talk.server)), clean());
    talk.assert_over();
}

fn clean() -> (String, String) {
    let clean = || String::from("connection closed cleanly");
    (clean(), clean())
}

#[test]
fn a_sequence_may_be_the_first_that_is_written_and_may_be_empty() {
    let talk = Talk::new();
    talk.pair.client().write_sequence(Vec::new());
    talk.pair.client().write_sequence(vec![Chunk::from(b"x"), Chunk::from(b""), Chunk::from(b"y")]);
    talk.pair.flush();
    assert_eq!(talk.server.received(), b"xy");
}

#[test]
fn no_write_runs_a_protocol_before_it_returns() {
    let inside = Rc::new(Cell::new(false));
    let guard = inside.clone();
    let write = move |transport: &Rc<dyn Transport>| {
        guard.set(true);
        transport.write(b"x");
        guard.set(false);
    };
    let (begin, answer) = (write.clone(), write);
    let talk = Talk::of(
        |client| client.on_made(begin).on_data(|transport, _| transport.lose_connection()),
        |server| {
            server.on_data(move |transport, _| {
                assert!(!inside.get());
                answer(transport);
            })
        },
    );
    talk.pair.flush();
    assert_eq!(talk.client.received(), b"x");
}

#[test]
fn with_a_read_size_of_one_all_arrives_byte_by_byte() {
    let network = Network::new();
    network.set_read_max(1);
    let talk = Talk::over(&network, |client| client, |server| server);
    talk.pair.client().write(b"hello");
    talk.pair.flush();
    assert_eq!(talk.server.count("data_received"), 5);
    assert_eq!(talk.server.received(), b"hello");
}

#[test]
fn more_than_the_pipe_holds_arrives_as_the_peer_reads() {
    let talk = Talk::new();
    let data: Vec<u8> = (0..8 * 1024 * 1024_u32).map(|n| n.to_le_bytes()[1]).collect();
    talk.pair.client().write(&data);
    talk.pair.client().write(b"!");
    talk.pair.client().lose_connection();
    talk.pair.flush();
    let received = talk.server.received();
    assert_eq!(received.len(), data.len() + 1);
    assert!(received.starts_with(&data));
    assert_eq!((why(&talk.client), why(&talk.server)), clean());
}

#[test]
fn any_mix_of_writing_pausing_and_pumping_delivers_what_was_written() {
    for seed in 1..200 {
        let dice = Dice::new(seed);
        let network = Network::new();
        network.set_in_flight_max(dice.below(20));
        network.set_read_max(dice.below(10));
        let talk = Talk::over(&network, |client| client, |server| server);
        let (client, server) = (talk.pair.client(), talk.pair.server());
        let mut written = Vec::new();
        for step in 0..100 {
            match dice.below(5) {
                0 => {
                    let piece = vec![step; dice.below(30)];
                    client.write(&piece);
                    written.extend(piece);
                }
                1 => server.pause_producing(),
                2 => server.resume_producing(),
                _ => drop(talk.pair.pump()),
            }
            let received = talk.server.received();
            assert!(written.starts_with(&received), "seed {seed}");
        }
        client.lose_connection();
        server.resume_producing();
        talk.pair.flush();
        assert_eq!(talk.server.received(), written, "seed {seed}");
        talk.assert_over();
    }
}

#[test]
fn what_a_paused_reader_does_not_take_stays_with_the_writer() {
    let network = Network::new();
    network.set_in_flight_max(1000);
    let talk = Talk::over(
        &network,
        |client| client,
        |server| server.on_made(|transport| transport.pause_producing()),
    );
    let client = talk.pair.client();
    client.set_buffer_limits(BufferLimits::default().with_high_water(10).with_cap(1500));
    talk.pair.flush();
    client.write(&[1; 1500]);
    talk.pair.flush();
    assert_eq!(talk.server.calls(), ["connection_made"]);
    client.write(&[2; 1000]);
    talk.pair.flush();
    assert_eq!(talk.client.count("connection_lost"), 0, "500 + 1000 bytes are unsent: the cap");
    client.write(b"!");
    talk.pair.flush();
    assert_eq!(why(&talk.client), "more than 1500 bytes waited for a peer that does not read");
}

#[test]
fn data_and_the_end_wait_while_reading_is_paused() {
    let talk = Talk::of(
        |client| client,
        |server| {
            server.on_data(|transport, _| {
                transport.pause_producing();
                transport.pause_producing();
            })
        },
    );
    let client = talk.pair.client();
    client.write(b"one");
    talk.pair.flush();
    client.write(b"two");
    client.lose_connection();
    talk.pair.flush();
    assert_eq!(talk.client.count("connection_lost"), 1);
    assert_eq!(talk.server.received(), b"one");
    for (received, lost) in [(&b"onetwo"[..], 0), (b"onetwo", 1)] {
        talk.pair.server().resume_producing();
        talk.pair.flush();
        assert_eq!(talk.server.received(), received);
        assert_eq!(talk.server.count("connection_lost"), lost);
    }
    assert_eq!(why(&talk.server), "connection closed cleanly");
}

#[test]
fn a_pause_in_connection_made_holds_even_the_first_bytes() {
    let talk = Talk::of(
        |client| client.on_made(|transport| transport.write(b"early")),
        |server| server.on_made(|transport| transport.pause_producing()),
    );
    talk.pair.flush();
    assert_eq!(talk.server.calls(), ["connection_made"]);
    talk.pair.server().resume_producing();
    talk.pair.flush();
    assert_eq!(talk.server.received(), b"early");
}

#[test]
fn a_dead_transport_takes_every_call_and_does_nothing() {
    let talk = Talk::new();
    talk.pair.flush();
    talk.pair.client().lose_connection();
    talk.pair.flush();
    let calls = (talk.client.calls(), talk.server.calls());
    for transport in [talk.client.transport(), talk.server.transport()] {
        transport.write(b"dead");
        transport.write_sequence(vec![Chunk::from(b"dead")]);
        transport.pause_producing();
        transport.resume_producing();
        transport.stop_producing();
        transport.lose_connection();
        transport.abort_connection();
        transport.unregister_producer();
        transport.set_buffer_limits(BufferLimits::default());
        if let Some(transport) = transport.as_half_closeable() {
            transport.lose_write_connection();
        }
        assert!(format!("{}", transport.peer()).starts_with("memory:"));
    }
    assert!(!talk.pair.pump());
    assert_eq!((talk.client.calls(), talk.server.calls()), calls);
}

#[test]
fn a_write_before_the_first_pump_is_not_forgotten() {
    let talk = Talk::new();
    talk.pair.client().write(b"hello");
    talk.pair.client().lose_connection();
    talk.pair.flush();
    assert_eq!(talk.server.received(), b"hello");
    assert_eq!(talk.client.calls(), ["connection_made", "connection_lost"]);
}

#[test]
fn a_protocol_that_writes_for_ever_is_bounded_by_its_cap() {
    let log = Rc::<RefCell<Vec<usize>>>::default();
    let lengths = log.clone();
    let talk = Talk::of(
        |client| client.on_made(|transport| transport.write(b"go")),
        |server| {
            server.on_data(move |transport, data| {
                lengths.borrow_mut().push(data.len());
                transport.write(&[0; 9 * 1024 * 1024]);
                transport.write(&[0; 9 * 1024 * 1024]);
            })
        },
    );
    talk.pair.flush();
    assert_eq!(*log.borrow(), [2]);
    assert_eq!(why(&talk.server), "more than 16777216 bytes waited for a peer that does not read");
    assert_eq!(why(&talk.client), "ConnectionReset");
    talk.assert_over();
}

#[test]
fn what_is_written_waits_for_a_pump_and_arrives_as_one_piece() {
    let talk = Talk::new();
    talk.pair.flush();
    let client = talk.pair.client();
    client.write(b"one ");
    client.write_sequence(vec![Chunk::from(b"two ".to_vec()), Chunk::from(b"three".to_vec())]);
    assert_eq!(talk.server.count("data_received"), 0);
    talk.pair.flush();
    assert_eq!(talk.server.received(), b"one two three");
    assert_eq!(talk.server.count("data_received"), 1);
}
