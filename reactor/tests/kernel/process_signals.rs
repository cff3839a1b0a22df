//! Processes and signals: sent to the child, its own at the start, and `SIGCHLD` where there is no pidfd.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use interfaces::{ProcessReason, SignalError, SpawnProcess};
use ropewalk_reactor::{Counts, Reactor};

use crate::support::child::in_child;
use crate::support::program::{Program, run_script, script, zombies};
use crate::support::refused::{refuse, refuse_with};
use crate::support::turn_until;

fn sleeper() -> SpawnProcess {
    SpawnProcess::new("sleep").with_arguments(["60"])
}

#[test]
fn a_signal_is_sent_by_its_name_or_its_number_and_is_the_reason_of_the_end() {
    let reactor = Reactor::new().unwrap();
    let signals = [
        ("HUP".into(), libc::SIGHUP),
        ("INT".into(), libc::SIGINT),
        ("KILL".into(), libc::SIGKILL),
        ("TERM".into(), libc::SIGTERM),
        ("SIGUSR2".into(), libc::SIGUSR2),
        (libc::SIGALRM.into(), libc::SIGALRM),
    ];
    for (signal, number) in signals {
        let program = Program::spawn(&reactor, &sleeper());
        program.transport.signal_process(&signal).unwrap();
        let reason = program.run(&reactor).ended().unwrap();
        assert_eq!((reason.exit_code(), reason.signal()), (None, Some(number)), "{signal:?}");
    }
}

#[test]
fn two_children_are_ended_by_their_signals_one_by_one() {
    let reactor = Reactor::new().unwrap();
    let programs = [(); 2].map(|()| Program::spawn(&reactor, &sleeper()));
    for program in programs {
        program.transport.signal_process(&"TERM".into()).unwrap();
        assert_eq!(program.run(&reactor).ended().unwrap().signal(), Some(libc::SIGTERM));
    }
}

#[test]
fn a_signal_that_cannot_be_sent_is_an_error_that_says_why() {
    let reactor = Reactor::new().unwrap();
    let program = Program::spawn(&reactor, &sleeper());
    let transport = program.transport.clone();
    let unknown = transport.signal_process(&"NONE".into());
    assert!(matches!(unknown, Err(SignalError::UnknownName { .. })), "{unknown:?}");
    match transport.signal_process(&9999.into()) {
        Err(SignalError::Refused { signal: 9999, source }) => {
            assert_eq!(source.raw_os_error(), libc::EINVAL);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(transport.signal_process(&0.into()), Ok(()), "it only asks");
    transport.signal_process(&"KILL".into()).unwrap();
    program.run(&reactor);
    let late = transport.signal_process(&"KILL".into());
    assert_eq!(late, Err(SignalError::ProcessExitedAlready));
}

#[test]
fn a_process_that_has_ended_and_was_not_told_yet_takes_no_signal() {
    in_child(|| {
        for has_pidfd in [true, false] {
            if !has_pidfd {
                refuse(libc::SYS_pidfd_open);
            }
            let reactor = Reactor::new().unwrap();
            let program = Program::spawn(&reactor, &script("exit 5"));
            let number = program.transport.pid().unwrap();
            while !zombies().contains(&number) {
                std::thread::yield_now();
            }
            for signal in ["TERM", "KILL", "CONT"] {
                let late = program.transport.signal_process(&signal.into());
                assert_eq!(late, Err(SignalError::ProcessExitedAlready), "{signal} {has_pidfd}");
            }
            let late = program.transport.signal_process(&0.into());
            assert_eq!(late, Err(SignalError::ProcessExitedAlready), "it only asks");
            assert_eq!(program.run(&reactor).ended().unwrap().exit_code(), Some(5));
        }
    });
}

#[test]
fn a_signal_without_a_name_of_its_own_is_sent_by_its_distance_from_the_first_or_the_last() {
    let reactor = Reactor::new().unwrap();
    for (name, number) in
        [("RTMIN", libc::SIGRTMIN()), ("SIGRTMIN+3", libc::SIGRTMIN() + 3), ("PWR", libc::SIGPWR)]
    {
        let program = Program::spawn(&reactor, &sleeper());
        program.transport.signal_process(&name.into()).unwrap();
        assert_eq!(program.run(&reactor).ended().unwrap().signal(), Some(number), "{name}");
    }
}

#[test]
fn a_process_that_other_code_reaped_is_gone_for_signals_and_still_ends() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let program = Program::spawn(&reactor, &script("exit 5"));
        let process = program.transport.pid().unwrap() as libc::pid_t;
        // SAFETY: the null pointer asks for no status.
        assert_eq!(unsafe { libc::waitpid(process, std::ptr::null_mut(), 0) }, process);
        let gone = program.transport.signal_process(&"TERM".into());
        assert_eq!(gone, Err(SignalError::ProcessExitedAlready), "though it was not told yet");
        let seen = program.run(&reactor);
        match seen.ended() {
            Some(ProcessReason::Unknown(error)) => assert_eq!(error.raw_os_error(), libc::ECHILD),
            other => panic!("{other:?}"),
        }
        assert_eq!(reactor.counts(), Counts::default());
    });
}

#[test]
fn a_child_begins_with_no_signal_ignored_or_blocked_though_this_process_does_both() {
    in_child(|| {
        // SAFETY: the calls change how this process, the test's own, takes signals; the pointers lead to
        // a set that outlives them.
        unsafe {
            libc::signal(libc::SIGUSR1, libc::SIG_IGN);
            let mut blocked: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&raw mut blocked, libc::SIGTERM);
            libc::sigaddset(&raw mut blocked, libc::SIGUSR2);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const blocked, std::ptr::null_mut());
        }
        let reactor = Reactor::new().unwrap();
        let seen = run_script(&reactor, "grep -E '^Sig(Blk|Ign)' /proc/self/status");
        let output = String::from_utf8(seen.received(1)).unwrap();
        let masks = output.split_whitespace().filter_map(|it| u64::from_str_radix(it, 16).ok());
        // Signals 32 and 33 are the C library's own, and no program can set them.
        let masks: Vec<_> = masks.map(|mask| mask & !(0b11 << 31)).collect();
        assert_eq!(masks, [0, 0], "{output}");
        for signal in [libc::SIGUSR1, libc::SIGTERM, libc::SIGUSR2] {
            let program = Program::spawn(&reactor, &sleeper());
            program.transport.signal_process(&signal.into()).unwrap();
            assert_eq!(program.run(&reactor).ended().unwrap().signal(), Some(signal));
        }
    });
}

#[test]
fn a_blocking_read_of_this_thread_is_not_interrupted_by_the_end_of_a_child() {
    in_child(|| {
        for has_pidfd in [true, false] {
            if !has_pidfd {
                refuse(libc::SYS_pidfd_open);
            }
            let reactor = Reactor::new().unwrap();
            let (mut reader, writer) = std::io::pipe().unwrap();
            let short = Program::spawn(&reactor, &script("exit 0"));
            let writes = interfaces::ChildDescriptor::Given(std::rc::Rc::new(writer.into()));
            let late = script("sleep 0.5; echo word >&7; exit 0").with_descriptor(7, writes);
            let late = Program::spawn(&reactor, &late);
            let mut buffer = [0; 5];
            // A plain read(2), as std's own would try again.
            // SAFETY: the pointer leads to as many bytes as the call is told of, which outlive it.
            let length = unsafe {
                libc::read(
                    std::os::fd::AsRawFd::as_raw_fd(&reader),
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                )
            };
            assert_eq!((length, &buffer), (5, b"word\n"), "{}", std::io::Error::last_os_error());
            short.run(&reactor);
            late.run(&reactor);
            let _ = reader.read(&mut []);
        }
    });
}

#[test]
fn without_pidfds_children_are_watched_by_the_signal_and_those_of_others_are_left_alone() {
    in_child(|| {
        refuse(libc::SYS_pidfd_open);
        let reactor = Reactor::new().unwrap();
        let mut stranger = std::process::Command::new("true").spawn().unwrap();
        for _ in 0..30 {
            let programs: Vec<_> =
                (0..10).map(|_| Program::spawn(&reactor, &script("echo word; exit 3"))).collect();
            for program in programs {
                let seen = program.run(&reactor);
                assert_eq!(seen.received(1), b"word\n");
                assert_eq!(seen.ended().unwrap().exit_code(), Some(3));
            }
        }
        assert_eq!(zombies(), [stranger.id()], "it is not ours to reap");
        assert!(stranger.wait().unwrap().success());
        let program = Program::spawn(&reactor, &sleeper());
        program.transport.signal_process(&"TERM".into()).unwrap();
        assert_eq!(program.run(&reactor).ended().unwrap().signal(), Some(libc::SIGTERM));
        assert_eq!(reactor.counts(), Counts::default());
    });
}

#[test]
fn without_pidfds_the_reactor_wakes_from_its_wait_for_each_child() {
    in_child(|| {
        refuse(libc::SYS_pidfd_open);
        let reactor = Reactor::new().unwrap();
        let none = interfaces::ChildDescriptors::Each(Default::default());
        let program = Program::spawn(&reactor, &script("sleep 0.2").with_descriptors(none));
        // Nothing else ends these waits.
        for _ in 0..8 {
            if program.seen.ended().is_none() {
                reactor.turn(Some(Duration::from_secs(20))).unwrap();
            }
        }
        assert_eq!(program.seen.ended(), Some(ProcessReason::Done));
    });
}

#[test]
fn a_handler_of_the_program_for_the_signal_of_children_is_called_as_before_also_afterwards() {
    in_child(|| {
        refuse(libc::SYS_pidfd_open);
        let raised = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(libc::SIGCHLD, raised.clone()).unwrap();
        let reactor = Reactor::new().unwrap();
        let calls = std::rc::Rc::new(std::cell::Cell::new(0));
        let counted = calls.clone();
        reactor.on_signal(libc::SIGCHLD, move || counted.set(counted.get() + 1)).unwrap();
        Program::spawn(&reactor, &script("exit 0")).run(&reactor);
        turn_until(&reactor, "the handler was called", || calls.get() > 0);
        assert!(raised.swap(false, Ordering::SeqCst));
        drop(reactor);
        let status = std::process::Command::new("true").status().unwrap();
        assert!(status.success(), "children are there to be waited for, as before");
        assert!(raised.load(Ordering::SeqCst));
    });
}

/// What this process does at `SIGCHLD`.
fn disposition() -> libc::sighandler_t {
    // SAFETY: an all-zero `sigaction` is a valid one; the call writes it through the pointer, and it
    // outlives the call.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(libc::SIGCHLD, std::ptr::null(), &raw mut now), 0);
        now.sa_sigaction
    }
}

#[test]
fn where_there_are_pidfds_the_signal_of_children_is_left_as_it_is_and_else_it_is_caught() {
    in_child(|| {
        for (wanted, code) in [(libc::SIG_DFL, Some(4)), (libc::SIG_IGN, None)] {
            // SAFETY: the call takes numbers, and changes what this process, the test's own, does.
            unsafe { libc::signal(libc::SIGCHLD, wanted) };
            let reactor = Reactor::new().unwrap();
            // Where the signal is ignored, a child that ends before its pidfd is opened has none.
            let seen = run_script(&reactor, "sleep 1; exit 4");
            assert_eq!(seen.ended().unwrap().exit_code(), code, "none is told where it is ignored");
            assert_eq!(disposition(), wanted);
        }
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
        refuse(libc::SYS_pidfd_open);
        let reactor = Reactor::new().unwrap();
        assert_eq!(disposition(), libc::SIG_DFL, "before the first child");
        assert_eq!(run_script(&reactor, "exit 4").ended().unwrap().exit_code(), Some(4));
        assert!(disposition() != libc::SIG_DFL && disposition() != libc::SIG_IGN);
    });
}

/// Ignores `SIGCHLD`: the system reaps this process's children from now on.
fn ignore_children() {
    // SAFETY: the call takes numbers, and changes what this process, the test's own, does.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

/// A child without pipes ends, of which the system does not tell how: once, and nothing is caught.
fn ends_unknown(reactor: &Reactor, text: &str) {
    let none = interfaces::ChildDescriptors::Each(Default::default());
    let program = Program::spawn(reactor, &script(text).with_descriptors(none));
    let transport = program.transport.clone();
    let seen = program.run(reactor);
    assert_eq!(seen.stages(), ["made", "exited", "ended"]);
    match seen.ended() {
        Some(ProcessReason::Unknown(error)) => assert_eq!(error.raw_os_error(), libc::ECHILD),
        other => panic!("{other:?}"),
    }
    let late = transport.signal_process(&"KILL".into());
    assert_eq!(late, Err(SignalError::ProcessExitedAlready));
    assert_eq!(disposition(), libc::SIG_IGN, "the program's own choice");
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn a_child_that_the_system_reaped_before_it_could_be_watched_has_ended_and_nothing_is_caught() {
    in_child(|| {
        ignore_children();
        let reactor = Reactor::new().unwrap();
        for _ in 0..100 {
            ends_unknown(&reactor, "exit 4");
        }
        // As pidfd_open(2) answers when the child was faster.
        refuse_with(libc::SYS_pidfd_open, libc::ESRCH);
        ends_unknown(&reactor, "exit 4");
    });
}

#[test]
fn without_pidfds_and_with_the_signal_ignored_the_end_of_a_child_is_looked_for() {
    in_child(|| {
        ignore_children();
        refuse(libc::SYS_pidfd_open);
        ends_unknown(&Reactor::new().unwrap(), "sleep 0.3; exit 4");
    });
}
