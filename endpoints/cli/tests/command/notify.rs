//! A service manager is told when the command listens, that it lives, and how it stops.
//!
//! Invariant: the manager is a socket of the test's own, and a test waits only for what it is told.

use std::io::{Read, Write};
use std::os::unix::net::UnixDatagram;

use tempfile::TempDir;
use testkit::find_peer;

use crate::peer::is_listening;
use crate::running::{LIMIT, ROPEWALK, Running, connect, eventually, ropewalk_command};

const ENDPOINT: &str = "tcp:0:interface=127.0.0.1";

/// A manager, and what it was told.
struct Manager {
    socket: UnixDatagram,
    directory: TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self { socket, directory }
    }

    /// `ropewalk serve echo` with these options, as this manager's service.
    fn serve(&self, options: &[&str], variables: &[(&str, &str)]) -> Running {
        let mut command = ropewalk_command();
        command.args(["serve", "echo", ENDPOINT]).args(options);
        command.env("NOTIFY_SOCKET", self.directory.path().join("notify"));
        command.envs(variables.iter().copied());
        Running::command(command)
    }

    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("the manager is told something");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

/// A server without certificates would end with SIGHUP, were there no manager that sends it.
#[test]
fn sighup_is_a_reload_that_is_told_before_and_after() {
    let manager = Manager::new();
    for workers in ["1", "2"] {
        let mut running = manager.serve(&["--workers", workers], &[]);
        let mut client = connect(&running.listening());
        assert!(manager.next().starts_with("READY=1\nSTATUS=listening on "));
        let mut last = 0;
        for _ in 0..3 {
            running.signal("HUP");
            let told = manager.next();
            let time = told.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
            let time: u64 = time.unwrap_or_else(|| panic!("{told}")).parse().unwrap();
            assert!(time > last, "{time} comes after {last}");
            last = time;
            assert_eq!(manager.next(), "READY=1");
        }
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        running.signal("TERM");
        assert!(manager.next().starts_with("STOPPING=1\n"));
        // The end of a service is no time to say that it is ready.
        running.signal("HUP");
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        drop(client);
        assert_eq!(running.wait().code, Some(0));
        manager.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        while let Ok(length) = manager.socket.recv(&mut buffer) {
            let told = String::from_utf8_lossy(&buffer[..length]);
            assert!(!told.contains("READY") && !told.contains("RELOADING"), "{told}");
        }
        manager.socket.set_nonblocking(false).unwrap();
    }
}

#[test]
fn ready_comes_when_it_listens_and_stopping_when_it_drains() {
    let manager = Manager::new();
    for workers in ["1", "3"] {
        let mut running = manager.serve(&["--workers", workers], &[]);
        let address = running.listening();
        assert_eq!(manager.next(), format!("READY=1\nSTATUS=listening on {address}"));
        let mut held = connect(&address);
        held.write_all(b"x").unwrap();
        held.read_exact(&mut [0]).unwrap();
        running.signal("TERM");
        let told = manager.next();
        let extension = "EXTEND_TIMEOUT_USEC=5000000";
        let stopping = format!("STOPPING=1\nSTATUS=stopping: 1 connection is left\n{extension}");
        assert_eq!(told, stopping);
        drop(held);
        assert_eq!(running.wait().code, Some(0));
        manager.socket.set_nonblocking(true).unwrap();
        while manager.socket.recv(&mut [0; 4096]).is_ok() {}
        manager.socket.set_nonblocking(false).unwrap();
    }
}

#[test]
fn while_it_drains_the_manager_gets_news_each_second() {
    let manager = Manager::new();
    let mut running = manager.serve(&["--first-byte-timeout", "0"], &[]);
    let address = running.listening();
    assert!(manager.next().starts_with("READY=1\n"));
    let mut held = connect(&address);
    let writer = held.try_clone().unwrap();
    // It talks on, so it is not one of the silent ones that a server which stops closes.
    let talking = std::thread::spawn(move || while (&writer).write_all(b"x").is_ok() {});
    held.read_exact(&mut [0; 10]).unwrap();
    let reading = std::thread::spawn(move || std::io::copy(&mut held, &mut std::io::sink()));
    running.signal("TERM");
    let news = "STATUS=stopping: 1 connection is left\nEXTEND_TIMEOUT_USEC=5000000";
    assert_eq!(manager.next(), format!("STOPPING=1\n{news}"));
    assert_eq!([manager.next(), manager.next()], [news, news]);
    running.signal("TERM");
    assert_eq!(running.wait().code, Some(0));
    drop((talking.join(), reading.join()));
}

#[test]
fn the_watchdog_is_pinged_while_the_loops_turn_and_not_while_the_process_is_stopped() {
    let manager = Manager::new();
    let mut running = manager.serve(&["--workers", "2"], &[("WATCHDOG_USEC", "300000")]);
    running.listening();
    let mut pings = 0;
    while pings < 5 {
        match manager.next().as_str() {
            "WATCHDOG=1" => pings += 1,
            other => assert!(other.starts_with("READY=1\n"), "{other}"),
        }
    }
    running.signal("STOP");
    manager.socket.set_read_timeout(Some(std::time::Duration::from_millis(600))).unwrap();
    while manager.socket.recv(&mut [0; 64]).is_ok() {}
    manager.socket.set_read_timeout(Some(LIMIT)).unwrap();
    running.signal("CONT");
    assert_eq!(manager.next(), "WATCHDOG=1");
    assert_eq!(running.terminate().code, Some(0));
}

#[test]
fn a_watchdog_of_another_process_is_not_pinged() {
    let manager = Manager::new();
    let variables = [("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let mut running = manager.serve(&[], &variables);
    running.listening();
    assert!(manager.next().starts_with("READY=1\n"));
    running.signal("TERM");
    assert!(manager.next().starts_with("STOPPING=1\n"));
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn a_manager_that_cannot_be_told_costs_a_warning_and_nothing_else() {
    let manager = Manager::new();
    for (name, value, warning) in [
        (
            "NOTIFY_SOCKET",
            "vsock:2:1",
            "warning: cannot notify the service manager: NOTIFY_SOCKET is",
        ),
        (
            "NOTIFY_SOCKET",
            "/nonexistent/notify",
            "warning: cannot tell \"READY=1\\nSTATUS=listening",
        ),
        (
            "WATCHDOG_USEC",
            "0",
            "warning: cannot ping the service manager's watchdog: WATCHDOG_USEC",
        ),
    ] {
        let mut running = manager.serve(&[], &[(name, value)]);
        connect(&running.listening());
        let ended = running.terminate();
        assert_eq!(ended.code, Some(0));
        assert!(ended.errors.contains(warning), "{}", ended.errors);
    }
}

#[test]
fn an_inherited_socket_that_no_endpoint_names_is_told_and_closed() {
    let Some(mut command) = find_peer("systemd-socket-activate") else { return };
    let directory = tempfile::tempdir().unwrap();
    let (web, ctl) = (directory.path().join("web"), directory.path().join("ctl"));
    command.arg("-l").arg(&web).arg("-l").arg(&ctl).arg("--fdname=web:ctl");
    command.args([ROPEWALK, "serve", "echo", "systemd:name=web"]);
    let mut running = Running::command(command);
    eventually("it listens", || is_listening(&web));
    let _client = std::os::unix::net::UnixStream::connect(&web).unwrap();
    running.listening();
    eventually("the other socket is closed", || {
        std::os::unix::net::UnixStream::connect(&ctl).is_err()
    });
    let ended = running.terminate();
    let warning = "warning: inherited descriptor 4 (index 1, named \"ctl\"), a listening stream socket of \
                   family UNIX, is used by nothing, and was closed";
    assert!(ended.errors.contains(warning), "{}", ended.errors);
}

#[test]
fn a_process_for_one_connection_serves_it_and_ends_with_it() {
    for options in [&[][..], &["--workers", "4"]] {
        let Some(mut command) = find_peer("systemd-socket-activate") else { return };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("echo");
        command.arg("--accept").arg("-l").arg(&path);
        command.args([ROPEWALK, "serve", "echo", "systemd:index=0"]).args(options);
        let mut running = Running::command(command);
        eventually("it listens", || is_listening(&path));
        for _ in 0..3 {
            let mut client = std::os::unix::net::UnixStream::connect(&path).unwrap();
            client.set_read_timeout(Some(LIMIT)).unwrap();
            client.write_all(b"for one").unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "for one");
            assert_eq!(running.listening(), format!("unix:{}", path.display()));
        }
        ends_its_children(&running);
    }
}

#[test]
fn a_relay_for_one_connection_ends_with_its_pair() {
    let Some(mut command) = find_peer("systemd-socket-activate") else { return };
    let mut behind = Running::ropewalk(&["serve", "echo", ENDPOINT]);
    let target = format!("tcp:{}", behind.listening());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("relay");
    command.arg("--accept").arg("-l").arg(&path);
    command.args([ROPEWALK, "relay", "systemd:index=0", &target]);
    let running = Running::command(command);
    eventually("it listens", || is_listening(&path));
    let mut client = std::os::unix::net::UnixStream::connect(&path).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.write_all(b"through a relay").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "through a relay");
    ends_its_children(&running);
}

#[test]
fn a_connection_that_no_endpoint_names_is_closed_and_ends_no_server() {
    let Some(mut command) = find_peer("systemd-socket-activate") else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("echo");
    command.arg("--accept").arg("-l").arg(&path);
    command.args([ROPEWALK, "serve", "echo", ENDPOINT]);
    let mut running = Running::command(command);
    eventually("it listens", || is_listening(&path));
    let mut client = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let address = running.listening();
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "it was closed");
    for _ in 0..2 {
        let mut served = connect(&address);
        served.write_all(b"x").unwrap();
        served.read_exact(&mut [0]).unwrap();
    }
}

/// Waits until each process that it has started has ended.
fn ends_its_children(running: &Running) {
    let children = format!("/proc/{0}/task/{0}/children", running.id());
    eventually("each process has ended with its connection", || {
        let children = std::fs::read_to_string(&children).unwrap();
        let is_zombie = |id: &str| {
            let state = std::fs::read_to_string(format!("/proc/{id}/stat"));
            state.map_or(true, |state| state.contains(") Z "))
        };
        children.split_whitespace().all(is_zombie)
    });
}
