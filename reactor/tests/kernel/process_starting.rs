//! Processes: what starting a child costs this process and leaves of it, and which file is executed.

use std::fs::{self, Permissions};
use std::hint::black_box;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use interfaces::{ChildDescriptor, Environment, ReactorProcess as _, SpawnError, SpawnProcess};
use protocol::testing::{ProcessRecord, ProcessRecorder};
use ropewalk_reactor::{Counts, Reactor};

use crate::support::child::in_child;
use crate::support::open_descriptors;
use crate::support::program::{Program, output_of, run_program, script, zombies};
use crate::support::refused::refuse_flags;

/// The faults of the calling thread that needed no disk: one for each page that is written for the first
/// time after its table was copied (getrusage(2)).
fn faults() -> i64 {
    // SAFETY: an all-zero `rusage` is a valid one; the call writes it through the pointer.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
        usage.ru_minflt
    }
}

/// The faults of writing to each page of this memory.
fn faults_of_writing(memory: &mut [u8]) -> i64 {
    let before = faults();
    memory.iter_mut().step_by(4096).for_each(|byte| *byte = byte.wrapping_add(1));
    black_box(memory);
    faults() - before
}

/// The least faults that one of five spawns leaves behind for this memory, as other work of the machine may
/// add some.
fn faults_after_a_spawn(reactor: &Reactor, options: &SpawnProcess, memory: &mut [u8]) -> i64 {
    let after_one = |_| {
        let program = Program::spawn(reactor, options);
        let faults = faults_of_writing(memory);
        program.run(reactor);
        faults
    };
    (0..5).map(after_one).min().unwrap()
}

#[test]
fn the_page_tables_of_this_process_are_not_copied_for_a_child() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        // Two megabytes fault at once where the kernel has made huge pages of them.
        let mut memory = vec![1; 256 << 20];
        faults_of_writing(&mut memory);
        let pipes = SpawnProcess::new("true");
        let terminal = SpawnProcess::new("true").with_terminal(Default::default());
        for options in [&pipes, &terminal] {
            let faults = faults_after_a_spawn(&reactor, options, &mut memory);
            assert!(faults < 64, "{faults} page faults, where a copy has 128 or 65,536");
        }
        // SAFETY: the call has no effects.
        if unsafe { libc::geteuid() } == 0 {
            let other_user = SpawnProcess::new("true").with_user(65534).with_group(65534);
            let faults = faults_after_a_spawn(&reactor, &other_user, &mut memory);
            assert!(faults < 64, "{faults} page faults for another user");
        }
        // The count tells the two apart: the kernel refuses the shared memory, and a copy is made.
        refuse_flags(libc::SYS_clone, libc::CLONE_VFORK as u32, libc::EPERM);
        let faults = faults_after_a_spawn(&reactor, &pipes, &mut memory);
        assert!(faults >= 128, "{faults} page faults");
    });
}

#[test]
fn where_memory_cannot_be_shared_a_child_is_started_in_a_copy_of_it() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        for errno in [libc::EPERM, libc::ENOSYS, libc::EINVAL, libc::EACCES] {
            thread::scope(|scope| {
                // The filter is the thread's, and stays.
                scope.spawn(|| {
                    refuse_flags(libc::SYS_clone, libc::CLONE_VFORK as u32, errno);
                    let reactor = Reactor::new().unwrap();
                    assert_eq!(output_of(&reactor, &script("echo ran; exec 3<&0")), "ran\n");
                    let terminal =
                        script("test -t 1 && echo tty").with_terminal(Default::default());
                    assert_eq!(output_of(&reactor, &terminal), "tty\r\n");
                    assert_eq!(refusal_of(&reactor, "/nonexistent/prog"), libc::ENOENT);
                    assert_eq!(zombies(), []);
                });
            });
        }
        assert_eq!(output_of(&reactor, &script("echo shared")), "shared\n");
    });
}

#[test]
fn this_process_is_as_before_when_a_child_was_started_or_could_not_be() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let state = || {
            let status = fs::read_to_string("/proc/thread-self/status").unwrap();
            let kept = ["Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "Threads"];
            let kept = |line: &&str| kept.iter().any(|name| line.starts_with(name));
            let status: Vec<_> = status.lines().filter(kept).map(String::from).collect();
            // SAFETY: the calls take numbers.
            let numbers =
                unsafe { (libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0), libc::getpgrp()) };
            let directory = std::env::current_dir().unwrap();
            let mappings = fs::read_to_string("/proc/self/maps").unwrap().lines().count();
            (status, numbers, directory, mappings, open_descriptors())
        };
        // SAFETY: the set is initialised by the first call, and the mask is this thread's alone.
        unsafe {
            let mut some: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut some);
            libc::sigaddset(&raw mut some, libc::SIGUSR2);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const some, std::ptr::null_mut());
        }
        let mut all = vec![script("exit 0").with_directory("/")];
        // SAFETY: the call has no effects.
        if unsafe { libc::geteuid() } == 0 {
            all.push(script("exit 0").with_user(65534).with_group(65534));
        }
        // The first one may map what stays.
        run_program(&reactor, &all[0]);
        for options in all {
            let before = state();
            run_program(&reactor, &options);
            assert_eq!(state(), before, "{options:?}");
            let mut missing = options;
            missing.program = "/nonexistent/prog".into();
            let seen = ProcessRecord::new();
            assert!(
                reactor.spawn_process(&missing, Box::new(ProcessRecorder::new(&seen))).is_err()
            );
            assert_eq!(state(), before, "{missing:?}");
        }
    });
}

#[test]
fn a_child_blocks_and_ignores_and_catches_no_signal_whatever_this_process_does() {
    in_child(|| {
        // SAFETY: the set is initialised by the first call, the mask is this thread's alone, and ignoring a
        // signal runs no code.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
            for signal in (1..=64).filter(|signal| *signal != libc::SIGCHLD) {
                libc::signal(signal, libc::SIG_IGN);
            }
        }
        let reactor = Reactor::new().unwrap();
        let options =
            SpawnProcess::new("sed").with_arguments(["-n", "/^Sig[BIC]/p", "/proc/self/status"]);
        let none = "0000000000000000";
        let expected = format!("SigBlk:\t{none}\nSigIgn:\t{none}\nSigCgt:\t{none}\n");
        assert_eq!(output_of(&reactor, &options), expected);
    });
}

#[test]
fn ten_threads_start_children_at_once_and_each_child_has_what_is_its_own() {
    in_child(|| {
        let together = Barrier::new(10);
        thread::scope(|scope| {
            for number in 0..10 {
                let together = &together;
                scope.spawn(move || {
                    let reactor = Reactor::new().unwrap();
                    together.wait();
                    for round in 0..20 {
                        let word = format!("{number} of {round}");
                        let options = script("cat <&9; pwd; ls /proc/$$/fd; exit 3")
                            .with_descriptor(9, ChildDescriptor::PipeToChild)
                            .with_directory(["/", "/tmp", "/proc"][round % 3]);
                        let program = Program::spawn(&reactor, &options);
                        program.transport.write_to_child(9, word.as_bytes()).unwrap();
                        program.transport.close_child_fd(9).unwrap();
                        let missing = refusal_of(&reactor, "/nonexistent/prog");
                        assert_eq!(missing, libc::ENOENT);
                        let seen = program.run(&reactor);
                        let directory = ["/", "/tmp", "/proc"][round % 3];
                        let expected = format!("{word}{directory}\n0\n1\n2\n9\n");
                        assert_eq!(String::from_utf8(seen.received(1)).unwrap(), expected);
                    }
                    assert_eq!(reactor.counts(), Counts::default());
                });
            }
        });
        assert_eq!(zombies(), []);
    });
}

/// The error of a program that cannot be executed.
fn refusal_of(reactor: &Reactor, program: impl Into<std::ffi::OsString>) -> i32 {
    refusal(reactor, &SpawnProcess::new(program))
}

fn refusal(reactor: &Reactor, options: &SpawnProcess) -> i32 {
    let seen = ProcessRecord::new();
    let failed = reactor.spawn_process(options, Box::new(ProcessRecorder::new(&seen))).err();
    match failed {
        Some(SpawnError::NotExecuted { source, .. }) => source.raw_os_error(),
        other => panic!("{other:?}"),
    }
}

fn file(directory: &Path, name: &str, text: &str, mode: u32) {
    fs::create_dir_all(directory).unwrap();
    fs::write(directory.join(name), text).unwrap();
    fs::set_permissions(directory.join(name), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_first_file_along_the_path_of_the_child_that_can_be_executed_is() {
    let reactor = Reactor::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let [first, second, third] = ["first", "second", "third"].map(|it| directory.path().join(it));
    file(&first, "program", "", 0o644);
    // No line says by what it is to be run, so a shell runs it, as execvp(3) has it.
    file(&second, "program", "echo second $0 $1 $#", 0o755);
    file(&third, "program", "#!/bin/sh\necho third", 0o755);
    file(directory.path(), "plain", "", 0o644);
    let along = |directories: &[&Path]| {
        let path: Vec<_> = directories.iter().map(|it| it.to_str().unwrap()).collect();
        let variables = vec![("PATH".into(), path.join(":").into())];
        SpawnProcess::new("program")
            .with_arguments(["one", "two words"])
            .with_environment(Environment::Exactly(variables))
    };
    let plain = directory.path().join("plain");
    let found = along(&[&directory.path().join("none"), &plain, &first, &second, &third]);
    let expected = format!("second {} one 2\n", second.join("program").display());
    assert_eq!(output_of(&reactor, &found), expected);
    assert_eq!(output_of(&reactor, &along(&[&third, &second])), "third\n");
    // An empty directory is the one that the child runs in.
    let here = along(&[Path::new("")]).with_directory(&third);
    assert_eq!(output_of(&reactor, &here), "third\n");
    assert_eq!(refusal(&reactor, &along(&[&first, directory.path()])), libc::EACCES);
    assert_eq!(refusal(&reactor, &along(&[&plain, directory.path()])), libc::ENOENT);
    assert_eq!(refusal_of(&reactor, ""), libc::ENOENT);
    assert_eq!(refusal_of(&reactor, directory.path()), libc::EACCES);
    assert_eq!(refusal_of(&reactor, "a\0b"), libc::EINVAL);
    assert_eq!(refusal_of(&reactor, "x".repeat(300)), libc::ENAMETOOLONG);
    let nowhere = SpawnProcess::new("true").with_directory(directory.path().join("none"));
    assert_eq!(refusal(&reactor, &nowhere), libc::ENOENT);
}
