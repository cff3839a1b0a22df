//! One connection of the server on mio.
//!
//! Invariant: a connection reads only when all its bytes are sent, so that it holds one buffer at most.

use std::io::{self, Read as _, Write as _};

use mio::event::Event;
use mio::net::TcpStream;
use peer::{Mode, PATTERN, PIECE, UPLOAD};

/// The continuation of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goes {
    On,
    Away,
}

pub(crate) struct Connection {
    stream: TcpStream,
    mode: Mode,
    /// The unsent bytes, in the modes that echo.
    waiting: Vec<u8>,
    /// Received bytes of an upload, or unsent bytes of a download.
    count: usize,
    closing: bool,
}

/// The result of a read or write.
enum Stopped {
    Blocked,
    Done,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, mode: Mode) -> Self {
        Self { stream, mode, waiting: Vec::new(), count: 0, closing: false }
    }

    /// Reads and writes until the socket would block.
    pub(crate) fn ready(&mut self, event: &Event, buffer: &mut [u8]) -> Goes {
        let sent = if event.is_writable() { self.send_waiting() } else { Ok(()) };
        match sent.and_then(|()| self.read(buffer)) {
            Ok(Stopped::Blocked) if !self.closing || self.waits() => Goes::On,
            Ok(Stopped::Blocked | Stopped::Done) | Err(_) => Goes::Away,
        }
    }

    fn waits(&self) -> bool {
        !self.waiting.is_empty() || (self.mode == Mode::Source && self.count > 0)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Stopped> {
        loop {
            if self.waits() {
                return Ok(Stopped::Blocked);
            }
            let length = match self.stream.read(buffer) {
                Ok(0) => return Ok(Stopped::Done),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Stopped::Blocked);
                }
                Err(error) => return Err(error),
            };
            self.answer(&buffer[..length])?;
            if length < buffer.len() || self.closing {
                return Ok(Stopped::Blocked);
            }
        }
    }

    fn answer(&mut self, data: &[u8]) -> io::Result<()> {
        match self.mode {
            Mode::Echo => self.write(data),
            Mode::Close => {
                self.closing = true;
                self.write(data)
            }
            Mode::Four => data.chunks(data.len().div_ceil(4)).try_for_each(|it| self.write(it)),
            Mode::Sink => {
                self.count += data.len();
                while self.count >= UPLOAD {
                    self.count -= UPLOAD;
                    self.write(b"k")?;
                }
                Ok(())
            }
            Mode::Source => {
                // A request is one small segment, and comes only after the last answer.
                let pieces = peer::requested(data).ok_or(io::ErrorKind::InvalidData)?;
                self.count = usize::try_from(pieces).map_err(io::Error::other)? * PIECE;
                self.send_pieces()
            }
        }
    }

    /// Writes at once, and keeps the bytes that the socket does not take.
    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        let sent = if self.waiting.is_empty() { send(&mut self.stream, data)? } else { 0 };
        self.waiting.extend_from_slice(&data[sent..]);
        Ok(())
    }

    fn send_waiting(&mut self) -> io::Result<()> {
        if self.mode == Mode::Source {
            return self.send_pieces();
        }
        if !self.waiting.is_empty() {
            let sent = send(&mut self.stream, &self.waiting)?;
            self.waiting.drain(..sent);
        }
        Ok(())
    }

    fn send_pieces(&mut self) -> io::Result<()> {
        while self.count > 0 {
            let rest = &PATTERN[(PIECE - self.count % PIECE) % PIECE..];
            match send(&mut self.stream, rest)? {
                0 => return Ok(()),
                sent => self.count -= sent,
            }
        }
        Ok(())
    }
}

/// Sends until the socket would block, and returns the number of bytes.
fn send(stream: &mut TcpStream, data: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < data.len() {
        match stream.write(&data[sent..]) {
            Ok(length) => sent += length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}
