//! A client of several endpoints: the first that is up.
//!
//! Invariant: the reactor is asked for one connection at a time.

use std::rc::Rc;

use deferred::{Cancelled, Deferred};
use interfaces::{ConnectError, Factory, StreamClientEndpoint, Transport};
use protocol::testing::StringTransport;
use ropewalk_endpoints::FailoverClientEndpoint;
use testkit::result_of;

use crate::doubles::{Call, Reactor, factory};

fn endpoint(reactor: &Reactor) -> FailoverClientEndpoint {
    let [one, two, three] = ["tcp:10.0.0.1:80", "unix:/a", "tcp:10.0.0.3:80"];
    let client = |text| reactor.registry().client(text).unwrap();
    FailoverClientEndpoint::new(one, client(one)).or(two, client(two)).or(three, client(three))
}

fn requests(reactor: &Reactor) -> usize {
    let is_request = |call: &Call| matches!(call, Call::ConnectTcp(_) | Call::ConnectUnix(_));
    reactor.calls().iter().filter(|call| is_request(call)).count()
}

#[test]
fn the_first_that_is_up_is_taken_and_none_after_it_is_tried() {
    for down in 0..3 {
        let reactor = Reactor::new();
        let connected = endpoint(&reactor).connect(factory());
        for _ in 0..down {
            assert_eq!(requests(&reactor), 1);
            reactor.answer(Err(Reactor::refusal("10.0.0.1:80")));
        }
        assert_eq!(requests(&reactor), 1, "{down}");
        reactor.answer(Ok(()));
        result_of(connected).unwrap();
        assert_eq!(requests(&reactor), 0, "{down}");
    }
}

#[test]
fn when_all_are_down_the_error_names_each() {
    let reactor = Reactor::new();
    let connected = endpoint(&reactor).connect(factory());
    for _ in 0..3 {
        reactor.answer(Err(Reactor::refusal("10.0.0.1:80")));
    }
    let failure = result_of(connected).unwrap_err();
    let Some(ConnectError::AllFailed { host, attempts }) = failure.downcast_ref() else {
        panic!("{failure:?}")
    };
    assert_eq!(host, "tcp:10.0.0.1:80");
    let names: Vec<_> = attempts.iter().map(|attempt| attempt.address.to_string()).collect();
    assert_eq!(names, ["tcp:10.0.0.1:80", "unix:/a", "tcp:10.0.0.3:80"]);
}

#[test]
fn a_connection_that_was_made_and_ended_at_once_is_the_result() {
    let reactor = Reactor::new();
    let connected = endpoint(&reactor).connect(factory());
    let address = interfaces::UnixAddress::Unnamed.into();
    reactor.answer(Err(ConnectError::EndedAtOnce { address }.into()));
    let failure = result_of(connected).unwrap_err();
    assert!(matches!(failure.downcast_ref(), Some(ConnectError::EndedAtOnce { .. })));
    assert_eq!(requests(&reactor), 1);
}

#[test]
fn a_cancel_ends_the_attempt_and_begins_no_other() {
    let reactor = Reactor::new();
    let connected = endpoint(&reactor).connect(factory());
    reactor.answer(Err(Reactor::refusal("10.0.0.1:80")));
    assert_eq!(requests(&reactor), 2);
    connected.cancel_handle().cancel();
    assert!(result_of(connected).unwrap_err().check::<Cancelled>());
    assert_eq!(reactor.calls(), [Call::Cancelled]);
}

/// Refuses, and records whether it was asked on behalf of a connection.
struct OnBehalf(Rc<std::cell::Cell<u32>>);

impl StreamClientEndpoint for OnBehalf {
    fn connect(&self, _: Rc<dyn Factory>) -> Deferred<()> {
        Deferred::fail(Reactor::refusal("10.0.0.1:80"))
    }

    fn connect_for(&self, _: &Rc<dyn Transport>, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.0.set(self.0.get() + 1);
        self.connect(factory)
    }
}

#[test]
fn each_is_told_for_whom_it_connects() {
    let asked = Rc::default();
    let on_behalf = || Rc::new(OnBehalf(Rc::clone(&asked)));
    let either = FailoverClientEndpoint::new("one", on_behalf()).or("two", on_behalf());
    let served: Rc<dyn Transport> = StringTransport::new();
    result_of(either.connect_for(&served, factory())).unwrap_err();
    assert_eq!(asked.get(), 2);
}
