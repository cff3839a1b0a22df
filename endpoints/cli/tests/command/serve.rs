//! `ropewalk serve` with clients of the standard library.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use testkit::pattern;

use crate::bytes::{MIB, assert_same, exchange};
use crate::certificates::Certificate;
use crate::peer;
use crate::running::{LIMIT, Running, connect, eventually, ropewalk_command, ropewalk_with, wait};

fn serve(protocol: &str) -> (Running, TcpStream) {
    let mut running = Running::ropewalk(&["serve", protocol, "tcp:0:interface=127.0.0.1"]);
    let stream = running.connect();
    (running, stream)
}

#[test]
fn echo_returns_every_byte_and_closes_after_the_last() {
    let (running, stream) = serve("echo");
    let data = pattern(1, 4 * MIB);
    assert_same(&exchange(stream, data.clone()), &data);
    let ended = running.terminate();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
}

#[test]
fn one_process_listens_on_several_endpoints_and_tells_where() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("echo.sock");
    let unix = format!("unix:{}", path.display());
    let mut endpoints = vec!["serve", "echo", "tcp:0:interface=127.0.0.1", &unix];
    let ipv6 = peer::has_ipv6();
    if ipv6 {
        endpoints.push("tcp6:0:interface=\\:\\:1");
    }
    let mut running = Running::ropewalk(&endpoints);

    let address = running.listening();
    assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{address}");
    assert_same(&exchange(connect(&address), pattern(2, MIB)), &pattern(2, MIB));

    assert_eq!(running.listening(), unix);
    let stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    assert_same(&exchange(stream, pattern(3, MIB)), &pattern(3, MIB));

    if ipv6 {
        let address = running.listening();
        assert!(address.starts_with("[::1]:"), "{address}");
        assert_same(&exchange(connect(&address), pattern(4, MIB)), &pattern(4, MIB));
    }
    let ended = running.terminate();
    assert_eq!((ended.code, ended.output.as_slice(), &*ended.errors), (Some(0), &b""[..], ""));
    assert!(!path.exists(), "the socket is removed");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "and its lock");
}

#[test]
fn echo_over_tls_is_reached_by_pipe() {
    let certificate = Certificate::new();
    let mut running = Running::ropewalk(&["serve", "echo", &certificate.server()]);
    let client = certificate.client(&running.listening());
    let data = pattern(5, MIB);
    let ended = crate::running::ropewalk_with(&["pipe", &client], data.clone());
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    assert_same(&ended.output, &data);
    assert_eq!(running.terminate().code, Some(0));
}

#[test]
fn discard_takes_everything_and_says_nothing() {
    let (_running, stream) = serve("discard");
    assert!(exchange(stream, pattern(6, 8 * MIB)).is_empty());
}

#[test]
fn chargen_sends_the_lines_of_the_rfc_for_as_long_as_they_are_read() {
    let (mut running, mut stream) = serve("chargen");
    stream.write_all(b"whatever").unwrap();
    let mut sent = vec![0; 2 * MIB];
    stream.read_exact(&mut sent).unwrap();
    let printable: Vec<u8> = (b' '..=b'~').collect();
    for (number, line) in sent.chunks_exact(74).enumerate() {
        let expected: Vec<u8> =
            printable.iter().copied().cycle().skip(number % 95).take(72).collect();
        assert_eq!(line, [&expected[..], b"\r\n"].concat(), "line {number}");
    }
    drop(stream);
    assert!(running.is_running());
}

#[test]
fn daytime_sends_one_line_and_closes() {
    let (_running, mut stream) = serve("daytime");
    let mut line = String::new();
    stream.read_to_string(&mut line).unwrap();
    assert!(line.ends_with("-UTC\r\n") && line.lines().count() == 1, "{line:?}");
}

#[test]
fn daytime_reaches_a_client_that_talks_first() {
    let (mut running, mut stream) = serve("daytime");
    for _ in 0..50 {
        // It may have closed by now; the bytes that it sent are still there.
        let _ = stream.write_all(b"what time is it?\r\n");
        let mut line = String::new();
        stream.read_to_string(&mut line).unwrap();
        assert!(line.ends_with("-UTC\r\n"), "{line:?}");
        stream = connect(&stream.peer_addr().unwrap().to_string());
    }
    assert!(running.is_running());
}

#[test]
fn a_client_that_resets_costs_only_its_connection() {
    let (mut running, first) = serve("echo");
    let address = first.peer_addr().unwrap().to_string();
    for _ in 0..20 {
        let mut stream = connect(&address);
        stream.write_all(&pattern(7, 100_000)).unwrap();
        // Unread bytes are in the socket, so this is a reset.
        drop(stream);
    }
    assert_same(&exchange(first, b"still here".to_vec()), b"still here");
    assert!(running.is_running());
}

#[test]
fn a_closed_standard_output_is_no_panic() {
    let mut command = std::process::Command::new("sh");
    let script = r#""$0" serve daytime tcp:0:interface=127.0.0.1 2>&1 >/dev/full & sleep 1; kill $!; wait $!"#;
    command.args(["-c", script, crate::running::ROPEWALK]);
    let ended = crate::running::run(command, Vec::new());
    assert_eq!(ended.code, Some(0));
    let told = String::from_utf8(ended.output).unwrap();
    assert!(told.starts_with("warning: cannot write to standard output: "), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}

#[test]
fn a_second_process_cannot_take_a_path_that_is_served_but_one_left_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let unix = format!("unix:{}", path.display());
    let mut first = Running::ropewalk(&["serve", "echo", &unix]);
    first.listening();
    let second = crate::running::ropewalk(&["serve", "echo", &unix]);
    assert_eq!(second.code, Some(69));
    assert!(second.errors.contains(&unix), "{}", second.errors);
    first.signal("KILL");
    eventually("the first is gone", || !first.is_running());
    assert!(path.exists(), "it was not removed");
    let mut third = Running::ropewalk(&["serve", "echo", &unix]);
    assert_eq!(third.listening(), unix);
}

#[test]
fn standard_input_and_output_are_one_connection_whose_output_has_nothing_but_its_bytes() {
    let mut child = ropewalk_command()
        .args(["serve", "echo", "stdio:", "tcp:0:interface=127.0.0.1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    input.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    output.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        line.unwrap().strip_prefix("listening 127").map(|rest| format!("127{rest}"))
    });
    let mut client = connect(&address.expect("it says where it listens"));
    client.write_all(b"x").unwrap();
    client.read_exact(&mut answer[..1]).unwrap();
    drop(input);
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(wait(&mut child), Some(0));
}

/// A connection whose first bytes decide is one before they come.
#[test]
fn a_server_on_standard_input_and_output_ends_with_that_connection_and_not_before() {
    for (endpoint, input) in
        [("stdio:", "hello"), ("haproxy:stdio:", "PROXY UNKNOWN\r\nhello"), ("sni:stdio:", "hello")]
    {
        let mut child = ropewalk_command()
            .args(["serve", "echo", endpoint])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        assert!(line.starts_with("listening"), "{endpoint}: {line}");
        // There is nothing to wait for: it has to stay.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        assert_eq!((output.as_str(), wait(&mut child)), ("hello", Some(0)), "{endpoint}");
    }
}

#[test]
fn a_server_on_standard_input_and_output_ends_when_its_first_bytes_are_refused() {
    let ended =
        ropewalk_with(&["serve", "echo", "haproxy:stdio:"], b"GET / HTTP/1.0\r\n\r\n".to_vec());
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(ended.errors.contains("sent no PROXY header"), "{}", ended.errors);
}
