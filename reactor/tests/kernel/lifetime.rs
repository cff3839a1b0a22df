//! Starting and stopping a reactor: the order of its triggers, and what each connection hears.

use std::cell::{Cell, RefCell};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use crate::support::{Lines, PATIENCE, RecordExt as _, listen, turn_until};
use deferred::{Deferred, Failure};
use interfaces::{NotRunning, Phase, ReactorCore as _, Reason, SystemEvent, Transport};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};
use testkit::once;

type Log = Rc<RefCell<Vec<&'static str>>>;

/// Notes a name when the event comes to this phase.
fn note(reactor: &Reactor, phase: Phase, event: SystemEvent, log: &Log, name: &'static str) {
    let log = log.clone();
    let trigger = Box::new(move || {
        log.borrow_mut().push(name);
        Deferred::succeed(())
    });
    reactor.add_system_event_trigger(phase, event, trigger);
}

/// Stops the reactor as soon as it runs; and in any case some day.
fn stop_soon(reactor: &Reactor) {
    let stopper = reactor.clone();
    reactor.call_when_running(Box::new(move || stopper.stop().unwrap()));
}

fn stop_some_day(reactor: &Reactor) {
    let stopper = reactor.clone();
    reactor.call_later(PATIENCE, move || {
        let _ = stopper.stop();
    });
}

#[test]
fn the_phases_of_start_and_stop_come_in_order_whatever_the_order_of_asking() {
    let reactor = Reactor::new().unwrap();
    let log = Log::default();
    for event in [SystemEvent::Shutdown, SystemEvent::Startup] {
        let names = match event {
            SystemEvent::Startup => ["started", "starting", "before the start"],
            SystemEvent::Shutdown => ["stopped", "stopping", "before the stop"],
            other => panic!("{other:?} is not asked for"),
        };
        for (phase, name) in [Phase::After, Phase::During, Phase::Before].into_iter().zip(names) {
            note(&reactor, phase, event, &log, name);
        }
    }
    stop_soon(&reactor);
    reactor.run().unwrap();
    let expected =
        ["before the start", "starting", "started", "before the stop", "stopping", "stopped"];
    assert_eq!(*log.borrow(), expected);
    log.borrow_mut().clear();
    stop_soon(&reactor);
    reactor.run().unwrap();
    assert!(log.borrow().is_empty(), "each trigger is called once");
}

#[test]
fn what_a_before_trigger_returns_holds_the_next_phase_back() {
    for event in [SystemEvent::Startup, SystemEvent::Shutdown] {
        let reactor = Reactor::new().unwrap();
        let log = Log::default();
        let (held, promise) = Deferred::new();
        let (told, timed) = (log.clone(), reactor.clone());
        let hold = Box::new(move || {
            told.borrow_mut().push("held");
            // Turns go by, timers run, and nothing happens.
            timed.clone().call_later(Duration::from_millis(1), move || {
                timed.call_later(Duration::from_millis(1), move || {
                    told.borrow_mut().push("released");
                    promise.callback(());
                });
            });
            held
        });
        reactor.add_system_event_trigger(Phase::Before, event, hold);
        note(&reactor, Phase::Before, event, &log, "not held");
        note(&reactor, Phase::During, event, &log, "next");
        stop_soon(&reactor);
        reactor.run().unwrap();
        assert_eq!(*log.borrow(), ["held", "not held", "released", "next"]);
    }
}

#[test]
fn a_start_that_is_held_back_can_be_stopped() {
    let reactor = Reactor::new().unwrap();
    let (held, promise) = Deferred::<()>::new();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Startup, Box::new(|| held));
    let log = Log::default();
    note(&reactor, Phase::During, SystemEvent::Startup, &log, "started");
    note(&reactor, Phase::After, SystemEvent::Shutdown, &log, "stopped");
    let stopper = reactor.clone();
    reactor.call_later(Duration::from_millis(1), move || stopper.stop().unwrap());
    reactor.run().unwrap();
    assert_eq!(*log.borrow(), ["stopped"]);
    // What held the first start holds nothing of the second.
    promise.callback(());
    let (second, second_promise) = Deferred::<()>::new();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Startup, Box::new(|| second));
    let stopper = reactor.clone();
    let stop = move || {
        assert!(!stopper.running(), "it is still held back");
        stopper.stop().unwrap();
    };
    reactor.call_later(Duration::from_millis(1), stop);
    reactor.run().unwrap();
    drop(second_promise);
}

#[test]
fn a_call_for_the_running_reactor_waits_while_the_start_is_held_back() {
    let reactor = Reactor::new().unwrap();
    let log = Log::default();
    let (held, promise) = Deferred::new();
    let (asked, told) = (reactor.clone(), log.clone());
    let hold = Box::new(move || {
        let (running, told) = (asked.clone(), told.clone());
        asked.call_when_running(Box::new(move || {
            assert!(running.running());
            told.borrow_mut().push("runs");
            running.stop().unwrap();
        }));
        held
    });
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Startup, hold);
    note(&reactor, Phase::During, SystemEvent::Startup, &log, "starts");
    note(&reactor, Phase::After, SystemEvent::Startup, &log, "started");
    let (told, running) = (log.clone(), reactor.clone());
    reactor.call_later(Duration::from_millis(20), move || {
        assert!(!running.running());
        told.borrow_mut().push("is held back");
        promise.callback(());
    });
    stop_some_day(&reactor);
    reactor.run().unwrap();
    assert_eq!(*log.borrow(), ["is held back", "starts", "started", "runs"]);
}

#[test]
fn a_trigger_of_the_start_may_stop_the_reactor() {
    for phase in [Phase::Before, Phase::During, Phase::After] {
        let reactor = Reactor::new().unwrap();
        let log = Log::default();
        let stopper = reactor.clone();
        let stop = Box::new(move || {
            stopper.stop().unwrap();
            Deferred::succeed(())
        });
        reactor.add_system_event_trigger(phase, SystemEvent::Startup, stop);
        note(&reactor, Phase::Before, SystemEvent::Startup, &log, "start");
        note(&reactor, Phase::After, SystemEvent::Shutdown, &log, "stopped");
        stop_some_day(&reactor);
        reactor.run().unwrap();
        assert_eq!(*log.borrow(), ["start", "stopped"], "{phase:?}");
    }
}

#[test]
fn stop_works_from_inside_any_callback_and_a_second_one_is_refused() {
    for place in ["timer", "connection_made", "data_received", "task", "another thread"] {
        let reactor = Reactor::new().unwrap();
        stop_some_day(&reactor);
        let refused = Rc::new(Cell::new(None));
        let (stopper, told) = (reactor.clone(), refused.clone());
        let stop = move || {
            stopper.stop().unwrap();
            assert!(!stopper.running());
            told.set(Some(stopper.stop()));
        };
        let stop = RefCell::new(Some(stop));
        let stop = move || stop.take().unwrap()();
        let seen = Record::new();
        let mut client = None;
        match place {
            "timer" => drop(reactor.call_later(Duration::ZERO, stop)),
            "task" => {
                let spawner = reactor.clone();
                let task = async move {
                    stop();
                    Ok::<(), Failure>(())
                };
                reactor.call_when_running(Box::new(move || drop(spawner.spawn(task))));
            }
            "another thread" => {
                let remote = reactor.remote();
                let told = refused.clone();
                told.set(Some(Err(NotRunning)));
                std::thread::spawn(move || {
                    remote.call_from_thread(|reactor| reactor.stop().unwrap())
                });
            }
            "connection_made" => {
                let (_port, address) =
                    listen(&reactor, once(Recorder::new(&seen).on_made(move |_| stop())));
                client = Some(TcpStream::connect(address).unwrap());
            }
            _ => {
                let (_port, address) =
                    listen(&reactor, once(Recorder::new(&seen).on_data(move |_, _| stop())));
                let mut sender = TcpStream::connect(address).unwrap();
                std::io::Write::write_all(&mut sender, b"stop").unwrap();
                client = Some(sender);
            }
        }
        reactor.run().unwrap();
        assert_eq!(refused.get(), Some(Err(NotRunning)), "{place}");
        assert_eq!(seen.count("connection_lost"), seen.count("connection_made"), "{place}");
        seen.forget();
        drop(client);
        assert_eq!(reactor.counts(), Counts::default(), "{place}");
        assert_eq!(reactor.stop(), Err(NotRunning));
    }
}

#[test]
fn a_reactor_runs_once_at_a_time_and_again_afterwards() {
    let reactor = Reactor::new().unwrap();
    for _ in 0..3 {
        let inner = reactor.clone();
        reactor.call_when_running(Box::new(move || {
            assert!(inner.running());
            let error = inner.run().unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy);
            inner.stop().unwrap();
        }));
        stop_some_day(&reactor);
        reactor.run().unwrap();
        assert!(!reactor.running());
    }
    // Connections work in a later run, too.
    let seen = Record::new();
    let stopper = reactor.clone();
    let stop_at_once = move |_: &Rc<dyn Transport>| stopper.stop().unwrap();
    let (_port, address) = listen(&reactor, once(Recorder::new(&seen).on_made(stop_at_once)));
    let client = TcpStream::connect(address).unwrap();
    stop_some_day(&reactor);
    reactor.run().unwrap();
    assert!(matches!(seen.reason(), Reason::Stopped));
    drop(client);
    seen.forget();
}

#[test]
fn stopping_loses_each_connection_once_and_closes_each_port() {
    let reactor = Reactor::new().unwrap();
    let log = Log::default();
    let all: Rc<RefCell<Vec<Record>>> = Rc::default();
    let (seens, told) = (all.clone(), log.clone());
    let factory = protocol::FactoryFn::new(move |_: &interfaces::Address| {
        let seen = Record::new();
        seens.borrow_mut().push(seen.clone());
        let told = told.clone();
        Recorder::new(&seen).on_lost(move |_| told.borrow_mut().push("lost"))
    });
    let told = log.clone();
    let factory = factory.on_stop(move || {
        told.borrow_mut().push("factory stopped");
        Ok(())
    });
    let (_port, address) = listen(&reactor, factory.into_rc());
    note(&reactor, Phase::Before, SystemEvent::Shutdown, &log, "before");
    note(&reactor, Phase::During, SystemEvent::Shutdown, &log, "during");
    note(&reactor, Phase::After, SystemEvent::Shutdown, &log, "after");
    let clients: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
    turn_until(&reactor, "all are connected", || {
        all.borrow().iter().filter(|s| s.is_made()).count() == 5
    });
    stop_soon(&reactor);
    reactor.run().unwrap();
    let mut order = log.take();
    assert_eq!(order[..2], ["before", "during"]);
    assert_eq!(order.pop(), Some("after"));
    order.sort_unstable();
    assert_eq!(order[2..], ["factory stopped", "lost", "lost", "lost", "lost", "lost"]);
    for seen in all.borrow().iter() {
        assert!(matches!(seen.reason(), Reason::Stopped));
        // The handles of lost connections do no harm.
        seen.transport().write(b"too late");
        seen.transport().lose_connection();
    }
    assert_eq!(reactor.counts(), Counts::default());
    assert!(TcpStream::connect(address).is_err());
    drop(clients);
    all.take();
}

#[test]
fn a_panic_in_any_trigger_stops_neither_the_start_nor_the_stop() {
    let reactor = Reactor::new().unwrap();
    let lines = Lines::watch(&reactor);
    let log = Log::default();
    for event in [SystemEvent::Startup, SystemEvent::Shutdown] {
        for phase in [Phase::Before, Phase::During, Phase::After] {
            reactor.add_system_event_trigger(phase, event, Box::new(|| panic!("on purpose")));
            note(&reactor, phase, event, &log, "went on");
        }
    }
    stop_soon(&reactor);
    stop_some_day(&reactor);
    reactor.run().unwrap();
    assert_eq!(log.borrow().len(), 6);
    assert_eq!(lines.count("on purpose"), 6);
}
