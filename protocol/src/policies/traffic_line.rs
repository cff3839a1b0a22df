//! [`TrafficLine`]: one line of a traffic log, as Twisted's `TrafficLoggingProtocol` writes it.
//!
//! Invariant: a line is one line of printable ASCII, but in its alternate form, and shows no more data than its
//! limit.

use core::fmt;

use interfaces::{Chunk, Reason, printable};

use super::HexDump;

/// What ends a line of data that is longer than the limit, and counts in it.
const ELIDED: &str = "<... elided>";

/// What passed on a connection.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Traffic<'a> {
    /// The connection was made: `*`.
    Made,
    /// Bytes came from the peer: `C 1: "data"`.
    Received(&'a [u8]),
    /// Bytes were written: `S 1: "data"`.
    Written(&'a [u8]),
    /// Several pieces were written: `SV 1: ["one", "two"]`.
    WrittenSequence(&'a [Chunk]),
    /// This side closed the connection, in one way or another: `S 1: *`.
    Closed,
    /// The connection is over: `C 1: reason`.
    Lost(&'a Reason),
}

/// One line for [`TrafficLog`](super::TrafficLog): `{}` shows what Twisted's line shows, with `C` for the
/// client and `S` for this server; `{:#}` shows data as a [`HexDump`] on lines of its own.
#[derive(Clone, Copy)]
pub struct TrafficLine<'a> {
    /// The number of the connection, from 1.
    pub connection: u64,
    /// What passed.
    pub traffic: Traffic<'a>,
    /// How many bytes of one piece of data are shown; `None` shows all.
    pub length_limit: Option<usize>,
}

/// Data that may be longer than its limit.
struct Shown<'a> {
    data: &'a [u8],
    is_cut: bool,
}

impl TrafficLine<'_> {
    fn shown<'a>(&self, data: &'a [u8]) -> Shown<'a> {
        match self.length_limit {
            Some(limit) if data.len() > limit => {
                let kept = limit.saturating_sub(ELIDED.len());
                Shown { data: data.get(..kept).unwrap_or_default(), is_cut: true }
            }
            Some(_) | None => Shown { data, is_cut: false },
        }
    }

    fn data(&self, f: &mut fmt::Formatter<'_>, who: &str, data: &[u8]) -> fmt::Result {
        let shown = self.shown(data);
        if f.alternate() {
            writeln!(f, "{who} {}: {} bytes", self.connection, data.len())?;
            write!(f, "{}", HexDump(shown.data))?;
            return if shown.is_cut { writeln!(f, "{ELIDED}") } else { Ok(()) };
        }
        writeln!(f, "{who} {}: {shown}", self.connection)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.is_cut { ELIDED } else { "" };
        write!(f, "\"{}{end}\"", self.data.escape_ascii())
    }
}

impl fmt::Display for TrafficLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.connection;
        match self.traffic {
            Traffic::Made => f.write_str("*\n"),
            Traffic::Received(data) => self.data(f, "C", data),
            Traffic::Written(data) => self.data(f, "S", data),
            Traffic::WrittenSequence(chunks) if f.alternate() => {
                chunks.iter().try_for_each(|chunk| self.data(f, "S", chunk))
            }
            Traffic::WrittenSequence(chunks) => {
                write!(f, "SV {number}: [")?;
                for (place, chunk) in chunks.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", self.shown(chunk))?;
                }
                f.write_str("]\n")
            }
            Traffic::Closed => writeln!(f, "S {number}: *"),
            Traffic::Lost(reason) => {
                writeln!(f, "C {number}: {}", printable(&alloc::format!("{reason}")))
            }
        }
    }
}

impl fmt::Debug for TrafficLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
