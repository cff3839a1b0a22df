//! How many system calls an echo costs, counted by `strace -c -f`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use testkit::find_peer;

use crate::running::{ROPEWALK, Running, connect};

const MESSAGE: [u8; 64] = [b'm'; 64];

/// How many messages in all. As many as the claim is about; fewer would let the start weigh more.
const MESSAGES: usize = 100_000;

/// A traced echo server.
struct Traced {
    running: Running,
    id: String,
    report: tempfile::NamedTempFile,
    address: String,
}

fn traced() -> Option<Traced> {
    let mut command = find_peer("strace")?;
    let report = tempfile::NamedTempFile::new().unwrap();
    command.args(["-c", "-f", "-o"]).arg(report.path());
    // The shell tells its process id, which becomes the program's: signals go there.
    command.args(["sh", "-c", r#"echo $$; exec "$0" serve echo tcp:0:interface=127.0.0.1"#]);
    let mut running = Running::command({
        command.arg(ROPEWALK);
        command
    });
    let id = running.line();
    let address = running.listening();
    Some(Traced { running, id, report, address })
}

impl Traced {
    /// Ends the server: how many system calls it made in its life, per message.
    fn calls_per_message(self) -> f64 {
        let sent = std::process::Command::new("kill").args(["-s", "TERM", &self.id]).status();
        assert!(sent.unwrap().success());
        let ended = self.running.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.errors);
        let report = fs::read_to_string(self.report.path()).unwrap();
        let total = report.lines().find(|line| line.ends_with(" total")).unwrap();
        let calls: f64 = total.split_whitespace().nth(3).unwrap().parse().unwrap();
        eprintln!("{} system calls a message\n{report}", calls / MESSAGES as f64);
        calls / MESSAGES as f64
    }
}

#[test]
fn an_echo_waits_reads_and_writes_once() {
    let Some(traced) = traced() else { return };
    let mut stream = connect(&traced.address);
    stream.set_nodelay(true).unwrap();
    let mut answer = MESSAGE;
    for _ in 0..MESSAGES {
        stream.write_all(&MESSAGE).unwrap();
        stream.read_exact(&mut answer).unwrap();
    }
    drop(stream);
    let calls = traced.calls_per_message();
    assert!(calls <= 3.1, "{calls}");
}

#[test]
fn a_thousand_echoes_in_flight_share_the_waiting() {
    let Some(traced) = traced() else { return };
    let mut streams: Vec<TcpStream> = (0..1000).map(|_| connect(&traced.address)).collect();
    let mut answer = MESSAGE;
    for stream in &streams {
        stream.set_nodelay(true).unwrap();
    }
    for _ in 0..MESSAGES / streams.len() {
        for stream in &mut streams {
            stream.write_all(&MESSAGE).unwrap();
        }
        for stream in &mut streams {
            stream.read_exact(&mut answer).unwrap();
        }
    }
    drop(streams);
    let calls = traced.calls_per_message();
    assert!(calls <= 2.2, "{calls}");
}
