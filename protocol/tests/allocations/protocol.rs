//! Claims about the memory of a protocol and of its messages.

use std::rc::Rc;

use interfaces::{Deliver, Event, Protocol, Transport};
use ropewalk_protocol::ProtocolRef;
use ropewalk_protocol::testing::StringTransport;
use ropewalk_protocol::testing::memory::Pair;

use testkit::counted;

struct Nothing;

impl Protocol for Nothing {
    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

#[test]
fn a_protocol_without_fields_costs_48_bytes_in_one_allocation() {
    let (protocol, calls, bytes) = counted(|| ProtocolRef::new(Nothing).as_deliver());
    assert_eq!((calls, bytes), (1, 48));
    let transport = StringTransport::new().as_transport();
    let ((), calls, bytes) = counted(|| protocol.deliver(Event::ConnectionMade(&transport)));
    assert_eq!((calls, bytes), (0, 0), "a connection adds nothing");
}

#[test]
fn delivering_and_entering_allocate_nothing_and_a_mailbox_is_given_back() {
    let protocol = ProtocolRef::new(Nothing);
    let deliver = protocol.as_deliver();
    deliver.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    let mut data = [0; 100];
    let ((), calls, _) = counted(|| {
        for _ in 0..1000 {
            deliver.deliver(Event::DataReceived(&mut data));
            protocol.enter(|_| {});
            protocol.enter_with(|_, transport| transport.write(&[]));
            assert!(protocol.try_with(|_| ()).is_some());
            assert!(!deliver.is_half_closeable());
        }
    });
    assert_eq!(calls, 0);

    let ((), calls, bytes) = counted(|| {
        let again = protocol.clone();
        protocol.enter(move |_| {
            let inside: Rc<dyn Deliver> = again.as_deliver();
            inside.deliver(Event::DataReceived(&mut [0; 1000]));
        });
    });
    assert!(calls > 0, "it was queued");
    assert_eq!(bytes, 0, "an empty mailbox owns nothing");
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

#[test]
fn messages_through_a_pair_in_memory_allocate_nothing_once_there_was_one() {
    let client = ProtocolRef::new(Nothing).as_deliver();
    let pair = Pair::new(client, ProtocolRef::new(Echo).as_deliver());
    let exchange = |count: usize| {
        for _ in 0..count {
            pair.client().write(&[7; 64]);
            pair.flush();
        }
    };
    exchange(10);
    let ((), calls, bytes) = counted(|| exchange(1000));
    assert_eq!((calls, bytes), (0, 0));
}
