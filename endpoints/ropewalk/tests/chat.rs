//! The example `chat`, with guests over TCP, TLS and a UNIX socket.
//!
//! Invariant: the guests over TLS and the UNIX socket are openssl's and socat's.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use testkit::find_peer;

use self::support::{Example, Program, connect};

/// A guest who is another program.
struct Guest {
    _process: Program,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Guest {
    fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { _process: Program(process), input, output }
    }

    #[track_caller]
    fn hears(&mut self, expected: &str) {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{expected}\r\n"));
    }
}

#[track_caller]
fn hears(stream: &mut TcpStream, expected: &str) {
    let mut line = vec![0; expected.len() + 2];
    stream.read_exact(&mut line).unwrap();
    assert_eq!(String::from_utf8(line).unwrap(), format!("{expected}\r\n"));
}

fn says(guest: &mut impl Write, line: &str) {
    guest.write_all(format!("{line}\r\n").as_bytes()).unwrap();
}

#[test]
fn guests_over_tcp_tls_and_a_unix_socket_hear_one_another() {
    let Some(mut maker) = find_peer("openssl") else { return };
    let (Some(mut tls), Some(mut socat)) = (find_peer("openssl"), find_peer("socat")) else {
        return;
    };
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chat");
    fs::create_dir_all(&directory).unwrap();
    let (pem, socket) = (directory.join("server.pem"), directory.join("chat.sock"));
    maker.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    maker.args(["-subj", "/CN=localhost", "-keyout", "-"]);
    // Key and certificate in one file.
    let made = maker.stderr(Stdio::null()).output().unwrap();
    fs::write(&pem, made.stdout).unwrap();

    let path = socket.to_str().unwrap();
    let (unix, ssl) =
        (format!("unix:{path}"), format!("ssl:0:interface=127.0.0.1:privateKey={}", pem.display()));
    let mut chat = Example::start("chat", &["300", "tcp:0:interface=127.0.0.1", &unix, &ssl]);
    let (tcp_address, _, tls_address) = (chat.address(), chat.address(), chat.address());

    let mut ada = connect(&tcp_address);
    hears(&mut ada, "Who are you?");
    says(&mut ada, "Ada");
    hears(&mut ada, "Ada is here");

    let mut brian = Guest::start(socat.arg("-").arg(format!("UNIX-CONNECT:{path}")));
    brian.hears("Who are you?");
    says(&mut brian.input, "Brian");
    brian.hears("Brian is here");
    hears(&mut ada, "Brian is here");

    let mut grace = Guest::start(tls.args(["s_client", "-quiet", "-connect", &tls_address]));
    grace.hears("Who are you?");
    says(&mut grace.input, "Grace");
    grace.hears("Grace is here");
    hears(&mut ada, "Grace is here");
    brian.hears("Grace is here");

    // What could change a terminal is escaped.
    says(&mut grace.input, "hello \x1b[2J");
    for guest in [&mut brian, &mut grace] {
        guest.hears("Grace: hello \\u{1b}[2J");
    }
    hears(&mut ada, "Grace: hello \\u{1b}[2J");
    drop(ada);
    brian.hears("Ada is gone");
    grace.hears("Ada is gone");
}

#[test]
fn a_guest_who_is_silent_or_sends_an_endless_line_is_closed() {
    let mut chat = Example::start("chat", &["1", "tcp:0:interface=127.0.0.1"]);
    let address = chat.address();
    let (mut silent, mut endless) = (connect(&address), connect(&address));
    // Its end may come before all is written.
    let _ = endless.write_all(&[b'x'; 1 << 20]);
    let _ = endless.read_to_end(&mut Vec::new());
    hears(&mut silent, "Who are you?");
    says(&mut silent, "Mum");
    hears(&mut silent, "Mum is here");
    let begun = Instant::now();
    let mut rest = Vec::new();
    // It may see a reset.
    let _ = silent.read_to_end(&mut rest);
    assert!(rest.is_empty() && begun.elapsed() < Duration::from_secs(15), "{rest:?}");
}

#[test]
fn a_guest_who_does_not_read_is_closed_and_holds_up_no_other() {
    let mut chat = Example::start("chat", &["300", "tcp:0:interface=127.0.0.1"]);
    let address = chat.address();
    let mut names = ["Slow", "Ada"].map(|name| {
        let mut guest = connect(&address);
        hears(&mut guest, "Who are you?");
        says(&mut guest, name);
        hears(&mut guest, &format!("{name} is here"));
        guest
    });
    let [_slow, ada] = &mut names;
    let mut heard = BufReader::new(ada.try_clone().unwrap());
    let line = "x".repeat(16_000);
    let mut answer = String::new();
    // Far more than all buffers of a connection take.
    for _ in 0..4_000 {
        says(ada, &line);
        answer.clear();
        heard.read_line(&mut answer).unwrap();
        if answer == "Slow is gone\r\n" {
            return;
        }
        assert_eq!(answer.len(), "Ada: \r\n".len() + line.len());
    }
    panic!("64 MB are not too much for the one who does not read");
}
