//! TLS that begins in mid-connection.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use interfaces::{Reason, Transport};
use protocol::receivers::{LineProtocol, LineReceiver, LineTransport};
use protocol::testing::memory::Pair;
use protocol::testing::{Record, Recorder};
use rustls::ServerConfig;

use crate::certificates::VERSIONS;
use crate::starting::{Place, Side, Starter};
use crate::talk::{build, once, told};
use crate::tls::{self, StartTlsError};

/// What a line protocol was given, and when it was lost.
#[derive(Clone, Default)]
struct Lines {
    lines: Rc<RefCell<Vec<Vec<u8>>>>,
    raw: Rc<RefCell<Vec<u8>>>,
    lost: Rc<RefCell<Option<Reason>>>,
}

/// Twisted's pair of line protocols: one asks for TLS, sends lines before and after, and closes; the other
/// collects them.
struct Upgrading {
    starter: Option<Starter>,
    seen: Lines,
    asks: bool,
    spam: usize,
}

impl LineReceiver for Upgrading {
    fn connection_made(&mut self, transport: &Rc<LineTransport>) {
        if self.asks {
            for line in [&b"first plain"[..], b"second plain", b"STARTTLS"] {
                transport.send_line(line);
            }
        }
    }

    fn line_received(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
        self.seen.lines.borrow_mut().push(line.to_vec());
        if line == b"STARTTLS" {
            for _ in 0..self.spam {
                transport.send_line(&[b'x'; 1000]);
            }
            transport.send_line(b"READY");
            match self.starter.clone() {
                Some(starter) => transport.hand_over(move |transport, unread| {
                    starter.start(transport, &unread).unwrap();
                }),
                None => transport.set_raw_mode(),
            }
        } else if line == b"READY" {
            let starter = self.starter.clone().expect("the side that asks starts");
            transport.hand_over(move |transport, unread| {
                starter.start(transport, &unread).unwrap();
                transport.write(b"first secret\r\nsecond secret\r\n");
                transport.lose_connection();
            });
        }
    }

    fn raw_data_received(&mut self, transport: &Rc<LineTransport>, data: &[u8]) {
        self.seen.raw.borrow_mut().extend_from_slice(data);
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &Rc<LineTransport>, reason: &Reason) {
        self.seen.lost.replace(Some(reason.clone()));
    }
}

/// Runs the pair; returns what the asking and the answering side have seen.
fn upgrade(place: &Place, roles: [Option<Side>; 2], spam: usize) -> [Lines; 2] {
    let seen = [Lines::default(), Lines::default()];
    let [client, server] = [0, 1].map(|index| {
        let starter = roles[index].map(|side| place.starter(side));
        let (starter, seen) = (RefCell::new(Some(starter)), seen[index].clone());
        let factory = LineProtocol::factory(move |_| Upgrading {
            starter: starter.take().expect("built once"),
            seen: seen.clone(),
            asks: index == 0,
            spam,
        });
        factory.into_rc()
    });
    place.join(client, server).flush();
    seen
}

const WHOLE: [&[u8]; 5] =
    [b"first plain", b"second plain", b"STARTTLS", b"first secret", b"second secret"];

#[test]
fn lines_before_and_after_arrive_once_in_either_role_and_behind_what_was_queued_in_the_clear() {
    for version in VERSIONS {
        for roles in [[Side::Client, Side::Server], [Side::Server, Side::Client]] {
            for spam in [0, 500] {
                let place = Place::new(version);
                let [asking, answering] = upgrade(&place, roles.map(Some), spam);
                assert_eq!(*answering.lines.borrow(), WHOLE, "{roles:?}");
                assert_eq!(asking.lines.borrow().len(), spam + 1);
                for seen in [asking, answering] {
                    let lost = seen.lost.borrow().clone().expect("it ended");
                    assert!(lost.is_clean(), "{roles:?} {lost:?}");
                }
                assert_eq!(place.clock.pending(), 0, "no deadline is left");
            }
        }
    }
}

#[test]
fn a_side_that_does_not_start_tls_gets_the_records_as_they_are() {
    for spam in [0, 500] {
        let place = Place::new(VERSIONS[0]);
        let [asking, answering] = upgrade(&place, [Some(Side::Client), None], spam);
        assert_eq!(*answering.lines.borrow(), WHOLE[..3]);
        assert_eq!(answering.raw.borrow()[..2], [22, 3], "a ClientHello");
        assert!(answering.lost.borrow().is_some());
        let lost = asking.lost.borrow().clone();
        assert!(told(lost).contains("before the tls handshake was done"));
    }
}

#[test]
fn lines_injected_behind_the_command_fail_the_handshake_and_reach_nobody() {
    for (injected, is_line) in [(&b"RSET\r\n"[..], true), (b"MAIL FRO", false)] {
        let place = Place::new(VERSIONS[0]);
        let (record, seen) = (Record::new(), Lines::default());
        let attacker = once(Recorder::new(&record).on_made(move |transport| {
            transport.write(&[b"STARTTLS\r\n", injected].concat());
        }));
        let (starter, lines) = (place.starter(Side::Server), seen.clone());
        let server = LineProtocol::factory(move |_| Upgrading {
            starter: Some(starter.clone()),
            seen: lines.clone(),
            asks: false,
            spam: 0,
        });
        let server = place.wrap(server.into_rc());
        let attacker = build(&attacker);
        place.network.join(attacker, server).flush();
        assert_eq!(*seen.lines.borrow(), [b"STARTTLS"], "{is_line}");
        let lost = told(seen.lost.borrow().clone());
        assert!(lost.contains("the peer does not speak tls: it began with"), "{lost}");
    }
}

#[test]
fn a_client_hello_that_comes_with_the_command_is_used_once() {
    let place = Place::new(VERSIONS[0]);
    let (client, server) = (Record::new(), Record::new());
    let starter = place.starter(Side::Client);
    // It does not wait for the answer.
    let eager = Recorder::new(&client).on_made(move |transport| {
        transport.write(b"TLS!");
        starter.start(transport, &[]).unwrap();
        transport.write(b"secret");
    });
    let starter = place.starter(Side::Server);
    let started = Cell::new(false);
    let answering = Recorder::new(&server).on_data(move |transport, data| {
        if !started.replace(true) {
            starter.start(transport, &data[4..]).unwrap();
            transport.write(b"answer");
        }
    });
    let pair = place.join(once(eager), once(answering));
    pair.flush();
    let received = server.received();
    assert_eq!(received[..4], *b"TLS!");
    assert_eq!(received[received.len() - 6..], *b"secret");
    assert_eq!(client.received(), b"answer");
    for record in [&client, &server] {
        assert_eq!(record.count("connection_made"), 1);
        assert_eq!(record.count("handshake_completed"), 1);
    }
}

/// A pair that starts TLS as soon as the connection is made.
fn started(place: &Place, client: Recorder, server: Recorder) -> Pair {
    let starting = |recorder: Recorder, side| {
        let starter = place.starter(side);
        recorder.on_made(move |transport| starter.start(transport, &[]).unwrap())
    };
    let (client, server) = (starting(client, Side::Client), starting(server, Side::Server));
    place.join(once(client), once(server))
}

#[test]
fn a_transport_is_tls_from_the_start_on_and_has_the_results_of_the_handshake_then() {
    let place = Place::new(VERSIONS[0]);
    let (client, server) = (Record::new(), Record::new());
    let pair = place.join(once(Recorder::new(&client)), once(Recorder::new(&server)));
    pair.flush();
    let (client_side, server_side) = (client.transport(), server.transport());
    assert!(client_side.as_tls().is_none());
    place.starter(Side::Client).start(&client_side, &[]).unwrap();
    place.starter(Side::Server).start(&server_side, &[]).unwrap();
    assert_eq!(client_side.as_tls().unwrap().version(), None);
    pair.flush();
    let facts = client_side.as_tls().expect("it is TLS now");
    assert!(facts.version().is_some() && facts.cipher_suite().is_some());
    assert_eq!(facts.peer_certificates().len(), 1);
    assert!(server_side.as_tls().is_some());
    // Handles that were kept from before write records.
    client_side.write(b"kept");
    pair.flush();
    assert_eq!(server.received(), b"kept");
    client_side.lose_connection();
    pair.flush();
    assert!(client.lost().unwrap().is_clean() && server.lost().unwrap().is_clean());
}

#[test]
fn both_sides_that_start_at_once_and_close_at_their_first_data_end_cleanly() {
    for version in VERSIONS {
        let place = Place::new(version);
        let (client, server) = (Record::new(), Record::new());
        let closing = |record: &Record| {
            Recorder::new(record).on_data(|transport, _| {
                transport.write(b"y");
                transport.lose_connection();
            })
        };
        let pair = started(&place, closing(&client), closing(&server));
        pair.pump();
        client.transport().write(b"x");
        server.transport().write(b"x");
        pair.flush();
        for record in [client, server] {
            assert!(record.lost().expect("it ended").is_clean(), "{:?}", record.lost());
        }
    }
}

#[test]
fn it_is_refused_where_it_makes_no_sense_and_the_connection_goes_on_as_it_was() {
    let place = Place::new(VERSIONS[0]);
    let (client, server) = (Record::new(), Record::new());
    let bare = build(&once(Recorder::new(&client)));
    let pair = place.network.join(bare, place.wrap(once(Recorder::new(&server))));
    pair.flush();
    let starter = place.starter(Side::Server);
    assert_eq!(starter.start(&client.transport(), &[]), Err(StartTlsError::NotWrapped));
    let mut broken = ServerConfig::clone(&place.server);
    broken.max_fragment_size = Some(1);
    let transport = server.transport();
    let refused = tls::start_tls_server(&transport, Arc::new(broken), &[]);
    assert!(matches!(refused, Err(StartTlsError::Configuration { .. })), "{refused:?}");
    client.transport().write(b"plain");
    pair.flush();
    assert_eq!(server.received(), b"plain");
    transport.lose_connection();
    assert_eq!(starter.start(&transport, &[]), Err(StartTlsError::NotOpen));
    pair.flush();
    assert_eq!(starter.start(&transport, &[]), Err(StartTlsError::NotOpen));

    let (client, server) = (Record::new(), Record::new());
    let _pair = started(&place, Recorder::new(&client), Recorder::new(&server));
    place.network.flush();
    let again = starter.start(&server.transport(), &[]);
    assert_eq!(again, Err(StartTlsError::AlreadyStarted));
    server.transport().abort_connection();
    place.network.flush();
}

#[test]
fn a_paused_protocol_shakes_hands_and_hears_its_data_when_it_resumes_also_after_the_end() {
    let place = Place::new(VERSIONS[0]);
    let (client, server) = (Record::new(), Record::new());
    let pair = place.join(once(Recorder::new(&client)), once(Recorder::new(&server)));
    pair.flush();
    server.transport().pause_producing();
    place.starter(Side::Client).start(&client.transport(), &[]).unwrap();
    place.starter(Side::Server).start(&server.transport(), &[]).unwrap();
    client.transport().write(b"for later");
    client.transport().lose_connection();
    pair.flush();
    assert_eq!(server.count("handshake_completed"), 1);
    assert_eq!(server.received(), b"");
    let transport = server.transport();
    transport.resume_producing();
    pair.flush();
    assert_eq!(server.received(), b"for later");
    assert!(server.lost().expect("it ended").is_clean());
}

#[test]
fn a_protocol_is_dropped_with_its_connection_in_every_stage() {
    /// Keeps its transport, as protocols do.
    struct Keeping {
        transport: Option<Rc<dyn Transport>>,
        starter: Option<Starter>,
        _alive: Rc<()>,
    }
    impl interfaces::Protocol for Keeping {
        fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
            self.transport = Some(transport.clone());
            if let Some(starter) = &self.starter {
                starter.start(transport, &[]).unwrap();
            }
        }
        fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
    }
    for starts in [false, true] {
        for ends in [false, true] {
            let alive = Rc::new(());
            let place = Place::new(VERSIONS[0]);
            let side = |side| {
                let starter = starts.then(|| place.starter(side));
                once(Keeping { transport: None, starter, _alive: alive.clone() })
            };
            let pair = place.join(side(Side::Client), side(Side::Server));
            pair.flush();
            assert_eq!(Rc::strong_count(&alive), 3);
            if ends {
                pair.client().lose_connection();
                pair.flush();
            }
            drop((pair, place));
            assert_eq!(Rc::strong_count(&alive), 1, "{starts} {ends}");
        }
    }
}
