//! Fuzzes a receiver of lines on a connection: raw mode, pauses and closes at any place.
//!
//! Invariant: each byte is delivered once, in order, and none after a close.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::pieces::Pieces;
use interfaces::Event;
use protocol::receivers::{LineProtocol, LineReceiver, LineTransport};
use protocol::testing::StringTransport;

#[derive(Clone, Default)]
struct Seen {
    /// The stream, put together from what was delivered.
    bytes: Rc<RefCell<Vec<u8>>>,
    transport: Rc<RefCell<Option<Rc<LineTransport>>>>,
    is_paused: Rc<Cell<bool>>,
    is_closed: Rc<Cell<bool>>,
}

/// The first byte of a line says what to do: R for raw bytes, P for a pause, U for one that ends at once, Q
/// for a close.
struct Reacting {
    seen: Seen,
    raw_left: usize,
}

impl Reacting {
    fn see(&self, parts: [&[u8]; 2]) {
        assert!(!self.seen.is_paused.get() && !self.seen.is_closed.get());
        parts.iter().for_each(|part| self.seen.bytes.borrow_mut().extend_from_slice(part));
    }
}

impl LineReceiver for Reacting {
    fn max_length(&self) -> usize {
        usize::MAX
    }

    fn connection_made(&mut self, transport: &Rc<LineTransport>) {
        drop(self.seen.transport.replace(Some(transport.clone())));
    }

    fn line_received(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
        self.see([line, b"\r\n"]);
        if let [b'R', length, ..] = line {
            self.raw_left = usize::from(*length);
            transport.set_raw_mode();
        }
        match line {
            [b'P', ..] | [b'R', _, b'P', ..] => {
                self.seen.is_paused.set(true);
                transport.pause_producing();
            }
            [b'U', ..] => {
                transport.pause_producing();
                transport.resume_producing();
            }
            [b'Q', ..] => {
                self.seen.is_closed.set(true);
                transport.lose_connection();
            }
            _ => {}
        }
    }

    fn raw_data_received(&mut self, transport: &Rc<LineTransport>, data: &[u8]) {
        let used = self.raw_left.min(data.len());
        self.see([&data[..used], b""]);
        self.raw_left -= used;
        if self.raw_left == 0 {
            transport.set_line_mode(data.len() - used);
        }
    }
}

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let Some(pieces) = Pieces::of(data) else { return };
    let seen = Seen::default();
    let protocol = LineProtocol::new(Reacting { seen: seen.clone(), raw_left: 0 });
    let below = StringTransport::new();
    let deliver = protocol.as_deliver();
    deliver.deliver(Event::ConnectionMade(&below.as_transport()));
    let transport = seen.transport.take().expect("it is connected");
    for (number, piece) in pieces.iter().enumerate() {
        deliver.deliver(Event::DataReceived(&mut piece.to_vec()));
        if pieces.choice >> (number % 8) & 1 == 1 {
            seen.is_paused.set(false);
            transport.resume_producing();
        }
    }
    while seen.is_paused.replace(false) {
        transport.resume_producing();
    }
    let bytes = seen.bytes.take();
    assert!(pieces.bytes.starts_with(&bytes));
    // The rest is a line without an end, a raw byte short of its mode, or behind a close.
    let rest = &pieces.bytes[bytes.len()..];
    assert!(seen.is_closed.get() || !rest.windows(2).any(|window| window == b"\r\n"));
    assert_eq!(below.disconnecting(), seen.is_closed.get());
}
