//! Claims about the one-shot helper: what it asks the reactor for, and the turn in which it may be
//! cancelled.

use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred};
use interfaces::{
    ConnectError, ConnectTcp, ConnectUnix, LockFile, Protocol, StreamClientEndpoint, Transport,
    UnixAddress,
};
use ropewalk_protocol::ProtocolRef;
use ropewalk_protocol::client::ClientCreator;
use ropewalk_protocol::testing::Clock;

use crate::support::by_hand::ByHand;
use crate::support::reactor_calls::ReactorCalls;
use crate::support::result;

struct Numbered(u32);

impl Protocol for Numbered {
    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

fn creator() -> (ClientCreator<Numbered>, Clock) {
    let clock = Clock::new();
    (ClientCreator::new(clock.clone(), || Numbered(7)), clock)
}

/// Completes the attempt; the result is the protocol that was asked for, a turn later.
fn assert_connects(connecting: Deferred<ProtocolRef<Numbered>>, endpoint: &ByHand, clock: &Clock) {
    endpoint.last().connect();
    assert!(!connecting.is_fired(), "not before the next turn");
    clock.advance(Duration::ZERO);
    let protocol = result(connecting).expect("it is connected");
    assert_eq!(protocol.try_with(|protocol| protocol.0), Some(7));
}

#[test]
fn connecting_over_tcp_gives_the_reactor_all_values_unchanged() {
    let ((creator, clock), reactor) = (creator(), ReactorCalls::default());
    let options = ConnectTcp::new(([192, 0, 2, 1], 80))
        .with_timeout(Duration::from_secs(5))
        .with_bind_address(Some(([127, 0, 0, 1], 9).into()));
    let connecting = creator.connect_tcp(reactor.clone(), options.clone());
    assert_eq!(*reactor.tcp.borrow(), [options]);
    assert_connects(connecting, &reactor.endpoint, &clock);
}

#[test]
fn connecting_over_a_unix_socket_gives_the_reactor_all_values_unchanged() {
    let ((creator, clock), reactor) = (creator(), ReactorCalls::default());
    let options = ConnectUnix::new(UnixAddress::Path(Rc::from(&b"/run/x.sock"[..])))
        .with_timeout(Duration::from_secs(5))
        .with_lock_file(LockFile::Used);
    let connecting = creator.connect_unix(reactor.clone(), options.clone());
    assert_eq!(*reactor.unix.borrow(), [options]);
    assert_connects(connecting, &reactor.endpoint, &clock);
}

#[test]
fn connecting_to_an_endpoint_of_any_kind_leaves_its_values_to_the_endpoint() {
    let ((creator, clock), endpoint) = (creator(), ByHand::default());
    let connecting = creator.connect(&endpoint);
    assert_connects(connecting, &endpoint, &clock);
}

/// The three ways to begin, each with the endpoint that is behind it.
fn all_ways(
    creator: &ClientCreator<Numbered>,
) -> [(Deferred<ProtocolRef<Numbered>>, ByHand, &'static str); 3] {
    let (tcp, unix, endpoint) =
        (ReactorCalls::default(), ReactorCalls::default(), ByHand::default());
    let path = UnixAddress::Path(Rc::from(&b"/run/x.sock"[..]));
    let other: &dyn StreamClientEndpoint = &endpoint;
    [
        (
            creator.connect_tcp(tcp.clone(), ConnectTcp::new(([127, 0, 0, 1], 1))),
            tcp.endpoint,
            "tcp",
        ),
        (creator.connect_unix(unix.clone(), ConnectUnix::new(path)), unix.endpoint, "unix"),
        (creator.connect(other), endpoint.clone(), "endpoint"),
    ]
}

#[test]
fn cancelling_before_the_outcome_gives_the_attempt_up() {
    let (creator, clock) = creator();
    for (connecting, endpoint, way) in all_ways(&creator) {
        connecting.cancel_handle().cancel();
        assert!(result(connecting).map(drop).unwrap_err().check::<Cancelled>(), "{way}");
        assert_eq!((endpoint.cancelled(), clock.pending()), (1, 0), "{way}");
    }
}

/// Twisted closes such a connection in order; here what is given up is aborted.
#[test]
fn cancelling_between_the_connection_and_its_telling_aborts_it_and_leaves_no_call() {
    let (creator, clock) = creator();
    for (connecting, endpoint, way) in all_ways(&creator) {
        endpoint.last().connect();
        assert_eq!(clock.pending(), 1, "{way}");
        connecting.cancel_handle().cancel();
        assert_eq!(clock.pending(), 0, "{way}");
        assert!(endpoint.last().transport.aborting(), "{way}");
        assert!(result(connecting).map(drop).unwrap_err().check::<Cancelled>(), "{way}");
    }
}

#[test]
fn cancelling_between_the_failure_and_its_telling_is_the_outcome_and_leaves_no_call() {
    let (creator, clock) = creator();
    for (connecting, endpoint, way) in all_ways(&creator) {
        endpoint.last().refuse();
        assert_eq!(clock.pending(), 1, "{way}");
        connecting.cancel_handle().cancel();
        assert_eq!(clock.pending(), 0, "{way}");
        assert!(result(connecting).map(drop).unwrap_err().check::<Cancelled>(), "{way}");
    }
}

#[test]
fn a_failure_is_told_a_turn_later() {
    let (creator, clock) = creator();
    for (connecting, endpoint, way) in all_ways(&creator) {
        endpoint.last().refuse();
        assert!(!connecting.is_fired(), "{way}");
        clock.advance(Duration::ZERO);
        let failure = result(connecting).map(drop).unwrap_err();
        assert!(matches!(failure.downcast_ref(), Some(ConnectError::Refused { .. })), "{way}");
    }
}
