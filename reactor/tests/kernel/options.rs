//! The options of sockets from their first moment, and what has an address that is in use.

use std::cell::RefCell;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

use deferred::Failure;
use interfaces::{
    Address, ConnectError, ConnectTcp, DualStack, KeepAliveTimes, ListenError, ListenTcp,
    ListenUnix, ListeningPort, LockFile, ReactorTcp as _, ReactorUnix as _, TcpOptions,
    UnixAddress,
};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};
use socket2::SockRef;
use testkit::once;

use crate::support::child::in_child;
use crate::support::unix::place;
use crate::support::{RecordExt as _, echo, listen, sockets, turn_until};

type Listened = Result<Rc<dyn ListeningPort>, ListenError>;

fn listen_on(reactor: &Reactor, options: &ListenTcp) -> Listened {
    reactor.listen_tcp(options, echo())
}

fn port_of(listened: &Listened) -> u16 {
    listened.as_ref().ok().and_then(|port| port.host().port()).unwrap()
}

/// The error number and the hint of a refusal.
fn refusal(listened: Listened) -> (i32, String) {
    match listened.map(drop) {
        Err(ListenError::Refused { source, hint, .. }) => {
            (source.raw_os_error(), hint.into_owned())
        }
        other => panic!("{other:?}"),
    }
}

/// Whether small writes go out at once, and the times of the probes, if there are any.
fn found(descriptor: i32) -> (bool, Option<KeepAliveTimes>) {
    // SAFETY: the connection stays open while it is looked at.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let socket = SockRef::from(&descriptor);
    let times = socket.keepalive().unwrap().then(|| {
        KeepAliveTimes::default()
            .with_idle(socket.tcp_keepalive_time().unwrap())
            .with_interval(socket.tcp_keepalive_interval().unwrap())
            .with_probes(socket.tcp_keepalive_retries().unwrap())
    });
    (socket.tcp_nodelay().unwrap(), times)
}

#[test]
fn the_options_of_a_port_and_of_a_connect_are_those_of_the_connections() {
    in_child(|| {
        let times = KeepAliveTimes::default()
            .with_idle(Duration::from_secs(7))
            .with_interval(Duration::from_secs(3))
            .with_probes(9);
        let both = TcpOptions::default().with_no_delay(true).with_keep_alive(Some(times));
        for (options, expected) in
            [(TcpOptions::default(), (false, None)), (both, (true, Some(times)))]
        {
            let reactor = Reactor::new().unwrap();
            let (server, client) = (Record::new(), Record::new());
            let here = ListenTcp::new(([127, 0, 0, 1], 0)).with_options(options.clone());
            let port = reactor.listen_tcp(&here, once(Recorder::new(&server))).unwrap();
            let before = sockets();
            let there = ConnectTcp::new(port.host().as_socket_addr().unwrap());
            let there = there.with_options(options);
            drop(reactor.connect_tcp(&there, once(Recorder::new(&client))));
            turn_until(&reactor, "both are connected", || server.is_made() && client.is_made());
            let made = sockets().into_iter().filter(|socket| !before.contains(socket));
            let made: Vec<_> = made.collect();
            assert_eq!(made.len(), 2);
            for socket in made {
                assert_eq!(found(socket), expected);
            }
            for record in [&server, &client] {
                let transport = record.transport();
                let tcp = transport.as_tcp().unwrap();
                assert_eq!(
                    (tcp.tcp_no_delay(), tcp.tcp_keep_alive()),
                    (expected.0, expected.1.is_some())
                );
            }
            reactor.disconnect_all();
            server.forget();
            client.forget();
        }
    });
}

#[test]
fn an_address_is_shared_by_those_alone_that_all_say_so() {
    let (first, second) = (Reactor::new().unwrap(), Reactor::new().unwrap());
    let sharing = TcpOptions::default().with_reuse_port(true);
    let shared = ListenTcp::new(([127, 0, 0, 1], 0)).with_options(sharing);
    let address = listen_on(&first, &shared).unwrap().host().as_socket_addr().unwrap();
    let mut shared = shared;
    shared.address = address;
    listen_on(&second, &shared).unwrap();
    let (number, _) = refusal(listen_on(&second, &ListenTcp::new(address)));
    assert_eq!(number, libc::EADDRINUSE);
    assert_eq!((first.counts().ports, second.counts().ports), (1, 1));
}

#[test]
fn a_wildcard_of_ipv6_takes_peers_of_ipv4_or_leaves_their_port_free() {
    let reactor = Reactor::new().unwrap();
    let any = |stack| ListenTcp::new((Ipv6Addr::UNSPECIFIED, 0)).with_dual_stack(stack);
    let only = listen_on(&reactor, &any(DualStack::Ipv6Only));
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port_of(&only)));
    listen_on(&reactor, &ListenTcp::new(address)).unwrap();

    let both = listen_on(&reactor, &any(DualStack::Both));
    let seen = Record::new();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port_of(&both)));
    drop(reactor.connect_tcp(&ConnectTcp::new(address), once(Recorder::new(&seen))));
    turn_until(&reactor, "a peer of IPv4 is connected", || seen.is_made());
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port_of(&both)));
    let (number, _) = refusal(listen_on(&reactor, &ListenTcp::new(address)));
    assert_eq!(number, libc::EADDRINUSE);
    reactor.disconnect_all();
    seen.forget();
}

#[test]
fn a_network_device_carries_the_connections_or_is_named_in_the_error() {
    let reactor = Reactor::new().unwrap();
    let on = |device: &str| TcpOptions::default().with_device(Some(Rc::from(device)));
    let here = ListenTcp::new(([127, 0, 0, 1], 0));
    let port = listen_on(&reactor, &here.clone().with_options(on("lo"))).unwrap();
    let there = ConnectTcp::new(port.host().as_socket_addr().unwrap());
    let seen = Record::new();
    let options = there.clone().with_options(on("lo"));
    drop(reactor.connect_tcp(&options, once(Recorder::new(&seen))));
    turn_until(&reactor, "it is connected over the device", || seen.is_made());
    // The last is longer than any name, and would be cut to one that exists.
    for device in ["nosuch0", "", "lo\0", "lo234567890123456"] {
        match listen_on(&reactor, &here.clone().with_options(on(device))).map(drop) {
            Err(error @ ListenError::Device { source, .. }) => {
                assert_eq!(source.raw_os_error(), libc::ENODEV);
                assert!(error.to_string().contains("there is none of that name"), "{error}");
            }
            other => panic!("{device:?}: {other:?}"),
        }
        let connecting = reactor.connect_tcp(&there.clone().with_options(on(device)), echo());
        let outcome = Rc::new(RefCell::new(None));
        let told = Rc::clone(&outcome);
        drop(connecting.add_both(move |result: Result<(), Failure>| {
            told.replace(Some(result));
            Ok::<_, Failure>(())
        }));
        turn_until(&reactor, "it fails", || outcome.borrow().is_some());
        let failure = outcome.take().unwrap().unwrap_err();
        match failure.downcast_ref() {
            Some(ConnectError::Device { source, .. }) => {
                assert_eq!(source.raw_os_error(), libc::ENODEV);
            }
            other => panic!("{device:?}: {other:?}"),
        }
    }
    reactor.disconnect_all();
    seen.forget();
    drop(port.stop_listening());
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn an_address_in_use_is_refused_with_the_process_and_program_that_have_it() {
    let reactor = Reactor::new().unwrap();
    let (_port, address) = listen(&reactor, echo());
    let program = std::fs::read_to_string("/proc/self/comm").unwrap();
    let holder = format!("process {} ({}) listens there", std::process::id(), program.trim());
    let any = SocketAddr::from(([0, 0, 0, 0], address.port()));
    for address in [address, any] {
        let refused = refusal(listen_on(&reactor, &ListenTcp::new(address)));
        assert_eq!(refused, (libc::EADDRINUSE, holder.clone()));
    }
    let of_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let options = ListenTcp::new(of_ipv6.local_addr().unwrap());
    assert_eq!(refusal(listen_on(&reactor, &options)), (libc::EADDRINUSE, holder.clone()));

    let (_directory, path) = place();
    let name = format!("a name\0with \u{e9} of {}", std::process::id());
    let addresses = [
        UnixAddress::Path(Rc::from(path.with_file_name("a b").to_str().unwrap().as_bytes())),
        UnixAddress::Abstract(Rc::from(name.as_bytes())),
    ];
    for address in addresses {
        let options = ListenUnix::new(address).with_lock_file(LockFile::Ignored);
        let port = reactor.listen_unix(&options, echo()).unwrap();
        let refused = refusal(reactor.listen_unix(&options, echo()));
        assert_eq!(refused, (libc::EADDRINUSE, holder.clone()));
        assert!(matches!(port.host(), Address::Unix(_)));
    }
}
