//! Clients of the services under test.
//!
//! Invariant: every read and write has a time limit.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::manager::LIMIT;

/// A port of 127.0.0.1 that was free just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A connection to a UNIX socket.
pub(crate) fn unix(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// A connection to a port of 127.0.0.1.
pub(crate) fn tcp(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Sends, and reads the same back.
pub(crate) fn echoes(mut stream: impl Read + Write) {
    stream.write_all(b"through systemd").unwrap();
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"through systemd");
}

/// A client that connects, asks, and connects again, and never stops.
pub(crate) struct Restless {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Answered>,
}

/// What came of its connections.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    pub(crate) answered: usize,
    pub(crate) refused: usize,
    /// Connected, and not answered.
    pub(crate) dropped: usize,
}

impl Restless {
    pub(crate) fn new(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut answered = Answered::default();
            while !stopped.load(Ordering::Relaxed) {
                answered.ask(port);
            }
            answered
        });
        Self { stop, thread }
    }

    pub(crate) fn stop(self) -> Answered {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

impl Answered {
    fn ask(&mut self, port: u16) {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
            self.refused += 1;
            return;
        };
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let asked = stream.write_all(b"?").and_then(|()| stream.read_exact(&mut [0]));
        match asked {
            Ok(()) => self.answered += 1,
            Err(_) => self.dropped += 1,
        }
    }
}
