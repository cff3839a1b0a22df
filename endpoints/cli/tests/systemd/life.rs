//! The life of a service as systemd sees it: started, alive, reloading, draining, gone.
//!
//! Invariant: what is claimed is read from systemd, not from the service.

use std::io::{Read as _, Write as _};
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{echoes, free_port, tcp, unix};
use crate::manager::{LIMIT, Manager};
use crate::program::unit;

#[test]
fn a_start_is_over_when_the_command_listens() {
    let port = free_port();
    let service = format!(
        "[Service]\nType=notify\nExecStart=%ROPEWALK serve echo tcp:{port}:interface=127.0.0.1"
    );
    let silent = "[Service]\nType=notify\nTimeoutStartSec=1\nExecStart=/bin/sleep 100";
    let units = [("echo.service", &*service), ("silent.service", silent)];
    let Some(manager) = Manager::start(&units) else { return };
    manager.does(&["start", "echo.service"]);
    echoes(tcp(port));
    let status = format!("listening on 127.0.0.1:{port}");
    assert_eq!(manager.property("echo.service", "StatusText"), status);
    assert!(!manager.systemctl(&["start", "silent.service"]).status.success());
    assert_eq!(manager.property("silent.service", "Result"), "timeout");
}

#[test]
fn a_service_whose_loop_is_stuck_in_a_callback_is_restarted_by_the_watchdog() {
    let socket = "[Socket]\nListenStream=%D/program\nFileDescriptorName=web";
    let service = unit("WatchdogSec=2\nRestart=on-watchdog\nRestartSec=0");
    let Some(manager) =
        Manager::start(&[("program.socket", socket), ("program.service", &service)])
    else {
        return;
    };
    let path = manager.path("program");
    echoes(unix(&path));
    // Twice the interval: it lives, and is left alone.
    thread::sleep(Duration::from_secs(4));
    echoes(unix(&path));
    assert_eq!(manager.property("program.service", "NRestarts"), "0");
    unix(&path).write_all(b"hang\n").unwrap();
    manager.awaits("program.service", "NRestarts", "1");
    echoes(unix(&path));
}

#[test]
fn a_reload_is_over_when_the_program_says_so() {
    let service = unit("ExecReload=/bin/sh -c 'kill -HUP $MAINPID'");
    let socket = "[Socket]\nListenStream=%D/program\nFileDescriptorName=web";
    let Some(manager) =
        Manager::start(&[("program.socket", socket), ("program.service", &service)])
    else {
        return;
    };
    manager.does(&["start", "program.service"]);
    assert_eq!(manager.property("program.service", "StatusText"), "generation 0");
    manager.does(&["reload", "program.service"]);
    manager.awaits("program.service", "StatusText", "generation 1");
    manager.awaits("program.service", "ActiveState", "active");
}

#[test]
fn datagram_sockets_of_a_unit_are_taken_by_their_name() {
    let port = free_port();
    let socket = format!(
        "[Socket]\nListenStream=%D/program\nListenDatagram=127.0.0.1:{port}\nFileDescriptorName=web"
    );
    let service = unit("");
    let Some(manager) =
        Manager::start(&[("program.socket", &socket), ("program.service", &service)])
    else {
        return;
    };
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.send_to(b"datagram", ("127.0.0.1", port)).unwrap();
    let mut buffer = [0; 64];
    let length = client.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"datagram");
    echoes(unix(&manager.path("program")));
}

#[test]
fn a_service_that_drains_gets_more_time_than_the_unit_gives() {
    let port = free_port();
    let service = format!(
        "[Service]\nType=notify\nTimeoutStopSec=2
ExecStart=%ROPEWALK serve echo tcp:{port}:interface=127.0.0.1 --grace 20s"
    );
    let Some(manager) = Manager::start(&[("echo.service", &service)]) else { return };
    manager.does(&["start", "echo.service"]);
    let mut client = tcp(port);
    client.write_all(b".").unwrap();
    client.read_exact(&mut [0]).unwrap();
    manager.does(&["stop", "--no-block", "echo.service"]);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(6) {
        client.write_all(b".").unwrap();
        client.read_exact(&mut [0]).expect("it is served to its end");
        thread::sleep(Duration::from_millis(100));
    }
    let status = manager.property("echo.service", "StatusText");
    assert_eq!(status, "stopping: 1 connection is left");
    assert_eq!(manager.property("echo.service", "SubState"), "stop-sigterm");
    drop(client);
    manager.awaits("echo.service", "ActiveState", "inactive");
    assert_eq!(manager.property("echo.service", "Result"), "success");
}

#[test]
fn a_systemd_of_a_test_changes_no_setting_of_the_kernel() {
    let settings = || {
        ["net/unix/max_dgram_qlen", "fs/file-max", "fs/nr_open", "kernel/core_pattern"]
            .map(|name| std::fs::read_to_string(format!("/proc/sys/{name}")).unwrap())
    };
    let before = settings();
    let Some(manager) = Manager::start(&[]) else { return };
    assert_eq!(settings(), before);
    let written = manager.script("echo 11 > /proc/sys/net/unix/max_dgram_qlen").output().unwrap();
    assert!(!written.status.success());
}
