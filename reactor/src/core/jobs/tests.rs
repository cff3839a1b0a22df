//! A pool for which no thread can be started: its jobs are refused, or wait for a worker.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use interfaces::{
    Observer, ReactorCore as _, ReactorEvent, ReactorThreads as _, ResolveError, Resolver as _,
    ThreadOutcome,
};

use crate::Reactor;
use crate::threads::pool::{Work, spawn_system_thread};

/// After so long a test has failed; it passes in milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// The texts of the failures that the reactor told.
#[derive(Clone, Default)]
struct Failures(Rc<RefCell<Vec<String>>>);

impl Observer for Failures {
    fn observe(&self, event: &ReactorEvent<'_>) {
        if let ReactorEvent::Failed { attempt, error } = event {
            self.0.borrow_mut().push(format!("{attempt}: {error}"));
        }
    }
}

fn refuse(_: Work) -> io::Result<()> {
    Err(io::Error::from_raw_os_error(libc::EAGAIN))
}

thread_local! {
    static STARTED: Cell<usize> = const { Cell::new(0) };
}

/// Starts the first thread and no other.
fn start_one(body: Work) -> io::Result<()> {
    STARTED.set(STARTED.get() + 1);
    if STARTED.get() == 1 { spawn_system_thread(body) } else { refuse(body) }
}

fn run(reactor: &Reactor) {
    let stopper = reactor.clone();
    reactor.call_later(PATIENCE, move || stopper.stop().expect("it runs"));
    reactor.run().expect("the kernel polls");
}

#[test]
fn work_that_no_thread_can_be_started_for_is_refused_on_a_later_turn_and_reported() {
    let reactor = Reactor::new().expect("opens");
    let failures = Failures::default();
    reactor.set_observer(Rc::new(failures.clone()));
    reactor.core().jobs.set_spawn_thread(refuse);
    let outcome = Rc::new(RefCell::new(None));
    let ran = Arc::new(AtomicUsize::new(0));
    let (asked, told, counter) = (reactor.clone(), outcome.clone(), ran.clone());
    reactor.call_when_running(Box::new(move || {
        let (stopper, slot) = (asked.clone(), told.clone());
        let work = move || {
            counter.fetch_add(1, Ordering::SeqCst);
        };
        let done = move |outcome| {
            slot.replace(Some(outcome));
            stopper.stop().expect("it runs");
        };
        asked.call_in_thread(Box::new(work), Box::new(done));
        assert!(told.borrow().is_none(), "nothing is told inside the call that asked");
    }));
    run(&reactor);
    let Some(ThreadOutcome::Refused(reason)) = outcome.take() else { panic!("it was not refused") };
    assert!(reason.contains("no thread could be started"), "{reason}");
    assert_eq!((ran.load(Ordering::SeqCst), Arc::strong_count(&ran)), (0, 1), "dropped unrun");
    let failures = failures.0.take();
    assert_eq!(failures.len(), 1);
    assert!(failures[0].starts_with("starting a thread for blocking work: "), "{failures:?}");
    assert_eq!(reactor.counts().jobs, 0);
}

#[test]
fn work_waits_for_the_worker_that_is_there_when_no_other_can_be_started() {
    const PIECES: usize = 8;
    let reactor = Reactor::new().expect("opens");
    let failures = Failures::default();
    reactor.set_observer(Rc::new(failures.clone()));
    reactor.core().jobs.set_spawn_thread(start_one);
    let outcomes = Rc::new(RefCell::new(Vec::new()));
    for _ in 0..PIECES {
        let (told, stopper) = (outcomes.clone(), reactor.clone());
        let done = move |outcome| {
            told.borrow_mut().push(outcome);
            if told.borrow().len() == PIECES {
                stopper.stop().expect("it runs");
            }
        };
        reactor.call_in_thread(Box::new(std::thread::yield_now), Box::new(done));
    }
    run(&reactor);
    assert_eq!(outcomes.take(), vec![ThreadOutcome::Done; PIECES]);
    assert!(failures.0.take().is_empty());
}

#[test]
fn a_lookup_that_no_thread_can_be_started_for_fails_with_that_reason() {
    let reactor = Reactor::new().expect("opens");
    reactor.set_observer(Rc::new(Failures::default()));
    reactor.core().jobs.set_spawn_thread(refuse);
    let failure = Rc::new(RefCell::new(None));
    let (asked, told) = (reactor.clone(), failure.clone());
    reactor.call_when_running(Box::new(move || {
        let stopper = asked.clone();
        drop(asked.resolve_host_name("localhost", 80).add_errback(move |failure| {
            told.replace(Some(failure));
            stopper.stop().expect("it runs");
            Ok(Vec::new())
        }));
    }));
    run(&reactor);
    let failure = failure.take().expect("it failed");
    let error = failure.trap::<ResolveError>().expect("by the resolver");
    let ResolveError::Failed { host, reason } = &*error else { panic!("{error:?}") };
    assert_eq!(host, "localhost");
    assert!(reason.starts_with("the lookup was not run: no thread could be started"), "{reason}");
}
