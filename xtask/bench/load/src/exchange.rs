//! One connection with one exchange after the other; each sends and receives a fixed number of bytes.
//!
//! Invariant: received bytes are compared before they are counted.

use std::error::Error;
use std::io;

use crate::content::Content;
use crate::link::Link;

/// The sizes of one exchange.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) up: usize,
    pub(crate) down: usize,
}

/// One direction.
struct Direction {
    content: Content,
    at: u64,
    left: usize,
}

/// A connection and the exchange that is under way on it.
pub(crate) struct Exchange {
    pub(crate) link: Link,
    up: Direction,
    down: Direction,
}

/// Whether an exchange is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Waits,
    Done,
}

impl Exchange {
    pub(crate) fn new(link: Link, up: Content, down: Content) -> Self {
        let direction = |content| Direction { content, at: 0, left: 0 };
        Self { link, up: direction(up), down: direction(down) }
    }

    /// Begins an exchange; [`go_on`](Self::go_on) continues it.
    pub(crate) fn begin(&mut self, shape: &Shape) {
        self.up.left = shape.up;
        self.down.left = shape.down;
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.up.left > 0 || self.down.left > 0
    }

    /// Writes and reads until the socket would block.
    pub(crate) fn go_on(&mut self, buffer: &mut [u8]) -> Result<Progress, Box<dyn Error>> {
        self.send()?;
        self.receive(buffer)?;
        Ok(if self.is_under_way() { Progress::Waits } else { Progress::Done })
    }

    /// Whether the server has closed. Bytes instead of the end are an error.
    pub(crate) fn has_ended(&mut self, buffer: &mut [u8]) -> Result<bool, Box<dyn Error>> {
        match self.link.read(buffer) {
            Ok(0) => Ok(true),
            Ok(length) => Err(format!("{length} bytes came where the end was due").into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn send(&mut self) -> io::Result<()> {
        while self.up.left > 0 {
            let slice = self.up.content.slice(self.up.at, self.up.left);
            match self.link.write(slice) {
                Ok(length) => {
                    self.up.at += length as u64;
                    self.up.left -= length;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.link.flush().map(drop)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<(), Box<dyn Error>> {
        while self.down.left > 0 {
            let length = match self.link.read(buffer) {
                Ok(0) => return Err("the server closed in the middle of an answer".into()),
                Ok(length) => length,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
                    ) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            if length > self.down.left {
                return Err(format!("{} bytes too many came", length - self.down.left).into());
            }
            if !self.down.content.is_at(self.down.at, &buffer[..length]) {
                return Err(format!("wrong bytes came after {} right ones", self.down.at).into());
            }
            self.down.at += length as u64;
            self.down.left -= length;
            if length < buffer.len() && self.link.short_read_is_last() {
                return Ok(());
            }
        }
        Ok(())
    }
}
