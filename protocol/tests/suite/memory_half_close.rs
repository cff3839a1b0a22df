//! Claims about closing one direction in memory.

use std::rc::Rc;

use crate::support::{Talk, catching, why};
use interfaces::Transport;

fn lose_write(transport: &Rc<dyn Transport>) {
    transport.as_half_closeable().expect("it is").lose_write_connection();
}

fn both_aware() -> Talk {
    let talk = Talk::of(|client| client.half_closeable(), |server| server.half_closeable());
    talk.pair.flush();
    talk
}

#[test]
fn closing_the_write_side_is_told_to_both_and_loses_nothing() {
    let talk = both_aware();
    let client = talk.pair.client();
    client.write(b"hello");
    lose_write(&client);
    lose_write(&client);
    client.write(b" world");
    talk.pair.flush();
    client.write(b"...");
    talk.pair.flush();
    assert_eq!(talk.client.calls(), ["connection_made", "write_connection_lost"]);
    let expected = ["connection_made", "data_received", "read_connection_lost"];
    assert_eq!(talk.server.calls(), expected);
    assert_eq!(talk.server.received(), b"hello");
}

#[test]
fn the_other_direction_goes_on_after_a_half_close() {
    let talk = both_aware();
    lose_write(&talk.pair.server());
    talk.pair.flush();
    talk.pair.client().write(b"still");
    talk.pair.flush();
    assert_eq!(talk.server.received(), b"still");
    assert_eq!(talk.client.calls(), ["connection_made", "read_connection_lost"]);
    let expected = ["connection_made", "write_connection_lost", "data_received"];
    assert_eq!(talk.server.calls(), expected);
}

#[test]
fn each_side_is_still_closed_by_itself() {
    let talk = both_aware();
    lose_write(&talk.pair.client());
    talk.pair.flush();
    talk.pair.client().lose_connection();
    assert_eq!(talk.client.count("connection_lost"), 0, "not inside the call");
    talk.pair.flush();
    assert_eq!(why(&talk.client), "connection closed cleanly");
    assert_eq!(talk.server.count("connection_lost"), 0);
    talk.pair.server().lose_connection();
    talk.pair.flush();
    assert_eq!(why(&talk.server), "connection closed cleanly");
    talk.assert_over();
}

#[test]
fn a_connection_closed_in_both_directions_stands_until_it_is_closed() {
    let talk = both_aware();
    lose_write(&talk.pair.client());
    lose_write(&talk.pair.server());
    talk.pair.flush();
    for record in [&talk.client, &talk.server] {
        let mut calls = record.calls();
        calls.sort_unstable();
        assert_eq!(calls, ["connection_made", "read_connection_lost", "write_connection_lost"]);
    }
    assert_eq!(talk.pair.network().connections(), 2);
}

#[test]
fn for_a_protocol_without_the_role_the_peers_end_is_the_end() {
    let talk = Talk::new();
    talk.pair.flush();
    talk.pair.client().write(b"hello");
    lose_write(&talk.pair.client());
    talk.pair.flush();
    assert_eq!(talk.server.received(), b"hello");
    assert_eq!(talk.server.calls(), ["connection_made", "data_received", "connection_lost"]);
    assert_eq!(talk.client.calls(), ["connection_made", "connection_lost"]);
    talk.assert_over();
}

#[test]
fn closing_works_from_inside_the_half_close_callbacks() {
    let talk = Talk::of(
        |client| client.on_made(|transport| transport.lose_connection()),
        |server| {
            server.on_read_lost(lose_write).on_write_lost(|transport| transport.lose_connection())
        },
    );
    talk.pair.flush();
    let expected =
        ["connection_made", "read_connection_lost", "write_connection_lost", "connection_lost"];
    assert_eq!(talk.server.calls(), expected);
    talk.assert_over();
}

#[test]
fn the_end_of_the_peer_waits_while_reading_is_paused() {
    let talk = both_aware();
    talk.pair.server().pause_producing();
    lose_write(&talk.pair.client());
    talk.pair.flush();
    assert_eq!(talk.server.calls(), ["connection_made"]);
    talk.pair.server().resume_producing();
    talk.pair.flush();
    assert_eq!(talk.server.calls(), ["connection_made", "read_connection_lost"]);
}

#[test]
fn an_abort_reaches_a_peer_that_saw_the_end_of_file_already() {
    let talk = both_aware();
    lose_write(&talk.pair.client());
    talk.pair.flush();
    talk.pair.client().abort_connection();
    talk.pair.flush();
    assert_eq!(why(&talk.client), "connection aborted");
    assert_eq!(why(&talk.server), "ConnectionReset");
    talk.assert_over();
}

#[test]
fn a_full_close_may_follow_a_half_close_that_is_not_done() {
    let talk = both_aware();
    talk.pair.server().pause_producing();
    let client = talk.pair.client();
    client.write(&[0; 100_000]);
    lose_write(&client);
    talk.pair.flush();
    client.lose_connection();
    talk.pair.flush();
    assert_eq!(talk.client.calls(), ["connection_made"]);
    talk.pair.server().resume_producing();
    talk.pair.flush();
    assert_eq!(talk.server.received().len(), 100_000);
    assert_eq!(talk.client.calls(), ["connection_made", "connection_lost"]);
}

#[test]
fn a_panic_in_a_half_close_callback_ends_the_connection() {
    let panic = |_: &Rc<dyn Transport>| panic!("as planned");
    for server_closes in [false, true] {
        let talk = Talk::over(
            &catching(),
            |client| client.half_closeable(),
            |server| server.on_read_lost(panic).on_write_lost(panic),
        );
        talk.pair.flush();
        let pair = &talk.pair;
        let closing = if server_closes { pair.server() } else { pair.client() };
        lose_write(&closing);
        talk.pair.flush();
        assert_eq!(why(&talk.server), "protocol panicked: as planned");
        talk.pair.client().write(b"x");
        talk.pair.flush();
        talk.assert_over();
    }
}
