//! systemd opens the sockets, and the command is started by the first client.
//!
//! Invariant: what systemd has opened keeps its path and its mode.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;

use crate::client::{echoes, free_port, tcp, unix};
use crate::manager::Manager;

const TWO_NAMES: [(&str, &str); 3] = [
    ("web.socket", "[Socket]\nListenStream=%D/web\nSocketMode=0642\nService=echo.service"),
    (
        "ctl.socket",
        "[Socket]\nListenStream=%D/ctl\nFileDescriptorName=control\nService=echo.service",
    ),
    (
        "echo.service",
        "[Service]\nType=notify\nSockets=web.socket ctl.socket
ExecStart=%ROPEWALK serve echo systemd:domain=UNIX:name=web.socket systemd:name=control",
    ),
];

#[test]
fn two_named_sockets_are_listened_on_and_stay_as_systemd_made_them() {
    let Some(manager) = Manager::start(&TWO_NAMES) else { return };
    assert_eq!(manager.property("echo.service", "ActiveState"), "inactive");
    let (web, ctl) = (manager.path("web"), manager.path("ctl"));
    echoes(unix(&ctl));
    echoes(unix(&web));
    manager.awaits("echo.service", "ActiveState", "active");
    let status = format!("listening on unix:{}, unix:{}", web.display(), ctl.display());
    assert_eq!(manager.property("echo.service", "StatusText"), status);
    manager.does(&["stop", "echo.service"]);
    assert_eq!(web.metadata().unwrap().permissions().mode() & 0o777, 0o642);
    echoes(unix(&web));
    assert_eq!(manager.property("echo.service", "NRestarts"), "0", "a client started it again");
    assert!(!manager.log().contains("warning: "), "{}", manager.log());
}

#[test]
fn all_sockets_of_one_name_are_one_endpoint() {
    let port = free_port();
    let socket = format!(
        "[Socket]\nListenStream=127.0.0.1:{port}\nListenStream=%D/echo\nListenStream=@ropewalk-{port}
FileDescriptorName=web"
    );
    let service = "[Service]\nType=notify\nExecStart=%ROPEWALK serve echo systemd:name=web";
    let Some(manager) = Manager::start(&[("echo.socket", &socket), ("echo.service", service)])
    else {
        return;
    };
    let path = manager.path("echo");
    echoes(tcp(port));
    echoes(unix(&path));
    let status = format!(
        "listening on 127.0.0.1:{port}, unix:{}, unix:abstract=ropewalk-{port}",
        path.display()
    );
    manager.awaits("echo.service", "StatusText", &status);
}

#[test]
fn a_socket_that_no_endpoint_names_is_told_in_the_log() {
    let service = "[Service]\nType=notify\nSockets=web.socket ctl.socket
ExecStart=%ROPEWALK serve echo systemd:name=control";
    let [web, ctl, _] = TWO_NAMES;
    let Some(manager) = Manager::start(&[web, ctl, ("echo.service", service)]) else { return };
    echoes(unix(&manager.path("ctl")));
    let log = manager.log();
    assert!(
        log.contains("named \"web.socket\"), a listening stream socket of family UNIX, is used"),
        "{log}"
    );
}

#[test]
fn each_connection_has_a_process_of_its_own_which_ends_with_it() {
    let socket = "[Socket]\nListenStream=%D/echo\nAccept=yes";
    let service = "[Service]\nType=notify\nExecStart=%ROPEWALK serve echo systemd:index=0";
    let Some(manager) = Manager::start(&[("echo.socket", socket), ("echo@.service", service)])
    else {
        return;
    };
    let path = manager.path("echo");
    for _ in 0..3 {
        let mut one = unix(&path);
        let mut other = unix(&path);
        for stream in [&mut other, &mut one] {
            stream.write_all(b"mine").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "mine");
        }
    }
    manager.awaits("echo.socket", "NAccepted", "6");
    manager.awaits("echo.socket", "NConnections", "0");
    let failed = manager.systemctl(&["list-units", "--failed", "--no-legend"]).stdout;
    assert_eq!(String::from_utf8(failed).unwrap(), "");
}
