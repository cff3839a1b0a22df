//! How connections end on a real wire: to the last byte, or with a reset.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, RecordExt as _, echo, listen, run_with, turn_until};
use interfaces::{
    AdoptError, ListenError, OsError, ReactorCore as _, ReactorSocket as _, Reason, Transport,
};
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Limits, Reactor};
use testkit::once;

/// The bytes that these tests send: far more than any socket holds.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

#[test]
fn a_slow_client_that_still_sends_gets_every_byte_though_that_takes_longer_than_the_time_to_linger()
{
    const ANSWER: usize = 3_000_000;
    let reactor = Reactor::new().unwrap();
    let factory = once(Recorder::new(&Record::new()).on_made(|transport| {
        transport.write(&bytes(ANSWER));
        transport.lose_connection();
    }));
    let (_port, address) = listen(&reactor, factory);
    let (received, took) = run_with(&reactor, move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (mut received, mut buffer, begun) = (Vec::new(), vec![0; 16_384], Instant::now());
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            received.extend_from_slice(&buffer[..count]);
            // One that finds the socket closed is answered with a reset.
            let _ = stream.write(b".");
            std::thread::sleep(Duration::from_millis(18));
        }
        (received, begun.elapsed())
    });
    assert!(received == bytes(ANSWER), "{} bytes in {took:?}", received.len());
    assert!(took > Limits::default().linger, "{took:?}");
}

#[test]
fn a_client_that_is_still_sending_gets_every_byte_before_the_end() {
    const ANSWER: usize = 4 << 20;
    let limits = Limits::default().with_linger(PATIENCE);
    for clients_send in [0, 100, 300_000, 6 << 20] {
        let reactor = Reactor::with_limits(limits).unwrap();
        let seen = Record::new();
        let factory = once(Recorder::new(&seen).on_made(|transport| {
            transport.write(&bytes(ANSWER));
            transport.lose_connection();
        }));
        let (port, address) = listen(&reactor, factory);
        let received = run_with(&reactor, move || {
            let mut client = TcpStream::connect(address).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client.set_write_timeout(Some(PATIENCE)).unwrap();
            // All of it is sent before anything is read, and no end of file follows.
            client.write_all(&bytes(clients_send)).unwrap();
            let mut received = Vec::new();
            client.read_to_end(&mut received).unwrap();
            received
        });
        assert!(received == bytes(ANSWER), "{} bytes of {ANSWER}", received.len());
        assert!(seen.reason().is_clean(), "{:?}", seen.reason());
        assert_eq!(seen.received().len(), 0);
        seen.forget();
        drop(port);
        assert_eq!(reactor.counts(), Counts::default());
    }
}

#[test]
fn an_answer_to_a_request_arrives_though_the_rest_of_the_request_is_never_read() {
    let reactor = Reactor::new().unwrap();
    for _ in 0..50 {
        let seen = Record::new();
        let factory = once(Recorder::new(&seen).on_data(|transport, _| {
            transport.write(b"no, thank you");
            transport.lose_connection();
        }));
        let (port, address) = listen(&reactor, factory);
        let client = std::thread::spawn(move || {
            let mut client = TcpStream::connect(address).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            for _ in 0..20 {
                // The server's end may be there already, which is no error for a sender.
                client.write_all(&[0; 10_000]).unwrap();
            }
            client.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            answer
        });
        turn_until(&reactor, "the client has ended", || client.is_finished());
        assert_eq!(client.join().unwrap(), "no, thank you");
        drop(port.stop_listening());
        seen.forget();
    }
    turn_until(&reactor, "nothing is left", || reactor.counts() == Counts::default());
}

#[test]
fn a_peer_that_never_ends_is_left_when_the_linger_time_is_over() {
    let limits = Limits::default().with_linger(Duration::from_millis(30));
    let reactor = Reactor::with_limits(limits).unwrap();
    let seen = Record::new();
    let factory = once(Recorder::new(&seen).on_made(|transport| transport.lose_connection()));
    let (port, address) = listen(&reactor, factory);
    let mut client = TcpStream::connect(address).unwrap();
    turn_until(&reactor, "the protocol is told", || seen.is_lost());
    assert_eq!(reactor.counts().lingering, 1);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(port.stop_listening());
    turn_until(&reactor, "the socket is closed", || reactor.counts() == Counts::default());
    client.set_nonblocking(true).unwrap();
    let refused = Instant::now() + PATIENCE;
    while client.write(b"is anybody there?").is_ok() {
        assert!(Instant::now() < refused, "nobody closed the socket");
        std::thread::yield_now();
    }
    seen.forget();
}

#[test]
fn a_flood_at_a_lingering_socket_ends_with_its_time_and_starves_nobody() {
    let limits = Limits::default()
        .with_linger(Duration::from_millis(100))
        .with_reads_per_turn(1)
        .with_read_buffer_bytes(4096);
    let reactor = Reactor::with_limits(limits).unwrap();
    let seen = Record::new();
    let factory = once(Recorder::new(&seen).on_made(|transport| transport.lose_connection()));
    let (_port, address) = listen(&reactor, factory);
    let (_other, others) = listen(&reactor, echo());
    let flood = std::thread::spawn(move || {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_write_timeout(Some(PATIENCE)).unwrap();
        while client.write_all(&[0; 65536]).is_ok() {}
    });
    turn_until(&reactor, "it lingers", || reactor.counts().lingering == 1);
    let mut client = TcpStream::connect(others).unwrap();
    client.set_nonblocking(true).unwrap();
    client.write_all(b"ping").unwrap();
    turn_until(&reactor, "the other is served", || client.read_exact(&mut [0; 4]).is_ok());
    turn_until(&reactor, "the flood is cut off", || reactor.counts().lingering == 0);
    flood.join().unwrap();
    seen.forget();
}

#[test]
fn stopping_ends_also_what_lingers_and_leaves_no_timer() {
    let limits = Limits::default().with_linger(PATIENCE);
    let reactor = Reactor::with_limits(limits).unwrap();
    let seen = Record::new();
    let factory = once(Recorder::new(&seen).on_made(|transport| transport.lose_connection()));
    let (_port, address) = listen(&reactor, factory);
    let client = TcpStream::connect(address).unwrap();
    turn_until(&reactor, "it lingers", || reactor.counts().lingering == 1);
    reactor.disconnect_all();
    assert_eq!(reactor.counts(), Counts::default());
    drop(client);
    seen.forget();
}

#[test]
fn an_abort_is_a_reset_for_the_peer_and_drops_what_was_queued() {
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let factory = once(Recorder::new(&seen).on_data(|transport, _| {
        transport.write(&bytes(8 << 20));
        transport.abort_connection();
        transport.write(b"too late");
    }));
    let (_port, address) = listen(&reactor, factory);
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"go").unwrap();
    turn_until(&reactor, "it is lost", || seen.is_lost());
    assert!(matches!(seen.reason(), Reason::Aborted));
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut received = Vec::new();
    let error = client.read_to_end(&mut received).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert!(received.len() < 8 << 20);
    seen.forget();
}

#[test]
fn a_reset_by_the_peer_is_told_as_a_loss_and_not_as_an_end() {
    for half_closed in [false, true] {
        let reactor = Reactor::new().unwrap();
        let seen = Record::new();
        let (_port, address) = listen(&reactor, once(Recorder::new(&seen).half_closeable()));
        let client = TcpStream::connect(address).unwrap();
        turn_until(&reactor, "it is connected", || seen.is_made());
        if half_closed {
            client.shutdown(Shutdown::Write).unwrap();
            turn_until(&reactor, "the end of file is told", || {
                seen.count("read_connection_lost") == 1
            });
        }
        let client = socket2::Socket::from(client);
        client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        turn_until(&reactor, "it is lost", || seen.is_lost());
        match seen.reason() {
            Reason::Lost(cause) => {
                // After the peer's end of file Linux calls it a broken pipe (tcp_reset).
                let error = cause.downcast_ref::<OsError>().unwrap().raw_os_error();
                assert_eq!(error, if half_closed { libc::EPIPE } else { libc::ECONNRESET });
            }
            other => panic!("{other:?}"),
        }
        seen.forget();
    }
}

#[test]
fn each_direction_closes_on_its_own() {
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let factory = once(
        Recorder::new(&seen)
            .on_made(|transport| {
                transport.write(b"all I have");
                transport.as_half_closeable().unwrap().lose_write_connection();
                transport.write(b"too late");
            })
            .half_closeable(),
    );
    let (_port, address) = listen(&reactor, factory);
    let mut client = TcpStream::connect(address).unwrap();
    turn_until(&reactor, "our end of file is told", || seen.count("write_connection_lost") == 1);
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    assert_eq!(received, "all I have");
    client.write_all(b"still heard").unwrap();
    turn_until(&reactor, "it is heard", || seen.received().len() == 11);
    assert_eq!((seen.count("read_connection_lost"), seen.is_lost()), (0, false));
    drop(client);
    turn_until(&reactor, "the other end is told", || seen.count("read_connection_lost") == 1);
    assert!(!seen.is_lost(), "both directions are closed, and the protocol decides");
    seen.transport().lose_connection();
    turn_until(&reactor, "it is over", || seen.is_lost());
    assert!(seen.reason().is_clean());
    seen.forget();
}

#[test]
fn what_was_written_before_the_peers_end_of_file_still_goes_out() {
    const ANSWER: usize = 6 << 20;
    let reactor = Reactor::new().unwrap();
    let seen = Record::new();
    let write = |transport: &Rc<dyn Transport>, _: &[u8]| transport.write(&bytes(ANSWER));
    let (_port, address) = listen(&reactor, once(Recorder::new(&seen).on_data(write)));
    let received = run_with(&reactor, move || {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(b"q").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        received
    });
    assert!(received == bytes(ANSWER), "{} bytes of {ANSWER}", received.len());
    assert!(seen.reason().is_clean());
    seen.forget();
}

#[test]
fn an_adopted_connection_is_let_go_of_though_somebody_else_keeps_it_open() {
    for ending in ["lose_connection", "abort_connection", "end of file"] {
        let reactor = Reactor::new().unwrap();
        let (ours, mut peer) = UnixStream::pair().unwrap();
        let kept = ours.try_clone().unwrap();
        let seen = Record::new();
        let factory = once(Recorder::new(&seen).on_data(|transport, data| transport.write(data)));
        reactor.adopt_stream_connection(OwnedFd::from(ours), factory).unwrap();
        assert!(!seen.is_made(), "it comes on a later turn");
        peer.set_nonblocking(true).unwrap();
        peer.write_all(b"ping").unwrap();
        turn_until(&reactor, "the echo came", || peer.read_exact(&mut [0; 4]).is_ok());
        match ending {
            "lose_connection" => seen.transport().lose_connection(),
            "abort_connection" => seen.transport().abort_connection(),
            _ => peer.shutdown(Shutdown::Write).unwrap(),
        }
        turn_until(&reactor, "it is lost", || seen.is_lost());
        if ending == "lose_connection" {
            assert_eq!(peer.read(&mut [0]).unwrap(), 0);
            peer.shutdown(Shutdown::Write).unwrap();
        }
        turn_until(&reactor, "nothing is left", || reactor.counts() == Counts::default());
        // Later events of the socket are not reported: the reactor sleeps.
        let _ = peer.write(b"more");
        let start = Instant::now();
        let mut turns = 0;
        while start.elapsed() < Duration::from_millis(60) {
            reactor.turn(Some(Duration::from_millis(20))).unwrap();
            turns += 1;
        }
        assert!(turns < 20, "{ending}: {turns} turns");
        drop(kept);
        seen.forget();
    }
}

#[test]
fn an_adopted_port_is_let_go_of_though_somebody_else_keeps_it_open() {
    let reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let copy = listener.try_clone().unwrap();
    let port = reactor.adopt_stream_port(OwnedFd::from(copy), echo()).unwrap();
    assert_eq!(port.host(), address.into());
    let mut client = TcpStream::connect(address).unwrap();
    client.set_nonblocking(true).unwrap();
    client.write_all(b"ping").unwrap();
    turn_until(&reactor, "the echo came", || client.read_exact(&mut [0; 4]).is_ok());
    drop(port.stop_listening());
    drop(client);
    turn_until(&reactor, "nothing is left", || reactor.counts() == Counts::default());
    let _waiting = TcpStream::connect(address).expect("the socket still listens for its owner");
    let start = Instant::now();
    let mut turns = 0;
    while start.elapsed() < Duration::from_millis(60) {
        reactor.turn(Some(Duration::from_millis(20))).unwrap();
        turns += 1;
    }
    assert!(turns < 20, "{turns} turns");
    assert!(listener.accept().is_ok());
}

#[test]
fn the_path_of_an_adopted_unix_port_is_not_ours_to_remove() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let reactor = Reactor::new().unwrap();
    let port = reactor.adopt_stream_port(OwnedFd::from(listener), echo()).unwrap();
    drop(port.stop_listening());
    assert!(path.exists());
}

#[test]
fn what_cannot_be_adopted_is_named_and_closed() {
    let reactor = Reactor::new().unwrap();
    let file = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
    let datagram = || OwnedFd::from(std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap());
    let listener = || OwnedFd::from(TcpListener::bind(("127.0.0.1", 0)).unwrap());
    let connected = || OwnedFd::from(UnixStream::pair().unwrap().0);
    let unconnected = || {
        let kind = socket2::Type::STREAM;
        OwnedFd::from(socket2::Socket::new(socket2::Domain::IPV4, kind, None).unwrap())
    };
    for (what, descriptor) in [
        ("not a socket", file()),
        ("another type", datagram()),
        ("listen", connected()),
        ("listen", unconnected()),
    ] {
        match reactor.adopt_stream_port(descriptor, echo()).map(drop) {
            Err(ListenError::Unsuitable { reason }) => assert!(reason.contains(what), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    for (what, descriptor) in [
        ("not a socket", file()),
        ("another type", datagram()),
        ("listens", listener()),
        ("not connected", unconnected()),
    ] {
        match reactor.adopt_stream_connection(descriptor, echo()) {
            Err(AdoptError::Unsuitable { reason }) => assert!(reason.contains(what), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    let refusing =
        protocol::FactoryFn::optional(|_: &interfaces::Address| None::<crate::support::Echo>);
    let refused = reactor.adopt_stream_connection(connected(), refusing.into_rc());
    assert_eq!(refused, Err(AdoptError::NoProtocol));
    assert_eq!(reactor.counts(), Counts::default());
    assert!(!reactor.running());
}
