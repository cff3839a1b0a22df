//! Work on other threads when the run of its reactor ends: finished, or cut off after its grace.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::support::PATIENCE;
use interfaces::{Phase, ReactorCore as _, ReactorThreads as _, SystemEvent};
use ropewalk_reactor::{Counts, Limits, Reactor};

/// A job that begins, has the reactor stopped, and works on until `go_on` is sent, or cut off.
fn stopped_at_work(
    reactor: &Reactor,
    told: &Rc<Cell<bool>>,
) -> (mpsc::Sender<()>, Arc<AtomicBool>) {
    let (go_on, receive) = mpsc::channel::<()>();
    let finished = Arc::new(AtomicBool::new(false));
    let (remote, flag, told) = (reactor.remote(), finished.clone(), told.clone());
    let work = move || {
        remote.call_from_thread(|reactor| reactor.stop().unwrap());
        if receive.recv_timeout(PATIENCE).is_ok() {
            flag.store(true, Ordering::SeqCst);
        }
    };
    reactor.call_in_thread(Box::new(work), Box::new(move |_| told.set(true)));
    (go_on, finished)
}

#[test]
fn work_that_has_begun_is_finished_and_told_before_the_run_ends() {
    let reactor = Reactor::with_limits(Limits::default().with_work_grace(PATIENCE)).unwrap();
    reactor.suggest_thread_pool_size(1);
    let (told, behind) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (go_on, finished) = stopped_at_work(&reactor, &told);
    let queued = behind.clone();
    reactor.call_in_thread(Box::new(|| {}), Box::new(move |_| queued.set(true)));
    let trigger = move || {
        // The shutdown is nearly over, and the work is not.
        go_on.send(()).unwrap();
        deferred::Deferred::succeed(())
    };
    reactor.add_system_event_trigger(Phase::After, SystemEvent::Shutdown, Box::new(trigger));
    let start = Instant::now();
    reactor.run().unwrap();
    assert!(start.elapsed() < PATIENCE, "the wait ends with the work");
    assert!(finished.load(Ordering::SeqCst));
    assert!(told.get() && behind.get());
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn work_that_is_not_done_within_its_grace_is_cut_off() {
    let grace = Duration::from_millis(50);
    let reactor = Reactor::with_limits(Limits::default().with_work_grace(grace)).unwrap();
    let told = Rc::new(Cell::new(false));
    let (go_on, finished) = stopped_at_work(&reactor, &told);
    let start = Instant::now();
    reactor.run().unwrap();
    assert!(start.elapsed() >= grace && start.elapsed() < PATIENCE);
    assert!(!told.get() && !finished.load(Ordering::SeqCst));
    assert_eq!(reactor.counts(), Counts::default());
    drop(go_on);
}

#[test]
fn a_signal_that_disconnects_all_ends_the_wait_for_work() {
    let reactor = Reactor::with_limits(Limits::default().with_work_grace(PATIENCE)).unwrap();
    let told = Rc::new(Cell::new(false));
    let (go_on, _) = stopped_at_work(&reactor, &told);
    let impatient = reactor.clone();
    let trigger = move || {
        let ended = impatient.clone();
        impatient.call_later(Duration::from_millis(20), move || ended.disconnect_all());
        deferred::Deferred::succeed(())
    };
    reactor.add_system_event_trigger(Phase::After, SystemEvent::Shutdown, Box::new(trigger));
    let start = Instant::now();
    reactor.run().unwrap();
    assert!(start.elapsed() < PATIENCE);
    assert!(!told.get());
    drop(go_on);
}

#[test]
fn work_whose_reactor_is_gone_tells_nobody_and_harms_nobody() {
    let (send, receive) = mpsc::channel::<()>();
    let (ended, end) = mpsc::channel();
    let limits = Limits::default().with_work_grace(Duration::from_millis(50));
    let reactor = Reactor::with_limits(limits).unwrap();
    let told = Rc::new(Cell::new(false));
    let (flag, stopper) = (told.clone(), reactor.clone());
    let work = move || {
        // Until the reactor is gone, and the other end of this channel with it.
        let _ = receive.recv_timeout(PATIENCE);
        ended.send(()).unwrap();
    };
    reactor.call_in_thread(Box::new(work), Box::new(move |_| flag.set(true)));
    reactor.call_later(Duration::from_millis(5), move || stopper.stop().unwrap());
    reactor.run().unwrap();
    assert_eq!(Rc::strong_count(&told), 1, "what was to be told is let go of");
    drop(reactor);
    drop(send);
    end.recv_timeout(PATIENCE).unwrap();
    assert!(!told.get());
}
