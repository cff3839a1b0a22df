//! The queue of connections that wait to be accepted: as long as the kernel allows, or as asked for.
//!
//! Invariant: no reactor here accepts while clients connect.

use std::fs;

use interfaces::{ListenTcp, ReactorTcp as _, ReactorUnix as _};
use ropewalk_reactor::Reactor;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::echo;
use crate::support::unix::{options, place};

/// How many clients come at once: more than Twisted's backlog, less than any kernel's limit.
const BURST: usize = 120;

fn kernel_limit() -> usize {
    fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap()
}

fn client(domain: Domain) -> Socket {
    Socket::new(domain, Type::STREAM.nonblocking(), None).unwrap()
}

/// Whether the kernel completes the connection without the server's help. One that finds the queue
/// full is asked for again after a second, and in vain.
fn is_queued(server: &SockAddr) -> Option<Socket> {
    let client = client(Domain::IPV4);
    match client.connect(server) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => panic!("{error}"),
    }
    let mut asked = libc::pollfd {
        fd: std::os::fd::AsRawFd::as_raw_fd(&client),
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: the pointer leads to one whole structure, which outlives the call.
    (unsafe { libc::poll(&raw mut asked, 1, 500) } == 1).then_some(client)
}

#[test]
fn a_burst_of_clients_is_queued_by_default_and_an_explicit_backlog_is_kept() {
    assert!(kernel_limit() > BURST);
    let reactor = Reactor::new().unwrap();
    let options = ListenTcp::new(([127, 0, 0, 1], 0));
    for (options, expected) in [(options.clone(), BURST), (options.with_backlog(5), 6)] {
        let port = reactor.listen_tcp(&options, echo()).unwrap();
        let address = SockAddr::from(port.host().as_socket_addr().unwrap());
        let mut queued = Vec::new();
        while queued.len() < BURST
            && let Some(client) = is_queued(&address)
        {
            queued.push(client);
        }
        assert_eq!(queued.len(), expected, "{options:?}");
        drop(port.stop_listening());
    }
}

#[test]
fn a_burst_of_clients_of_a_path_is_queued_by_default_and_an_explicit_backlog_is_kept() {
    let (_directory, path) = place();
    let reactor = Reactor::new().unwrap();
    for (options, expected) in [(options(&path), BURST), (options(&path).with_backlog(5), 6)] {
        let port = reactor.listen_unix(&options, echo()).unwrap();
        let address = SockAddr::unix(&path).unwrap();
        let clients: Vec<_> = (0..BURST).map(|_| client(Domain::UNIX)).collect();
        let queued = clients.iter().take_while(|client| client.connect(&address).is_ok()).count();
        assert_eq!(queued, expected, "{options:?}");
        drop(port.stop_listening());
    }
}
