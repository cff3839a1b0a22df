//! Processes: arguments, environment, directory, user, group, and spawns that fail.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use interfaces::{
    Environment, ProcessGroup, ProcessReason, ReactorProcess as _, SpawnError, SpawnProcess,
};
use protocol::testing::{ProcessRecord, ProcessRecorder};
use ropewalk_reactor::{Counts, Reactor};

use crate::support::child::in_child;
use crate::support::open_descriptors;
use crate::support::program::{Program, children, output_of, run_program, script, zombies};
use crate::support::refused::{refuse, refuse_with};
use crate::support::turn_until;

#[test]
fn arguments_reach_the_child_byte_for_byte_and_no_shell_sees_them() {
    let reactor = Reactor::new().unwrap();
    let arguments = [
        "plain",
        "",
        " ",
        "two words",
        "\"quoted\"",
        "'single'",
        "back\\slash",
        "tab\there",
        "new\nline",
        "$HOME",
        "`id`",
        "* ? [a]",
        "; exit 1",
        "> file",
        "|",
        "&&",
        "grüße",
    ];
    let mut all: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    all.push(OsString::from_vec(vec![0xff, 0x01, 0x80]));
    let expected: Vec<u8> =
        all.iter().flat_map(|it| [it.as_encoded_bytes(), b"\0"].concat()).collect();
    let shown = SpawnProcess::new("printf")
        .with_arguments([OsString::from("%s\\0")].into_iter().chain(all));
    assert_eq!(run_program(&reactor, &shown).received(1), expected);
}

#[test]
fn the_name_that_a_program_sees_as_its_own_can_be_another() {
    let reactor = Reactor::new().unwrap();
    let options = script("echo $0").with_own_name("-named");
    assert_eq!(output_of(&reactor, &options), "-named\n");
}

fn environment_of(reactor: &Reactor, environment: Environment) -> Vec<String> {
    let options = SpawnProcess::new("/usr/bin/env").with_environment(environment);
    let mut lines: Vec<String> = output_of(reactor, &options).lines().map(String::from).collect();
    lines.sort();
    lines
}

/// The names that a service manager uses, and one of the user's.
const VARIABLES: [(&str, &str); 8] = [
    ("LISTEN_PID", "1"),
    ("LISTEN_FDS", "1"),
    ("LISTEN_FDNAMES", "web"),
    ("LISTEN_PIDFDID", "7"),
    ("NOTIFY_SOCKET", "/run/notify"),
    ("WATCHDOG_PID", "1"),
    ("WATCHDOG_USEC", "1000"),
    ("ROPEWALK_OF_USER", "kept"),
];

#[test]
fn an_environment_is_inherited_or_exactly_what_was_given() {
    in_child(|| {
        // SAFETY: this process has no other thread that reads the environment now.
        VARIABLES.iter().for_each(|(name, value)| unsafe { std::env::set_var(name, value) });
        let reactor = Reactor::new().unwrap();
        assert_eq!(environment_of(&reactor, Environment::Exactly(vec![])), [""; 0]);
        let given = ["B=2", "A=1", "NOTIFY_SOCKET=asked for"];
        let pairs = given.map(|it| it.split_once('=').unwrap());
        let pairs = pairs.map(|(name, value)| (name.into(), value.into())).to_vec();
        let exactly = environment_of(&reactor, Environment::Exactly(pairs));
        assert_eq!(exactly, ["A=1", "B=2", "NOTIFY_SOCKET=asked for"]);
        let mut ours: Vec<String> = std::env::vars_os()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        ours.sort();
        let whole = environment_of(&reactor, Environment::InheritedWithService);
        assert_eq!(whole.join("\n"), ours.join("\n"));
        let of_service = |line: &String| {
            VARIABLES[..7].iter().any(|(name, value)| *line == format!("{name}={value}"))
        };
        ours.retain(|line| !of_service(line));
        let inherited = environment_of(&reactor, Environment::default());
        assert_eq!(inherited.join("\n"), ours.join("\n"));
        assert!(inherited.contains(&"ROPEWALK_OF_USER=kept".to_string()));
    });
}

#[test]
fn a_child_runs_in_the_directory_that_was_given_or_in_this_process_s() {
    let reactor = Reactor::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let wanted = directory.path().canonicalize().unwrap();
    let options = SpawnProcess::new("pwd").with_directory(&wanted);
    assert_eq!(output_of(&reactor, &options), format!("{}\n", wanted.display()));
    let own = std::env::current_dir().unwrap().canonicalize().unwrap();
    assert_eq!(output_of(&reactor, &SpawnProcess::new("pwd")), format!("{}\n", own.display()));
}

#[test]
fn a_child_runs_in_a_process_group_of_its_own_if_asked() {
    let reactor = Reactor::new().unwrap();
    // The fifth field of stat is the group, the first the process.
    let text = "read number name state parent group rest < /proc/$$/stat; echo $number $group";
    let numbers = |options: &SpawnProcess| {
        let output = output_of(&reactor, options);
        let (process, group) = output.trim().split_once(' ').unwrap();
        (process.to_string(), group.to_string())
    };
    // SAFETY: the call has no effects.
    let ours = unsafe { libc::getpgrp() };
    assert_eq!(numbers(&script(text)).1, ours.to_string());
    let (process, group) = numbers(&script(text).with_process_group(ProcessGroup::Own));
    assert_eq!(process, group);
    let leader =
        Program::spawn(&reactor, &script("read line").with_process_group(ProcessGroup::Own));
    let number = leader.transport.pid().unwrap();
    let joined = script(text).with_process_group(ProcessGroup::Join(number));
    let seen = Program::spawn(&reactor, &joined).run(&reactor);
    let output = String::from_utf8(seen.received(1)).unwrap();
    assert!(output.trim().ends_with(&format!(" {number}")), "{output}");
    leader.transport.close_stdin();
    leader.run(&reactor);
}

#[test]
fn a_child_of_root_runs_as_the_user_and_the_group_that_were_given() {
    // SAFETY: the call has no effects.
    if unsafe { libc::geteuid() } != 0 {
        return testkit::skip("only root may run a child as another user");
    }
    let reactor = Reactor::new().unwrap();
    let options = script("id -u; id -g; id -G").with_user(65534).with_group(65533);
    assert_eq!(output_of(&reactor, &options), "65534\n65533\n65533\n");
    let alone = script("id -u; id -g; id -G").with_user(65534);
    // SAFETY: the call has no effects.
    let ours = unsafe { libc::getegid() };
    assert_eq!(output_of(&reactor, &alone), format!("65534\n{ours}\n{ours}\n"), "as documented");
    // SAFETY: the call has no effects.
    assert_eq!(unsafe { libc::geteuid() }, 0, "this process is who it was");
}

/// Whether a spawn fails because something cannot be made, and leaves nothing.
fn fails_to_prepare(reactor: &Reactor, options: &SpawnProcess, need: &str) {
    let before = open_descriptors();
    let seen = ProcessRecord::new();
    let failed = reactor.spawn_process(options, Box::new(ProcessRecorder::new(&seen))).err();
    let failed = failed.expect("it cannot be made");
    assert!(matches!(failed, SpawnError::NotPrepared { .. }), "{failed:?}");
    assert!(failed.to_string().ends_with(&format!("cannot make {need}")), "{failed}");
    assert!(seen.stages().is_empty());
    assert_eq!((open_descriptors(), reactor.counts()), (before, Counts::default()));
}

fn set_limit(resource: libc::__rlimit_resource_t, limit: u64) {
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: the pointer leads to an `rlimit` that outlives the call.
    assert_eq!(unsafe { libc::setrlimit(resource, &raw const limit) }, 0);
}

#[test]
fn without_descriptors_nothing_is_started_and_those_made_so_far_are_closed() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let highest = std::fs::read_dir("/proc/self/fd").unwrap();
        let highest = highest.map(|it| it.unwrap().file_name().to_str().unwrap().parse::<u64>());
        let highest = highest.map(|it| it.unwrap()).max().unwrap();
        // Room for 0, 1, 2 or 3 pipes, but never for the one that tells of the exec.
        for room in 0..=6 {
            let mut fill = Vec::new();
            set_soft_limit(highest + 20);
            while let Ok(file) = std::fs::File::open("/dev/null") {
                fill.push(file);
            }
            fill.truncate(fill.len() - room);
            // The listing of the descriptors needs one, so the room is counted from the other side.
            let seen = ProcessRecord::new();
            let protocol = Box::new(ProcessRecorder::new(&seen));
            let failed = reactor.spawn_process(&SpawnProcess::new("true"), protocol).err();
            assert!(
                matches!(
                    failed,
                    Some(SpawnError::NotPrepared { need: "a pipe" | "a descriptor", .. })
                ),
                "{room}: {failed:?}"
            );
            let mut free = Vec::new();
            while let Ok(file) = std::fs::File::open("/dev/null") {
                free.push(file);
            }
            assert_eq!(free.len(), room, "all that was made is closed");
        }
        assert_eq!((reactor.counts(), zombies()), (Counts::default(), vec![]));
    });
}

fn set_soft_limit(limit: u64) {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointers lead to an `rlimit` that outlives the calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut now), 0);
        now.rlim_cur = limit;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const now), 0);
    }
}

#[test]
fn where_no_process_can_be_made_it_is_told_and_descriptors_that_were_given_stay_open() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        set_limit(libc::RLIMIT_NPROC, 0);
        // SAFETY: this process is the test's own; root is not held to the limit, so it becomes another.
        unsafe {
            if libc::geteuid() == 0 {
                assert_eq!(libc::setuid(54321), 0);
            }
        }
        let given =
            std::rc::Rc::new(std::os::fd::OwnedFd::from(std::fs::File::open("/dev/null").unwrap()));
        let descriptor = interfaces::ChildDescriptor::Given(given.clone());
        let options = SpawnProcess::new("true").with_descriptor(5, descriptor);
        fails_to_prepare(&reactor, &options, "a process");
        assert!(given.try_clone().is_ok());
        let terminal = SpawnProcess::new("true").with_terminal(Default::default());
        fails_to_prepare(&reactor, &terminal, "a process");
    });
}

/// Whether each spawn fails as its process or a pipe of it cannot be watched, and the process is killed and
/// reaped.
fn cannot_be_watched(reactor: &Reactor, all: &[SpawnProcess]) {
    let before = open_descriptors();
    for options in all {
        let seen = ProcessRecord::new();
        let failed = reactor.spawn_process(options, Box::new(ProcessRecorder::new(&seen))).err();
        let told = matches!(failed, Some(SpawnError::NotPrepared { need: "its end known", .. }));
        assert!(told, "{failed:?}");
        turn_until(reactor, "it is reaped", || reactor.counts() == Counts::default());
        assert_eq!(children(|_| true), [0; 0]);
        assert!(seen.stages().is_empty());
    }
    assert_eq!(open_descriptors(), before);
}

#[test]
fn a_process_that_cannot_be_watched_is_killed_and_reaped() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let sleeper = || SpawnProcess::new("sleep").with_arguments(["60"]);
        let none = interfaces::ChildDescriptors::Each(Default::default());
        refuse_with(libc::SYS_epoll_ctl, libc::ENOSPC);
        let on_terminal = sleeper().with_terminal(Default::default());
        cannot_be_watched(&reactor, &[sleeper(), sleeper().with_descriptors(none), on_terminal]);
    });
}

#[test]
fn a_process_whose_pipes_cannot_be_watched_is_killed_and_reaped() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let sleeper = || SpawnProcess::new("sleep").with_arguments(["60"]);
        refuse(libc::SYS_pidfd_open);
        // The signal of the children is watched while that is possible.
        drop(Program::spawn(&reactor, &SpawnProcess::new("true")).run(&reactor));
        refuse_with(libc::SYS_epoll_ctl, libc::ENOSPC);
        cannot_be_watched(&reactor, &[sleeper(), sleeper().with_terminal(Default::default())]);
    });
}

#[test]
fn a_process_that_outlives_its_reactor_is_reaped_by_the_next_one_and_by_another_s_end() {
    in_child(|| {
        let outlives = |another: &dyn Fn()| {
            let reactor = Reactor::new().unwrap();
            let program = Program::spawn(&reactor, &script("read line"));
            let number = program.transport.pid().unwrap();
            drop((reactor, program));
            while !zombies().contains(&number) {
                std::thread::yield_now();
            }
            another();
            assert_eq!(zombies(), [0; 0]);
        };
        outlives(&|| drop(Reactor::new().unwrap()));
        let beside = Reactor::new().unwrap();
        let another = Program::spawn(&beside, &script("read line"));
        outlives(&|| {
            another.transport.close_stdin();
            turn_until(&beside, "it ended", || another.seen.ended().is_some());
        });
    });
}

#[test]
fn a_program_is_looked_for_along_the_path() {
    let reactor = Reactor::new().unwrap();
    assert_eq!(
        run_program(&reactor, &SpawnProcess::new("true")).ended(),
        Some(ProcessReason::Done)
    );
}
