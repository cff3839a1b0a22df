//! Threads that wait for an answer of the reactor, when its run ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use deferred::Deferred;
use interfaces::{FromThread, ReactorCore as _};
use protocol::threads::{BlockingCallFailed, blocking_call_from_thread};
use ropewalk_reactor::Reactor;

/// Runs a reactor that stops at once.
fn run_and_stop(reactor: &Reactor) {
    let stopper = reactor.clone();
    reactor.call_when_running(Box::new(move || stopper.stop().unwrap()));
    reactor.run().unwrap();
}

#[test]
fn no_thread_waits_for_an_answer_of_a_run_that_has_ended() {
    let reactor = Reactor::new().unwrap();
    let answer =
        |remote: &dyn FromThread| blocking_call_from_thread(remote, || Deferred::succeed(7));
    let ask = |reactor: &Reactor| {
        let remote = reactor.remote();
        thread::spawn(move || answer(&remote))
    };
    // Before the first run it waits for that, and between two it does not.
    let early = ask(&reactor);
    let stopper = reactor.remote();
    let waits = thread::spawn(move || {
        let answered = early.join().unwrap();
        stopper.call_from_thread(|reactor| reactor.stop().unwrap());
        answered
    });
    reactor.run().unwrap();
    assert_eq!(waits.join().unwrap(), Ok(7));
    for _ in 0..2 {
        assert_eq!(ask(&reactor).join().unwrap(), Err(BlockingCallFailed::NoAnswer));
    }
    let (remote, stopper) = (reactor.remote(), reactor.remote());
    reactor.call_when_running(Box::new(move || {
        thread::spawn(move || {
            let answered = answer(&remote);
            stopper.call_from_thread(move |reactor| {
                assert_eq!(answered, Ok(7), "another run answers");
                reactor.stop().unwrap();
            });
        });
    }));
    reactor.run().unwrap();
}

#[test]
fn a_thread_whose_call_meets_the_end_of_the_run_waits_no_longer_though_the_reactor_lives() {
    for _ in 0..50 {
        let reactor = Reactor::new().unwrap();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let remote = reactor.remote();
                thread::spawn(move || {
                    let mut answered = 0;
                    while blocking_call_from_thread(&remote, || Deferred::succeed(())).is_ok() {
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        let stopper = reactor.clone();
        reactor.call_later(Duration::from_millis(1), move || stopper.stop().unwrap());
        reactor.run().unwrap();
        for thread in threads {
            thread.join().unwrap();
        }
        // A call that no thread waits for is kept for the next run.
        let ran = Arc::new(AtomicBool::new(false));
        let told = ran.clone();
        reactor.remote().call_from_thread(move |_| told.store(true, Ordering::Relaxed));
        run_and_stop(&reactor);
        assert!(ran.load(Ordering::Relaxed));
    }
}
