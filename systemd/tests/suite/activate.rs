//! systemd's own tool hands sockets over, and a client that connected before is served.
//!
//! Invariant: without `systemd-socket-activate` this is skipped with a printed reason, unless
//! `ROPEWALK_PEERS=required` says that it has to be there.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ropewalk_systemd as systemd;
use systemd::{Domain, ListenFds, Selector};

/// Tells the program that systemd's tool has started it, and what it shall say.
const ROLE: &str = "ROPEWALK_TEST_ROLE";

#[test]
fn a_client_is_served_by_the_program_that_its_connection_started() {
    if !is_installed("systemd-socket-activate") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (web, ctl) = (directory.path().join("web"), directory.path().join("ctl"));
    let mut supervisor = activate([&web, &ctl]);

    let mut client = connect(&ctl, &mut supervisor);
    client.write_all(b"ping").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();

    assert_eq!(answer, r#"{3: "web", 4: "ctl"} ping"#);
    assert!(supervisor.wait().unwrap().success());
    assert!(web.exists() && ctl.exists(), "what was inherited is not unlinked");
}

#[test]
#[ignore = "it is the program that systemd's tool starts"]
fn the_program() {
    if std::env::var_os(ROLE).is_none() {
        return println!("nothing to do: no other test has started this one");
    }
    let inherited = ListenFds::from_environment().unwrap();
    let ctl = Selector::Name("ctl".into());
    let descriptor = inherited.take_stream_port(&ctl, Some(Domain::Unix)).unwrap();

    // The client's connection is what started this program, so it is there already.
    let (mut connection, _) = UnixListener::from(descriptor).accept().unwrap();
    connection.set_nonblocking(false).unwrap();
    let mut request = String::new();
    connection.read_to_string(&mut request).unwrap();
    write!(connection, "{inherited:?} {request}").unwrap();
}

/// Has the sockets opened, and this program started when somebody connects to one.
fn activate(paths: [&Path; 2]) -> Child {
    let mut command = Command::new("systemd-socket-activate");
    for path in paths {
        command.arg("-l").arg(path);
    }
    command
        .args(["--fdname", "web:ctl", "-E", ROLE])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "activate::the_program"])
        .env(ROLE, "serve")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Connects as soon as the socket is there. The tool tells nobody when it has opened it.
fn connect(path: &Path, supervisor: &mut Child) -> UnixStream {
    loop {
        if let Ok(client) = UnixStream::connect(path) {
            return client;
        }
        assert!(supervisor.try_wait().unwrap().is_none(), "the supervisor gave up");
        std::thread::yield_now();
    }
}

/// Whether a program is there to test against; fails when it has to be.
fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    let required = std::env::var_os("ROPEWALK_PEERS").is_some_and(|value| value == "required");
    assert!(found || !required, "{program} is not installed, and ROPEWALK_PEERS requires it");
    if !found {
        println!("skipped: {program} is not installed (Debian package systemd)");
    }
    found
}
