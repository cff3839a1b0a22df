//! A producer that a close waits for, where the peer has ended meanwhile; and one that ends the connection.

use std::cell::Cell;
use std::rc::Rc;

use interfaces::{Event, Producer, PullProducer, PushProducer, Reason, Transport};

use crate::by_hand::{ByHand, ROLES, Told};
use crate::certificates::VERSIONS;

/// Writes from elsewhere.
struct Elsewhere;

impl PushProducer for Elsewhere {
    fn pause_producing(&self) {}
    fn resume_producing(&self) {}
    fn stop_producing(&self) {}
}

#[test]
fn what_it_writes_is_sent_though_the_stream_from_the_peer_has_ended() {
    for version in VERSIONS {
        for role in ROLES {
            for in_order in [true, false] {
                let mut by_hand = ByHand::established(version, role, |protocol| protocol);
                let transport = by_hand.record.transport();
                transport.register_producer(Producer::Push(Rc::new(Elsewhere))).unwrap();
                transport.lose_connection();
                if in_order {
                    by_hand.peer.close(&mut by_hand.records);
                    by_hand.send();
                }
                // The transport below asks this at an end of file.
                assert!(by_hand.layer().is_half_closeable(), "{role:?}");
                by_hand.layer().deliver(Event::ReadConnectionLost);
                assert!(by_hand.wire.told().is_empty());
                transport.write(b"late, and promised");
                transport.unregister_producer();
                let _ = by_hand.take();
                assert_eq!(by_hand.heard, b"late, and promised", "{role:?}");
                assert!(by_hand.heard_the_end, "{role:?}");
                if in_order {
                    assert_eq!(by_hand.wire.told(), [Told::Lose]);
                }
                assert!(!by_hand.layer().is_half_closeable(), "all is sent");
                by_hand.lose(&Reason::Done);
                assert!(by_hand.record.lost().unwrap().is_clean());
            }
        }
    }
}

/// Writes a piece, and aborts when it is asked again.
struct Aborting {
    transport: Rc<dyn Transport>,
    asked: Cell<bool>,
}

impl PullProducer for Aborting {
    fn resume_producing(&self) {
        match self.asked.replace(true) {
            false => self.transport.write(b"a piece"),
            true => self.transport.abort_connection(),
        }
    }

    fn stop_producing(&self) {}
}

#[test]
fn an_abort_by_a_producer_as_the_handshake_ends_is_the_end_also_of_what_came_with_it() {
    let mut tried = 0;
    for version in VERSIONS {
        for role in ROLES {
            let mut by_hand = ByHand::new(version, role, |protocol| protocol.half_closeable());
            let transport = by_hand.record.transport();
            let producer = Aborting { transport: transport.clone(), asked: Cell::new(false) };
            transport.register_producer(Producer::Pull(Rc::new(producer))).unwrap();
            by_hand.shake_hands();
            if by_hand.record.count("handshake_completed") > 0 {
                continue;
            }
            // The end of the handshake, data and close_notify come in one piece.
            by_hand.peer.send(b"too late", &mut by_hand.records).unwrap();
            by_hand.peer.close(&mut by_hand.records);
            by_hand.send();
            by_hand.turn();
            assert_eq!(by_hand.record.calls(), ["connection_made", "handshake_completed"]);
            assert_eq!(by_hand.wire.told(), [Told::Abort]);
            by_hand.lose(&Reason::Aborted);
            assert!(matches!(by_hand.record.lost(), Some(Reason::Aborted)));
            tried += 1;
        }
    }
    assert!(tried >= 2, "{tried}");
}
