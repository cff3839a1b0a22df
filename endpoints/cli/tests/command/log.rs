//! The log: what it says, and that neither a full standard error nor a flood of peers stops anything.

use std::fs::{self, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use crate::running::{LIMIT, Running, connect, eventually, ropewalk_command, run, wait};

/// A relay to a port that is closed, whose standard error is a pipe that the test does not read.
struct Unread {
    child: Ending,
    address: String,
    errors: PipeReader,
}

/// A child that does not outlive its test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("tcp:{}", listener.local_addr().unwrap())
}

fn unread(room: Room) -> Unread {
    let (errors, writer) = pipe(room);
    let mut command = ropewalk_command();
    command.args(["relay", "tcp:0:interface=127.0.0.1", &closed_port(), "--retry", "0"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(writer);
    let mut child = command.spawn().unwrap();
    let mut line = Vec::new();
    let mut output = child.stdout.take().unwrap();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        assert_eq!(output.read(&mut byte).unwrap(), 1, "it ended: {line:?}");
        line.push(byte[0]);
    }
    let line = String::from_utf8(line).unwrap();
    let address = line.trim_end().strip_prefix("listening ").unwrap().to_owned();
    Unread { child: Ending(child), address, errors }
}

/// Whether a pipe has room.
#[derive(PartialEq, Eq)]
enum Room {
    Some,
    /// Filled to the last page.
    None,
}

fn pipe(room: Room) -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    if room == Room::None {
        // An open file of its own, so that the other one keeps its mode.
        let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
        let mut filling = OpenOptions::new();
        let mut filling = filling.write(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap();
        let page = [0; 4096];
        while filling.write(&page).is_ok() {}
    }
    (reader, writer)
}

/// A connection that the relay cannot hand on, to its end.
fn turned_away(address: &str) {
    let mut stream = connect(address);
    // A reset, or the end of file.
    let _ = stream.read(&mut [0]);
}

fn terminate(child: &Child) {
    let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_standard_error_that_is_full_stops_neither_the_loop_nor_the_shutdown() {
    let mut relay = unread(Room::None);
    for _ in 0..50 {
        turned_away(&relay.address);
    }
    terminate(&relay.child.0);
    assert_eq!(wait(&mut relay.child.0), Some(0));
}

#[test]
fn what_waited_is_told_when_the_reader_reads() {
    let mut relay = unread(Room::None);
    for _ in 0..50 {
        turned_away(&relay.address);
    }
    // With the filling gone there is room for all of the lines, whenever the rest is read.
    let mut text = Vec::new();
    while text.last().is_none_or(|byte| *byte == 0) {
        let mut byte = [0];
        relay.errors.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    terminate(&relay.child.0);
    assert_eq!(wait(&mut relay.child.0), Some(0));
    relay.errors.read_to_end(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with('\0'), "the pipe was full");
    let lines: Vec<_> = text.trim_start_matches('\0').lines().collect();
    let (full, counts): (Vec<&str>, Vec<&str>) =
        lines.iter().copied().partition(|line| line.starts_with("error: relaying 127.0.0.1:"));
    assert!(full.len() >= 5, "{lines:?}");
    let counted = counts.iter().map(|line| {
        assert!(line.contains(" more connections that could not be relayed in the last second"));
        line.split_once(' ').unwrap().0.parse::<usize>().unwrap()
    });
    assert_eq!(full.len() + counted.sum::<usize>(), 50, "{lines:?}");
}

#[test]
fn a_standard_output_that_is_full_stops_neither_the_server_nor_the_shutdown() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let (_output, writer) = pipe(Room::None);
    let mut command = ropewalk_command();
    command.args(["serve", "echo", &format!("unix:{}", path.display())]);
    command.stdin(Stdio::null()).stdout(writer);
    let mut server = Ending(command.spawn().unwrap());
    // The path is there a moment before the socket listens.
    let mut stream = None;
    eventually("it accepts", || {
        stream = UnixStream::connect(&path).ok();
        stream.is_some()
    });
    let mut stream = stream.unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    drop(stream);
    terminate(&server.0);
    assert_eq!(wait(&mut server.0), Some(0));
}

#[test]
fn a_mistake_ends_the_command_with_a_full_standard_error_too() {
    let (_errors, writer) = pipe(Room::None);
    let mut command = ropewalk_command();
    command.args(["serve", "echo", "tpc:80"]).stdin(Stdio::null()).stderr(writer);
    let mut child = command.spawn().unwrap();
    assert_eq!(wait(&mut child), Some(64));
}

#[test]
fn a_standard_error_whose_reader_is_gone_changes_nothing() {
    let mut relay = unread(Room::Some);
    let (reader, _) = io::pipe().unwrap();
    drop(std::mem::replace(&mut relay.errors, reader));
    for _ in 0..50 {
        turned_away(&relay.address);
    }
    terminate(&relay.child.0);
    assert_eq!(wait(&mut relay.child.0), Some(0));
}

#[test]
fn a_flood_is_counted_and_nothing_of_it_is_lost() {
    let mut relay =
        Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &closed_port(), "--retry", "0"]);
    let address = relay.listening();
    let begun = std::time::Instant::now();
    for _ in 0..500 {
        turned_away(&address);
    }
    let seconds = begun.elapsed().as_secs() as usize;
    let errors = relay.terminate().errors;
    // In full come five, and one more for each second without a line left out.
    assert!(errors.lines().count() <= 5 + 3 * (seconds + 2), "in {seconds} s: {errors}");
    let numbers = errors.lines().map(|line| match line.split_once(" more connections ") {
        Some((number, _)) => number.parse::<usize>().unwrap(),
        None => 1,
    });
    assert_eq!(numbers.sum::<usize>(), 500, "{errors}");
}

#[test]
fn a_server_that_is_not_verified_is_warned_about_at_the_start() {
    let danger = "ssl:127.0.0.1:1:verify=danger-none";
    let warning = "warning: verify=danger-none: the server's certificate is not verified";
    let mut relay = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", danger]);
    relay.listening();
    let errors = relay.terminate().errors;
    assert!(errors.starts_with(warning) && errors.contains(danger), "{errors}");
    let errors = crate::running::ropewalk(&["pipe", danger]).errors;
    assert!(errors.starts_with(warning) && errors.contains(danger), "{errors}");
    let output = crate::running::ropewalk(&["check", "--client", danger]).output;
    assert!(String::from_utf8(output).unwrap().contains(&format!("\n{}", &warning[..7])));
}

#[test]
fn a_file_that_blocks_leaves_the_command_open_to_signals() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let mut mkfifo = Command::new("mkfifo");
    mkfifo.arg(&path);
    assert_eq!(run(mkfifo, Vec::new()).code, Some(0));
    for (signal, bit) in [("TERM", 14), ("INT", 1)] {
        let endpoint = format!("ssl:0:interface=127.0.0.1:privateKey={}", path.display());
        let mut server = Running::ropewalk(&["serve", "echo", &endpoint]);
        let status = format!("/proc/{}/status", server.id());
        // The signal is caught, and so would wait for the loop; or the file is refused.
        eventually("it catches signals or ends", || {
            let status = fs::read_to_string(&status).unwrap_or_default();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let caught = caught.and_then(|it| u64::from_str_radix(it.trim(), 16).ok());
            caught.is_some_and(|caught| caught >> bit & 1 == 1) || !server.is_running()
        });
        server.signal(signal);
        assert!(matches!(server.wait().code, None | Some(64 | 69)), "{signal}");
    }
}

#[test]
fn plain_http_leaves_a_line_with_its_peer() {
    let certificate = crate::certificates::Certificate::new();
    let server = certificate.server();
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:{}", far.local_addr().unwrap());
    for arguments in [&["serve", "echo", &server][..], &["relay", &server, &to]] {
        let mut server = Running::ropewalk(arguments);
        let mut stream = server.connect();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let peer = stream.local_addr().unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        let errors = server.terminate().errors;
        let line = format!("warning: TLS handshake with {peer} failed: ");
        assert!(errors.lines().any(|told| told.starts_with(&line)), "{errors}");
    }
}
