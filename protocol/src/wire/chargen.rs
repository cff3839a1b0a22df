//! Character generator (RFC 864): lines without end; Twisted's `wire.Chargen`.
//!
//! Invariant: a page is written only when the page before it has left, so a slow reader costs one.

use alloc::rc::{Rc, Weak};
use alloc::vec;
use alloc::vec::Vec;

use interfaces::{Chunk, HalfCloseableProtocol, Producer, Protocol, PullProducer, Transport};

/// The printing characters of ASCII, of which each line shows a part.
const PRINTABLE: core::ops::RangeInclusive<u8> = b' '..=b'~';
/// How many of them a line has, before its CR LF.
const LINE: usize = 72;

/// Sends lines of 72 characters, each begun one character further, until the peer goes away. What
/// the peer sends is thrown away; its end of file alone ends nothing, as it still reads.
///
/// # Differences from Twisted
///
/// The lines are those that the RFC shows.
#[derive(Debug, Default)]
pub struct Chargen;

impl Protocol for Chargen {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        let pages = Pages { transport: Rc::downgrade(transport), page: page().into() };
        // The transport is new, so no other producer is registered.
        let _ = transport.register_producer(Producer::Pull(Rc::new(pages)));
    }

    fn data_received(&mut self, _transport: &Rc<dyn Transport>, _data: &[u8]) {}

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for Chargen {}

/// Writes one page each time it is asked.
struct Pages {
    transport: Weak<dyn Transport>,
    page: Rc<[u8]>,
}

impl PullProducer for Pages {
    fn resume_producing(&self) {
        if let Some(transport) = self.transport.upgrade() {
            transport.write_sequence(vec![Chunk::Shared(self.page.clone())]);
        }
    }

    fn stop_producing(&self) {}
}

/// The cycle: one line for each character that a line can begin with.
fn page() -> Vec<u8> {
    let mut page = Vec::with_capacity(PRINTABLE.count() * (LINE + 2));
    for start in 0..PRINTABLE.count() {
        page.extend(PRINTABLE.cycle().skip(start).take(LINE));
        page.extend_from_slice(b"\r\n");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_those_of_the_rfc() {
        let page = page();
        let lines: Vec<&[u8]> = page.split_inclusive(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), 95);
        // RFC 864 shows these three, the first begun with a space.
        let first =
            br##" !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefg"##;
        let second =
            br##"!"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefgh"##;
        let wrapped =
            br##"9:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~ !"##;
        assert_eq!(lines[0].strip_suffix(b"\r\n"), Some(&first[..]));
        assert_eq!(lines[1].strip_suffix(b"\r\n"), Some(&second[..]));
        assert_eq!(lines[25].strip_suffix(b"\r\n"), Some(&wrapped[..]));
        assert!(lines.iter().all(|line| line.len() == LINE + 2));
    }
}
