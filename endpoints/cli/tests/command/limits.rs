//! The limits of `serve` and `relay` on their peers.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use testkit::pattern;

use crate::bytes::assert_same;
use crate::certificates::Certificate;
use crate::running::{LIMIT, ROPEWALK, Running, connect};

const NEAR: &str = "tcp:0:interface=127.0.0.1";

fn assert_reset(mut stream: TcpStream) {
    match stream.read(&mut [0; 1]) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        Ok(length) => panic!("{length} bytes instead of a reset"),
    }
}

/// Writes until nothing more is taken within the time limit of writes.
fn fill(stream: &mut impl Write) {
    let mut sent = 0;
    while let Ok(length) = stream.write(&[b'x'; 65536]) {
        sent += length;
        assert!(sent < 1 << 30, "the relay holds it all");
    }
}

/// Waits for a reset without reading what is before it.
fn wait_for_reset(stream: &TcpStream) {
    let until = Instant::now() + LIMIT;
    let reset = loop {
        match stream.take_error().unwrap() {
            Some(error) => break error,
            None => assert!(Instant::now() < until, "the pair is still there"),
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset, "{reset}");
}

/// A relay to a listener of the test's own, and a pair of its connections.
fn relayed(options: &[&str]) -> (Running, TcpStream, TcpStream) {
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:{}", far.local_addr().unwrap());
    let arguments: Vec<&str> = ["relay", NEAR, &to].into_iter().chain(options.to_vec()).collect();
    let mut relay = Running::ropewalk(&arguments);
    let near = relay.connect();
    let (far, _) = far.accept().unwrap();
    far.set_read_timeout(Some(LIMIT)).unwrap();
    (relay, near, far)
}

#[test]
fn a_pair_of_which_one_side_has_ended_is_ended_when_it_is_silent() {
    let (relay, near, mut far) = relayed(&["--half-close-timeout", "300ms"]);
    near.shutdown(Shutdown::Write).unwrap();
    assert_eq!(far.read(&mut [0; 1]).unwrap(), 0);
    assert_reset(near);
    let ended = relay.terminate();
    assert_eq!(ended.errors.lines().count(), 1, "{}", ended.errors);
    assert!(ended.errors.ends_with(": half-closed connection timed out\n"), "{}", ended.errors);
}

#[test]
fn a_pair_that_is_silent_both_ways_is_ended() {
    let (relay, near, far) = relayed(&["--idle-timeout", "300ms"]);
    assert_reset(near);
    assert_reset(far);
    let ended = relay.terminate();
    assert!(ended.errors.ends_with(": idle connection timed out\n"), "{}", ended.errors);
}

#[test]
fn a_client_that_resets_while_the_other_side_takes_nothing_is_not_an_idle_pair() {
    let (relay, mut near, mut far) = relayed(&["--half-close-timeout", "300ms"]);
    far.write_all(b"unread").unwrap();
    near.peek(&mut [0; 1]).unwrap();
    near.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    fill(&mut near);
    drop(near);
    wait_for_reset(&far);
    let ended = relay.terminate();
    assert!(ended.errors.ends_with(": half-closed connection timed out\n"), "{}", ended.errors);
}

#[test]
fn a_unix_client_that_is_gone_while_the_other_side_takes_nothing_is_not_an_idle_pair() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("near");
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:{}", far.local_addr().unwrap());
    let near = format!("unix:{}", path.display());
    let mut relay = Running::ropewalk(&["relay", &near, &to, "--half-close-timeout", "300ms"]);
    relay.listening();
    let mut near = UnixStream::connect(&path).unwrap();
    near.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let (far, _) = far.accept().unwrap();
    fill(&mut near);
    drop(near);
    wait_for_reset(&far);
    let ended = relay.terminate();
    assert!(ended.errors.ends_with(": half-closed connection timed out\n"), "{}", ended.errors);
}

#[test]
fn a_reset_behind_an_answer_takes_nothing_of_it_away() {
    let (relay, mut near, mut far) = relayed(&[]);
    let answer = pattern(21, 3_000_000);
    near.write_all(b"unread").unwrap();
    let sent = answer.clone();
    let sending = thread::spawn(move || {
        far.write_all(&sent).unwrap();
        let mut acknowledged = 0;
        // All is with the relay when the test has read what does not fit there; then the unread bytes
        // make this a reset.
        while acknowledged < 6 {
            acknowledged = far.peek(&mut [0; 16]).unwrap();
        }
        far
    });
    let mut got = vec![0; answer.len() / 2];
    near.read_exact(&mut got).unwrap();
    let far = sending.join().unwrap();
    drop(far);
    let mut rest = Vec::new();
    let error = near.read_to_end(&mut rest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    got.extend(rest);
    assert!(answer.starts_with(&got));
    let ended = relay.terminate();
    assert!(ended.errors.contains(": connected side: connection lost: "), "{}", ended.errors);
}

#[test]
fn a_server_ends_peers_that_say_nothing_and_keeps_those_that_do() {
    let options = ["--first-byte-timeout", "3s", "--idle-timeout", "0"];
    let arguments: Vec<&str> = ["serve", "echo", NEAR].into_iter().chain(options).collect();
    let mut server = Running::ropewalk(&arguments);
    let address = server.listening();
    let mut speaking = connect(&address);
    speaking.write_all(b"x").unwrap();
    speaking.read_exact(&mut [0; 1]).unwrap();
    assert_reset(connect(&address));
    speaking.write_all(b"y").unwrap();
    speaking.read_exact(&mut [0; 1]).unwrap();
    drop(speaking);
    let ended = server.terminate();
    assert_eq!(ended.code, Some(0));
    let line = ended.errors.strip_prefix("warning: ended the connection of 127.0.0.1:");
    assert!(line.is_some_and(|line| line.ends_with("wait for the first byte timed out\n")));
}

/// A connection whose system takes few bytes that are not read.
fn connect_narrow(address: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address: std::net::SocketAddr = address.parse().unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Whether the server sends no byte for a while, and does not end the connection.
fn waits(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
    let answer = (&mut &*stream).read(&mut [0]).map_err(|error| error.kind());
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    matches!(answer, Err(ErrorKind::WouldBlock))
}

#[test]
fn connections_beyond_the_cap_wait_for_a_place_and_it_is_told() {
    let mut server = Running::ropewalk(&["serve", "echo", NEAR, "--max-connections", "1"]);
    let address = server.listening();
    let mut clients: Vec<TcpStream> = (0..4).map(|_| connect(&address)).collect();
    clients.iter_mut().for_each(|client| client.write_all(b"x").unwrap());
    while !clients.is_empty() {
        clients[0].read_exact(&mut [0; 1]).unwrap();
        assert!(clients[1..].iter().all(waits));
        drop(clients.remove(0));
    }
    let ended = server.terminate();
    let told = "warning: 1 connections are open and the next ones wait, see --max-connections\n";
    assert_eq!(ended.errors, told.repeat(3), "once for each time that it begins to wait");
}

#[test]
fn over_tls_clients_beyond_the_cap_wait_for_their_handshake() {
    let certificate = Certificate::new();
    let listen = certificate.server();
    let mut server = Running::ropewalk(&["serve", "echo", &listen, "--max-connections", "1"]);
    let address = server.listening();
    let mut putting_on = Running::ropewalk(&["relay", NEAR, &certificate.client(&address)]);
    let plain = putting_on.listening();
    let [mut first, mut second] = [connect(&plain), connect(&plain)];
    first.write_all(b"x").unwrap();
    first.read_exact(&mut [0; 1]).unwrap();
    second.write_all(b"y").unwrap();
    assert!(waits(&second));
    drop(first);
    let mut heard = [0; 1];
    second.read_exact(&mut heard).unwrap();
    assert_same(&heard, b"y");
    drop(second);
    assert!(server.terminate().errors.contains("see --max-connections"));
    assert_eq!(putting_on.terminate().errors, "");
}

#[test]
fn a_peers_connections_beyond_its_cap_are_refused_and_told() {
    let mut server = Running::ropewalk(&["serve", "echo", NEAR, "--max-per-peer", "1"]);
    let address = server.listening();
    let mut first = connect(&address);
    first.write_all(b"x").unwrap();
    first.read_exact(&mut [0; 1]).unwrap();
    let mut second = connect(&address);
    assert!(second.read(&mut [0; 1]).is_err(), "a reset, not the end of a stream");
    drop(first);
    let ended = server.terminate();
    assert!(ended.errors.starts_with("warning: refused 127.0.0.1:"), "{}", ended.errors);
    assert!(ended.errors.contains("--max-per-peer"), "{}", ended.errors);
}

#[test]
fn a_cap_counts_connections_that_are_over_but_for_a_slow_client() {
    for option in ["--max-connections", "--max-per-peer"] {
        let far = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = format!("tcp:{}", far.local_addr().unwrap());
        let mut relay = Running::ropewalk(&["relay", NEAR, &to, option, "3"]);
        let address = relay.listening();
        let answer = pattern(5, 200_000);
        let mut slow: Vec<_> = (0..3)
            .map(|_| {
                let mut near = connect_narrow(&address);
                near.write_all(b"unread").unwrap();
                let (mut far, _) = far.accept().unwrap();
                far.peek(&mut [0; 1]).unwrap();
                far.write_all(&answer).unwrap();
                // A reset, as its bytes are unread: the client is waited for.
                drop(far);
                near
            })
            .collect();
        far.set_nonblocking(true).unwrap();
        let mut late: Vec<_> = (0..3).map(|_| connect(&address)).collect();
        for late in &mut late {
            match option {
                "--max-connections" => assert!(waits(late)),
                _ => assert!(late.read(&mut [0; 1]).is_err(), "no place is left"),
            }
        }
        assert_eq!(far.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut got = Vec::new();
        let _reset = slow.remove(0).read_to_end(&mut got).unwrap_err();
        assert!(answer.starts_with(&got));
        let until = Instant::now() + LIMIT;
        while far.accept().is_err() {
            assert!(Instant::now() < until, "its place is free again");
            if option == "--max-per-peer" {
                drop(connect(&address));
            }
            thread::sleep(Duration::from_millis(10));
        }
        drop((slow, late));
        let ended = relay.terminate();
        assert!(ended.errors.contains(&format!("see {option}")), "{}", ended.errors);
    }
}

#[test]
fn a_stranger_at_a_port_with_tls_makes_no_connection_behind_it() {
    let certificate = Certificate::new();
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:{}", far.local_addr().unwrap());
    let mut relay = Running::ropewalk(&["relay", &certificate.server(), &to]);
    let address = relay.listening();
    let mut plain = connect(&address);
    plain.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    // Whatever answer there is, the end of it shows that the relay is done with this connection.
    let _ = plain.read_to_end(&mut Vec::new());
    let mut putting_on = Running::ropewalk(&["relay", NEAR, &certificate.client(&address)]);
    let mut client = putting_on.connect();
    let (mut first, _) = far.accept().unwrap();
    first.write_all(b"220 ready").unwrap();
    let mut greeting = [0; 9];
    client.read_exact(&mut greeting).unwrap();
    assert_same(&greeting, b"220 ready");
    far.set_nonblocking(true).unwrap();
    assert_eq!(far.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_client_waits_for_a_server_that_is_not_up_yet() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("late");
    let to = format!("unix:{}", path.display());
    let mut relay = Running::ropewalk(&["relay", NEAR, &to, "--retry", "1m"]);
    let mut near = relay.connect();
    near.write_all(b"hello").unwrap();
    let mut server = Running::ropewalk(&["serve", "echo", &to]);
    server.listening();
    let mut heard = [0; 5];
    near.read_exact(&mut heard).unwrap();
    assert_same(&heard, b"hello");
    drop(near);
    assert_eq!(relay.terminate().errors, "");
}

#[test]
fn the_time_to_connect_is_the_strings_or_else_the_options() {
    // A listener whose backlog is full does not answer.
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = full.local_addr().unwrap();
    let mut held = Vec::new();
    let attempt = std::time::Duration::from_millis(200);
    while let Ok(stream) = TcpStream::connect_timeout(&address, attempt) {
        held.push(stream);
        assert!(held.len() < 10_000);
    }
    let cases =
        [(format!("tcp:{address}"), "200ms"), (format!("tcp:{address}:timeout=200ms"), "10h")];
    for (to, option) in cases {
        let options = ["--connect-timeout", option, "--retry", "0"];
        let arguments: Vec<&str> = ["relay", NEAR, &to].into_iter().chain(options).collect();
        let mut relay = Running::ropewalk(&arguments);
        assert_reset(relay.connect());
        let ended = relay.terminate();
        assert!(ended.errors.contains("no answer within 200ms"), "{}", ended.errors);
    }
}

#[test]
fn where_descriptors_are_few_clients_over_tls_wait_before_their_handshake() {
    let certificate = Certificate::new();
    let mut command = Command::new("sh");
    let script = r#"ulimit -n 24; exec "$0" serve echo "$1""#;
    command.args(["-c", script, ROPEWALK, &certificate.server()]);
    let mut server = Running::command(command);
    let address = server.listening();
    // More than it has descriptors for; none of them says a word.
    let clients: Vec<TcpStream> = (0..40).map(|_| connect(&address)).collect();
    assert!(waits(clients.last().unwrap()));
    drop(clients);
    // The port goes on, and the next client has its handshake.
    let options = ["relay", NEAR, &certificate.client(&address), "--retry", "30s"];
    let mut relay = Running::ropewalk(&options);
    let mut near = relay.connect();
    near.set_read_timeout(Some(LIMIT)).unwrap();
    near.write_all(b"hello").unwrap();
    let mut heard = [0; 5];
    near.read_exact(&mut heard).unwrap();
    assert_same(&heard, b"hello");
    drop(near);
    relay.terminate();
    let ended = server.terminate();
    assert!(ended.errors.contains("12 connections are open and the next"), "{}", ended.errors);
    assert_eq!(ended.errors.matches("panicked").count(), 0, "{}", ended.errors);
}
