//! The place of a transport that another one feeds.

use std::rc::Rc;

use interfaces::{Producer, PushProducer, Transport};
use ropewalk_protocol::relay::ConsumerSlot;
use ropewalk_protocol::testing::StringTransport;

/// A producer that is never asked for more.
struct Feed;

impl PushProducer for Feed {
    fn pause_producing(&self) {}
    fn resume_producing(&self) {}
    fn stop_producing(&self) {}
}

fn filled() -> (ConsumerSlot, Rc<StringTransport>) {
    let (slot, transport) = (ConsumerSlot::default(), StringTransport::new());
    let filling: Rc<dyn Transport> = transport.clone();
    slot.fill(&filling);
    (slot, transport)
}

#[test]
fn each_way_of_closing_unregisters_the_producer_first() {
    let ways: [(fn(&ConsumerSlot), fn(&StringTransport) -> bool); 4] = [
        (ConsumerSlot::lose, StringTransport::disconnecting),
        (ConsumerSlot::end_writing, StringTransport::write_closed),
        (ConsumerSlot::lose_with_reset, StringTransport::losing_with_reset),
        (ConsumerSlot::abort, StringTransport::aborting),
    ];
    for (close, is_closed) in ways {
        let (slot, transport) = filled();
        slot.feed_from(Rc::new(Feed));
        assert!(transport.producer().is_some());
        close(&slot);
        assert!(transport.producer().is_none() && is_closed(&transport));
    }
}

#[test]
fn a_producer_of_others_stays_where_it_is() {
    let (slot, transport) = filled();
    let first: Rc<dyn PushProducer> = Rc::new(Feed);
    transport.register_producer(Producer::Push(first)).unwrap();
    slot.feed_from(Rc::new(Feed));
    assert!(slot.unfeed().is_some());
    assert!(transport.producer().is_some(), "it was not this slot's");
}

#[test]
fn an_empty_slot_does_nothing() {
    let (slot, transport) = filled();
    assert!(!slot.is_empty());
    slot.write(b"heard");
    slot.clear();
    slot.write(b"not heard");
    slot.feed_from(Rc::new(Feed));
    slot.end_writing();
    slot.lose();
    slot.lose_with_reset();
    slot.abort();
    assert!(slot.is_empty() && slot.transport().is_none() && slot.unfeed().is_none());
    assert_eq!(transport.value(), b"heard");
    assert!(transport.producer().is_none() && !transport.disconnecting() && !transport.aborting());
}
