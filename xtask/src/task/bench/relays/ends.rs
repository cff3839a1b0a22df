//! The two ends of a relay: servers on threads, and what clients do.
//!
//! Invariant: each byte is compared with the pattern that was sent.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use testkit::pattern;

/// The bytes that repeat: a prime number, so that no buffer holds a whole number of them.
const PERIOD: usize = 65_521;
/// The size of one read or write of an end.
const PIECE: usize = 65_536;
/// The longest wait of an end for anything.
const LIMIT: Duration = Duration::from_secs(60);
/// Threads that accept, so that one visit does not wait for another.
const ACCEPTING: usize = 4;

/// The bytes of a message.
pub(super) const MESSAGE: usize = 64;

/// What the server does with a connection: the first byte says it.
const ECHO: u8 = b'e';
const COUNT: u8 = b'c';

/// The server behind the relay. A connection that only echoes its first byte is kept until the server ends.
pub(super) struct BackEnd {
    pub(super) port: u16,
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl BackEnd {
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        for _ in 0..ACCEPTING {
            let (listener, is_over) = (listener.try_clone()?, is_over.clone());
            thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    // What a relay gets wrong, its client sees.
                    thread::spawn(move || drop(serve(stream)));
                }
            });
        }
        Ok(Self { port: address.port(), address, is_over })
    }
}

impl Drop for BackEnd {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for _ in 0..ACCEPTING {
            let _ = TcpStream::connect(self.address);
        }
    }
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    stream.read_exact(&mut first)?;
    if first[0] == COUNT {
        let count = compared(&mut stream)?;
        return stream.write_all(&count.to_be_bytes());
    }
    stream.write_all(&first)?;
    let mut message = [0; MESSAGE];
    loop {
        let length = stream.read(&mut message)?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&message[..length])?;
    }
}

/// The pattern, twice, so that each piece of it is one slice.
fn twice() -> Vec<u8> {
    pattern(7, PERIOD).repeat(3)
}

/// Reads the number of bytes that the first eight announce, if they are those of the pattern; how many came. Some
/// relays take TLS's half-close for an end, so that the sender keeps its side open.
fn compared(stream: &mut TcpStream) -> io::Result<u64> {
    let (expected, mut piece) = (twice(), vec![0; PIECE]);
    let mut announced = [0; 8];
    stream.read_exact(&mut announced)?;
    let mut count = 0_usize;
    while (count as u64) < u64::from_be_bytes(announced) {
        let length = stream.read(&mut piece)?;
        let from = count % PERIOD;
        if length == 0 || piece[..length] != expected[from..from + length] {
            return Err(io::Error::other("other bytes than were sent, or too few"));
        }
        count += length;
    }
    Ok(count as u64)
}

/// A connection that the server answers on.
fn connected(port: u16) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(&[ECHO])?;
    stream.read_exact(&mut [0])?;
    Ok(stream)
}

/// Waits until the server answers through whatever listens on this port.
pub(super) fn wait_for(port: u16) -> io::Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match connected(port) {
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(20)),
            Ok(_) => return Ok(()),
        }
    }
}

/// Sends this number of bytes; fails unless all of them came, and no other. The connection stays open, as the process
/// that a relay has for it ends with it.
pub(super) fn send(port: u16, bytes: usize) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(&[COUNT])?;
    stream.write_all(&(bytes as u64).to_be_bytes())?;
    let all = twice();
    let mut sent = 0;
    while sent < bytes {
        let length = PIECE.min(bytes - sent);
        stream.write_all(&all[sent % PERIOD..][..length])?;
        sent += length;
    }
    let mut count = [0; 8];
    stream.read_exact(&mut count)?;
    if u64::from_be_bytes(count) != bytes as u64 {
        return Err(io::Error::other(format!(
            "{} of {bytes} bytes came",
            u64::from_be_bytes(count)
        )));
    }
    Ok(stream)
}

/// The seconds that each of these small requests takes, one after the other.
pub(super) fn requests(port: u16, number: usize) -> io::Result<(Vec<f64>, TcpStream)> {
    let mut stream = connected(port)?;
    let (message, mut answer) = (pattern(3, MESSAGE), [0; MESSAGE]);
    (0..number)
        .map(|_| {
            let begin = Instant::now();
            stream.write_all(&message)?;
            stream.read_exact(&mut answer)?;
            let time = begin.elapsed().as_secs_f64();
            if answer != message[..] { Err(io::Error::other("another answer")) } else { Ok(time) }
        })
        .collect::<io::Result<Vec<f64>>>()
        .map(|times| (times, stream))
}

/// How many connections two clients make, one after the other, each with one byte there and back.
pub(super) fn visits(port: u16, time: Duration) -> io::Result<usize> {
    let deadline = Instant::now() + time;
    let total = Mutex::new(Ok(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut number = 0;
                let mut result = Ok(());
                while result.is_ok() && Instant::now() < deadline {
                    result = connected(port).map(drop);
                    number += 1;
                }
                let mut total = total.lock().unwrap_or_else(|broken| broken.into_inner());
                *total = match (&*total, result) {
                    (Ok(others), Ok(())) => Ok(others + number),
                    (_, Err(error)) => Err(error),
                    (Err(_), Ok(())) => return,
                };
            });
        }
    });
    total.into_inner().unwrap_or_else(|broken| broken.into_inner())
}

/// Open connections, on each of which one byte went there and back.
pub(super) fn idle(port: u16, number: usize) -> io::Result<Vec<TcpStream>> {
    (0..number).map(|_| connected(port)).collect()
}
