//! The example of a client that comes back, against a server that goes away.
//!
//! Invariant: the program is the example as it is.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use self::support::{Program, executable};

fn greeted(listener: &TcpListener) -> TcpStream {
    let (mut connection, _) = listener.accept().unwrap();
    let mut hello = [0; 6];
    connection.read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"hello\n");
    connection
}

#[test]
fn the_client_connects_again_after_an_end_a_refusal_and_a_reset_and_stops_without_a_word() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = format!("tcp:127.0.0.1:{}", address.port());
    let mut command = Command::new(executable("come_back"));
    command.arg(endpoint).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Program(command.spawn().unwrap());
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();

    greeted(&listener).write_all(b"one").unwrap(); // and ends it
    assert_eq!(lines.next().unwrap().unwrap(), "one");
    assert_eq!(lines.next().unwrap().unwrap(), "connection closed cleanly");
    drop(listener); // attempts are refused for a while
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let listener = TcpListener::bind(address).unwrap();
    let mut second = greeted(&listener);
    second.write_all(b"two").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "two");

    let id = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let mut said = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(running.0.wait().unwrap().success());
    assert_eq!(said, "");
}
