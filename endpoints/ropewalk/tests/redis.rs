//! The example `redis`, judged by the programs of Redis itself.
//!
//! Invariant: the server is the example that `cargo test` has built, on a free port of loopback.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Output;

use testkit::find_peer;

use self::support::{Example, connect};

struct Server {
    _example: Example,
    address: String,
}

impl Server {
    fn start() -> Self {
        let mut example = Example::start("redis", &["tcp:0:interface=127.0.0.1"]);
        let address = example.address();
        Self { _example: example, address }
    }

    fn connect(&self) -> TcpStream {
        connect(&self.address)
    }

    fn port(&self) -> &str {
        self.address.rsplit_once(':').unwrap().1
    }

    /// What redis-cli prints, if it is installed.
    fn ask(&self, words: &[&str]) -> Option<String> {
        let mut client = find_peer("redis-cli")?;
        let Output { stdout, .. } = client.args(["-p", self.port()]).args(words).output().unwrap();
        Some(String::from_utf8(stdout).unwrap().trim().to_owned())
    }
}

#[track_caller]
fn answers(stream: &mut TcpStream, expected: &[u8]) {
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

/// The rest until the end.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => rest,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            rest
        }
    }
}

#[test]
fn redis_cli_gets_what_it_sets() {
    let server = Server::start();
    let dialogue: [(&[&str], &str); 10] = [
        (&["ping"], "PONG"),
        (&["set", "number", "41"], "OK"),
        (&["incr", "number"], "42"),
        (&["get", "number"], "42"),
        (&["get", "nothing"], ""),
        (&["set", "text", "words and\nlines"], "OK"),
        (&["get", "text"], "words and\nlines"),
        (&["incr", "text"], "ERR value is not an integer or out of range"),
        (&["del", "text"], "1"),
        (&["frobnicate"], "ERR cannot run FROBNICATE so"),
    ];
    for (words, expected) in dialogue {
        let Some(answer) = server.ask(words) else { return };
        assert_eq!(answer, expected, "{words:?}");
    }
}

#[test]
fn redis_benchmark_has_all_its_requests_answered() {
    let Some(mut benchmark) = find_peer("redis-benchmark") else { return };
    let server = Server::start();
    benchmark.args(["-p", server.port(), "-t", "ping,set,get,incr"]);
    let output = benchmark.args(["-n", "20000", "-P", "16", "--csv"]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let tests: Vec<&str> = lines.lines().filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(tests, ["test", "PING_INLINE", "PING_MBULK", "SET", "GET", "INCR"], "{lines}");
    // Each client counts up once a request, so the last value is the number of requests.
    assert_eq!(server.ask(&["get", "counter:__rand_int__"]).as_deref(), Some("20000"));
}

#[test]
fn a_command_in_pieces_of_one_byte_is_answered_as_a_whole_one() {
    let server = Server::start();
    let mut client = server.connect();
    client.set_nodelay(true).unwrap();
    for byte in
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n"
    {
        client.write_all(&[*byte]).unwrap();
    }
    answers(&mut client, b"+OK\r\n$2\r\n\r\n\r\n+PONG\r\n");
}

#[test]
fn a_key_with_a_time_to_live_is_gone_after_it() {
    let server = Server::start();
    let mut client = server.connect();
    client
        .write_all(b"SET k v PX 0\r\nGET k\r\nSET k v PX 600000\r\nGET k\r\nSET k v PX x\r\n")
        .unwrap();
    answers(&mut client, b"+OK\r\n$-1\r\n+OK\r\n$1\r\nv\r\n-ERR invalid expire time\r\n");
}

#[test]
fn what_is_published_reaches_the_subscribers_that_are_there() {
    let server = Server::start();
    let (mut reader, mut gone, mut writer) = (server.connect(), server.connect(), server.connect());
    let joined = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
    for subscriber in [&mut reader, &mut gone] {
        subscriber.write_all(b"SUBSCRIBE news\r\n").unwrap();
        answers(subscriber, joined);
    }
    writer.write_all(b"PUBLISH news one\r\n").unwrap();
    answers(&mut writer, b":2\r\n");
    answers(&mut reader, b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\none\r\n");
    drop(gone);
    // It is counted until the server has seen its end.
    let receivers = (0..1000).find(|_| {
        writer.write_all(b"PUBLISH news two\r\n").unwrap();
        let mut count = [0; 4];
        writer.read_exact(&mut count).unwrap();
        &count == b":1\r\n"
    });
    assert!(receivers.is_some());
}

#[test]
fn what_breaks_the_protocol_gets_an_error_behind_the_answers_and_the_end() {
    for broken in ["*x\r\n", "*2000\r\n", "*1\r\n+3\r\n", "*1\r\n$-1\r\n", "*1\r\n$20000000\r\n"] {
        let server = Server::start();
        let mut client = server.connect();
        client.write_all(format!("PING\r\n{broken}").as_bytes()).unwrap();
        let answer = String::from_utf8(rest(client)).unwrap();
        assert!(answer.starts_with("+PONG\r\n-ERR Protocol error: "), "{broken:?}: {answer:?}");
    }
    let server = Server::start();
    let mut client = server.connect();
    let endless = vec![b'x'; 4 << 20];
    let _ = client.write_all(&endless);
    assert!(rest(client).len() < 100);
}

#[test]
fn a_client_that_does_not_read_its_answers_is_read_no_more_and_loses_none() {
    let server = Server::start();
    let mut client = server.connect();
    let text = "v".repeat(1 << 19);
    client
        .write_all(
            format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{text}\r\n", text.len()).as_bytes(),
        )
        .unwrap();
    answers(&mut client, b"+OK\r\n");
    // More than the cap on unsent bytes.
    let count = 100;
    client.write_all(&b"GET k\r\n".repeat(count)).unwrap();
    let answer = format!("${}\r\n{text}\r\n", text.len());
    for _ in 0..count {
        answers(&mut client, answer.as_bytes());
    }
}
