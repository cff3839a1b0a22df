//! A loop that was held up, as by SIGSTOP, a suspended machine or a callback that blocks: what came
//! meanwhile is called before the timers that are late, so that no deadline ends what is in time.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use interfaces::{ConnectTcp, ReactorTcp as _};
use protocol::policies::{TimeoutFactory, Timeouts};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::Reactor;
use testkit::once;

use crate::support::{RecordExt as _, echo, listen, turn_until};

const DEADLINE: Duration = Duration::from_millis(100);

/// Longer than the deadline.
fn hold_up() {
    thread::sleep(DEADLINE * 3);
}

fn no_limit() -> Timeouts {
    Timeouts::default().with_first_byte(None).with_idle(None).with_keep_alive(None)
}

/// Serves echoes under a deadline; a client that is accepted writes while the loop is held up.
fn is_echoed(timeouts: Timeouts) -> bool {
    let reactor = Reactor::new().unwrap();
    let factory = TimeoutFactory::with_timeouts(echo(), reactor.clone(), timeouts).into_rc();
    let (_port, address) = listen(&reactor, factory);
    let mut client = TcpStream::connect(address).unwrap();
    turn_until(&reactor, "it is accepted", || reactor.counts().streams == 1);
    client.write_all(b"in time").unwrap();
    hold_up();
    client.set_nonblocking(true).unwrap();
    let mut answer = [0; 7];
    for _ in 0..100 {
        reactor.turn(Some(Duration::ZERO)).unwrap();
        match client.read(&mut answer) {
            Ok(length) => return answer[..length] == *b"in time",
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
    }
    false
}

#[test]
fn bytes_that_came_before_the_deadline_of_the_first_byte_are_served() {
    assert!(is_echoed(no_limit().with_first_byte(Some(DEADLINE))));
}

#[test]
fn bytes_that_came_before_an_idle_connection_timed_out_are_served() {
    assert!(is_echoed(no_limit().with_idle(Some(DEADLINE))));
}

#[test]
fn a_client_that_is_silent_still_times_out() {
    let reactor = Reactor::new().unwrap();
    let timeouts = no_limit().with_first_byte(Some(DEADLINE));
    let factory = TimeoutFactory::with_timeouts(echo(), reactor.clone(), timeouts).into_rc();
    let (_port, address) = listen(&reactor, factory);
    let _client = TcpStream::connect(address).unwrap();
    turn_until(&reactor, "it is accepted", || reactor.counts().streams == 1);
    hold_up();
    turn_until(&reactor, "it is ended", || reactor.counts().streams == 0);
}

#[test]
fn a_connection_that_was_made_in_time_is_made() {
    let reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let seen = Record::new();
    let options = ConnectTcp::new(listener.local_addr().unwrap()).with_timeout(DEADLINE);
    let failed = Rc::new(RefCell::new(None));
    let failure = failed.clone();
    let attempt = reactor.connect_tcp(&options, once(Recorder::new(&seen)));
    let attempt = attempt.add_errback(move |error| {
        failure.replace(Some(error));
        Ok(())
    });
    hold_up();
    turn_until(&reactor, "it is decided", || seen.is_made() || failed.borrow().is_some());
    assert!(seen.is_made(), "{:?}", failed.borrow());
    drop(attempt);
    seen.forget();
}

#[test]
fn late_timers_run_in_the_turn_that_finds_them_and_in_their_order() {
    let reactor = Reactor::new().unwrap();
    let order = Rc::new(RefCell::new(Vec::new()));
    for (name, delay) in [("second", 20), ("third", 30), ("first", 10)] {
        let order = order.clone();
        let note = move || order.borrow_mut().push(name);
        reactor.call_later(Duration::from_millis(delay), note);
    }
    hold_up();
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(*order.borrow(), ["first", "second", "third"]);
}
