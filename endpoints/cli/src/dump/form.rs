//! The forms of a dump for people, and what is dumped.
//!
//! ```text
//! 1764532991.250000 1 made: 127.0.0.1:40112 to 127.0.0.1:8080
//! 1764532991.251000 1 > 5 bytes: "hello"
//! 1764532991.252000 1 < end
//! 1764532991.253000 1 lost: connection closed cleanly
//! ```
//!
//! The time is in seconds since 1970, the number is that of `--log-connections`, and `>` is what the client sent.
//! Invariant: text is printable ASCII and line ends, but for what [`printable`](interfaces::printable) lets pass of
//! addresses and reasons.

use std::fmt::Write as _;
use std::time::Duration;

use clap::ValueEnum;
use protocol::policies::HexDump;

/// The form of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpForm {
    /// Bytes as text with escapes
    Text,
    /// Bytes as hexadecimal numbers and as text
    Hex,
    /// Packets that tcpdump and tshark read
    Pcap,
}

/// Who sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// What happened on a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum DumpEvent<'a> {
    /// It stands, between these ends.
    Made(&'a str),
    Data(Side, &'a [u8]),
    /// This side sends no more.
    End(Side),
    Lost {
        is_clean: bool,
        cause: &'a str,
    },
}

impl Side {
    fn arrow(self) -> char {
        match self {
            Self::Client => '>',
            Self::Server => '<',
        }
    }
}

/// The lines for an event of the connection of this number.
pub(super) fn text(time: Duration, id: u64, event: &DumpEvent<'_>, is_hex: bool) -> Vec<u8> {
    let mut text = format!("{}.{:06} {id} ", time.as_secs(), time.subsec_micros());
    // Writing to a string does not fail.
    let _ = match event {
        DumpEvent::Made(ends) => writeln!(text, "made: {ends}"),
        DumpEvent::Data(side, data) if is_hex => {
            write!(text, "{} {} bytes\n{}", side.arrow(), data.len(), HexDump(data))
        }
        DumpEvent::Data(side, data) => {
            writeln!(text, "{} {} bytes: \"{}\"", side.arrow(), data.len(), data.escape_ascii())
        }
        DumpEvent::End(side) => writeln!(text, "{} end", side.arrow()),
        DumpEvent::Lost { cause, .. } => writeln!(text, "lost: {cause}"),
    };
    text.into_bytes()
}

/// The head of a file of packets (`pcap-savefile(5)`): microseconds, this machine's byte order, IP packets without
/// a link's head (`LINKTYPE_RAW`).
pub(super) fn pcap_head() -> Vec<u8> {
    const MAGIC: u32 = 0xa1b2_c3d4;
    const VERSION: [u16; 2] = [2, 4];
    const SNAP_BYTES: u32 = 262_144;
    const LINKTYPE_RAW: u32 = 101;
    let mut head = MAGIC.to_ne_bytes().to_vec();
    VERSION.iter().for_each(|part| head.extend(part.to_ne_bytes()));
    // The zone and the accuracy of the times, which are always 0.
    head.extend([0; 8]);
    head.extend(SNAP_BYTES.to_ne_bytes());
    head.extend(LINKTYPE_RAW.to_ne_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(event: DumpEvent<'_>, is_hex: bool) -> String {
        let time = Duration::from_micros(1_764_532_991_000_042);
        String::from_utf8(text(time, 7, &event, is_hex)).unwrap()
    }

    #[test]
    fn each_event_is_a_line_and_bytes_are_escaped() {
        let begin = "1764532991.000042 7 ";
        let data = b"a\n\"\x1b\xff";
        for (event, line) in [
            (DumpEvent::Made("a to b"), "made: a to b\n"),
            (DumpEvent::Data(Side::Client, data), "> 5 bytes: \"a\\n\\\"\\x1b\\xff\"\n"),
            (DumpEvent::End(Side::Server), "< end\n"),
            (DumpEvent::Lost { is_clean: true, cause: "done" }, "lost: done\n"),
        ] {
            assert_eq!(shown(event, false), format!("{begin}{line}"));
        }
        let hex = shown(DumpEvent::Data(Side::Server, data), true);
        let line = "00000000  61 0a 22 1b ff                                    |a.\"..|\n";
        assert_eq!(hex, format!("{begin}< 5 bytes\n{line}"));
    }
}
