//! What a real process inherits through `execve` is taken over once, and goes no further.
//!
//! Invariant: the process under test is this program again, started by a shell that puts the
//! descriptors in place and then becomes it, as a supervisor does; so `LISTEN_PID` is right.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use ropewalk_systemd as systemd;
use systemd::{Domain, ListenFds, ListenFdsError, Selector};

/// Marks the lines that the child writes among those of the test harness.
const MARK: &str = "child: ";

/// Names the variable that says what the child is to do.
const ROLE: &str = "ROPEWALK_TEST_ROLE";

/// Descriptor 3 is a TCP listener and 4 a UNIX one.
const TWO: &str = "exec 3<&0 4<&2 5<&- 0</dev/null 2>&1";
/// Descriptor 3 is a TCP listener, and 4 is closed.
const ONE: &str = "exec 3<&0 4<&- 0</dev/null 2>&1";
/// Neither is open.
const NEITHER: &str = "exec 3<&- 4<&- 0</dev/null 2>&1";

/// Runs `role` in a child, which has the descriptors that `place` puts there and these variables
/// beside a right `LISTEN_PID`; answers the lines that it wrote.
fn child(role: &str, place: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let script = format!("export LISTEN_PID=$$; {place}; {BECOME}");
    run(role, &script, variables)
}

const BECOME: &str = "exec \"$0\" --ignored --exact --nocapture inherit::the_child";

fn run(role: &str, script: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let tcp: OwnedFd = TcpListener::bind("127.0.0.1:0").unwrap().into();
    let unix: OwnedFd = UnixListener::bind(directory.path().join("socket")).unwrap().into();
    let output = Command::new("/bin/sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env_remove("LISTEN_FDNAMES")
        .env(ROLE, role)
        .envs(variables.iter().copied())
        .stdin(tcp)
        .stderr(unix)
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "the child failed: {text}");
    // The harness writes the test's name without ending the line.
    text.lines().filter_map(|line| Some(line.split_once(MARK)?.1.to_owned())).collect()
}

#[test]
#[ignore = "it is the child of the other tests"]
fn the_child() {
    let Ok(role) = std::env::var(ROLE) else {
        return println!("nothing to do: no other test has started this one");
    };
    match role.as_str() {
        "list" => list(),
        "use them" => use_them(),
        "leak" => leak(),
        "open a file first" => {
            let own = File::open("/dev/null").unwrap();
            list();
            assert!(own.metadata().is_ok(), "it is still open");
        }
        role => panic!("no such role: {role}"),
    }
}

/// Takes over twice, and says what came of it.
fn list() {
    for attempt in ["first", "second"] {
        match ListenFds::from_environment() {
            Ok(inherited) => println!("{MARK}{attempt} {inherited:?}"),
            Err(error) => println!("{MARK}{attempt} {error}"),
        }
    }
}

fn use_them() {
    let inherited = ListenFds::from_environment().unwrap();
    let second = ListenFds::from_environment().unwrap();
    assert_eq!(second.inherited_descriptors().count(), 0, "they were given out before");

    let (web, ctl) = (Selector::Index(0), Selector::Name("ctl".into()));
    let tcp = match inherited.take_stream_port(&web, Some(Domain::Inet)) {
        Ok(tcp) => tcp,
        Err(error) => return println!("{MARK}{error}"),
    };
    let unix = inherited.take_stream_port(&ctl, Some(Domain::Unix)).unwrap();
    println!("{MARK}{}", TcpListener::from(tcp).local_addr().unwrap().ip());
    let address = UnixListener::from(unix).local_addr().unwrap();
    println!("{MARK}{}", address.as_pathname().unwrap().file_name().unwrap().to_str().unwrap());
    println!("{MARK}taken: {}", inherited.take_stream_port(&web, None).is_err());
}

/// Starts a program of its own, which says what it has.
fn leak() {
    let look = "for n in 3 4; do [ -e /proc/self/fd/$n ] && echo leaked $n; done; echo $LISTEN_FDS";
    let program = || {
        let output = Command::new("/bin/sh").args(["-c", look]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().replace('\n', ",")
    };
    println!("{MARK}before {}", program());
    let inherited = ListenFds::from_environment().unwrap();
    println!("{MARK}after {}", program());
    drop(inherited);
}

#[test]
fn two_sockets_come_with_their_numbers_and_names_and_come_once() {
    let variables = [("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "web:ctl")];
    assert_eq!(child("list", TWO, &variables), [r#"first {3: "web", 4: "ctl"}"#, "second {}"]);
}

#[test]
fn inherited_sockets_can_be_used_by_name_and_by_index() {
    let variables = [("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "web:ctl")];
    assert_eq!(child("use them", TWO, &variables), ["127.0.0.1", "socket", "taken: true"]);
}

#[test]
fn without_names_they_are_all_unknown() {
    let found = child("list", TWO, &[("LISTEN_FDS", "2")]);
    assert_eq!(found[0], r#"first {3: "unknown", 4: "unknown"}"#);
}

#[test]
fn a_program_started_later_inherits_none_and_the_environment_is_not_edited() {
    assert_eq!(
        child("leak", TWO, &[("LISTEN_FDS", "2")]),
        ["before leaked 3,leaked 4,2,", "after 2,"]
    );
}

#[test]
fn what_was_meant_for_another_process_is_left_alone() {
    let script = format!("export LISTEN_PID=1; {TWO}; {BECOME}");
    assert_eq!(run("list", &script, &[("LISTEN_FDS", "2")]), ["first {}", "second {}"]);
}

#[test]
fn an_absurd_count_is_an_error_each_time_it_is_read() {
    let count = ListenFdsError::Count { text: "-1".into() };
    assert_eq!(
        child("list", ONE, &[("LISTEN_FDS", "-1")]),
        [format!("first {count}"), format!("second {count}")]
    );
}

#[test]
fn an_announced_descriptor_that_is_not_open_is_named_and_none_is_taken() {
    let missing = ListenFdsError::NotOpen { count: 2, descriptor: 4 };
    assert_eq!(
        child("list", ONE, &[("LISTEN_FDS", "2")]),
        [format!("first {missing}"), format!("second {missing}")],
        "descriptor 3 is still as it was, or the second error would be about it"
    );
}

#[test]
fn a_file_that_the_program_opened_itself_is_never_taken_for_an_inherited_one() {
    let own = ListenFdsError::NotInherited { count: 1, descriptor: 3 };
    assert_eq!(
        child("open a file first", NEITHER, &[("LISTEN_FDS", "1")]),
        [format!("first {own}"), format!("second {own}")]
    );
}

#[test]
fn what_is_no_socket_is_refused_when_it_is_to_be_used() {
    assert_eq!(
        child("use them", "exec 3</dev/null 0</dev/null 2>&1", &[("LISTEN_FDS", "1")]),
        [
            "cannot listen on inherited descriptor 3 (index 0, named \"unknown\"): it is a character \
             device, and has to be a listening stream socket of family INET"
        ]
    );
}
