//! `ropewalk pipe`: standard input and output joined to a connection.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use testkit::pattern;

use crate::bytes::{MIB, assert_same};
use crate::running::{ROPEWALK, Running, ropewalk, ropewalk_command, ropewalk_with, run, wait};

fn echo() -> (Running, String) {
    let mut echo = Running::ropewalk(&["serve", "echo", "tcp:0:interface=127.0.0.1"]);
    let address = format!("tcp:{}", echo.listening());
    (echo, address)
}

#[test]
fn pipes_are_joined_both_ways_and_the_end_of_the_input_half_closes() {
    let (_echo, address) = echo();
    let data = pattern(21, 16 * MIB);
    let ended = ropewalk_with(&["pipe", &address], data.clone());
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    assert_same(&ended.output, &data);
}

#[test]
fn files_are_joined_both_ways() {
    let (_echo, address) = echo();
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    let data = pattern(22, 4 * MIB);
    std::fs::write(&from, &data).unwrap();
    let mut child = ropewalk_command()
        .args(["pipe", &address])
        .stdin(File::open(&from).unwrap())
        .stdout(File::create(&to).unwrap())
        .spawn()
        .unwrap();
    assert_eq!(wait(&mut child), Some(0));
    assert_same(&std::fs::read(&to).unwrap(), &data);
}

#[test]
fn it_ends_when_the_peer_has_closed_though_the_input_is_open() {
    let mut daytime = Running::ropewalk(&["serve", "daytime", "tcp:0:interface=127.0.0.1"]);
    let address = format!("tcp:{}", daytime.listening());
    let mut child = ropewalk_command()
        .args(["pipe", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(wait(&mut child), Some(0));
    let mut line = String::new();
    child.stdout.take().unwrap().read_to_string(&mut line).unwrap();
    assert!(line.ends_with("-UTC\r\n"), "{line:?}");
}

#[test]
fn a_slow_output_slows_the_peer_and_loses_nothing() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", server.local_addr().unwrap());
    let mut child = ropewalk_command()
        .args(["pipe", &address])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut peer, _) = server.accept().unwrap();
    peer.set_nonblocking(true).unwrap();
    let data = pattern(23, MIB);
    let mut sent = 0;
    // Until nothing has gone for a while: the kernel's buffers and the command's are full.
    let mut stuck = 0;
    while stuck < 50 {
        match peer.write(&data[sent % MIB..]) {
            Ok(length) => (sent, stuck) = (sent + length, 0),
            Err(_) => {
                stuck += 1;
                thread::sleep(std::time::Duration::from_millis(10));
            }
        }
        assert!(sent < 256 * MIB, "back-pressure holds it back");
    }
    drop(peer);
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    assert_eq!(wait(&mut child), Some(0));
    assert_eq!(output.len(), sent);
    output.chunks(MIB).for_each(|chunk| assert_same(chunk, &data[..chunk.len()]));
}

#[test]
fn what_cannot_be_connected_to_is_69_and_told() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = ropewalk(&["pipe", &format!("tcp:{port}")]);
    assert_eq!((ended.code, ended.output.as_slice()), (Some(69), &b""[..]));
    let wanted = format!("error: cannot connect to {port}: ");
    assert!(ended.errors.starts_with(&wanted), "{}", ended.errors);
    assert!(ended.errors.ends_with(&format!("\n  tcp:{port}\n")), "{}", ended.errors);

    let ended = ropewalk(&["pipe", "unix:/no/such/socket"]);
    assert_eq!(ended.code, Some(69));
    assert!(ended.errors.contains("/no/such/socket"), "{}", ended.errors);
}

#[test]
fn a_connection_that_breaks_is_69_but_what_came_is_written() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", server.local_addr().unwrap());
    let mut child = ropewalk_command()
        .args(["pipe", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(b"unread").unwrap();
    let (mut peer, _) = server.accept().unwrap();
    peer.write_all(b"half an answer").unwrap();
    let mut output = vec![0; 14];
    child.stdout.as_mut().unwrap().read_exact(&mut output).unwrap();
    assert_eq!(output, b"half an answer");
    peer.peek(&mut [0; 6]).unwrap();
    drop(peer);
    assert_eq!(wait(&mut child), Some(69));
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(errors.starts_with("error: connection lost: "), "{errors}");
}

#[test]
fn a_closed_output_is_69_and_no_panic() {
    let mut chargen = Running::ropewalk(&["serve", "chargen", "tcp:0:interface=127.0.0.1"]);
    let address = format!("tcp:{}", chargen.listening());
    let mut command = Command::new("sh");
    let script = r#"{ "$0" pipe "$1"; echo $? >&2; } | head -c 1000"#;
    command.args(["-c", script, ROPEWALK, &address]);
    let ended = run(command, Vec::new());
    assert_eq!(ended.output.len(), 1000);
    assert!(
        ended.errors.starts_with("error: cannot write to standard output: "),
        "{}",
        ended.errors
    );
    assert!(ended.errors.ends_with("\n69\n"), "{}", ended.errors);
}

#[test]
fn a_wrong_endpoint_is_64() {
    let ended = ropewalk(&["pipe", "tcp:localhost:http"]);
    assert_eq!(ended.code, Some(64));
    assert!(ended.errors.contains("column 15"), "{}", ended.errors);
}

/// A peer that ends its direction, and then reads all that still comes.
#[test]
fn input_that_comes_behind_the_peer_s_end_is_still_delivered() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", server.local_addr().unwrap());
    let mut child = ropewalk_command()
        .args(["pipe", "--half-close-timeout", "60s", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut peer, _) = server.accept().unwrap();
    peer.write_all(b"all of mine").unwrap();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert_eq!(output, "all of mine", "its end is passed on");
    let data = pattern(31, 4 * MIB);
    let (sent, mut input) = (data.clone(), child.stdin.take().unwrap());
    let writer = thread::spawn(move || input.write_all(&sent).unwrap());
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    writer.join().unwrap();
    assert_same(&received, &data);
    assert_eq!(wait(&mut child), Some(0));
}

#[test]
fn an_output_whose_reader_is_gone_ends_it_though_no_byte_comes() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", server.local_addr().unwrap());
    let mut child = ropewalk_command()
        .args(["pipe", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (_peer, _) = server.accept().unwrap();
    drop(child.stdout.take());
    assert_eq!(wait(&mut child), Some(69));
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(errors.starts_with("error: cannot write to standard output: "), "{errors}");
}

#[test]
fn the_end_of_the_input_can_be_kept_from_the_peer() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", server.local_addr().unwrap());
    let peer = thread::spawn(move || {
        let (mut peer, _) = server.accept().unwrap();
        let mut request = [0; 7];
        peer.read_exact(&mut request).unwrap();
        peer.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
        let is_open = peer.read(&mut [0]).is_err();
        peer.write_all(b"answer").unwrap();
        is_open
    });
    let ended = ropewalk_with(&["pipe", "--no-half-close", &address], b"request".to_vec());
    assert!(peer.join().unwrap(), "no end of file came");
    assert_eq!((ended.code, ended.output.as_slice()), (Some(0), &b"answer"[..]));
}

#[test]
fn an_input_or_an_output_that_fails_is_69_and_told() {
    let (_echo, address) = echo();
    let directory = tempfile::tempdir().unwrap();
    let run = |input: File, output: File| {
        let mut command = ropewalk_command();
        command.args(["pipe", &address]).stdin(input).stdout(output).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let null = || File::options().read(true).write(true).open("/dev/null").unwrap();
    let (code, errors) = run(File::open(directory.path()).unwrap(), null());
    assert_eq!(code, Some(69));
    assert!(errors.starts_with("error: cannot read standard input: Is a directory"), "{errors}");
    let text = directory.path().join("text");
    std::fs::write(&text, "words").unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (code, errors) = run(File::open(&text).unwrap(), full);
    assert_eq!(code, Some(69));
    let wanted = "error: cannot write to standard output: No space left on device";
    assert!(errors.starts_with(wanted), "{errors}");
}

/// A peer that takes an end of input for a goodbye, and its address.
fn touchy() -> (TcpListener, String) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", server.local_addr().unwrap());
    (server, address)
}

#[test]
fn without_input_the_connection_stays_open_for_what_the_peer_pushes() {
    for option in ["--receive-only", "--no-stdin", "--recv-only"] {
        let (server, address) = touchy();
        let mut command = ropewalk_command();
        command.args(["pipe", option, &address]);
        let pushing = thread::spawn(move || {
            let (mut peer, _) = server.accept().unwrap();
            peer.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
            let silence = peer.read(&mut [0]);
            peer.write_all(b"pushed").unwrap();
            silence
        });
        let ended = run(command, "it is not sent");
        assert!(pushing.join().unwrap().is_err(), "{option}: neither bytes nor an end came");
        assert_eq!((ended.code, ended.output.as_slice()), (Some(0), &b"pushed"[..]), "{option}");
    }
}

#[test]
fn a_pipe_that_only_sends_drops_what_comes_and_closes_behind_its_input() {
    let (_echo, address) = echo();
    let data = pattern(24, 4 * MIB);
    let ended = ropewalk_with(&["pipe", "--send-only", &address], data.clone());
    assert_eq!((ended.code, ended.output.len()), (Some(0), 0), "{}", ended.errors);
    let (server, address) = touchy();
    let taking = thread::spawn(move || {
        let (mut peer, _) = server.accept().unwrap();
        let mut received = Vec::new();
        peer.read_to_end(&mut received).unwrap();
        received
    });
    let ended = ropewalk_with(&["pipe", "--send-only", &address], data.clone());
    assert_same(&taking.join().unwrap(), &data);
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
}

#[test]
fn directions_that_exclude_each_other_are_refused() {
    for options in [["--send-only", "--receive-only"], ["--send-only", "--no-half-close"]] {
        let ended = ropewalk(&[&["pipe", "tcp:127.0.0.1:1"][..], &options].concat());
        assert_eq!(ended.code, Some(64), "{}", ended.errors);
    }
}

/// A proxy that answers and sends the destination's first words in one piece.
fn proxy(answers: Vec<Vec<u8>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        for answer in answers {
            assert!(peer.read(&mut request).unwrap() > 0);
            peer.write_all(&answer).unwrap();
        }
        // Until the end of the input, so that nothing unread resets the connection.
        std::io::copy(&mut peer, &mut std::io::sink()).unwrap();
    });
    port
}

#[test]
fn the_first_words_of_a_server_behind_a_proxy_are_written_though_they_come_with_its_answer() {
    let http = proxy(vec![b"HTTP/1.1 200 OK\r\n\r\nhello".to_vec()]);
    let socks = proxy(vec![b"\x05\0".to_vec(), b"\x05\0\0\x01\0\0\0\0\0\0hello".to_vec()]);
    for (kind, port) in [("http-connect", http), ("socks5", socks)] {
        let through = format!("{kind}:host=h.example:port=80:tcp:127.0.0.1:{port}");
        let ended = ropewalk(&["pipe", &through]);
        assert_eq!(ended.output, b"hello", "{kind}: {}", ended.errors);
        assert_eq!(ended.code, Some(0), "{kind}: {}", ended.errors);
    }
}
