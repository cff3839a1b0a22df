//! Claims about how connections in memory end.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::{Source, Talk, why};
use interfaces::{Producer, Transport};
use ropewalk_protocol::testing::Record;

const CLEAN: &str = "connection closed cleanly";
const ABORTED: &str = "connection aborted";

fn is_reset(record: &Record) -> bool {
    why(record) == "ConnectionReset"
}

#[test]
fn a_connection_is_lost_in_a_later_round_than_the_call_that_closed_it() {
    for close in [
        (|transport| transport.lose_connection()) as fn(&Rc<dyn Transport>),
        |transport| transport.abort_connection(),
        |transport| transport.stop_producing(),
    ] {
        let talk = Talk::of(|client| client.on_made(close), |server| server);
        assert!(talk.pair.pump());
        assert_eq!(talk.client.calls(), ["connection_made"]);
        assert!(talk.pair.pump());
        assert_eq!(talk.client.calls(), ["connection_made", "connection_lost"]);
        talk.pair.flush();
        talk.assert_over();
    }
}

#[test]
fn a_protocol_that_closes_the_other_side_of_a_pair_does_not_end_it_in_that_round() {
    let talk = Talk::of(|client| client, |server| server.on_data(|_, _| {}));
    talk.pair.flush();
    talk.pair.client().write(b"x");
    talk.pair.pump();
    talk.pair.server().abort_connection();
    assert_eq!(talk.server.count("connection_lost"), 0);
    talk.pair.pump();
    assert_eq!(talk.server.count("connection_lost"), 1);
}

#[test]
fn closing_twice_or_in_two_ways_loses_it_once_and_the_harder_way_wins() {
    type Close = fn(&Rc<dyn Transport>);
    let ways: [(Close, &str); 4] = [
        (
            |transport| {
                transport.lose_connection();
                transport.lose_connection();
            },
            CLEAN,
        ),
        (
            |transport| {
                transport.abort_connection();
                transport.abort_connection();
            },
            ABORTED,
        ),
        (
            |transport| {
                transport.abort_connection();
                transport.lose_connection();
            },
            ABORTED,
        ),
        (
            |transport| {
                transport.lose_connection();
                transport.abort_connection();
            },
            ABORTED,
        ),
    ];
    for (close, reason) in ways {
        let talk = Talk::of(
            |client| client.on_made(|transport| transport.write(b"x")),
            |server| server.on_data(move |transport, _| close(transport)),
        );
        talk.pair.flush();
        assert_eq!(why(&talk.server), reason);
        assert_eq!(is_reset(&talk.client), reason == ABORTED);
        talk.assert_over();
    }
}

#[test]
fn an_abort_drops_what_was_not_sent_and_what_is_written_after_it() {
    let talk = Talk::of(
        |client| {
            client.on_data(|transport, _| {
                transport.write(&[b'X'; 10_000]);
                transport.abort_connection();
                transport.write(&[b'Y'; 10_000]);
            })
        },
        |server| server.on_made(|transport| transport.write(b"go")),
    );
    talk.pair.flush();
    assert_eq!(why(&talk.client), ABORTED);
    assert!(is_reset(&talk.server));
    assert!(!talk.server.received().contains(&b'Y'));
    talk.assert_over();
}

#[test]
fn an_abort_comes_through_though_nothing_can_be_sent_and_the_peer_hears_when_it_reads() {
    let talk =
        Talk::of(|client| client, |server| server.on_made(|transport| transport.pause_producing()));
    talk.pair.flush();
    let client = talk.pair.client();
    let source = Source::silent(&client);
    client.register_producer(Producer::Push(source.clone())).unwrap();
    client.write(&[0; 320_000]);
    talk.pair.flush();
    assert_eq!(source.history(), ["pause"]);
    client.abort_connection();
    assert_eq!(talk.client.count("connection_lost"), 0);
    talk.pair.flush();
    assert_eq!(why(&talk.client), ABORTED);
    assert_eq!(source.history(), ["pause", "stop"]);
    assert_eq!(talk.server.count("connection_lost"), 0);
    talk.pair.server().resume_producing();
    talk.pair.flush();
    assert!(is_reset(&talk.server));
    talk.assert_over();
}

#[test]
fn closing_with_unread_bytes_is_clean_and_loses_nothing_that_was_sent() {
    let talk = Talk::of(
        |client| client.on_made(|transport| transport.pause_producing()),
        |server| server.on_made(|transport| transport.pause_producing()),
    );
    talk.pair.client().write(b"unread");
    talk.pair.flush();
    talk.pair.server().write(&[7; 1_000_000]);
    talk.pair.server().lose_connection();
    talk.pair.client().resume_producing();
    talk.pair.flush();
    assert_eq!(talk.client.received().len(), 1_000_000);
    assert_eq!((why(&talk.client), why(&talk.server)), (CLEAN.into(), CLEAN.into()));
    talk.assert_over();
}

#[test]
fn what_is_written_to_a_side_that_closed_is_dropped_on_the_way_to_its_end() {
    let talk = Talk::of(
        |client| client.on_data(|transport, data| transport.write(data)),
        |server| {
            server.on_made(|transport| {
                transport.write(&[7; 300_000]);
                transport.lose_connection();
            })
        },
    );
    talk.pair.flush();
    assert_eq!(talk.client.received().len(), 300_000);
    assert_eq!((why(&talk.client), why(&talk.server)), (CLEAN.into(), CLEAN.into()));
    assert!(talk.server.received().is_empty());
    talk.assert_over();
}

#[test]
fn what_is_queued_at_the_peers_end_of_file_is_still_sent() {
    let talk = Talk::of(
        |client| client.half_closeable(),
        |server| server.on_data(|transport, _| transport.write(&[7; 1_000_000])),
    );
    talk.pair.flush();
    talk.pair.client().write(b"everything, please");
    talk.pair.client().as_half_closeable().unwrap().lose_write_connection();
    talk.pair.flush();
    assert_eq!(talk.client.received().len(), 1_000_000);
    assert_eq!(why(&talk.server), CLEAN);
    talk.pair.client().lose_connection();
    talk.pair.flush();
    talk.assert_over();
}

#[test]
fn a_reset_is_noticed_while_a_close_waits() {
    let talk = Talk::new();
    talk.pair.flush();
    let client = talk.pair.client();
    client.register_producer(Producer::Push(Source::silent(&client))).unwrap();
    client.lose_connection();
    talk.pair.flush();
    talk.pair.server().abort_connection();
    talk.pair.flush();
    assert!(is_reset(&talk.client));
    talk.assert_over();
}

#[test]
fn what_was_sent_before_the_close_is_read_before_the_end() {
    let talk = Talk::of(
        |client| client.on_made(|transport| transport.pause_producing()),
        |server| {
            server.on_made(|transport| {
                transport.write(b"farewell");
                transport.lose_connection();
            })
        },
    );
    talk.pair.flush();
    assert_eq!(talk.server.calls(), ["connection_made", "connection_lost"]);
    assert_eq!(talk.client.calls(), ["connection_made"]);
    talk.pair.client().resume_producing();
    talk.pair.flush();
    assert_eq!(talk.client.received(), b"farewell");
    assert_eq!(why(&talk.client), CLEAN);
}

#[test]
fn who_writes_to_a_side_that_is_gone_learns_it_though_it_never_reads() {
    let talk = Talk::of(
        |client| client.on_made(|transport| transport.pause_producing()),
        |server| server.on_made(|transport| transport.lose_connection()),
    );
    talk.pair.flush();
    assert_eq!(talk.client.count("connection_lost"), 0);
    let client = talk.pair.client();
    let source = Source::new(&client, vec![vec![b'x']; 10], |_| {});
    client.register_producer(Producer::Pull(source.clone())).unwrap();
    talk.pair.flush();
    assert_eq!(why(&talk.client), "BrokenPipe");
    assert_eq!(source.history(), ["resume", "stop"]);
    talk.assert_over();
}

#[test]
fn a_close_that_waits_for_a_pull_producer_ends_when_its_peer_is_gone() {
    let talk = Talk::new();
    talk.pair.flush();
    let client = talk.pair.client();
    let source = Source::new(&client, vec![vec![b'x']; 100_000], |_| {});
    client.register_producer(Producer::Pull(source.clone())).unwrap();
    client.lose_connection();
    talk.pair.server().lose_connection();
    talk.pair.flush();
    assert_eq!(why(&talk.client), "BrokenPipe");
    assert!(source.history().len() < 10, "it was not asked to the end");
    talk.assert_over();
}

#[test]
fn an_abort_before_the_first_pump_is_told_like_any_other() {
    let talk = Talk::new();
    talk.pair.client().abort_connection();
    talk.pair.flush();
    assert_eq!(talk.client.calls(), ["connection_made", "connection_lost"]);
    assert_eq!(talk.server.calls(), ["connection_made", "connection_lost"]);
}

#[test]
fn no_data_is_received_after_lose_connection() {
    let talk = Talk::new();
    talk.pair.flush();
    let server = talk.pair.server();
    let source = Source::silent(&server);
    server.register_producer(Producer::Push(source.clone())).unwrap();
    server.lose_connection();
    talk.pair.client().write(b"late");
    talk.pair.flush();
    assert_eq!(talk.server.calls(), ["connection_made"], "it waits for the producer");
    server.write(b"the producer's last words");
    server.unregister_producer();
    server.write(b"dropped");
    talk.pair.flush();
    assert_eq!(talk.client.received(), b"the producer's last words");
    assert!(talk.server.received().is_empty());
    assert!(source.history().is_empty());
    talk.assert_over();
}

#[test]
fn ping_pong_ends_with_both_sides_told_once() {
    let count = Rc::new(Cell::new(0));
    let talk = Talk::of(
        |client| client.on_data(|transport, data| transport.write(data)),
        |server| {
            server.on_made(|transport| transport.write(b"Hello 1")).on_data(move |transport, _| {
                count.set(count.get() + 1);
                match count.get() {
                    1 => transport.write(b"Hello 2"),
                    2 => transport.write(b"Hello 3"),
                    _ => transport.lose_connection(),
                }
            })
        },
    );
    talk.pair.flush();
    assert_eq!(talk.client.received(), b"Hello 1Hello 2Hello 3");
    assert_eq!(talk.server.received(), b"Hello 1Hello 2Hello 3");
    assert_eq!((why(&talk.client), why(&talk.server)), (CLEAN.into(), CLEAN.into()));
    talk.assert_over();
}

#[test]
fn two_sides_that_close_at_once_both_end_cleanly() {
    let close = |transport: &Rc<dyn Transport>| transport.lose_connection();
    let talk = Talk::of(|client| client.on_made(close), |server| server.on_made(close));
    talk.pair.flush();
    assert_eq!((why(&talk.client), why(&talk.server)), (CLEAN.into(), CLEAN.into()));
    talk.assert_over();
}

#[test]
fn a_connection_that_ended_leaves_nothing_alive() {
    let held = Rc::new(());
    let (in_client, in_server) = (held.clone(), held.clone());
    let talk = Talk::of(
        move |client| client.on_lost(move |_| drop(in_client.clone())),
        move |server| server.on_lost(move |_| drop(in_server.clone())),
    );
    talk.pair.flush();
    talk.pair.client().abort_connection();
    talk.pair.flush();
    assert_eq!(Rc::strong_count(&held), 1);
    talk.client.forget();
    let transport = Rc::downgrade(&talk.pair.client());
    drop(talk);
    assert!(transport.upgrade().is_none());
}

#[test]
fn a_network_that_is_dropped_frees_what_was_connected() {
    let held = Rc::new(());
    let inside = held.clone();
    let talk =
        Talk::of(move |client| client.on_lost(move |_| drop(inside.clone())), |server| server);
    talk.pair.flush();
    drop(talk);
    assert_eq!(Rc::strong_count(&held), 1);
}
