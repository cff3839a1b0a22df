//! One end of a session: it writes and reads at the same time, as its plan says.
//!
//! Invariant: it ends within [`LIMIT`] of silence in each direction.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use testkit::Dice;

use super::plan::{BEFORE_A_NAP, End, HEADER, Plan};

/// How long an end waits for its peer.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// A connection of either kind.
pub(super) trait Connection: Read + Write + Send + Sized {
    fn duplicate(&self) -> io::Result<Self>;
    fn limit(&self) -> io::Result<()>;
    fn close(&self, direction: Shutdown) -> io::Result<()>;
    /// Has the last close send a reset, where the wire has one.
    fn reset_on_close(&self);
    /// Waits until all that was written is acknowledged, within [`LIMIT`].
    fn await_acknowledgement(&self);
    /// Has the kernel take few bytes before they are read.
    fn take_few(&self);
}

/// What one end saw.
#[derive(Debug)]
pub(super) struct Seen {
    /// How many bytes came, all of them right.
    pub(super) bytes: usize,
    pub(super) how: Ending,
    pub(super) time: Duration,
}

/// How the peer's bytes ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With an end of file.
    Clean,
    /// With an error, such as a reset.
    Error(String),
    /// This end gave up, as planned.
    GaveUp,
    /// At this offset came another byte than was sent, or more than that.
    Wrong(usize),
    /// Nothing came in [`LIMIT`].
    Silent,
}

/// Runs one end; `before` is how many of the peer's bytes have been read.
pub(super) fn converse(
    wire: impl Connection,
    plan: &Plan,
    end: End,
    before: usize,
) -> io::Result<Seen> {
    let began = Instant::now();
    wire.limit()?;
    if plan.part(end).nap.is_some() {
        wire.take_few();
    }
    let expected = plan.bytes_of(end.other());
    let writing = wire.duplicate()?;
    let (bytes, how) = thread::scope(|scope| {
        let writer = scope.spawn(|| write(writing, plan, end));
        let read = read(&wire, plan, end, &expected, before);
        // Its error is the connection's, which the reader sees too.
        let _ = writer.join();
        read
    });
    let how =
        if plan.gives_up(end).is_some() && how != Ending::Silent { Ending::GaveUp } else { how };
    Ok(Seen { bytes, how, time: began.elapsed() })
}

/// Writes this end's bytes in random pieces, and ends as planned.
fn write(mut wire: impl Connection, plan: &Plan, end: End) -> io::Result<()> {
    let (part, bytes) = (plan.part(end), plan.bytes_of(end));
    let gives_up = plan.gives_up(end);
    let mut rest = &bytes[..gives_up.unwrap_or(bytes.len())];
    let dice = Dice::new(plan.seed ^ end as u64);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(1 + dice.below(part.piece)));
        wire.write_all(piece)?;
        rest = after;
    }
    if gives_up.is_some() {
        if plan.is_patient {
            wire.await_acknowledgement();
        }
        wire.reset_on_close();
        // Wakes this end's reader, which then closes the last descriptor.
        return wire.close(Shutdown::Read);
    }
    wire.close(Shutdown::Write)
}

/// Reads to the end, or to the first byte that is wrong.
fn read(
    wire: &impl Connection,
    plan: &Plan,
    end: End,
    expected: &[u8],
    before: usize,
) -> (usize, Ending) {
    let Ok(mut wire) = wire.duplicate() else { return (0, Ending::Error("no descriptor".into())) };
    let nap = plan.part(end).nap;
    let (mut buffer, mut at, mut awake) = (vec![0; 16 * 1024], before, 0);
    loop {
        let got = match wire.read(&mut buffer) {
            Ok(0) => return (at, Ending::Clean),
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (at, Ending::Silent),
            Err(error) => return (at, Ending::Error(error.to_string())),
        };
        let wanted = expected.get(at..at + got);
        if wanted != Some(&buffer[..got]) {
            return (at, Ending::Wrong(at));
        }
        (at, awake) = (at + got, awake + got);
        if let Some(nap) = nap.filter(|_| awake >= BEFORE_A_NAP) {
            awake = 0;
            thread::sleep(nap);
        }
    }
}

/// Reads the header of a client: its seed.
pub(super) fn read_header(wire: &mut impl Connection) -> io::Result<u64> {
    wire.limit()?;
    let mut header = [0; HEADER];
    wire.read_exact(&mut header)?;
    Ok(u64::from_le_bytes(header))
}

impl Connection for TcpStream {
    fn duplicate(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn limit(&self) -> io::Result<()> {
        self.set_read_timeout(Some(LIMIT))?;
        self.set_write_timeout(Some(LIMIT))
    }

    fn close(&self, direction: Shutdown) -> io::Result<()> {
        self.shutdown(direction)
    }

    fn reset_on_close(&self) {
        // What fails leaves an end of file, which a session that gives up may have too.
        let _ = socket2::SockRef::from(self).set_linger(Some(Duration::ZERO));
    }

    fn await_acknowledgement(&self) {
        let deadline = Instant::now() + LIMIT;
        let Ok(address) = self.local_addr() else { return };
        while has_unacknowledged(address.port()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn take_few(&self) {
        // What fails makes the reader less slow.
        let _ = socket2::SockRef::from(self).set_recv_buffer_size(BEFORE_A_NAP);
    }
}

impl Connection for UnixStream {
    fn duplicate(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn limit(&self) -> io::Result<()> {
        self.set_read_timeout(Some(LIMIT))?;
        self.set_write_timeout(Some(LIMIT))
    }

    fn close(&self, direction: Shutdown) -> io::Result<()> {
        self.shutdown(direction)
    }

    fn reset_on_close(&self) {}

    /// A write to a UNIX socket has put its bytes into the queue of the peer.
    fn await_acknowledgement(&self) {}

    fn take_few(&self) {}
}

/// Whether the TCP connection of this local port has bytes that its peer's kernel did not acknowledge, by
/// the column `tx_queue` of proc(5).
fn has_unacknowledged(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let ours = format!(":{port:04X}");
    table.lines().any(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let is_ours = columns.next().is_some_and(|local| local.ends_with(&ours));
        let queues = columns.nth(2);
        is_ours && queues.is_some_and(|queues| !queues.starts_with("00000000:"))
    })
}
