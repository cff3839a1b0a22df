//! Sockets of the simulated network answer as Linux's do (tcp(7), unix(7)).
//!
//! Invariant: each test leaves the network empty, or says what is left.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use interfaces::{
    Address, ConnectTcp, KeepAliveTimes, ListenError, ListenTcp, ListenUnix, LockFile, OsError,
    UnixAddress,
};
use ropewalk_reactor::simulated::{
    Carried, Chance, Faults, Leftover, Links, Simulated, SimulatedListener, SimulatedStream,
};
use ropewalk_reactor::sys::{ConnectFault, SocketOption, StreamSys as _, Sys as _, Token, Watch};

const SECOND: Option<Duration> = Some(Duration::from_secs(1));

fn quiet() -> Simulated {
    let network = Simulated::new(42);
    network.set_faults(Faults::none());
    network
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn path(text: &str) -> UnixAddress {
    UnixAddress::Path(text.as_bytes().into())
}

fn wait(network: &Simulated) {
    network.poll(SECOND, &mut Vec::new()).expect("polls");
}

/// Waits until nothing registered could stop it.
fn settle(network: &Simulated) {
    for _ in 0..20 {
        wait(network);
    }
}

fn tcp(network: &Simulated) -> (SimulatedListener, SimulatedStream, SimulatedStream) {
    let listener = network.listen_tcp(&ListenTcp::new(at("127.0.0.1:80"))).expect("listens");
    let client = network.connect_tcp(&ConnectTcp::new(at("127.0.0.1:80"))).expect("begins");
    settle(network);
    let (server, _) = network.accept(&listener).expect("accepts");
    (listener, client, server)
}

fn unix(network: &Simulated) -> (SimulatedListener, SimulatedStream, SimulatedStream) {
    let listener = network.listen_unix(&ListenUnix::new(path("/x"))).expect("listens");
    let client = network.connect_unix(&path("/x")).expect("connects");
    let (server, _) = network.accept(&listener).expect("accepts");
    (listener, client, server)
}

fn number<T: std::fmt::Debug>(result: io::Result<T>) -> i32 {
    result.expect_err("fails").raw_os_error().expect("an error of the system")
}

fn bind_number(fault: ConnectFault) -> i32 {
    match fault {
        ConnectFault::Bind(error) => number::<()>(Err(error)),
        ConnectFault::Connect(error) | ConnectFault::Device(error) => panic!("connect: {error}"),
    }
}

fn refusal(result: Result<SimulatedListener, ListenError>) -> OsError {
    match result.expect_err("fails") {
        ListenError::Refused { source, .. } => source,
        other => panic!("{other}"),
    }
}

fn os(number: i32) -> OsError {
    OsError::from_raw_os_error(number)
}

#[test]
fn a_connection_has_the_two_addresses_and_carries_bytes_both_ways() {
    for text in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let network = quiet();
        let listener = network.listen_tcp(&ListenTcp::new(at(text))).expect("listens");
        let port = network.listener_address(&listener).port().expect("a port");
        assert_ne!(port, 0);
        let to = SocketAddr::new(at(text).ip(), port);
        let client = network.connect_tcp(&ConnectTcp::new(to)).expect("begins");
        settle(&network);
        let (server, peer) = network.accept(&listener).expect("accepts");
        assert_eq!(peer, network.local_address(&client));
        assert_eq!(network.peer_address(&server), peer);
        assert_eq!(network.peer_address(&client), network.local_address(&server));
        assert_eq!(network.peer_address(&client).port(), Some(port));
        assert_eq!(network.write(&client, b"there").expect("writes"), 5);
        let pieces = [io::IoSlice::new(b"and "), io::IoSlice::new(b"back")];
        assert_eq!(network.write_vectored(&server, &pieces).expect("writes"), 8);
        settle(&network);
        let mut buffer = [0; 9];
        assert_eq!(network.read(&server, &mut buffer).expect("reads"), 5);
        assert_eq!(&buffer[..5], b"there");
        assert_eq!(network.read(&client, &mut buffer).expect("reads"), 8);
        assert_eq!(&buffer[..8], b"and back");
        drop((listener, client, server));
        assert_eq!(network.carried(), Carried::default());
    }
}

#[test]
fn nobody_listening_refuses_and_a_busy_port_is_busy() {
    let network = quiet();
    let attempt = network.connect_tcp(&ConnectTcp::new(at("127.0.0.1:80"))).expect("begins");
    assert_eq!(number(network.read(&attempt, &mut [0; 1])), libc::EAGAIN);
    settle(&network);
    assert_eq!(number(network.take_error(&attempt)), libc::ECONNREFUSED);
    network.take_error(&attempt).expect("it was taken");

    let options = ListenTcp::new(at("127.0.0.1:80"));
    let listener = network.listen_tcp(&options).expect("listens");
    assert_eq!(refusal(network.listen_tcp(&options)), os(libc::EADDRINUSE));
    let local = Some(at("127.0.0.1:80"));
    let fault = network
        .connect_tcp(&ConnectTcp::new(at("127.0.0.1:81")).with_bind_address(local))
        .expect_err("fails");
    assert_eq!(bind_number(fault), libc::EADDRINUSE);
    let fault = network
        .connect_tcp(&ConnectTcp::new(at("[::1]:81")).with_bind_address(local))
        .expect_err("fails");
    assert_eq!(bind_number(fault), libc::EINVAL);
    drop((attempt, listener));
    drop(network.listen_tcp(&options).expect("the port is free again"));
    assert_eq!(network.carried(), Carried::default());
}

#[test]
fn a_full_backlog_makes_a_client_ask_again_and_a_black_hole_for_ever() {
    let network = quiet();
    let options = ListenTcp::new(at("127.0.0.1:80")).with_backlog(0);
    let listener = network.listen_tcp(&options).expect("listens");
    let clients = [(); 2]
        .map(|()| network.connect_tcp(&ConnectTcp::new(at("127.0.0.1:80"))).expect("begins"));
    network.poll(Some(Duration::from_millis(500)), &mut Vec::new()).expect("polls");
    let first = network.accept(&listener).expect("one fits");
    assert_eq!(number(network.accept(&listener)), libc::EAGAIN);
    wait(&network);
    let second = network.accept(&listener).expect("it asked again");

    network.black_hole("192.0.2.1".parse().expect("an address"));
    let lost = network.connect_tcp(&ConnectTcp::new(at("192.0.2.1:80"))).expect("begins");
    network.register(&lost, Token(1), Watch::Both).expect("registers");
    let (begin, mut ready) = (network.now(), Vec::new());
    while ready.is_empty() {
        network.poll(None, &mut ready).expect("it ends");
    }
    assert_eq!((network.now() - begin).as_secs(), 127);
    assert!(ready[0].writable);
    assert_eq!(number(network.take_error(&lost)), libc::ETIMEDOUT);
    drop((clients, first, second, lost, listener));
    assert_eq!(network.carried(), Carried::default());
}

#[test]
fn unix_names_answer_as_files_and_abstract_names_do() {
    let network = quiet();
    assert_eq!(number(network.connect_unix(&path("/x"))), libc::ENOENT);
    let hidden = UnixAddress::Abstract(b"x".as_slice().into());
    assert_eq!(number(network.connect_unix(&hidden)), libc::ECONNREFUSED);
    network.leave_behind(&path("/x"), Leftover::DeadSocket);
    assert_eq!(number(network.connect_unix(&path("/x"))), libc::ECONNREFUSED);
    let unlocked = ListenUnix::new(path("/x")).with_lock_file(LockFile::Ignored);
    assert_eq!(refusal(network.listen_unix(&unlocked)), os(libc::EADDRINUSE));

    let locked = ListenUnix::new(path("/x"));
    assert!(!network.is_locked(&path("/x")));
    let listener = network.listen_unix(&locked).expect("a dead socket is replaced");
    assert!(network.is_locked(&path("/x")));
    let error = network.listen_unix(&locked).expect_err("a server lives");
    assert!(matches!(error, ListenError::InUse { .. }), "{error}");
    drop(listener);
    assert_eq!(number(network.connect_unix(&path("/x"))), libc::ENOENT);

    network.leave_behind(&path("/x"), Leftover::File);
    let error = network.listen_unix(&locked).expect_err("a file");
    assert!(matches!(error, ListenError::NotASocket { .. }), "{error}");
    let long = ListenUnix::new(path(&"x".repeat(108)));
    let error = network.listen_unix(&long).expect_err("a long name");
    assert!(matches!(error, ListenError::NameTooLong { length: 108, limit: 107, .. }), "{error}");
    assert_eq!(network.carried(), Carried::default());
}

#[test]
fn a_full_unix_backlog_answers_at_once_and_begins_nothing() {
    let network = quiet();
    let options = ListenUnix::new(path("/x")).with_backlog(1);
    let listener = network.listen_unix(&options).expect("listens");
    let clients = [(); 2].map(|()| network.connect_unix(&path("/x")).expect("connects"));
    let before = network.carried();
    assert_eq!(number(network.connect_unix(&path("/x"))), libc::EAGAIN);
    assert_eq!(network.carried(), before);
    let (server, peer) = network.accept(&listener).expect("accepts");
    assert_eq!(peer, Address::from(UnixAddress::Unnamed));
    assert_eq!(network.local_address(&server), Address::from(path("/x")));
    assert!(network.peer_credentials(&server).is_some());
    drop((listener, clients, server));
    assert_eq!(network.carried(), Carried::default());
}

#[test]
fn half_closing_leaves_the_other_direction_open() {
    for connected in [tcp, unix] {
        let network = quiet();
        let (_listener, client, server) = connected(&network);
        network.write(&client, b"question").expect("writes");
        network.shutdown_write(&client).expect("shuts down");
        assert_eq!(number(network.write(&client, b"x")), libc::EPIPE);
        settle(&network);
        let mut buffer = [0; 99];
        assert_eq!(network.read(&server, &mut buffer).expect("reads"), 8);
        assert_eq!(network.read(&server, &mut buffer).expect("reads"), 0);
        network.write(&server, b"answer").expect("writes");
        settle(&network);
        assert_eq!(network.read(&client, &mut buffer).expect("reads"), 6);
        drop(server);
        settle(&network);
        assert_eq!(network.read(&client, &mut buffer).expect("reads"), 0);
    }
}

#[test]
fn what_was_written_before_an_orderly_close_arrives() {
    for connected in [tcp, unix] {
        let network = quiet();
        network.set_links(Links { buffer: 100..=100, segment: 7..=7, ..Links::default() });
        let (_listener, client, server) = connected(&network);
        assert_eq!(network.write(&client, &[1; 999]).expect("writes"), 100);
        drop(client);
        let mut count = 0;
        loop {
            settle(&network);
            match network.read(&server, &mut [0; 40]).expect("reads") {
                0 => break,
                more => count += more,
            }
        }
        assert_eq!(count, 100);
    }
}

#[test]
fn a_reset_is_told_once_after_what_had_arrived() {
    let network = quiet();
    let (_listener, client, server) = tcp(&network);
    network.write(&client, b"arrived").expect("writes");
    settle(&network);
    network.reset_on_close(&client);
    drop(client);
    settle(&network);
    assert_eq!(network.read(&server, &mut [0; 99]).expect("reads"), 7);
    assert_eq!(number(network.read(&server, &mut [0; 99])), libc::ECONNRESET);
    assert_eq!(network.read(&server, &mut [0; 99]).expect("the error was taken"), 0);
    assert_eq!(number(network.write(&server, b"x")), libc::EPIPE);
}

#[test]
fn a_write_may_be_what_meets_the_reset() {
    let network = quiet();
    let (_listener, client, server) = tcp(&network);
    drop(client);
    settle(&network);
    assert_eq!(network.write(&server, b"into the void").expect("nobody knows yet"), 13);
    settle(&network);
    assert_eq!(network.read(&server, &mut [0; 9]).expect("the end of file came first"), 0);
    assert_eq!(number(network.write(&server, b"x")), libc::EPIPE);
}

#[test]
fn closing_with_something_unread_resets() {
    for connected in [tcp, unix] {
        let network = quiet();
        let (_listener, client, server) = connected(&network);
        network.write(&server, b"unread").expect("writes");
        settle(&network);
        drop(client);
        settle(&network);
        assert_eq!(number(network.read(&server, &mut [0; 9])), libc::ECONNRESET);
    }
}

#[test]
fn a_unix_peer_that_went_is_noticed_by_the_next_write() {
    let network = quiet();
    let (_listener, client, server) = unix(&network);
    drop(client);
    assert_eq!(number(network.write(&server, b"x")), libc::EPIPE);
    settle(&network);
    assert_eq!(network.read(&server, &mut [0; 9]).expect("reads"), 0);
}

#[test]
fn a_listener_that_closes_resets_its_queue() {
    let network = quiet();
    let listener = network.listen_tcp(&ListenTcp::new(at("127.0.0.1:80"))).expect("listens");
    let client = network.connect_tcp(&ConnectTcp::new(at("127.0.0.1:80"))).expect("begins");
    settle(&network);
    network.take_error(&client).expect("connected");
    drop(listener);
    settle(&network);
    assert_eq!(number(network.read(&client, &mut [0; 9])), libc::ECONNRESET);
    drop(client);
    assert_eq!(network.carried(), Carried::default());
}

#[test]
fn without_a_descriptor_nothing_is_accepted_but_the_reserve_sheds() {
    let network = quiet();
    let listener = network.listen_unix(&ListenUnix::new(path("/x"))).expect("listens");
    let client = network.connect_unix(&path("/x")).expect("connects");
    network.limit_descriptors(2);
    assert_eq!(number(network.accept(&listener)), libc::EMFILE);
    assert_eq!(number(network.connect_unix(&path("/x"))), libc::EMFILE);
    let busy = ListenTcp::new(at("127.0.0.1:80"));
    assert_eq!(refusal(network.listen_tcp(&busy)), os(libc::EMFILE));
    network.accept_and_close(&listener).expect("the reserve serves");
    assert_eq!(number(network.accept_and_close(&listener)), libc::EAGAIN);
    network.set_faults(Faults { failed_reserve: Chance::per_mille(900), ..Faults::none() });
    while number(network.accept_and_close(&listener)) != libc::EMFILE {}
    network.set_faults(Faults::none());
    assert_eq!(network.carried().streams, 1);
    settle(&network);
    assert_eq!(network.read(&client, &mut [0; 9]).expect("reads"), 0);
    drop((client, listener));
    assert_eq!(network.carried(), Carried::default());
}

#[test]
fn an_aborted_accept_resets_its_client_and_a_missing_descriptor_keeps_it() {
    let network = quiet();
    let listener = network.listen_tcp(&ListenTcp::new(at("127.0.0.1:80"))).expect("listens");
    let client = network.connect_tcp(&ConnectTcp::new(at("127.0.0.1:80"))).expect("begins");
    settle(&network);
    let always = Chance::per_mille(900);
    network.set_faults(Faults { no_descriptor: always, ..Faults::none() });
    while network.accept(&listener).is_err_and(|error| error.raw_os_error() != Some(libc::EMFILE)) {
    }
    network.set_faults(Faults { aborted_accept: always, ..Faults::none() });
    assert_eq!(number(network.accept(&listener)), libc::ECONNABORTED);
    network.set_faults(Faults::none());
    settle(&network);
    assert_eq!(number(network.read(&client, &mut [0; 9])), libc::ECONNRESET);
    drop((client, listener));
    assert_eq!(network.carried(), Carried::default());
}

#[test]
fn a_reset_fault_reaches_both_ends() {
    let network = quiet();
    let (_listener, client, server) = tcp(&network);
    network.set_faults(Faults { reset: Chance::per_mille(900), ..Faults::none() });
    let is_reset = |stream| {
        network
            .read(stream, &mut [0; 99])
            .is_err_and(|error| error.raw_os_error() == Some(libc::ECONNRESET))
    };
    let mut segments = 0;
    while !is_reset(&client) {
        segments += 1;
        assert!(segments < 100, "nine in ten are to meet it");
        let _ = network.write(&client, b"x");
        wait(&network);
    }
    let mut reads = 0;
    while !is_reset(&server) {
        reads += 1;
        assert!(reads < 100, "what had arrived comes first, and then the reset");
        wait(&network);
    }
}

#[test]
fn options_are_remembered_by_each_stream() {
    let network = quiet();
    let (_listener, client, server) = tcp(&network);
    network.set_option(&client, SocketOption::NoDelay, true);
    assert!(network.option(&client, SocketOption::NoDelay));
    assert!(!network.option(&client, SocketOption::KeepAlive));
    assert!(!network.option(&server, SocketOption::NoDelay));
    network.set_keep_alive_times(&server, KeepAliveTimes::default());
    assert!(network.option(&server, SocketOption::KeepAlive));
    network.set_option(&server, SocketOption::KeepAlive, false);
    assert!(!network.option(&server, SocketOption::KeepAlive));
    assert_eq!(network.peer_credentials(&server), None);
}
