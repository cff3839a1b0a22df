//! Claims about questions to a running protocol: they are answered, or fail with the connection.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure, Promise};
use interfaces::{Deliver, Event, Protocol, Reason, Transport};
use ropewalk_protocol::task::TimedOut;
use ropewalk_protocol::testing::{Clock, StringTransport};
use ropewalk_protocol::{NotConnected, ProtocolRef};

use crate::support::result;

/// Answers a byte with the next byte that comes.
#[derive(Default)]
struct Asker {
    questions: VecDeque<Promise<u8>>,
    /// Asked for again from inside `connection_lost`.
    me: Option<ProtocolRef<Asker>>,
    late: Rc<Cell<Option<Deferred<Reason>>>>,
}

impl Asker {
    fn ask(&mut self, transport: &Rc<dyn Transport>, question: u8) -> Deferred<u8> {
        let (answer, promise) = Deferred::new();
        self.questions.push_back(promise);
        transport.write(&[question]);
        answer
    }
}

impl Protocol for Asker {
    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        for &answer in data {
            if let Some(promise) = self.questions.pop_front() {
                promise.callback(answer);
            }
        }
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
        if let Some(me) = self.me.take() {
            self.late.set(Some(me.when_lost()));
        }
    }
}

fn connected(asker: Asker) -> (ProtocolRef<Asker>, Rc<StringTransport>) {
    let (asker, transport) = (ProtocolRef::new(asker), StringTransport::new());
    asker.as_deliver().deliver(Event::ConnectionMade(&transport.as_transport()));
    (asker, transport)
}

fn receive(asker: &ProtocolRef<Asker>, data: &[u8]) {
    asker.as_deliver().deliver(Event::DataReceived(&mut data.to_vec()));
}

fn lose(asker: &ProtocolRef<Asker>, reason: &Reason) {
    asker.as_deliver().deliver(Event::ConnectionLost(reason));
}

fn reason(failure: &Failure) -> String {
    failure.downcast_ref::<Reason>().expect("a reason").to_string()
}

fn ask(asker: &ProtocolRef<Asker>, question: u8) -> Deferred<u8> {
    asker.call(move |asker, transport| asker.ask(transport, question))
}

#[test]
fn a_call_fires_with_what_the_protocol_answers_now_or_later() {
    let (asker, transport) = connected(Asker::default());
    assert_eq!(result(asker.call(|asker, _| Ok(asker.questions.len()))).unwrap(), 0);
    let (one, two) = (ask(&asker, 1), ask(&asker, 2));
    assert_eq!(transport.value(), [1, 2]);
    receive(&asker, &[10, 20]);
    assert_eq!((result(one).unwrap(), result(two).unwrap()), (10, 20));
    assert!(asker.transport().is_some());
}

#[test]
fn each_open_call_fails_with_the_reason_of_the_lost_connection_in_order() {
    let (asker, _transport) = connected(Asker::default());
    let log = Rc::<RefCell<Vec<String>>>::default();
    for number in 0..3 {
        let log = log.clone();
        ask(&asker, number).add_both(move |result| {
            log.borrow_mut().push(format!("{number}: {}", reason(&result.unwrap_err())));
            Ok::<(), Failure>(())
        });
    }
    lose(&asker, &Reason::Truncated);
    let truncated = "tls stream ended without close_notify";
    assert_eq!(*log.borrow(), [0, 1, 2].map(|number| format!("{number}: {truncated}")));
    let promises = asker.try_with(|asker| asker.questions.iter().all(Promise::is_cancelled));
    assert_eq!(promises, Some(true), "the protocol may see that nobody waits");
}

#[test]
fn a_call_to_a_lost_connection_fails_with_its_reason_and_one_before_it_is_refused() {
    let asker = ProtocolRef::new(Asker::default());
    let early = result(ask(&asker, 1)).unwrap_err();
    assert!(early.check::<NotConnected>());
    asker.as_deliver().deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    lose(&asker, &Reason::Aborted);
    assert_eq!(reason(&result(ask(&asker, 1)).unwrap_err()), "connection aborted");
}

#[test]
fn a_call_from_inside_the_running_protocol_is_made_after_it_and_fails_with_it() {
    let (asker, _transport) = connected(Asker::default());
    let (again, waiting) = (asker.clone(), Rc::<Cell<Option<Deferred<u8>>>>::default());
    let kept = waiting.clone();
    asker.enter(move |_| {
        kept.set(Some(ask(&again, 1)));
        lose(&again, &Reason::Done); // queued before the call is: it is never made
    });
    assert_eq!(reason(&result(waiting.take().unwrap()).unwrap_err()), "connection closed cleanly");
}

#[test]
fn cancelling_a_call_cancels_what_it_waits_for_and_leaves_the_connection() {
    let (asker, transport) = connected(Asker::default());
    let answer = ask(&asker, 1);
    answer.cancel_handle().cancel();
    assert!(result(answer).unwrap_err().check::<Cancelled>());
    assert!(asker.try_with(|asker| asker.questions[0].is_cancelled()).unwrap());
    assert!(!transport.aborting() && !transport.disconnecting());
    let next = ask(&asker, 2);
    receive(&asker, &[10, 20]);
    assert_eq!(result(next).unwrap(), 20, "the answer to the first is dropped");
}

#[test]
fn a_call_with_a_time_limit_aborts_the_connection_when_that_is_over_and_never_else() {
    let clock = Clock::new();
    let (asker, transport) = connected(Asker::default());
    let second = Duration::from_secs(1);
    let within = |question| {
        asker.call_within(second, &clock, move |asker, transport| asker.ask(transport, question))
    };
    let (in_time, given_up) = (within(1), within(2));
    receive(&asker, &[10]);
    assert_eq!(result(in_time).unwrap(), 10);
    let cancelled = within(3);
    cancelled.cancel_handle().cancel();
    assert!(result(cancelled).unwrap_err().check::<Cancelled>());
    assert!(!transport.aborting());
    clock.advance(second);
    assert!(result(given_up).unwrap_err().check::<TimedOut>());
    assert!(transport.aborting());
    assert_eq!(clock.pending(), 0);
}

#[test]
fn when_lost_fires_after_connection_lost_whenever_it_was_asked_for() {
    let late = Rc::<Cell<Option<Deferred<Reason>>>>::default();
    let asker = ProtocolRef::new(Asker { late: late.clone(), ..Asker::default() });
    let before = asker.when_lost();
    let (again, transport) = (asker.clone(), StringTransport::new());
    asker.enter(move |asker| asker.me = Some(again));
    asker.as_deliver().deliver(Event::ConnectionMade(&transport.as_transport()));
    let meanwhile = asker.when_lost();
    assert!(!before.is_fired() && !meanwhile.is_fired());
    lose(&asker, &Reason::Aborted);
    let inside = late.take().expect("connection_lost has run first");
    for lost in [before, meanwhile, inside, asker.when_lost()] {
        assert_eq!(result(lost).unwrap().to_string(), "connection aborted");
    }
}

#[test]
fn a_waiter_that_panics_keeps_no_other_from_hearing_of_the_end() {
    let (asker, _transport) = connected(Asker::default());
    asker.when_lost().add_callback(|_| -> Result<(), Failure> { panic!("a waiter's") });
    let other = asker.when_lost();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        lose(&asker, &Reason::Done);
    }));
    assert!(caught.is_err());
    assert!(other.is_fired());
    assert!(asker.try_with(|_| ()).is_some(), "the loan has ended");
}

#[test]
fn a_protocol_with_waiters_works_as_one_without() {
    let (asker, transport) = connected(Asker::default());
    let lost = asker.when_lost();
    let answer = ask(&asker, 1);
    receive(&asker, &[7]);
    assert_eq!(result(answer).unwrap(), 7);
    let deliver: Rc<dyn Deliver> = asker.as_deliver();
    assert!(!deliver.is_half_closeable());
    assert_eq!(transport.value(), [1]);
    lose(&asker, &Reason::Done);
    assert!(result(lost).unwrap().is_clean());
}
