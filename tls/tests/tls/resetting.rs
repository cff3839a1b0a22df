//! `lose_connection_with_reset`: all that was written arrives, and never behind it a clean end.

use std::rc::Rc;
use std::time::Duration;

use deferred::Failure;
use interfaces::{Event, OsError, Producer, PushProducer, Reason};
use protocol::testing::{Record, Recorder};

use crate::by_hand::{ByHand, ROLES, Role, Told};
use crate::certificates::VERSIONS;
use crate::talk::{Talk, build, client_factory, once, server_factory};

/// The peer reads all; nothing of it is `close_notify`.
fn hears(by_hand: &mut ByHand) -> Vec<u8> {
    let received = by_hand.take();
    assert!(received.failure.is_none(), "{:?}", received.failure);
    assert!(!by_hand.heard_the_end, "a reset has no clean end before it");
    by_hand.heard.clone()
}

#[test]
fn what_was_written_is_sent_without_close_notify_and_the_reset_is_left_to_the_transport_below() {
    for version in VERSIONS {
        for role in ROLES {
            let mut by_hand = ByHand::established(version, role, |protocol| protocol);
            let transport = by_hand.record.transport();
            transport.write(&[b'x'; 100_000]);
            transport.lose_connection_with_reset();
            transport.lose_connection_with_reset();
            transport.lose_connection();
            transport.write(b"dropped");
            assert_eq!(by_hand.wire.told(), [Told::Reset]);
            assert!(!by_hand.wire.half_closed.get());
            assert_eq!(hears(&mut by_hand), [b'x'; 100_000]);
            by_hand.lose(&Reason::Aborted);
            assert!(matches!(by_hand.record.lost(), Some(Reason::Aborted)));
            assert_eq!(by_hand.clock.pending(), 0);
        }
    }
}

#[test]
fn nothing_is_delivered_after_it() {
    for version in VERSIONS {
        for role in ROLES {
            let mut by_hand = ByHand::established(version, role, |protocol| {
                protocol.on_data(|transport, _| {
                    transport.write(b"last words");
                    transport.lose_connection_with_reset();
                    transport.write(b"dropped");
                })
            });
            for said in [b"one", b"two"] {
                by_hand.peer.send(said, &mut by_hand.records).unwrap();
                by_hand.send();
            }
            assert_eq!(by_hand.record.received(), b"one");
            assert_eq!(hears(&mut by_hand), b"last words");
            assert_eq!(by_hand.wire.told(), [Told::Reset]);
        }
    }
}

#[test]
fn in_the_handshake_it_waits_for_what_was_written_and_for_nothing_else() {
    for version in VERSIONS {
        for role in ROLES {
            for said in [&b""[..], b"early"] {
                let mut by_hand = ByHand::new(version, role, |protocol| {
                    protocol.on_made(move |transport| {
                        transport.write(said);
                        transport.lose_connection_with_reset();
                    })
                });
                if said.is_empty() {
                    assert_eq!(by_hand.wire.told(), [Told::Reset]);
                    continue;
                }
                assert!(by_hand.wire.told().is_empty());
                by_hand.shake_hands();
                by_hand.send();
                assert_eq!(by_hand.wire.told(), [Told::Reset]);
                assert_eq!(hears(&mut by_hand), said);
                assert_eq!(by_hand.clock.pending(), 0);
            }
        }
    }
}

/// A push producer that takes all calls.
struct Quiet;

impl PushProducer for Quiet {
    fn pause_producing(&self) {}
    fn resume_producing(&self) {}
    fn stop_producing(&self) {}
}

#[test]
fn a_close_that_waits_for_its_producer_becomes_a_reset() {
    for version in VERSIONS {
        for role in ROLES {
            let mut by_hand = ByHand::established(version, role, |protocol| protocol);
            let transport = by_hand.record.transport();
            transport.register_producer(Producer::Push(Rc::new(Quiet))).unwrap();
            transport.lose_connection();
            transport.lose_connection_with_reset();
            transport.write(b"the producer's");
            assert!(by_hand.wire.told().is_empty());
            transport.unregister_producer();
            assert_eq!(by_hand.wire.told(), [Told::Reset]);
            assert_eq!(hears(&mut by_hand), b"the producer's");
        }
    }
}

#[test]
fn behind_the_end_of_one_direction_the_reset_ends_the_other() {
    for version in VERSIONS {
        for role in ROLES {
            let by_hand = ByHand::established(version, role, |protocol| protocol.half_closeable());
            let transport = by_hand.record.transport();
            transport.as_half_closeable().unwrap().lose_write_connection();
            transport.lose_connection_with_reset();
            assert_eq!(by_hand.wire.told(), [Told::Reset]);
            by_hand.turn();
            by_hand.lose(&Reason::Aborted);
            assert!(matches!(by_hand.record.lost(), Some(Reason::Aborted)));
        }
    }
}

#[test]
fn the_reason_is_an_abort_unless_the_connection_broke_before() {
    let broke = || Reason::Lost(Failure::new(OsError::from_raw_os_error(32)));
    for version in VERSIONS {
        // A transport below without a reset of its own just closes.
        for (below, aborted) in [(Reason::Done, true), (Reason::Aborted, true), (broke(), false)] {
            let by_hand = ByHand::established(version, Role::Client, |protocol| protocol);
            by_hand.record.transport().lose_connection_with_reset();
            by_hand.lose(&below);
            let lost = by_hand.record.lost().unwrap();
            assert_eq!(matches!(lost, Reason::Aborted), aborted, "{lost:?}");
            assert!(!lost.is_clean());
        }
    }
}

#[test]
fn the_peer_is_never_told_of_a_clean_end() {
    for version in VERSIONS {
        let talking = Talk::new(version).client(|client| client.half_closeable()).run();
        talking.server_handle().write(b"not all of it");
        talking.server_handle().lose_connection_with_reset();
        talking.flush();
        assert_eq!(talking.client.received(), b"not all of it");
        assert_eq!(talking.client.count("read_connection_lost"), 0);
        assert!(!talking.client.lost().unwrap().is_clean());
        assert!(matches!(talking.server.lost(), Some(Reason::Aborted)));
    }
}

#[test]
fn it_passes_through_several_layers() {
    for version in VERSIONS {
        let (inner, outer, record) = (Talk::new(version), Talk::new(version), Record::new());
        let clock = outer.clock.clone();
        outer.network.run_clock(&clock);
        let client = client_factory(&inner.client_config, once(Recorder::new(&record)), &clock);
        let server = server_factory(&inner.server_config, once(inner.server), &clock);
        let pair = outer.network.join(
            build(&client_factory(&outer.client_config, client, &clock)),
            build(&server_factory(&outer.server_config, server, &clock)),
        );
        pair.flush();
        record.transport().lose_connection_with_reset();
        pair.flush();
        assert!(matches!(record.lost(), Some(Reason::Aborted)), "{:?}", record.lost());
    }
}

/// Each way in which this side gives up on bytes that it has not sent: the peer must not take what
/// arrived for all of it.
#[test]
fn a_side_that_gives_up_on_unsent_bytes_sends_no_close_notify() {
    for version in VERSIONS {
        for role in ROLES {
            let give_ups: [fn(&mut ByHand); 3] = [
                |by_hand| by_hand.record.transport().abort_connection(),
                |by_hand| {
                    // A record that cannot be read ends the session.
                    by_hand.peer.send(b"damaged", &mut by_hand.records).unwrap();
                    let mut said = by_hand.said();
                    said[9] ^= 1;
                    by_hand.deliver(&mut said);
                },
                |by_hand| by_hand.layer().deliver(Event::ReadConnectionLost),
            ];
            for (give_up, closing) in [
                (give_ups[0], false),
                (give_ups[0], true),
                (give_ups[1], false),
                (give_ups[1], true),
                (give_ups[2], false),
            ] {
                let mut by_hand = ByHand::established(version, role, |protocol| protocol);
                let transport = by_hand.record.transport();
                transport.register_producer(Producer::Push(Rc::new(Quiet))).unwrap();
                transport.write(b"not all of it");
                if closing {
                    transport.lose_connection();
                }
                give_up(&mut by_hand);
                transport.unregister_producer();
                transport.lose_connection();
                let _ = by_hand.take();
                assert_eq!(by_hand.heard, b"not all of it");
                assert!(!by_hand.heard_the_end);
            }
        }
    }
}

/// The time for the handshake runs out over bytes that were written before.
#[test]
fn a_handshake_that_takes_too_long_ends_with_a_reset() {
    for version in VERSIONS {
        for role in ROLES {
            let mut by_hand = ByHand::new(version, role, |protocol| {
                protocol.on_made(|transport| {
                    transport.write(b"early");
                    transport.lose_connection();
                })
            });
            by_hand.clock.advance(Duration::from_secs(11));
            assert_eq!(by_hand.wire.told(), [Told::Abort]);
            let _ = by_hand.take();
            assert!(by_hand.heard.is_empty() && !by_hand.heard_the_end);
        }
    }
}
