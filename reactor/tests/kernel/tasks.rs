//! Futures on the reactor: when they run, and how they end.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::support::{Lines, PATIENCE, echo, listen, turn_until};
use deferred::{Cancelled, Deferred, Failure};
use interfaces::{ConnectTcp, ReactorCore as _, ReactorTcp as _};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};
use testkit::once;

/// Where the outcome of a Deferred is kept.
fn outcome_of<T: 'static>(deferred: Deferred<T>) -> Rc<RefCell<Option<Result<T, Failure>>>> {
    let outcome = Rc::new(RefCell::new(None));
    let slot = outcome.clone();
    drop(deferred.add_both(move |result: Result<T, Failure>| {
        slot.replace(Some(result));
        Ok::<_, Failure>(())
    }));
    outcome
}

/// A pair that says when it was dropped.
struct Dropped(Rc<Cell<bool>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

#[test]
fn what_a_future_returns_is_what_its_deferred_fires_with() {
    let reactor = Reactor::new().unwrap();
    let (deferred, promise) = Deferred::<u32>::new();
    let outcome = outcome_of(reactor.spawn(async move { Ok(deferred.await? + 1) }));
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert!(outcome.borrow().is_none());
    reactor.call_later(Duration::ZERO, move || promise.callback(41));
    turn_until(&reactor, "the task is done", || outcome.borrow().is_some());
    assert_eq!(outcome.take().unwrap().unwrap(), 42);
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn the_first_step_of_a_task_is_made_inside_the_call_that_spawns_it() {
    let reactor = Reactor::new().unwrap();
    let log = Rc::new(RefCell::new(Vec::new()));
    let (deferred, promise) = Deferred::<()>::new();
    let told = log.clone();
    let outcome = outcome_of(reactor.spawn(async move {
        told.borrow_mut().push("first step");
        deferred.await?;
        told.borrow_mut().push("second step");
        Ok(())
    }));
    log.borrow_mut().push("spawned");
    promise.callback(());
    log.borrow_mut().push("fired");
    turn_until(&reactor, "the task is done", || outcome.borrow().is_some());
    assert_eq!(*log.borrow(), ["first step", "spawned", "fired", "second step"]);
}

#[test]
fn a_cancelled_task_handles_that_where_it_awaits_and_goes_on() {
    let reactor = Reactor::new().unwrap();
    let (never, never_promise) = Deferred::<u32>::new();
    let (later, later_promise) = Deferred::<u32>::new();
    let spawned = reactor.spawn(async move {
        never.await.unwrap_err().trap::<Cancelled>()?;
        Ok(later.await? + 1)
    });
    let handle = spawned.cancel_handle();
    let outcome = outcome_of(spawned);
    handle.cancel();
    assert!(never_promise.is_cancelled());
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!((outcome.borrow().is_none(), reactor.counts().tasks), (true, 1));
    reactor.call_later(Duration::ZERO, move || later_promise.callback(1));
    turn_until(&reactor, "the task is done", || outcome.borrow().is_some());
    assert_eq!(outcome.take().unwrap().unwrap(), 2);
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_task_resumes_after_the_call_that_woke_it_and_before_the_next() {
    let reactor = Reactor::new().unwrap();
    let log = Rc::new(RefCell::new(Vec::new()));
    let (deferred, promise) = Deferred::<()>::new();
    let told = log.clone();
    drop(reactor.spawn(async move {
        deferred.await?;
        told.borrow_mut().push("task");
        Ok::<(), Failure>(())
    }));
    reactor.turn(Some(Duration::ZERO)).unwrap();
    let told = log.clone();
    reactor.call_later(Duration::ZERO, move || {
        promise.callback(());
        told.borrow_mut().push("after firing");
    });
    let told = log.clone();
    reactor.call_later(Duration::ZERO, move || told.borrow_mut().push("next call"));
    turn_until(&reactor, "all is told", || log.borrow().len() == 3);
    assert_eq!(*log.borrow(), ["after firing", "task", "next call"]);
}

#[test]
fn a_task_stays_outside_of_the_callback_that_woke_it_whatever_that_asks_of_the_reactor() {
    let reactor = Reactor::new().unwrap();
    let log = Rc::new(RefCell::new(Vec::new()));
    let (deferred, promise) = Deferred::<()>::new();
    let told = log.clone();
    drop(reactor.spawn(async move {
        deferred.await?;
        told.borrow_mut().push("task");
        Ok::<(), Failure>(())
    }));
    reactor.turn(Some(Duration::ZERO)).unwrap();
    let (port, address) = listen(&reactor, echo());
    let (asked, told) = (reactor.clone(), log.clone());
    reactor.call_later(Duration::ZERO, move || {
        promise.callback(());
        told.borrow_mut().push("fired");
        // Each of these calls a factory's hook before it returns.
        drop(port.stop_listening());
        drop(asked.connect_tcp(&ConnectTcp::new(address), echo()).add_errback(|_| Ok(())));
        drop(listen(&asked, echo()));
        told.borrow_mut().push("returned");
    });
    turn_until(&reactor, "all is told", || log.borrow().len() == 3);
    assert_eq!(*log.borrow(), ["fired", "returned", "task"]);
    reactor.disconnect_all();
}

#[test]
fn one_task_does_not_run_inside_another() {
    let reactor = Reactor::new().unwrap();
    let log = Rc::new(RefCell::new(Vec::new()));
    let (deferred, promise) = Deferred::<()>::new();
    let told = log.clone();
    drop(reactor.spawn(async move {
        deferred.await?;
        told.borrow_mut().push("second");
        Ok::<(), Failure>(())
    }));
    let (told, asked) = (log.clone(), reactor.clone());
    drop(reactor.spawn(async move {
        promise.callback(());
        drop(listen(&asked, echo()));
        told.borrow_mut().push("first");
        Ok::<(), Failure>(())
    }));
    turn_until(&reactor, "both are done", || log.borrow().len() == 2);
    assert_eq!(*log.borrow(), ["first", "second"]);
    reactor.disconnect_all();
}

#[test]
fn cancelling_drops_a_future_that_awaits_no_deferred_and_dropping_the_deferred_does_not() {
    let reactor = Reactor::new().unwrap();
    let dropped = Rc::new(Cell::new(false));
    let guard = Dropped(dropped.clone());
    let spawned = reactor.spawn(async move {
        std::future::pending::<()>().await;
        drop(guard);
        Ok(())
    });
    let handle = spawned.cancel_handle();
    let outcome = outcome_of(spawned);
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!((dropped.get(), reactor.counts().tasks), (false, 1));
    handle.cancel();
    assert_eq!((dropped.get(), reactor.counts().tasks), (true, 0));
    assert!(outcome.take().unwrap().unwrap_err().check::<Cancelled>());
}

#[test]
fn a_task_may_cancel_itself_while_it_runs() {
    let reactor = Reactor::new().unwrap();
    let dropped = Rc::new(Cell::new(false));
    let guard = Dropped(dropped.clone());
    let itself = Rc::new(RefCell::new(None::<deferred::CancelHandle>));
    let own = itself.clone();
    let (start, promise) = Deferred::<()>::new();
    let spawned = reactor.spawn(async move {
        start.await?;
        own.take().unwrap().cancel();
        std::future::pending::<()>().await;
        drop(guard);
        Ok(())
    });
    itself.replace(Some(spawned.cancel_handle()));
    promise.callback(());
    let outcome = outcome_of(spawned);
    turn_until(&reactor, "it is dropped", || dropped.get());
    assert!(outcome.take().unwrap().unwrap_err().check::<Cancelled>());
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_panic_in_a_task_fails_its_deferred_and_the_others_go_on() {
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    let broken = outcome_of(reactor.spawn(async { panic!("on purpose") }));
    let whole = outcome_of(reactor.spawn(async { Ok(7) }));
    turn_until(&reactor, "both are told", || broken.borrow().is_some() && whole.borrow().is_some());
    let failed: Result<(), Failure> = broken.take().unwrap();
    assert!(failed.is_err());
    assert_eq!(whole.take().unwrap().unwrap(), 7);
    assert_eq!(lines.count("on purpose"), 1);
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_panic_in_the_drop_of_a_future_costs_nobody_else() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    let bad = Bad;
    let done = outcome_of(reactor.spawn(async move {
        let _bad = bad;
        Ok(())
    }));
    turn_until(&reactor, "it is done", || done.borrow().is_some());
    assert_eq!(lines.count("on purpose"), 1);
    for _ in 0..3 {
        let bad = Bad;
        drop(reactor.spawn(async move {
            std::future::pending::<()>().await;
            drop(bad);
            Ok::<(), Failure>(())
        }));
    }
    reactor.turn(Some(Duration::ZERO)).unwrap();
    // Three panics in one drop of the reactor: none ends the process.
    drop(reactor);
}

#[test]
fn another_thread_wakes_a_task_and_with_it_a_reactor_that_waits() {
    let reactor = Reactor::new().unwrap();
    let wakers = std::sync::Arc::new(std::sync::Mutex::new((0_u32, None)));
    let (own, stopper) = (wakers.clone(), reactor.clone());
    let done = outcome_of(reactor.spawn(poll_fn(move |context| {
        let mut state = own.lock().unwrap();
        state.1 = Some(context.waker().clone());
        if state.0 < 100 {
            return Poll::Pending;
        }
        // Once the reactor runs, so that a task that is done before stops it all the same.
        let (running, stopper) = (stopper.clone(), stopper.clone());
        let stop = move || stopper.stop().unwrap();
        running.call_when_running(Box::new(stop));
        Poll::Ready(Ok(state.0))
    })));
    let waking = std::thread::spawn(move || {
        for _ in 0..100 {
            std::thread::yield_now();
            let mut state = wakers.lock().unwrap();
            state.0 += 1;
            if let Some(waker) = state.1.take() {
                drop(state);
                waker.wake();
            }
        }
    });
    // A wake-up that is lost leaves this as the only end.
    let stopper = reactor.clone();
    reactor.call_later(PATIENCE, move || stopper.stop().unwrap());
    reactor.run().unwrap();
    waking.join().unwrap();
    assert_eq!(done.take().unwrap().unwrap(), 100);
}

#[test]
fn a_task_that_always_wakes_itself_does_not_keep_a_connection_from_its_turn() {
    let reactor = Reactor::new().unwrap();
    let polls = Rc::new(Cell::new(0_u64));
    let count = polls.clone();
    drop(reactor.spawn(poll_fn(move |context| {
        count.set(count.get() + 1);
        context.waker().wake_by_ref();
        Poll::<Result<(), Failure>>::Pending
    })));
    let (_port, address) = listen(&reactor, echo());
    let mut client = TcpStream::connect(address).unwrap();
    client.set_nonblocking(true).unwrap();
    client.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    turn_until(&reactor, "the echo came", || client.read_exact(&mut answer).is_ok());
    assert_eq!(&answer, b"ping");
    assert!(polls.get() > 2);
    let timer = Rc::new(Cell::new(false));
    let fired = timer.clone();
    reactor.call_later(Duration::from_millis(1), move || fired.set(true));
    turn_until(&reactor, "the timer fired", || timer.get());
}

#[test]
fn a_task_that_reads_a_protocol_finds_it_free() {
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let (deferred, promise) = Deferred::<usize>::new();
    let promise = RefCell::new(Some(promise));
    let factory = once(Recorder::new(&seen).on_data(move |_, data| {
        if let Some(promise) = promise.take() {
            promise.callback(data.len());
        }
    }));
    let (_port, address) = listen(&reactor, factory);
    let own = seen.clone();
    let done = outcome_of(reactor.spawn(async move {
        let length = deferred.await?;
        own.transport().write(b"written by a task");
        Ok(length)
    }));
    let mut client = TcpStream::connect(address).unwrap();
    client.set_nonblocking(true).unwrap();
    client.write_all(b"four").unwrap();
    let mut answer = [0; 17];
    turn_until(&reactor, "the answer came", || client.read_exact(&mut answer).is_ok());
    assert_eq!(&answer, b"written by a task");
    assert_eq!(done.take().unwrap().unwrap(), 4);
    seen.forget();
}

#[test]
fn a_task_that_was_woken_last_is_freed_with_its_reactor() {
    let reactor = Reactor::new().unwrap();
    let dropped = Rc::new(Cell::new(false));
    let guard = Dropped(dropped.clone());
    drop(reactor.spawn(async move {
        std::future::pending::<()>().await;
        drop(guard);
        Ok::<(), Failure>(())
    }));
    drop(reactor);
    assert!(dropped.get());
}
