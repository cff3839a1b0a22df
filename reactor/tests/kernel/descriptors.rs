//! Descriptors: none reaches a child, and none is left.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::child::in_child;
use crate::support::{Echo, PATIENCE, RecordExt as _, echo, listen, open_descriptors, turn_until};
use deferred::Failure;
use interfaces::{
    ConnectTcp, ConnectUnix, ListenUnix, ReactorCore as _, ReactorTcp as _, ReactorThreads as _,
    ReactorUnix as _, UnixAddress,
};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};
use testkit::once;

fn unix_name(directory: &tempfile::TempDir) -> UnixAddress {
    let path = directory.path().join("s");
    UnixAddress::Path(Rc::from(path.as_os_str().as_encoded_bytes()))
}

/// Connects with both kinds of sockets, and gives what keeps the connections open.
fn connect_all(reactor: &Reactor, directory: &tempfile::TempDir) -> [Record; 2] {
    let (_port, address) = listen(reactor, echo());
    let name = unix_name(directory);
    drop(reactor.listen_unix(&ListenUnix::new(name.clone()), echo()).unwrap());
    let seen = [Record::new(), Record::new()];
    drop(reactor.connect_tcp(&ConnectTcp::new(address), once(Recorder::new(&seen[0]))));
    drop(reactor.connect_unix(&ConnectUnix::new(name), once(Recorder::new(&seen[1]))));
    turn_until(reactor, "all are connected", || seen.iter().all(|seen| seen.is_made()));
    turn_until(reactor, "all are accepted", || reactor.counts().streams == 4);
    seen
}

#[test]
fn a_child_inherits_nothing_of_a_reactor() {
    in_child(|| {
        let inherited = || {
            let listing = Command::new("ls").arg("/proc/self/fd").output().unwrap();
            String::from_utf8(listing.stdout).unwrap()
        };
        // The parent process may have left descriptors open in this one.
        let (before, open) = (inherited(), open_descriptors());
        let reactor = Reactor::new().unwrap();
        reactor.on_signal(libc::SIGUSR1, || {}).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let seen = connect_all(&reactor, &directory);
        assert!(open_descriptors() > open + 10, "there is something to inherit");
        assert_eq!(inherited(), before);
        seen.iter().for_each(|seen| seen.forget());
    });
}

/// Does something with a reactor, and asserts that when it is gone as many descriptors are open as
/// before.
fn leaves_nothing(before: usize, what: &str, act: &dyn Fn(&Reactor)) {
    let reactor = Reactor::new().unwrap();
    act(&reactor);
    drop(reactor);
    // A thread of the pool ends a moment later.
    let end = Instant::now() + PATIENCE;
    while open_descriptors() != before && Instant::now() < end {
        std::thread::yield_now();
    }
    assert_eq!(open_descriptors(), before, "{what}");
}

#[test]
fn nothing_is_left_open_whatever_a_reactor_did() {
    in_child(|| {
        // What a process opens once and keeps is open from here on.
        drop(Reactor::new().unwrap());
        let before = open_descriptors();
        let leaves_nothing = |what: &str, act: &dyn Fn(&Reactor)| leaves_nothing(before, what, act);
        leaves_nothing("everything is connected", &|reactor| {
            let directory = tempfile::tempdir().unwrap();
            let seen = connect_all(reactor, &directory);
            seen.iter().for_each(|seen| seen.forget());
        });
        leaves_nothing("handles are kept longer than the reactor", &|reactor| {
            let directory = tempfile::tempdir().unwrap();
            let seen = connect_all(reactor, &directory);
            std::mem::forget(seen);
        });
        leaves_nothing("signals", &|reactor| reactor.on_signal(libc::SIGUSR2, || {}).unwrap());
        leaves_nothing("an attempt", &|reactor| {
            let nowhere = ConnectTcp::new(([192, 0, 2, 1], 9));
            drop(reactor.connect_tcp(&nowhere, echo()).add_errback(|_| Ok(())));
        });
        leaves_nothing("an attempt that was cancelled", &|reactor| {
            let nowhere = ConnectTcp::new(([192, 0, 2, 1], 9));
            let attempt = reactor.connect_tcp(&nowhere, echo());
            let handle = attempt.cancel_handle();
            drop(attempt.add_errback(|_| Ok(())));
            handle.cancel();
            assert_eq!(reactor.counts(), Counts::default());
        });
        leaves_nothing("listening that failed", &|reactor| {
            let (_port, address) = listen(reactor, echo());
            assert!(reactor.listen_tcp(&interfaces::ListenTcp::new(address), echo()).is_err());
            let missing = UnixAddress::Path(Rc::from(&b"/nonexistent/s"[..]));
            assert!(reactor.listen_unix(&ListenUnix::new(missing), echo()).is_err());
        });
        leaves_nothing("tasks that were never polled, and calls that were never run", &|reactor| {
            drop(reactor.spawn(std::future::pending::<Result<(), Failure>>()));
            reactor.remote().call_from_thread(|_| {});
        });
        leaves_nothing("a waker that is kept", &|reactor| {
            drop(reactor.spawn(std::future::poll_fn(|context| {
                std::mem::forget(context.waker().clone());
                std::task::Poll::<Result<(), Failure>>::Pending
            })));
            reactor.turn(Some(Duration::ZERO)).unwrap();
        });
        leaves_nothing("work on threads", &|reactor| {
            let stopper = reactor.clone();
            let done = move |_| stopper.stop().unwrap();
            reactor.call_in_thread(Box::new(|| {}), Box::new(done));
            reactor.run().unwrap();
        });
    });
}

#[test]
fn a_thousand_connections_one_after_the_other_leave_none() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let (_port, address) = listen(&reactor, protocol::factory_fn(|_: &_| Echo));
        let before = open_descriptors();
        for round in 0..1000 {
            let mut client = TcpStream::connect(address).unwrap();
            client.set_nonblocking(true).unwrap();
            client.write_all(b"x").unwrap();
            turn_until(&reactor, "the echo came", || client.read(&mut [0; 1]).is_ok());
            if round % 3 == 0 {
                let client = socket2::Socket::from(client);
                client.set_linger(Some(Duration::ZERO)).unwrap();
            }
        }
        turn_until(&reactor, "all are lost", || reactor.counts().streams == 0);
        assert_eq!(open_descriptors(), before);
    });
}
