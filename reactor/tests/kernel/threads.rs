//! Other threads: the way in, the way out, and names that are looked up on the way.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::child::in_child;
use crate::support::{Lines, PATIENCE, turn_until};
use deferred::Failure;
use interfaces::{ReactorCore as _, ReactorThreads, ResolveError, Resolver as _, ThreadOutcome};
use ropewalk_reactor::{Counts, Reactor};
use testkit::result_of;

#[test]
fn calls_run_on_the_reactors_thread_in_the_order_of_each_thread() {
    const THREADS: usize = 4;
    const CALLS: usize = 25_000;
    let reactor = Reactor::new().unwrap();
    let home = thread::current().id();
    let last = Arc::new(Mutex::new([0; THREADS]));
    let ended = Arc::new(AtomicUsize::new(0));
    for number in 0..THREADS {
        let remote = reactor.remote();
        let (last, ended) = (last.clone(), ended.clone());
        thread::spawn(move || {
            for call in 1..=CALLS {
                let last = last.clone();
                remote.call_from_thread(move |_| {
                    assert_eq!(thread::current().id(), home);
                    let mut last = last.lock().unwrap();
                    assert_eq!(last[number] + 1, call);
                    last[number] = call;
                });
            }
            remote.call_from_thread(move |reactor| {
                if ended.fetch_add(1, Ordering::Relaxed) + 1 == THREADS {
                    reactor.stop().unwrap();
                }
            });
        });
    }
    let stopper = reactor.clone();
    reactor.call_later(PATIENCE, move || stopper.stop().unwrap());
    reactor.run().unwrap();
    assert_eq!(*last.lock().unwrap(), [CALLS; THREADS]);
}

#[test]
fn a_hundred_thousand_calls_in_a_burst_all_run_once() {
    const CALLS: usize = 100_000;
    let reactor = Reactor::new().unwrap();
    let remote = reactor.remote();
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..CALLS {
        let ran = ran.clone();
        remote.call_from_thread(move |_| {
            ran.fetch_add(1, Ordering::Relaxed);
        });
    }
    assert_eq!(ran.load(Ordering::Relaxed), 0, "none runs inside the call");
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), CALLS);
}

#[test]
fn each_of_many_single_calls_wakes_a_reactor_that_waits_without_end() {
    let reactor = Reactor::new().unwrap();
    let remote = reactor.remote();
    let (send, receive) = mpsc::channel();
    let caller = thread::spawn(move || {
        for _ in 0..2000 {
            let send = send.clone();
            remote.call_from_thread(move |_| send.send(()).unwrap());
            // The next one comes when the reactor waits again, or is about to.
            receive.recv_timeout(PATIENCE).expect("the call came through");
        }
        remote.call_from_thread(|reactor| reactor.stop().unwrap());
    });
    let stopper = reactor.clone();
    reactor.call_later(PATIENCE * 2, move || stopper.stop().unwrap());
    reactor.run().unwrap();
    caller.join().unwrap();
}

#[test]
fn a_call_from_the_reactors_own_thread_comes_on_the_next_turn_without_a_wait() {
    let reactor = Reactor::new().unwrap();
    let log = Rc::new(RefCell::new(Vec::new()));
    let remote = reactor.remote();
    let (told, stopper) = (log.clone(), reactor.clone());
    let arrived = Arc::new(AtomicBool::new(false));
    let flag = arrived.clone();
    reactor.call_later(Duration::ZERO, move || {
        remote.call_from_thread(move |reactor| {
            flag.store(true, Ordering::Relaxed);
            reactor.stop().unwrap();
        });
        told.borrow_mut().push("asked");
    });
    reactor.call_later(PATIENCE, move || stopper.stop().unwrap());
    reactor.run().unwrap();
    assert!(arrived.load(Ordering::Relaxed));
    assert_eq!(*log.borrow(), ["asked"]);
}

#[test]
fn a_panic_in_a_call_from_a_thread_costs_that_call_only() {
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    let remote = reactor.remote();
    let ran = Arc::new(AtomicUsize::new(0));
    for number in 0..10 {
        let ran = ran.clone();
        remote.call_from_thread(move |_| {
            assert!(number != 4, "on purpose");
            ran.fetch_add(1, Ordering::Relaxed);
        });
    }
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 9);
    assert_eq!(lines.count("on purpose"), 1);
}

#[test]
fn calls_to_a_reactor_that_is_gone_are_dropped_unrun() {
    let reactor = Reactor::new().unwrap();
    let remote = reactor.remote();
    let ran = Arc::new(AtomicBool::new(false));
    let call = |ran: &Arc<AtomicBool>| {
        let ran = ran.clone();
        move |_: &Reactor| ran.store(true, Ordering::Relaxed)
    };
    remote.call_from_thread(call(&ran));
    drop(reactor);
    assert_eq!(Arc::strong_count(&ran), 1, "what waited is dropped with it");
    remote.call_from_thread(call(&ran));
    assert_eq!(Arc::strong_count(&ran), 1);
    assert!(!ran.load(Ordering::Relaxed));
}

#[test]
fn work_runs_elsewhere_and_its_end_is_told_at_home() {
    let reactor = Reactor::new().unwrap();
    let home = thread::current().id();
    let outcomes = Rc::new(RefCell::new(Vec::new()));
    for panics in [false, true] {
        let (told, stopper) = (outcomes.clone(), reactor.clone());
        let work = move || {
            assert_ne!(thread::current().id(), home);
            assert!(!panics, "on purpose");
        };
        let done = move |outcome| {
            assert_eq!(thread::current().id(), home);
            told.borrow_mut().push(outcome);
            if told.borrow().len() == 2 {
                stopper.stop().unwrap();
            }
        };
        reactor.call_in_thread(Box::new(work), Box::new(done));
    }
    reactor.run().unwrap();
    let outcomes = outcomes.take();
    assert!(outcomes.contains(&ThreadOutcome::Done));
    assert!(outcomes.contains(&ThreadOutcome::Panicked("on purpose".into())));
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_panic_whose_message_panics_costs_no_worker() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("while being dropped, on purpose");
        }
    }
    let reactor = Reactor::new().unwrap();
    reactor.suggest_thread_pool_size(1);
    let told = Rc::new(Cell::new(0));
    for round in 0..3 {
        let (told, stopper) = (told.clone(), reactor.clone());
        let work = move || {
            if round < 2 {
                std::panic::panic_any(Bad);
            }
        };
        let done = move |outcome| {
            told.set(told.get() + 1);
            assert_eq!(outcome == ThreadOutcome::Done, round == 2);
            if round == 2 {
                stopper.stop().unwrap();
            }
        };
        reactor.call_in_thread(Box::new(work), Box::new(done));
    }
    let stopper = reactor.clone();
    reactor.call_later(PATIENCE, move || stopper.stop().unwrap());
    reactor.run().unwrap();
    assert_eq!(told.get(), 3);
}

#[test]
fn never_more_threads_work_than_the_pool_may_have() {
    const PIECES: usize = 40;
    for threads in [1, 3] {
        let reactor = Reactor::new().unwrap();
        reactor.suggest_thread_pool_size(threads);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let done = Rc::new(Cell::new(0));
        for _ in 0..PIECES {
            let (now, most) = (now.clone(), most.clone());
            let (count, stopper) = (done.clone(), reactor.clone());
            let work = move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
            };
            let tell = move |_| {
                count.set(count.get() + 1);
                if count.get() == PIECES {
                    stopper.stop().unwrap();
                }
            };
            reactor.call_in_thread(Box::new(work), Box::new(tell));
        }
        reactor.run().unwrap();
        assert_eq!(done.get(), PIECES);
        assert!((1..=threads).contains(&most.load(Ordering::SeqCst)), "{most:?} of {threads}");
    }
}

#[test]
fn work_starts_only_once_the_reactor_runs() {
    let reactor = Reactor::new().unwrap();
    let started = Arc::new(AtomicBool::new(false));
    let (flag, stopper) = (started.clone(), reactor.clone());
    let work = move || flag.store(true, Ordering::SeqCst);
    let done = move |_| stopper.stop().unwrap();
    ReactorThreads::call_in_thread(&reactor, Box::new(work), Box::new(done));
    for _ in 0..5 {
        reactor.turn(Some(Duration::from_millis(2))).unwrap();
    }
    assert!(!started.load(Ordering::SeqCst));
    assert_eq!(reactor.counts().jobs, 1);
    reactor.run().unwrap();
    assert!(started.load(Ordering::SeqCst));
}

/// The result of a lookup; the reactor runs meanwhile.
fn look_up(host: &str) -> Result<Vec<SocketAddr>, Failure> {
    let reactor = Reactor::new().unwrap();
    let answer = Rc::new(RefCell::new(None));
    let (slot, asked, host) = (answer.clone(), reactor.clone(), host.to_owned());
    reactor.call_when_running(Box::new(move || {
        let stopper = asked.clone();
        drop(asked.resolve_host_name(&host, 80).add_both(move |result| {
            slot.replace(Some(result));
            stopper.stop().unwrap();
            Ok::<_, Failure>(())
        }));
    }));
    let stopper = reactor.clone();
    reactor.call_later(PATIENCE, move || stopper.stop().unwrap());
    reactor.run().unwrap();
    assert_eq!(reactor.counts(), Counts::default());
    answer.take().expect("the lookup was answered in time")
}

#[test]
fn a_name_becomes_addresses_with_the_port() {
    let addresses = look_up("localhost").unwrap();
    assert!(!addresses.is_empty());
    assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
}

#[test]
fn localhost_is_found_within_3_seconds_of_the_start_of_a_fresh_process() {
    in_child(|| {
        let start = Instant::now();
        assert!(!look_up("localhost").unwrap().is_empty());
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    });
}

#[test]
fn a_name_that_does_not_exist_is_an_error_with_that_name() {
    for name in ["something.invalid", "", "nul\0byte", "two words"] {
        let failure = look_up(name).unwrap_err();
        let error = failure.trap::<ResolveError>().unwrap();
        let ResolveError::Failed { host, reason } = &*error else { panic!("{error:?}") };
        assert_eq!(host, name);
        assert!(!reason.is_empty());
    }
}

#[test]
fn a_numeric_address_is_answered_at_once_and_without_a_thread() {
    let reactor = Reactor::new().unwrap();
    for (host, address) in [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")] {
        let answer = result_of(reactor.resolve_host_name(host, 80));
        assert_eq!(answer.unwrap(), [address.parse().unwrap()]);
    }
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_lookup_that_was_cancelled_answers_nobody() {
    let reactor = Reactor::new().unwrap();
    let lookup = reactor.resolve_host_name("localhost", 80);
    let handle = lookup.cancel_handle();
    let answers = Rc::new(RefCell::new(Vec::new()));
    let told = answers.clone();
    drop(lookup.add_both(move |answer| {
        told.borrow_mut().push(answer);
        Ok::<_, Failure>(())
    }));
    handle.cancel();
    assert_eq!(answers.borrow().len(), 1);
    reactor.fire_system_event(interfaces::SystemEvent::Startup);
    turn_until(&reactor, "the lookup's thread has ended", || reactor.counts().jobs == 0);
    let answers = answers.take();
    assert_eq!(answers.len(), 1);
    assert!(answers[0].as_ref().unwrap_err().check::<deferred::Cancelled>());
}
