//! The example `forward`, between socat's server and socat's client.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::process::Stdio;
use std::thread;

use testkit::{find_peer, pattern};

use self::support::{Example, Program, connect};

#[test]
fn what_socat_sends_comes_back_through_the_forwarder_and_socat() {
    let (Some(mut server), Some(mut client)) = (find_peer("socat"), find_peer("socat")) else {
        return;
    };
    // A port that is free: the forwarder is told of it before the server is there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    server.arg(format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork")).arg("EXEC:cat");
    let _server = Program(server.spawn().unwrap());
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        thread::yield_now();
    }
    let mut forward =
        Example::start("forward", &["tcp:0:interface=127.0.0.1", &format!("tcp:127.0.0.1:{port}")]);
    client.args(["-t20", "-"]).arg(format!("TCP:{}", forward.address()));
    let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let sent = pattern(7, 4 << 20);
    let mut input = client.stdin.take().unwrap();
    let writer = {
        let sent = sent.clone();
        thread::spawn(move || input.write_all(&sent).unwrap())
    };
    let mut received = Vec::new();
    client.stdout.take().unwrap().read_to_end(&mut received).unwrap();
    writer.join().unwrap();
    assert!(client.wait().unwrap().success());
    assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
}

#[test]
fn an_answer_that_comes_after_the_end_of_the_question_arrives() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let behind = format!("tcp:127.0.0.1:{}", listener.local_addr().unwrap().port());
    let mut forward = Example::start("forward", &["tcp:0:interface=127.0.0.1", &behind]);
    let mut client = connect(&forward.address());
    client.write_all(b"a question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let (mut question, mut answer) = (String::new(), String::new());
    server.read_to_string(&mut question).unwrap();
    server.write_all(format!("{question} has an answer").as_bytes()).unwrap();
    drop(server);
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "a question has an answer");
}
