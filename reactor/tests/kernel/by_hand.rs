//! A reactor that is driven turn by turn: its turns do not wait, and it is started and ended by hand.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::child::{is_child, spawn, test_name};
use crate::support::{PATIENCE, echo, listen, turn_until};
use deferred::Deferred;
use interfaces::{NotRunning, Phase, ReactorCore as _, ReactorThreads as _, SystemEvent};
use ropewalk_reactor::{Counts, Limits, Reactor};

type Story = Rc<RefCell<Vec<&'static str>>>;

fn note(reactor: &Reactor, phase: Phase, event: SystemEvent, story: &Story, word: &'static str) {
    let story = story.clone();
    let trigger = move || {
        story.borrow_mut().push(word);
        Deferred::succeed(())
    };
    reactor.add_system_event_trigger(phase, event, Box::new(trigger));
}

#[test]
fn a_reactor_that_was_shut_down_by_hand_says_so_until_its_turns_have_stopped_it() {
    let reactor = Reactor::new().unwrap();
    reactor.fire_system_event(SystemEvent::Shutdown);
    assert!(!reactor.running());
    let refused = reactor.run().unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ResourceBusy);
    let told = "cannot run the reactor: it is stopping, and its turns finish that";
    assert_eq!(refused.to_string(), told);
    for _ in 0..10 {
        reactor.turn(Some(Duration::ZERO)).unwrap();
    }
    let stopper = reactor.clone();
    reactor.call_when_running(Box::new(move || stopper.stop().unwrap()));
    reactor.run().unwrap();
}

#[test]
fn a_turn_that_may_not_wait_returns_though_the_only_timer_is_far() {
    let reactor = Reactor::new().unwrap();
    let far = reactor.call_later(Duration::from_secs(3600), || panic!("it is not due"));
    let begin = Instant::now();
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert!(begin.elapsed() < PATIENCE);
    assert!(far.active());
}

#[test]
fn started_by_hand_it_runs_and_works_and_ends_as_by_run() {
    let reactor = Reactor::new().unwrap();
    let story = Story::default();
    for (phase, event, word) in [
        (Phase::During, SystemEvent::Startup, "starting"),
        (Phase::After, SystemEvent::Startup, "started"),
        (Phase::Before, SystemEvent::Shutdown, "before the stop"),
        (Phase::After, SystemEvent::Shutdown, "stopped"),
    ] {
        note(&reactor, phase, event, &story, word);
    }
    let (port, _) = listen(&reactor, echo());
    let told = story.clone();
    let done = move |_| told.borrow_mut().push("work");
    reactor.call_in_thread(Box::new(|| {}), Box::new(done));
    assert!(!reactor.running());
    reactor.fire_system_event(SystemEvent::Startup);
    assert!(reactor.running());
    let refused = reactor.run().unwrap_err();
    assert_eq!(refused.to_string(), "cannot run the reactor: it runs already");
    turn_until(&reactor, "the work is done", || story.borrow().contains(&"work"));
    reactor.fire_system_event(SystemEvent::Shutdown);
    assert_eq!(story.borrow().last(), Some(&"before the stop"));
    assert_eq!(reactor.stop(), Err(NotRunning), "it is stopping");
    turn_until(&reactor, "it has stopped", || story.borrow().contains(&"stopped"));
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(*story.borrow(), ["starting", "started", "work", "before the stop", "stopped"]);
    assert_eq!(reactor.counts(), Counts::default(), "the port was closed");
    drop(port);
    let stopper = reactor.clone();
    reactor.call_when_running(Box::new(move || stopper.stop().unwrap()));
    reactor.run().unwrap();
}

#[test]
fn a_shutdown_fired_without_a_run_ends_connections_and_pool() {
    let reactor = Reactor::new().unwrap();
    let story = Story::default();
    note(&reactor, Phase::After, SystemEvent::Shutdown, &story, "stopped");
    let (_port, address) = listen(&reactor, echo());
    let client = std::net::TcpStream::connect(address).unwrap();
    turn_until(&reactor, "it is accepted", || reactor.counts().streams == 1);
    reactor.fire_system_event(SystemEvent::Shutdown);
    drop(client);
    turn_until(&reactor, "it has stopped", || !story.borrow().is_empty());
    turn_until(&reactor, "nothing is left", || reactor.counts() == Counts::default());
}

#[test]
fn a_crash_keeps_what_is_listened_on_and_none_of_an_idle_reactor_is_anything() {
    let reactor = Reactor::new().unwrap();
    reactor.crash();
    let (_port, address) = listen(&reactor, echo());
    let crasher = reactor.clone();
    reactor.call_when_running(Box::new(move || crasher.crash()));
    reactor.run().unwrap();
    assert_eq!(reactor.counts().ports, 1);
    assert_eq!(reactor.stop(), Err(NotRunning));
    let remote = reactor.remote();
    let client = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.write_all(b"still here").unwrap();
        let mut answer = [0; 10];
        client.read_exact(&mut answer).unwrap();
        remote.call_from_thread(|reactor| reactor.stop().unwrap());
        answer
    });
    reactor.run().unwrap();
    assert_eq!(&client.join().unwrap(), b"still here");
}

#[test]
fn a_process_that_never_runs_its_reactor_ends_and_does_not_do_the_work_it_was_handed() {
    let name = test_name(&|| ());
    let reactor = Reactor::new().unwrap();
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    if !is_child(name) {
        let child = spawn(name, &[]);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", output.status);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("1 passed") && !said.contains("the work"), "{said}");
        return;
    }
    let before = threads();
    let work = Box::new(|| {
        println!("the work is done");
        std::thread::sleep(Duration::from_secs(50));
    });
    reactor.call_in_thread(work, Box::new(|_| panic!("it was not done")));
    assert_eq!(threads(), before, "no thread waits for the start");
    // The process ends with the reactor alive.
    std::mem::forget(reactor);
}

#[test]
fn what_is_handed_to_threads_before_the_start_never_begins_without_one() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let reactor = Reactor::new().unwrap();
    let work = Box::new(move || sender.send(()).unwrap());
    reactor.call_in_thread(work, Box::new(|_| panic!("it was not done")));
    reactor.turn(Some(Duration::from_millis(1))).unwrap();
    drop(reactor);
    assert_eq!(receiver.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
}

#[test]
fn a_read_buffer_of_any_size_that_is_asked_for_serves() {
    for read_buffer_bytes in [0, 1, 1 << 40, usize::MAX] {
        let limits = Limits::default().with_read_buffer_bytes(read_buffer_bytes);
        let reactor = Reactor::with_limits(limits).unwrap();
        let (_port, address) = listen(&reactor, echo());
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.set_nonblocking(true).unwrap();
        client.write_all(b"ping").unwrap();
        let mut answer = Vec::new();
        turn_until(&reactor, "the echo came", || {
            // It ends with `WouldBlock`, and keeps what it read before.
            let _ = client.read_to_end(&mut answer);
            answer == b"ping"
        });
    }
}
