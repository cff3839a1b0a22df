//! Claims about connections that are written to together.

use std::rc::Rc;

use interfaces::{Factory, Protocol, Reason, StreamServerEndpoint, Transport};
use ropewalk_protocol::layer::{Layer, WrappingFactory};
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Record, Recorder, StringTransport};
use ropewalk_protocol::{ProtocolRef, TransportGroup, connect_protocol, factory_fn};

/// Each client hears all of them.
struct Party(TransportGroup);

impl Protocol for Party {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.0.add(transport);
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.0.write(data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
        self.0.write(b".");
    }
}

fn party(group: &TransportGroup) -> Rc<dyn Factory> {
    let group = group.clone();
    factory_fn(move |_| Party(group.clone()))
}

struct Guest {
    record: Record,
    protocol: ProtocolRef<Recorder>,
}

/// Guests of a party that `factory` gives.
fn guests<const N: usize>(network: &Network, factory: Rc<dyn Factory>) -> [Guest; N] {
    let port = network.server("party").listen(factory).try_into_result();
    assert!(port.is_ok_and(|port| port.is_ok()));
    [(); N].map(|()| {
        let record = Record::new();
        let client = connect_protocol(&network.client("party"), Recorder::new(&record));
        network.flush();
        let protocol = client.try_into_result().expect("it is connected").expect("it listens");
        Guest { record, protocol }
    })
}

impl Guest {
    fn write(&self, data: &[u8]) {
        self.protocol.transport().expect("it is connected").write(data);
    }
}

#[test]
fn each_member_is_written_to_and_one_whose_connection_is_over_leaves() {
    let (network, group) = (Network::new(), TransportGroup::new());
    let [one, other] = guests(&network, party(&group));
    one.write(b"hello");
    network.flush();
    assert_eq!(
        (one.record.received(), other.record.received()),
        (b"hello".into(), b"hello".into())
    );
    assert_eq!(group.transports().len(), 2);
    one.protocol.enter_with(|_, transport| transport.lose_connection());
    network.flush();
    // In its own `connection_lost` the first one was a member still, and was written to in vain.
    assert_eq!(other.record.received(), b"hello.");
    assert_eq!(group.transports().len(), 1);
}

#[test]
fn a_member_may_have_a_layer_below() {
    struct Plain;
    impl Layer for Plain {}
    let (network, group) = (Network::new(), TransportGroup::new());
    let wrapped = WrappingFactory::new(party(&group), |_| Plain).into_rc();
    let [one, other] = guests(&network, wrapped);
    one.write(b"hello");
    network.flush();
    assert_eq!(other.record.received(), b"hello");
    one.protocol.enter_with(|_, transport| transport.abort_connection());
    network.flush();
    assert_eq!(group.transports().len(), 1);
}

#[test]
fn a_slow_reader_is_aborted_at_the_cap_and_the_others_hear_on() {
    let (network, group) = (Network::new(), TransportGroup::with_cap(1000));
    network.set_in_flight_max(100);
    let [slow, other] = guests(&network, party(&group));
    slow.protocol.transport().expect("it is connected").pause_producing();
    for _ in 0..20 {
        group.write(&[b'x'; 100]);
        network.flush();
    }
    assert_eq!(other.record.received().iter().filter(|&&byte| byte == b'x').count(), 2000);
    assert_eq!(group.transports().len(), 1);
    slow.protocol.transport().expect("it has not read of it").resume_producing();
    network.flush();
    assert!(matches!(slow.record.lost(), Some(Reason::Lost(_))), "{:?}", slow.record.lost());
}

#[test]
fn a_group_without_a_cap_leaves_the_limits_alone() {
    let (one, other) = (StringTransport::new(), StringTransport::new());
    let usual = one.buffer_limits();
    TransportGroup::new().add(&one.as_transport());
    assert_eq!(one.buffer_limits(), usual);
    TransportGroup::with_cap(1000).add(&other.as_transport());
    let limits = other.buffer_limits();
    assert_eq!((limits.cap, limits.high_water), (1000, 1000));
}

#[test]
fn a_transport_is_a_member_once_until_it_is_removed() {
    let group = TransportGroup::new();
    let (one, other) = (StringTransport::new(), StringTransport::new());
    for transport in [&one, &other, &one] {
        group.add(&transport.as_transport());
    }
    group.write(b"x");
    assert_eq!((one.value(), other.value()), (b"x".into(), b"x".into()));
    group.remove(&one.as_transport());
    group.write(b"y");
    assert_eq!((one.value(), other.value()), (b"x".into(), b"xy".into()));
    group.lose_connection();
    assert_eq!((one.disconnecting(), other.disconnecting()), (false, true));
}

#[test]
fn members_that_came_and_went_keep_no_memory() {
    let group = TransportGroup::new();
    let staying = StringTransport::new();
    group.add(&staying.as_transport());
    for _ in 0..1000 {
        let passing = StringTransport::new();
        group.add(&passing.as_transport());
        assert_eq!(group.transports().len(), 2);
    }
    let weak = Rc::downgrade(&staying);
    assert!(Rc::weak_count(&staying) == 2 && weak.upgrade().is_some());
    assert_eq!(format!("{group:?}"), "TransportGroup { transports: 1, cap: None }");
}
