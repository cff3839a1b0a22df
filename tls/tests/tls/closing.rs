//! How connections end: cleanly, half by half, cut short.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use interfaces::{Event, Reason};
use protocol::testing::{Clock, Record, Recorder, StringTransport};

use crate::certificates::{Authority, VERSIONS};
use crate::talk::{NAME, Talk, Talking, over_client, tls_error};
use crate::tls::{Outgoing, Session, TlsError};

fn lost_cleanly(talking: &Talking) -> bool {
    [&talking.client, &talking.server].into_iter().all(|record| {
        record.lost().is_some_and(|reason| reason.is_clean())
            && record.count("connection_lost") == 1
            && record.calls().last() == Some(&"connection_lost")
    })
}

#[test]
fn lose_connection_sends_what_was_written_before_and_drops_what_comes_after() {
    for version in VERSIONS {
        let talking = Talk::new(version)
            .client(|client| {
                client.on_made(|transport| {
                    transport.write(b"before");
                    transport.lose_connection();
                    transport.lose_connection();
                    transport.write(b"after");
                    transport.write_sequence(vec![b"after".into()]);
                })
            })
            .run();
        assert_eq!(talking.server.received(), b"before");
        assert!(lost_cleanly(&talking), "{:?} {:?}", talking.client.lost(), talking.server.lost());
    }
}

/// Closing a socket that has unread bytes (a TLS 1.3 server's tickets) resets the connection.
#[test]
fn a_large_write_before_the_handshake_arrives_although_the_client_closes_at_once() {
    for version in VERSIONS {
        let message = vec![7; 1_000_000];
        let said = message.clone();
        let talk = Talk::new(version).client(|client| {
            client.on_made(move |transport| {
                transport.write(&said);
                transport.lose_connection();
            })
        });
        talk.network.set_read_max(1000);
        let talking = talk.run();
        assert!(talking.server.received() == message);
        assert!(lost_cleanly(&talking), "{:?} {:?}", talking.client.lost(), talking.server.lost());
    }
}

#[test]
fn a_close_waits_for_the_peers_but_not_for_ever() {
    for version in VERSIONS {
        let talking = Talk::new(version).server(|server| server.half_closeable()).run();
        talking.client_handle().write(b"x");
        talking.client_handle().lose_connection();
        talking.flush();
        assert_eq!(talking.server.calls().last(), Some(&"read_connection_lost"));
        talking.server_handle().write(b"not heard any more");
        talking.flush();
        assert!(talking.client.lost().is_none());
        talking.advance(4.9);
        assert!(talking.client.lost().is_none());
        talking.advance(0.2);
        assert!(talking.client.lost().unwrap().is_clean());
        assert!(talking.client.received().is_empty());
    }
}

#[test]
fn both_sides_may_close_at_once() {
    for version in VERSIONS {
        let talking = Talk::new(version).run();
        talking.client_handle().lose_connection();
        talking.server_handle().lose_connection();
        talking.flush();
        assert!(lost_cleanly(&talking), "{:?} {:?}", talking.client.lost(), talking.server.lost());
        assert_eq!(talking.clock.pending(), 0);
    }
}

#[test]
fn a_close_in_the_callback_of_the_handshake_is_told_and_clean() {
    for version in VERSIONS {
        let talking =
            Talk::new(version).on_handshake(|transport| transport.lose_connection()).run();
        assert_eq!(talking.client.count("connection_lost"), 1);
        assert!(lost_cleanly(&talking), "{:?} {:?}", talking.client.lost(), talking.server.lost());
    }
}

#[test]
fn without_anything_to_send_a_close_needs_no_handshake() {
    let talking = Talk::new(VERSIONS[0])
        .client(|client| client.on_made(|transport| transport.lose_connection()))
        .run();
    assert!(talking.client.lost().unwrap().is_clean());
    let reason = talking.server.lost().unwrap();
    assert_eq!(tls_error(&reason), TlsError::ClosedInHandshake);
    assert_eq!(talking.clock.pending(), 0);
}

#[test]
fn each_direction_closes_by_itself() {
    for version in VERSIONS {
        let talking = Talk::new(version)
            .client(|client| client.half_closeable())
            .server(|server| server.half_closeable())
            .run();
        talking.client_handle().write(b"question");
        talking.client_handle().as_half_closeable().unwrap().lose_write_connection();
        talking.client_handle().write(b"dropped");
        talking.flush();
        assert_eq!(talking.server.received(), b"question");
        assert_eq!(talking.server.calls().last(), Some(&"read_connection_lost"));
        assert_eq!(talking.client.calls().last(), Some(&"write_connection_lost"));

        talking.server_handle().write(&[b'a'; 100_000]);
        talking.flush();
        assert_eq!(talking.client.received().len(), 100_000);
        talking.server_handle().lose_connection();
        talking.flush();
        assert_eq!(talking.client.calls().last(), Some(&"read_connection_lost"));
        talking.client_handle().lose_connection();
        talking.flush();
        assert!(lost_cleanly(&talking), "{:?} {:?}", talking.client.lost(), talking.server.lost());
    }
}

#[test]
fn half_closing_before_the_handshake_waits_for_it() {
    for version in VERSIONS {
        let talking = Talk::new(version)
            .client(|client| {
                client.half_closeable().on_made(|transport| {
                    transport.as_half_closeable().unwrap().lose_write_connection();
                })
            })
            .server(|server| {
                server.on_read_lost(|transport| {
                    transport.write(b"bye");
                    transport.lose_connection();
                })
            })
            .run();
        assert_eq!(talking.client.received(), b"bye");
        assert_eq!(
            talking.client.calls()[..3],
            ["connection_made", "handshake_completed", "write_connection_lost"]
        );
    }
}

#[test]
fn the_peers_close_is_the_end_for_a_protocol_without_the_half_close_role() {
    for version in VERSIONS {
        let talking = Talk::new(version)
            .server(|server| server.on_data(|transport, data| transport.write(data)))
            .run();
        talking.client_handle().write(b"x");
        talking.client_handle().as_half_closeable().unwrap().lose_write_connection();
        talking.flush();
        assert_eq!(talking.client.received(), b"x", "what was written before is still sent");
        assert!(lost_cleanly(&talking), "{:?} {:?}", talking.client.lost(), talking.server.lost());
    }
}

/// A client whose server says "hello" and goodbye, and whose connection ends when `count` bytes of
/// that have arrived. Gives what the client heard and its reason, and whether there was more to come.
fn cut_at(setup: &Setup, count: usize) -> (Record, Reason, bool) {
    let (clock, record, wire) = (Clock::new(), Record::new(), StringTransport::new());
    let client = over_client(setup.client.clone(), NAME, Recorder::new(&record), &clock);
    let mut server = Session::server(setup.server.clone()).unwrap();
    let (mut plaintext, mut records) = (Vec::new(), Outgoing::new());
    client.deliver(Event::ConnectionMade(&wire.as_transport()));
    let mut left = count;
    let (mut greeted, mut more) = (false, false);
    while !more {
        let mut said = wire.value();
        wire.clear();
        let _ = server.receive(&mut said, &mut plaintext, &mut records);
        if !server.is_handshaking() && !greeted {
            greeted = true;
            server.send(b"hello", &mut records).unwrap();
            server.close(&mut records);
        }
        if records.is_empty() {
            break;
        }
        let end = left.min(records.len());
        more = end < records.len();
        left -= end;
        client.deliver(Event::DataReceived(&mut records[..end].to_vec()));
        records.clear();
    }
    assert!(!client.is_half_closeable());
    client.deliver(Event::ConnectionLost(&Reason::Done));
    let reason = record.lost().unwrap();
    (record, reason, more)
}

struct Setup {
    client: rustls::ClientConfig,
    server: Arc<rustls::ServerConfig>,
}

#[test]
fn a_stream_that_is_cut_anywhere_is_truncated_and_one_that_ended_is_not() {
    for version in VERSIONS {
        let authority = Authority::new();
        let setup = Setup {
            client: authority.client(version),
            server: Arc::new(authority.identity(NAME).server()),
        };
        let mut cut = 0;
        loop {
            match cut_at(&setup, cut) {
                (record, Reason::Done, more) => {
                    assert!(!more && record.received() == b"hello", "cut at {cut}");
                    break;
                }
                (record, reason, true) if record.count("handshake_completed") == 0 => {
                    assert_eq!(tls_error(&reason), TlsError::ClosedInHandshake, "cut at {cut}");
                    cut += 1;
                }
                (_, Reason::Truncated, true) => cut += 1,
                (_, reason, more) => panic!("cut at {cut}: {reason}, {more}"),
            }
        }
        assert!(cut > 500, "the session has only {cut} bytes");
    }
}

#[test]
fn the_end_of_file_without_close_notify_is_truncation_though_the_data_was_complete() {
    for version in VERSIONS {
        for half_closeable in [false, true] {
            let talking = Talk::new(version)
                .client(|client| if half_closeable { client.half_closeable() } else { client })
                .run();
            talking.server_handle().write(b"all of it");
            talking.flush();
            talking.pair.server().lose_connection();
            talking.flush();
            assert_eq!(talking.client.received(), b"all of it");
            assert!(matches!(talking.client.lost(), Some(Reason::Truncated)));
            assert_eq!(talking.client.count("read_connection_lost"), 0);
        }
    }
}

#[test]
fn after_our_own_close_a_missing_close_notify_is_not_truncation() {
    for version in VERSIONS {
        let talking = Talk::new(version).server(|server| server.half_closeable()).run();
        talking.client_handle().lose_connection();
        talking.flush();
        talking.pair.server().lose_connection();
        talking.flush();
        assert!(talking.client.lost().unwrap().is_clean(), "{:?}", talking.client.lost());
        assert_eq!(talking.clock.pending(), 0);
    }
}

#[test]
fn after_half_closing_a_missing_close_notify_is_truncation() {
    for version in VERSIONS {
        let talking = Talk::new(version)
            .client(|client| client.half_closeable())
            .server(|server| server.half_closeable())
            .run();
        talking.client_handle().as_half_closeable().unwrap().lose_write_connection();
        talking.flush();
        talking.pair.server().lose_connection();
        talking.flush();
        assert!(matches!(talking.client.lost(), Some(Reason::Truncated)));
    }
}

#[test]
fn an_abort_is_an_abort_here_and_a_loss_there() {
    for version in VERSIONS {
        let talking = Talk::new(version).run();
        talking.client_handle().abort_connection();
        assert!(talking.client.lost().is_none(), "nothing is delivered inside the call");
        talking.flush();
        assert!(matches!(talking.client.lost(), Some(Reason::Aborted)));
        assert!(
            matches!(talking.server.lost(), Some(Reason::Lost(_))),
            "{:?}",
            talking.server.lost()
        );
    }
}

#[test]
fn an_abort_when_the_handshake_is_done_keeps_what_was_written_from_ever_leaving() {
    for version in VERSIONS {
        let aborted = Rc::new(Cell::new(false));
        let flag = aborted.clone();
        let talking = Talk::new(version)
            .client(|client| client.on_made(|transport| transport.write(&[b'x'; 100_000])))
            .on_handshake(move |transport| {
                flag.set(true);
                transport.abort_connection();
            })
            .run();
        assert!(aborted.get());
        assert!(talking.server.received().is_empty());
        assert!(matches!(talking.client.lost(), Some(Reason::Aborted)));
    }
}

#[test]
fn a_dead_handle_does_nothing_and_keeps_its_addresses() {
    let talking = Talk::new(VERSIONS[0]).run();
    let (handle, peer) = (talking.client_handle(), talking.client_handle().peer());
    talking.client_handle().abort_connection();
    talking.flush();
    handle.write(b"x");
    handle.write_sequence(vec![b"x".into()]);
    handle.lose_connection();
    handle.abort_connection();
    handle.pause_producing();
    handle.resume_producing();
    handle.as_half_closeable().unwrap().lose_write_connection();
    talking.flush();
    assert_eq!(talking.client.count("connection_lost"), 1);
    assert_eq!(handle.peer(), peer);
    assert_eq!(handle.as_tls().unwrap().version(), None);
}

#[test]
fn closing_a_half_closed_connection_that_is_gone_starts_no_deadline() {
    for version in VERSIONS {
        let talking = Talk::new(version)
            .client(|client| client.half_closeable())
            .server(|server| server.half_closeable())
            .run();
        talking.client_handle().as_half_closeable().unwrap().lose_write_connection();
        talking.flush();
        talking.server_handle().abort_connection();
        talking.flush();
        assert!(talking.client.lost().is_some());
        talking.client_handle().lose_connection();
        assert_eq!(talking.clock.pending(), 0);
    }
}

#[test]
fn after_the_end_nothing_is_left_but_the_handles() {
    let alive = Rc::new(());
    let (client_alive, server_alive) = (alive.clone(), alive.clone());
    let talking = Talk::new(VERSIONS[0])
        .client(|client| client.on_lost(move |_| drop(client_alive.clone())))
        .server(|server| server.on_lost(move |_| drop(server_alive.clone())))
        .run();
    assert_eq!(Rc::strong_count(&alive), 3);
    talking.client_handle().lose_connection();
    talking.flush();
    assert!(lost_cleanly(&talking));
    assert_eq!(Rc::strong_count(&alive), 1, "the protocols are gone, the handles are kept");
    assert_eq!(talking.clock.pending(), 0);
}
