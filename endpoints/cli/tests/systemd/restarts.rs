//! Restarts lose no client: its connection waits in the socket that systemd holds.
//!
//! Invariant: a client that never stops is refused by nothing.

use std::fs;

use crate::client::{Restless, echoes, free_port, tcp};
use crate::manager::Manager;

/// Restarts the service so often, with a client that never stops.
fn restarts(manager: &Manager, port: u16, times: u32) {
    echoes(tcp(port));
    let clients = [(); 2].map(|()| Restless::new(port));
    let script =
        format!("for n in $(seq {times}); do systemctl restart echo.service || exit 1; done");
    let output = manager.script(&script).output().unwrap();
    assert!(output.status.success(), "{output:?}\n{}", manager.log());
    for client in clients {
        let answered = client.stop();
        println!("{answered:?}");
        assert_eq!((answered.refused, answered.dropped), (0, 0), "{answered:?}");
        assert!(answered.answered > times as usize, "{answered:?}");
    }
    echoes(tcp(port));
}

#[test]
fn a_hundred_restarts_with_a_socket_unit_refuse_no_client() {
    let port = free_port();
    let socket = format!("[Socket]\nListenStream=127.0.0.1:{port}\nFileDescriptorName=web");
    let service = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=notify
ExecStart=%ROPEWALK serve echo systemd:name=web";
    let units = [("echo.socket", &*socket), ("echo.service", service)];
    let Some(manager) = Manager::start(&units) else { return };
    restarts(&manager, port, 100);
}

/// The inode of the socket that listens on the port.
fn inode(port: u16) -> String {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let own = format!("0100007F:{port:04X}");
    let line = table.lines().find(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns[1] == own && columns[3] == "0A"
    });
    line.expect("it listens").split_whitespace().nth(9).unwrap().to_owned()
}

#[test]
fn a_socket_that_the_command_opened_itself_outlives_it_in_the_store() {
    for workers in [1, 2] {
        let port = free_port();
        let service = format!(
            r#"[Unit]
StartLimitIntervalSec=0
[Service]
Type=notify
FileDescriptorStoreMax=8
ExecStart=%ROPEWALK serve echo "systemd:name=web:otherwise=tcp\\:{port}\\:interface\\=127.0.0.1" --workers {workers}"#
        );
        let Some(manager) = Manager::start(&[("echo.service", &service)]) else { return };
        manager.does(&["start", "echo.service"]);
        assert_ne!(manager.property("echo.service", "NFileDescriptorStore"), "0");
        let before = inode(port);
        restarts(&manager, port, 30);
        assert_eq!(inode(port), before, "the same socket");
        manager.does(&["stop", "echo.service"]);
        assert!(
            std::net::TcpStream::connect(("127.0.0.1", port)).is_err(),
            "systemd lets go of it"
        );
    }
}
