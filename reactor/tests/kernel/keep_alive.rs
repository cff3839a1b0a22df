//! Keep-alive: the times reach the socket.

use std::net::TcpListener;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use interfaces::{ConnectTcp, KeepAliveTimes, ReactorTcp as _};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::Reactor;
use socket2::SockRef;
use testkit::once;

use crate::support::child::in_child;
use crate::support::{RecordExt as _, sockets, turn_until};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_times_of_keep_alive_are_those_of_the_socket_and_the_kernel_refuses_none() {
    in_child(|| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let reactor = Reactor::new().unwrap();
        let seen = Record::new();
        let before = sockets();
        drop(reactor.connect_tcp(&ConnectTcp::new(address), once(Recorder::new(&seen))));
        turn_until(&reactor, "it is connected", || seen.is_made());
        let made: Vec<_> =
            sockets().into_iter().filter(|socket| !before.contains(socket)).collect();
        let &[socket] = &made[..] else { panic!("{made:?}") };
        // SAFETY: the connection stays open to the end of the test.
        let descriptor = unsafe { BorrowedFd::borrow_raw(socket) };
        let socket = SockRef::from(&descriptor);
        assert!(!socket.keepalive().unwrap());
        let transport = seen.transport();
        let tcp = transport.as_tcp().unwrap();
        let defaults = KeepAliveTimes::default();
        let least = defaults.with_idle(Duration::ZERO).with_interval(SECOND / 3).with_probes(0);
        let most = defaults.with_idle(Duration::MAX).with_interval(Duration::MAX);
        let most = most.with_probes(u32::MAX);
        let other = defaults.with_idle(7 * SECOND).with_interval(3 * SECOND).with_probes(9);
        for (times, expected) in [
            (defaults, (60 * SECOND, 15 * SECOND, 4)),
            (least, (SECOND, SECOND, 1)),
            (most, (32767 * SECOND, 32767 * SECOND, 127)),
            (other, (7 * SECOND, 3 * SECOND, 9)),
        ] {
            tcp.set_tcp_keep_alive(false);
            assert!(!socket.keepalive().unwrap());
            tcp.set_tcp_keep_alive_times(times);
            assert!(socket.keepalive().unwrap() && tcp.tcp_keep_alive());
            let found = (
                socket.tcp_keepalive_time().unwrap(),
                socket.tcp_keepalive_interval().unwrap(),
                socket.tcp_keepalive_retries().unwrap(),
            );
            assert_eq!(found, expected, "{times:?}");
        }
        reactor.disconnect_all();
        tcp.set_tcp_keep_alive_times(defaults);
        assert!(!tcp.tcp_keep_alive(), "the connection is over");
        seen.forget();
    });
}
