//! A producer that a close waits for, where the peer has ended meanwhile.

use std::rc::Rc;

use interfaces::{Event, Producer, PushProducer, Reason};

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
