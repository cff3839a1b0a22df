//! What arrived is delivered before the bad news behind it, to slow readers and to fast ones.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use deferred::Failure;
use interfaces::{Event, OsError, Reason, Transport};
use protocol::testing::Recorder;
use rustls::Error;
use testkit::Dice;

use crate::by_hand::{ByHand, ROLES, Role, Told};
use crate::certificates::VERSIONS;
use crate::talk::{Talk, rustls_error};

fn reset() -> Reason {
    Reason::Lost(Failure::new(OsError::from_raw_os_error(104)))
}

/// Ends that lie behind what the peer has sent.
fn ends_of_the_peer() -> [Reason; 3] {
    [Reason::Done, reset(), Reason::Truncated]
}

/// Whether a connection that ended so below ends as `above`; `complete`: with `close_notify` before.
fn fits(below: &Reason, above: &Reason, complete: bool) -> bool {
    match below {
        Reason::Done if complete => above.is_clean(),
        Reason::Done | Reason::Truncated => matches!(above, Reason::Truncated),
        _ => matches!(above, Reason::Lost(_)),
    }
}

/// A layer whose protocol has paused, with "hello" behind the last of the handshake in one delivery,
/// so that it had to be read.
fn holding(role: Role, change: impl FnOnce(Recorder) -> Recorder) -> ByHand {
    // The side that is told last that the handshake is done.
    let version = VERSIONS[if role == Role::Server { 0 } else { 1 }];
    let mut by_hand = ByHand::new(version, role, |protocol| {
        change(protocol.on_made(|transport| transport.pause_producing()))
    });
    by_hand.shake_hands();
    by_hand.peer.send(b"hello", &mut by_hand.records).unwrap();
    by_hand
}

#[test]
fn what_waits_for_a_paused_protocol_comes_before_the_loss_in_the_protocols_own_time() {
    for role in ROLES {
        for below in ends_of_the_peer() {
            for (complete, half_closeable) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                if complete && matches!(below, Reason::Truncated) {
                    continue;
                }
                let mut held = holding(role, |protocol| {
                    if half_closeable { protocol.half_closeable() } else { protocol }
                });
                if complete {
                    held.peer.close(&mut held.records);
                }
                held.send();
                assert!(held.wire.paused.get() || complete);
                held.lose(&below);
                held.clock.advance(Duration::from_secs(3600));
                assert_eq!(held.record.calls(), ["connection_made", "handshake_completed"]);

                held.record.transport().resume_producing();
                assert!(held.record.received().is_empty(), "nothing comes inside the call");
                held.turn();
                assert_eq!(held.record.received(), b"hello");
                let mut calls = vec!["connection_made", "handshake_completed", "data_received"];
                if complete && half_closeable {
                    calls.push("read_connection_lost");
                }
                calls.push("connection_lost");
                assert_eq!(held.record.calls(), calls, "{role:?} {below:?} {complete}");
                let above = held.record.lost().unwrap();
                assert!(fits(&below, &above, complete), "{below:?} became {above:?}");
                assert_eq!(held.clock.pending(), 0);
            }
        }
    }
}

#[test]
fn a_loss_between_resume_and_its_turn_does_not_overtake() {
    for role in ROLES {
        for below in ends_of_the_peer() {
            let mut held = holding(role, |protocol| protocol);
            held.send();
            held.record.transport().resume_producing();
            held.lose(&below);
            assert!(held.record.received().is_empty() && held.record.lost().is_none());
            held.turn();
            assert_eq!(held.record.received(), b"hello");
            assert!(fits(&below, &held.record.lost().unwrap(), false));
        }
    }
}

#[test]
fn a_side_that_gave_up_is_told_at_once_and_gets_nothing_more() {
    let gives_up = [
        Reason::Aborted,
        Reason::WriteBufferExceeded { cap: 10 },
        Reason::Panicked("on purpose".into()),
    ];
    for role in ROLES {
        for below in &gives_up {
            let mut held = holding(role, |protocol| protocol);
            held.send();
            held.lose(below);
            assert!(held.record.lost().is_some(), "{below:?}");
            held.record.transport().resume_producing();
            held.turn();
            assert!(held.record.received().is_empty());
            assert_eq!(held.record.calls().last(), Some(&"connection_lost"));
        }
    }
}

#[test]
fn a_protocol_that_ends_the_connection_instead_of_resuming_hears_of_the_loss_alone() {
    let ends: [fn(&Rc<dyn Transport>); 3] = [
        |transport| transport.lose_connection(),
        |transport| transport.abort_connection(),
        |transport| transport.lose_connection_with_reset(),
    ];
    for role in ROLES {
        for end in ends {
            for before in [true, false] {
                let mut held = holding(role, |protocol| protocol);
                held.send();
                let transport = held.record.transport();
                if before {
                    end(&transport);
                }
                held.lose(&Reason::Done);
                if !before {
                    end(&transport);
                    assert!(held.record.lost().is_none(), "nothing comes inside the call");
                }
                held.turn();
                assert_eq!(
                    held.record.calls(),
                    ["connection_made", "handshake_completed", "connection_lost"]
                );
                transport.resume_producing();
                held.turn();
                assert_eq!(held.record.count("connection_lost"), 1);
                assert_eq!(held.clock.pending(), 0);
            }
        }
    }
}

#[test]
fn a_protocol_that_pauses_in_the_last_piece_is_told_behind_it() {
    for role in ROLES {
        let mut held =
            holding(role, |protocol| protocol.on_data(|transport, _| transport.pause_producing()));
        held.send();
        held.lose(&reset());
        held.record.transport().resume_producing();
        held.turn();
        assert_eq!(held.record.received(), b"hello");
        assert!(matches!(held.record.lost(), Some(Reason::Lost(_))));
    }
}

#[test]
fn a_panic_at_what_arrived_before_the_loss_is_the_reason() {
    for role in ROLES {
        for lost_first in [true, false] {
            let mut held = holding(role, |protocol| protocol.on_data(|_, _| panic!("on purpose")));
            held.send();
            if lost_first {
                held.lose(&Reason::Done);
            }
            held.record.transport().resume_producing();
            held.turn();
            if !lost_first {
                assert_eq!(held.wire.told(), [Told::Abort]);
                held.lose(&Reason::Aborted);
            }
            let lost = held.record.lost();
            assert!(matches!(&lost, Some(Reason::Panicked(text)) if &**text == "on purpose"));
            assert_eq!(held.record.count("connection_lost"), 1);
        }
    }
}

#[test]
fn good_records_before_a_bad_one_are_delivered_also_to_a_paused_protocol() {
    for role in ROLES {
        for paused in [true, false] {
            for lost_first in [true, false] {
                let mut held = holding(role, |protocol| protocol);
                if !paused {
                    held.record.transport().resume_producing();
                }
                let good = held.records.len();
                held.peer.send(b"damaged on the way", &mut held.records).unwrap();
                let mut said = held.said();
                said[good + 8] ^= 1;
                held.deliver(&mut said);
                assert_eq!(held.wire.told(), [Told::Lose], "an alert is out");
                if lost_first {
                    held.lose(&Reason::Done);
                }
                if paused {
                    assert!(held.record.received().is_empty() && held.record.lost().is_none());
                    held.record.transport().resume_producing();
                    held.turn();
                }
                if !lost_first {
                    assert_eq!(held.record.received(), b"hello");
                    held.lose(&Reason::Done);
                }
                assert_eq!(held.record.received(), b"hello");
                assert_eq!(rustls_error(held.record.lost()), Error::DecryptError);
                assert_eq!(held.record.calls().last(), Some(&"connection_lost"));
            }
        }
    }
}

/// How fast a protocol reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Fast,
    /// It pauses at each piece, and resumes later.
    Slow,
}

/// A stream of several records, some of them large, and `close_notify`, cut after `count` bytes and
/// in pieces. Returns what the protocol got, its reason, and whether there was more to come.
fn cut_at(
    role: Role,
    reader: Reader,
    count: usize,
    below: &Reason,
    dice: &Dice,
) -> (Vec<u8>, Reason, bool) {
    let version = VERSIONS[dice.below(2)];
    let mut by_hand = ByHand::established(version, role, |protocol| {
        protocol.on_data(move |transport, _| {
            if reader == Reader::Slow {
                transport.pause_producing();
            }
        })
    });
    for piece in stream().chunks(7000) {
        by_hand.peer.send(piece, &mut by_hand.records).unwrap();
    }
    by_hand.peer.close(&mut by_hand.records);
    let said = by_hand.said();
    let (mut left, more) = (said[..count.min(said.len())].to_vec(), count < said.len());
    while !left.is_empty() {
        if by_hand.wire.paused.get() {
            // The transport below delivers nothing now, but time goes on.
            by_hand.clock.advance(Duration::from_secs(1));
            by_hand.record.transport().resume_producing();
            by_hand.turn();
            continue;
        }
        let mut rest = left.split_off(left.len().min(1 + dice.below(20_000)));
        by_hand.deliver(&mut left);
        left.clear();
        left.append(&mut rest);
    }
    by_hand.lose(below);
    while by_hand.record.lost().is_none() {
        by_hand.record.transport().resume_producing();
        by_hand.turn();
    }
    (by_hand.record.received(), by_hand.record.lost().unwrap(), more)
}

fn stream() -> Vec<u8> {
    (0..30_000u32).map(|number| (number % 251) as u8).collect()
}

#[test]
fn wherever_a_stream_is_cut_all_whole_records_arrive_and_then_the_reason() {
    let (dice, whole) = (Dice::new(20_261_128), stream());
    for role in ROLES {
        for reader in [Reader::Fast, Reader::Slow] {
            for below in [Reason::Done, reset()] {
                for count in (0..30_500).step_by(1499).chain([usize::MAX]) {
                    let (received, above, more) = cut_at(role, reader, count, &below, &dice);
                    assert!(whole.starts_with(&received));
                    // A record of 7,000 bytes needs less than 50 more.
                    let least = count.min(30_300) / 7050 * 7000;
                    assert!(received.len() >= least, "{role:?} {reader:?} {count}");
                    assert_eq!(more, received.len() < whole.len(), "{count}");
                    assert!(fits(&below, &above, !more), "{role:?} {reader:?} {count}: {above:?}");
                }
            }
        }
    }
}

/// A slow reader whose own write fails, as the peer is gone: the transport below is lost while the
/// protocol has paused.
#[test]
fn a_write_that_fails_does_not_throw_away_what_the_peer_had_sent_before() {
    let talking = Talk::new(VERSIONS[0])
        .client(|client| client.on_made(|transport| transport.write(b"all of it")))
        .server(|server| server.on_made(|transport| transport.pause_producing()))
        .run();
    assert_eq!(talking.server.calls(), ["connection_made", "handshake_completed"]);
    talking.client_handle().abort_connection();
    talking.flush();
    talking.server_handle().write(b"nobody is there");
    talking.flush();
    assert!(talking.server.lost().is_none());
    talking.server_handle().resume_producing();
    talking.flush();
    assert_eq!(talking.server.received(), b"all of it");
    assert!(matches!(talking.server.lost(), Some(Reason::Lost(_))), "{:?}", talking.server);
}

/// Early data may be a replay, so it is no data until the handshake is done.
#[test]
fn nothing_is_delivered_of_a_connection_whose_handshake_was_not_completed() {
    for version in VERSIONS {
        for role in ROLES {
            for below in ends_of_the_peer() {
                let mut by_hand = ByHand::new(version, role, |protocol| protocol);
                by_hand.send();
                by_hand.lose(&below);
                assert_eq!(by_hand.record.calls(), ["connection_made", "connection_lost"]);
                assert_eq!(by_hand.clock.pending(), 0);
            }
        }
    }
}

#[test]
fn after_both_goodbyes_the_reason_is_the_one_of_the_transport_below() {
    for version in VERSIONS {
        for role in ROLES {
            for below in [reset(), Reason::Aborted, Reason::Done] {
                // This side says goodbye first, or the peer.
                for first in [true, false] {
                    let mut by_hand = ByHand::established(version, role, |protocol| protocol);
                    if first {
                        by_hand.record.transport().write(b"the last word");
                        by_hand.record.transport().lose_connection();
                    }
                    by_hand.peer.close(&mut by_hand.records);
                    by_hand.send();
                    let _ = by_hand.take();
                    assert!(by_hand.heard_the_end);
                    assert_eq!(by_hand.wire.told(), [Told::Lose]);
                    by_hand.lose(&below);
                    let above = by_hand.record.lost().unwrap();
                    let same = std::mem::discriminant(&above) == std::mem::discriminant(&below);
                    assert!(same, "{below:?} became {above:?}");
                    assert_eq!(by_hand.clock.pending(), 0);
                }
            }
        }
    }
}

#[test]
fn a_connection_that_waits_for_its_protocol_is_freed_when_it_has_heard_all() {
    for role in ROLES {
        for resume_twice in [true, false] {
            let alive = Rc::new(());
            let inside = alive.clone();
            let mut held =
                holding(role, |protocol| protocol.on_lost(move |_| drop(inside.clone())));
            held.send();
            held.lose(&reset());
            let transport = held.record.transport();
            if resume_twice {
                transport.resume_producing();
                transport.pause_producing();
                held.turn();
                assert!(held.record.received().is_empty());
            }
            assert_eq!(Rc::strong_count(&alive), 2);
            transport.resume_producing();
            held.turn();
            assert_eq!(held.record.received(), b"hello");
            assert_eq!(Rc::strong_count(&alive), 1, "the handle is kept, the protocol is not");
        }
    }
}

#[test]
fn an_event_below_that_comes_twice_is_one_loss() {
    let lost = Rc::new(Cell::new(0));
    let count = lost.clone();
    let mut held =
        holding(Role::Server, |protocol| protocol.on_lost(move |_| count.set(count.get() + 1)));
    held.send();
    let layer = held.layer();
    held.lose(&reset());
    layer.deliver(Event::ConnectionLost(&Reason::Done));
    layer.deliver(Event::ReadConnectionLost);
    held.record.transport().resume_producing();
    held.turn();
    layer.deliver(Event::ConnectionLost(&Reason::Done));
    assert_eq!(lost.get(), 1);
    assert!(matches!(held.record.lost(), Some(Reason::Lost(_))));
}
