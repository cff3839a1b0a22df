//! Signals: they wake the reactor, run its handlers on its own thread, and none of them kills.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use crate::support::child::{default_action, in_child, signal_self};
use crate::support::{Echo, RecordExt as _, listen, run_with, sockets, turn_until};
use deferred::Deferred;
use interfaces::{Chunk, Phase, ReactorCore as _, ReactorUnix as _, SystemEvent};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};
use testkit::once;

#[test]
fn handlers_run_in_the_order_of_their_registration_each_time_the_signal_comes() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let told = Rc::new(RefCell::new(Vec::new()));
        for (signal, name) in
            [(libc::SIGUSR1, "first"), (libc::SIGUSR2, "other"), (libc::SIGUSR1, "second")]
        {
            let told = told.clone();
            reactor.on_signal(signal, move || told.borrow_mut().push(name)).unwrap();
        }
        for round in 1..=3 {
            signal_self(libc::SIGUSR1);
            turn_until(&reactor, "the handlers ran", || told.borrow().len() == 2 * round);
        }
        assert_eq!(*told.borrow(), ["first", "second"].repeat(3));
        signal_self(libc::SIGUSR2);
        turn_until(&reactor, "the other ran", || told.borrow().last() == Some(&"other"));
    });
}

#[test]
fn a_signal_wakes_a_reactor_that_waits_without_end() {
    in_child(|| {
        for signal in [libc::SIGTERM, libc::SIGINT] {
            let reactor = Reactor::new().unwrap();
            reactor.stop_on_signals().unwrap();
            let running = reactor.clone();
            reactor.call_when_running(Box::new(move || {
                assert!(running.running());
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(30));
                    signal_self(signal);
                });
            }));
            reactor.run().unwrap();
            assert!(!reactor.running());
        }
    });
}

#[test]
fn a_second_signal_during_the_shutdown_reaches_its_handler_and_does_not_kill() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        reactor.stop_on_signals().unwrap();
        let (held, promise) = Deferred::new();
        let promise = RefCell::new(Some(promise));
        let signals = Rc::new(RefCell::new(0));
        let count = signals.clone();
        let handler = move || {
            *count.borrow_mut() += 1;
            if *count.borrow() == 2 {
                promise.take().unwrap().callback(());
            }
        };
        reactor.on_signal(libc::SIGTERM, handler).unwrap();
        let before = Box::new(move || {
            // The first signal led here; the grace time lasts until the second.
            signal_self(libc::SIGTERM);
            held
        });
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, before);
        signal_self(libc::SIGTERM);
        reactor.run().unwrap();
        assert_eq!(*signals.borrow(), 2);
    });
}

#[test]
fn every_reactor_of_a_process_is_told() {
    in_child(|| {
        let told = Rc::new(RefCell::new(Vec::new()));
        let reactors: Vec<_> = (0..2)
            .map(|number| {
                let reactor = Reactor::new().unwrap();
                let told = told.clone();
                let tell = move || told.borrow_mut().push(number);
                reactor.on_signal(libc::SIGHUP, tell).unwrap();
                reactor
            })
            .collect();
        signal_self(libc::SIGHUP);
        for (number, reactor) in reactors.iter().enumerate() {
            turn_until(reactor, "it is told", || told.borrow().contains(&number));
        }
        assert_eq!(*told.borrow(), [0, 1]);
    });
}

#[test]
fn a_signal_that_cannot_be_caught_is_an_error() {
    let reactor = Reactor::new().unwrap();
    for signal in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, 0, -1, 4711, i32::MAX] {
        assert!(reactor.on_signal(signal, || {}).is_err(), "signal {signal}");
    }
    reactor.on_signal(libc::SIGWINCH, || {}).unwrap();
    for signal in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, 0, -1, 4711, i32::MAX] {
        assert!(reactor.on_signal(signal, || {}).is_err(), "signal {signal}");
    }
}

#[test]
fn a_panic_in_a_handler_costs_that_call_only() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let told = Rc::new(RefCell::new(0));
        reactor.on_signal(libc::SIGUSR1, || panic!("on purpose")).unwrap();
        let count = told.clone();
        reactor.on_signal(libc::SIGUSR1, move || *count.borrow_mut() += 1).unwrap();
        for round in 1..=2 {
            signal_self(libc::SIGUSR1);
            turn_until(&reactor, "the other handler ran", || *told.borrow() == round);
        }
    });
}

#[test]
fn writing_to_a_peer_that_is_gone_raises_no_signal() {
    in_child(|| {
        // Rust programs ignore SIGPIPE from the start; C programs with a reactor in them do not.
        default_action(libc::SIGPIPE);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let name = interfaces::UnixAddress::Path(Rc::from(path.as_os_str().as_encoded_bytes()));
        for round in 0..6 {
            let reactor = Reactor::new().unwrap();
            let seen = Record::new();
            let factory =
                once(Recorder::new(&seen).on_made(|transport| transport.pause_producing()));
            let closed: Box<dyn FnOnce()> = if round % 2 == 0 {
                let (_port, address) = listen(&reactor, factory);
                let client = socket2::Socket::from(TcpStream::connect(address).unwrap());
                client.set_linger(Some(Duration::ZERO)).unwrap();
                Box::new(move || drop(client))
            } else {
                let options = interfaces::ListenUnix::new(name.clone());
                drop(reactor.listen_unix(&options, factory).unwrap());
                let client = std::os::unix::net::UnixStream::connect(&path).unwrap();
                Box::new(move || drop(client))
            };
            turn_until(&reactor, "it is connected", || seen.is_made());
            closed();
            let transport = seen.transport();
            match round / 2 {
                0 => transport.write(b"small"),
                1 => transport.write(&[0; 100_000]),
                _ => transport.write_sequence(vec![Chunk::from(b"two "), Chunk::from(b"pieces")]),
            }
            transport.resume_producing();
            turn_until(&reactor, "it is lost", || seen.is_lost());
            reactor.disconnect_all();
            seen.forget();
        }
    });
}

#[test]
fn a_storm_of_signals_costs_no_byte() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let count = Rc::new(RefCell::new(0));
        let told = count.clone();
        reactor.on_signal(libc::SIGUSR1, move || *told.borrow_mut() += 1).unwrap();
        let (_port, address) = listen(&reactor, protocol::factory_fn(|_| Echo));
        let same = run_with(&reactor, move || {
            let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
            let seen = over.clone();
            let storm = std::thread::spawn(move || {
                while !seen.load(std::sync::atomic::Ordering::Relaxed) {
                    signal_self(libc::SIGUSR1);
                    std::thread::sleep(Duration::from_micros(50));
                }
            });
            let sent: Vec<u8> = (0..8_000_000_u32).map(|n| (n % 251) as u8).collect();
            let mut stream = TcpStream::connect(address).unwrap();
            let mut writer = stream.try_clone().unwrap();
            let copy = sent.clone();
            let writing = std::thread::spawn(move || {
                writer.write_all(&copy).unwrap();
                writer.shutdown(Shutdown::Write).unwrap();
            });
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
            writing.join().unwrap();
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            storm.join().unwrap();
            received == sent
        });
        assert!(same);
        assert!(*count.borrow() > 0);
        assert_eq!(reactor.counts(), Counts::default());
    });
}

#[test]
fn a_signal_that_comes_when_its_reactor_is_gone_is_ignored() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        reactor.stop_on_signals().unwrap();
        drop(reactor);
        signal_self(libc::SIGTERM);
        // A reactor that comes later hears of the next one.
        let reactor = Reactor::new().unwrap();
        reactor.stop_on_signals().unwrap();
        reactor.call_when_running(Box::new(|| signal_self(libc::SIGTERM)));
        reactor.run().unwrap();
    });
}

/// Takes the pipe of a reactor's signals away: nothing can be written to it, and nothing is reported.
fn break_pipe(reactor: &Reactor, signal: i32, handler: impl Fn() + 'static) {
    let before = sockets();
    reactor.on_signal(signal, handler).unwrap();
    let null = std::fs::File::open("/dev/null").unwrap();
    let mut ends = sockets();
    ends.retain(|end| !before.contains(end));
    assert!(ends.len() >= 2, "{ends:?}");
    for end in ends {
        // SAFETY: both are open descriptors of this process, and neither call touches memory.
        assert_eq!(unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&null), end) }, end);
    }
}

#[test]
fn a_signal_whose_byte_is_lost_is_found_when_it_interrupts_the_wait() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let stopper = reactor.clone();
        break_pipe(&reactor, libc::SIGUSR1, move || {
            // A second signal may come before the run is over.
            let _ = stopper.stop();
        });
        // SAFETY: asking has no effects.
        let home = unsafe { libc::pthread_self() };
        let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let over = ended.clone();
        let signals = std::thread::spawn(move || {
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
                // SAFETY: the thread lives, for it waits for this one at the end.
                assert_eq!(unsafe { libc::pthread_kill(home, libc::SIGUSR1) }, 0);
            }
        });
        reactor.run().unwrap();
        ended.store(true, std::sync::atomic::Ordering::SeqCst);
        signals.join().unwrap();
    });
}

#[test]
fn a_signal_whose_byte_is_lost_is_found_when_it_comes_between_two_waits() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let stopper = reactor.clone();
        break_pipe(&reactor, libc::SIGUSR1, move || {
            // A second signal may come before the run is over.
            let _ = stopper.stop();
        });
        reactor.call_when_running(Box::new(|| {
            // SAFETY: the handler of the signal is safe whenever it runs.
            assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
        }));
        reactor.run().unwrap();
    });
}

/// Whether a signal has a handler.
fn is_handled(signal: i32) -> bool {
    // SAFETY: a null action only asks; the answer is a whole `sigaction` that outlives the call.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(signal, std::ptr::null(), &raw mut now), 0);
        now.sa_sigaction != libc::SIG_DFL
    }
}

#[test]
fn a_run_installs_no_handler_unasked_and_one_that_the_start_asks_for_is_there_after_it() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let look = |phase, word: &'static str| {
            let (seen, reactor_at_start) = (seen.clone(), reactor.clone());
            let trigger = move || {
                if word == "during" {
                    reactor_at_start.stop_on_signals().unwrap();
                }
                seen.borrow_mut().push((word, is_handled(libc::SIGINT), is_handled(libc::SIGTERM)));
                Deferred::succeed(())
            };
            reactor.add_system_event_trigger(phase, SystemEvent::Startup, Box::new(trigger));
        };
        look(Phase::After, "after");
        look(Phase::During, "during");
        look(Phase::Before, "before");
        let stopper = reactor.clone();
        reactor.call_when_running(Box::new(move || stopper.stop().unwrap()));
        assert!(!is_handled(libc::SIGINT) && !is_handled(libc::SIGTERM));
        reactor.run().unwrap();
        let want = [("before", false, false), ("during", true, true), ("after", true, true)];
        assert_eq!(*seen.borrow(), want);
    });
}

#[test]
fn the_signal_that_ended_a_run_is_told_afterwards_and_until_the_next_run() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        reactor.stop_on_signals().unwrap();
        assert_eq!(reactor.exit_signal(), None);
        for signal in [libc::SIGINT, libc::SIGTERM] {
            reactor.call_when_running(Box::new(move || signal_self(signal)));
            reactor.run().unwrap();
            assert_eq!(reactor.exit_signal(), Some(signal));
        }
        let stopper = reactor.clone();
        reactor.call_when_running(Box::new(move || stopper.stop().unwrap()));
        reactor.run().unwrap();
        assert_eq!(reactor.exit_signal(), None, "no signal ended this one");
    });
}
