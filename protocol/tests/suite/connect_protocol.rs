//! Claims about one connection for one protocol, and about those that are given up.

use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use deferred::Cancelled;
use interfaces::{ConnectError, StreamServerEndpoint as _};
use ropewalk_protocol::task::{DeferredExt as _, TimedOut};
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Clock, Record, Recorder, StringTransport};
use ropewalk_protocol::{
    ProtocolRef, connect_protocol, connect_protocol_within, connect_ref, factory_fn,
};

use crate::support::by_hand::{Attempt, ByHand};
use crate::support::result;

const SECOND: Duration = Duration::from_secs(1);

fn endpoint() -> ByHand {
    ByHand::stubborn()
}

#[test]
fn the_endpoint_gets_a_factory_that_builds_this_very_protocol_once() {
    let endpoint = endpoint();
    let protocol = ProtocolRef::new(Recorder::new(&Record::new()));
    let connecting = connect_ref(&endpoint, protocol.clone());
    let attempt = endpoint.last();
    assert!(attempt.build(), "the first connection");
    assert!(ptr::addr_eq(Rc::as_ptr(&attempt.protocol()), Rc::as_ptr(&protocol.as_deliver())));
    attempt.make();
    assert!(!attempt.build(), "a second one");
    attempt.succeed();
    assert!(result(connecting).unwrap().ptr_eq(&protocol));
}

#[test]
fn the_endpoints_result_is_the_result_unchanged() {
    let endpoint = endpoint();
    let connecting = connect_protocol(&endpoint, Recorder::new(&Record::new()));
    assert!(!connecting.is_fired());
    endpoint.last().refuse();
    let failure = result(connecting).unwrap_err();
    let error: &ConnectError = failure.downcast_ref().expect("the endpoint's own");
    assert_eq!(error.to_string(), Attempt::refusal().to_string());
}

#[test]
fn an_attempt_without_an_answer_ends_with_its_time_limit_and_is_gone() {
    let (network, clock) = (Network::new(), Clock::new());
    let record = Record::new();
    let endpoint = network.client("svc");
    let connecting = connect_protocol_within(&endpoint, Recorder::new(&record), SECOND, &clock);
    assert_eq!(network.attempts(), 1);
    clock.advance(SECOND);
    assert_eq!(result(connecting).unwrap_err().downcast_ref(), Some(&TimedOut::new(SECOND)));
    assert_eq!((network.attempts(), clock.pending()), (0, 0));
}

#[test]
fn a_connection_in_time_takes_its_time_limit_off_the_clock() {
    let (network, clock) = (Network::new(), Clock::new());
    let server = network.server("svc");
    let _port = result(server.listen(factory_fn(|_| Recorder::new(&Record::new())))).unwrap();
    let client = Recorder::new(&Record::new());
    let connecting = connect_protocol_within(&network.client("svc"), client, SECOND, &clock);
    network.flush();
    let protocol = result(connecting).unwrap();
    assert_eq!(clock.pending(), 0);
    assert!(protocol.transport().is_some());
}

/// How far the endpoint has come when the attempt is given up.
#[derive(Clone, Copy, Debug)]
enum Progress {
    Nothing,
    Built,
    Made,
}

/// Gives the attempt up; returns the transport of the connection that comes nevertheless.
fn given_up_at(progress: Progress, give_up: impl FnOnce(&Clock)) -> (Rc<StringTransport>, Record) {
    let (endpoint, clock, record) = (endpoint(), Clock::new(), Record::new());
    let connecting = connect_protocol_within(&endpoint, Recorder::new(&record), SECOND, &clock);
    let (handle, attempt) = (connecting.cancel_handle(), endpoint.last());
    let give_up = || {
        give_up(&clock);
        handle.cancel();
    };
    match progress {
        Progress::Nothing => {
            give_up();
            assert!(attempt.build());
            attempt.make();
        }
        Progress::Built => {
            assert!(attempt.build());
            give_up();
            attempt.make();
        }
        Progress::Made => {
            assert!(attempt.build());
            attempt.make();
            give_up();
        }
    }
    attempt.succeed();
    assert!(result(connecting).is_err());
    (attempt.transport.clone(), record)
}

#[test]
fn a_connection_that_was_given_up_is_aborted_however_far_it_came_and_however_late_it_comes() {
    for progress in [Progress::Nothing, Progress::Built, Progress::Made] {
        for by_time in [false, true] {
            let (transport, record) = given_up_at(progress, |clock| {
                if by_time {
                    clock.advance(SECOND);
                }
            });
            assert!(transport.aborting(), "{progress:?}, by time: {by_time}");
            let heard = record.count("connection_made");
            assert_eq!(heard, usize::from(matches!(progress, Progress::Made)), "{progress:?}");
        }
    }
}

#[test]
fn a_timeout_that_was_added_to_the_result_aborts_as_one_of_its_own_does() {
    let (endpoint, clock) = (endpoint(), Clock::new());
    let connecting = connect_protocol(&endpoint, Recorder::new(&Record::new()));
    let connecting = connecting.add_timeout(SECOND, &clock);
    let attempt = endpoint.last();
    assert!(attempt.build());
    attempt.make();
    clock.advance(SECOND);
    assert!(attempt.transport.aborting());
    assert!(result(connecting).unwrap_err().check::<TimedOut>());
}

#[test]
fn cancelling_in_memory_leaves_no_connection_behind() {
    let network = Network::new();
    let server = network.server("svc");
    let record = Record::new();
    let accepted = record.clone();
    let _port = result(server.listen(factory_fn(move |_| Recorder::new(&accepted)))).unwrap();
    let connecting = connect_protocol(&network.client("svc"), Recorder::new(&Record::new()));
    connecting.cancel_handle().cancel();
    network.flush();
    assert!(result(connecting).unwrap_err().check::<Cancelled>());
    assert_eq!((network.connections(), network.attempts()), (0, 0));
}

#[test]
fn cancelling_after_the_connection_stands_changes_nothing() {
    let endpoint = endpoint();
    let connecting = connect_protocol(&endpoint, Recorder::new(&Record::new()));
    let handle = connecting.cancel_handle();
    endpoint.last().connect();
    handle.cancel();
    assert!(!endpoint.last().transport.aborting());
    assert!(result(connecting).is_ok());
}
