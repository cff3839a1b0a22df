//! What the transport below is given, write by write: each may be a system call.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, Deliver, Event, Producer, PullProducer,
    PushProducer, Transport,
};
use protocol::testing::StringTransport;
use rustls::pki_types::ServerName;
use testkit::Dice;

use crate::certificates::VERSIONS;
use crate::talk::{Talk, over_server};
use crate::tls::{Outgoing, RECORD_PLAINTEXT_BYTES_MAX, Session};

/// What a TLS 1.3 record adds: header, content type, tag.
pub(crate) const RECORD: usize = 5 + 1 + 16;

/// A transport that notes the length of each write.
struct Noting {
    inner: Rc<StringTransport>,
    lengths: RefCell<Vec<usize>>,
}

impl Transport for Noting {
    fn write(&self, data: &[u8]) {
        self.lengths.borrow_mut().push(data.len());
        self.inner.write(data);
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        self.lengths.borrow_mut().push(chunks.iter().map(|chunk| chunk.len()).sum());
        self.inner.write_sequence(chunks);
    }

    fn lose_connection(&self) {
        self.inner.lose_connection();
    }

    fn abort_connection(&self) {
        self.inner.abort_connection();
    }

    fn peer(&self) -> Address {
        self.inner.peer()
    }

    fn host(&self) -> Address {
        self.inner.host()
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        self.inner.register_producer(producer)
    }

    fn unregister_producer(&self) {
        self.inner.unregister_producer();
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.inner.set_buffer_limits(limits);
    }
}

impl PushProducer for Noting {
    fn pause_producing(&self) {
        self.inner.pause_producing();
    }

    fn resume_producing(&self) {
        self.inner.resume_producing();
    }

    fn stop_producing(&self) {
        self.inner.stop_producing();
    }
}

/// The lengths of the writes below for what `write` writes when data comes.
pub(crate) fn writes_below(write: impl Fn(&Rc<dyn Transport>) + 'static) -> Vec<usize> {
    written_below(write).0.lengths.take()
}

/// The transport below, with those lengths, the layer that is delivered to, and the plaintext.
fn written_below(
    write: impl Fn(&Rc<dyn Transport>) + 'static,
) -> (Rc<Noting>, Rc<dyn Deliver>, Vec<u8>) {
    let talk = Talk::new(VERSIONS[0])
        .server(|server| server.on_data(move |transport, _| write(transport)));
    let name = ServerName::try_from(talk.name).unwrap();
    let mut client = Session::client(Arc::new(talk.client_config), name).unwrap();
    let server = over_server(talk.server_config, talk.server, &talk.clock);
    let wire = Rc::new(Noting { inner: StringTransport::new(), lengths: RefCell::default() });
    let handle: Rc<dyn Transport> = wire.clone();
    server.deliver(Event::ConnectionMade(&handle));
    let (mut plaintext, mut records) = (Vec::new(), Outgoing::new());
    let _ = client.receive(&mut [], &mut plaintext, &mut records);
    while !records.is_empty() {
        let mut sent = records.to_vec();
        records.clear();
        server.deliver(Event::DataReceived(&mut sent));
        let mut answer = wire.inner.value();
        wire.inner.clear();
        let _ = client.receive(&mut answer, &mut plaintext, &mut records);
    }
    wire.lengths.take();
    client.send(b"go", &mut records).unwrap();
    server.deliver(Event::DataReceived(&mut records.to_vec()));
    let mut answer = wire.inner.value();
    records.clear();
    let received = client.receive(&mut answer, &mut plaintext, &mut records);
    assert!(received.failure.is_none(), "{received:?}");
    (wire, server, plaintext)
}

/// The length of a record that is full.
const FULL: usize = RECORD_PLAINTEXT_BYTES_MAX + RECORD;

#[test]
fn a_large_write_goes_down_in_one_piece() {
    let four_records = writes_below(|transport| transport.write(&[b'x'; 4 * 16_384]));
    assert_eq!(four_records, [4 * FULL]);
}

#[test]
fn all_writes_of_one_callback_go_down_in_one_piece() {
    let after = writes_below(|transport| {
        transport.write(&[b'h'; 100]);
        transport.write(&[b'x'; 4 * 16_384]);
    });
    assert_eq!(after, [4 * FULL + 100 + RECORD]);
    let before = writes_below(|transport| {
        transport.write(&[b'x'; 20_000]);
        transport.write(b"t");
    });
    assert_eq!(before, [FULL + 20_001 - 16_384 + RECORD]);
    let odd = writes_below(|transport| {
        for length in [1, 16_384, 3, 40_000, 5] {
            transport.write(&vec![b'x'; length]);
        }
    });
    assert_eq!(odd.len(), 1, "{odd:?}");
}

#[test]
fn a_write_of_any_size_goes_down_in_pieces_of_a_bounded_size() {
    let pieces = writes_below(|transport| {
        transport.write(b"h");
        transport.write(&vec![b'x'; 1_000_000]);
    });
    let total: usize = pieces.iter().sum();
    assert_eq!(total, 1_000_001 + 1_000_001_usize.div_ceil(RECORD_PLAINTEXT_BYTES_MAX) * RECORD);
    assert!(pieces.iter().all(|length| *length <= 10 * FULL), "{pieces:?}");
    assert!(pieces.len() <= 17, "{pieces:?}");
}

/// A pull producer that writes pieces of one size, as often as it is asked.
struct Endless {
    transport: Weak<dyn Transport>,
    piece: usize,
}

impl PullProducer for Endless {
    fn resume_producing(&self) {
        self.transport.upgrade().unwrap().write(&vec![b'p'; self.piece]);
    }

    fn stop_producing(&self) {}
}

#[test]
fn pulled_pieces_go_down_together_up_to_where_a_push_producer_would_wait() {
    let in_records = |length: usize| length + length.div_ceil(RECORD_PLAINTEXT_BYTES_MAX) * RECORD;
    for (piece, together) in [(0, 0), (1, 16), (10_000, 7), (65_536, 2), (100_000, 1)] {
        let (wire, layer, _) = written_below(move |transport| {
            let producer = Endless { transport: Rc::downgrade(transport), piece };
            transport.register_producer(Producer::Pull(Rc::new(producer))).unwrap();
        });
        let whole = |pieces| Vec::from_iter((piece > 0).then(|| in_records(pieces * piece)));
        assert_eq!(wire.lengths.take(), whole(1), "the registering asks for one piece");
        let Some(Producer::Pull(below)) = wire.inner.producer() else { panic!("nobody is asked") };
        below.resume_producing();
        assert_eq!(wire.lengths.take(), whole(together), "{piece} bytes");
        drop(layer);
    }
}

#[test]
fn pulled_pieces_that_would_be_more_than_the_cap_together_go_down_one_by_one() {
    let (wire, layer, _) = written_below(|transport| {
        transport.set_buffer_limits(BufferLimits::default().with_high_water(1_000).with_cap(1_000));
        let producer = Endless { transport: Rc::downgrade(transport), piece: 700 };
        transport.register_producer(Producer::Pull(Rc::new(producer))).unwrap();
    });
    assert_eq!(wire.lengths.take(), [700 + RECORD]);
    let Some(Producer::Pull(below)) = wire.inner.producer() else { panic!("nobody is asked") };
    below.resume_producing();
    assert_eq!(wire.lengths.take(), [700 + RECORD]);
    drop(layer);
}

/// Twisted's property of its aggregator of small writes.
#[test]
fn writes_of_any_size_leave_whole_and_in_order_at_the_end_of_a_callback_or_when_there_are_many() {
    for seed in 0..30 {
        let dice = Dice::new(seed);
        let sizes: Vec<usize> = (0..1 + dice.below(12)).map(|_| 1 + dice.below(100_000)).collect();
        let total: usize = sizes.iter().sum();
        let written: Vec<u8> = (0..total).map(|at| (at % 251) as u8).collect();
        let (expected, calls) = (written.clone(), sizes.clone());
        let wire = written_below(move |transport| {
            let mut rest = &written[..];
            for size in &calls {
                let (piece, after) = rest.split_at(*size);
                transport.write(piece);
                rest = after;
            }
        });
        let lengths = wire.0.lengths.take();
        let (last, full) = lengths.split_last().unwrap();
        assert!(full.iter().all(|length| *length > 64_000), "{seed}: {lengths:?}");
        assert!(lengths.iter().all(|length| *length < 200_000), "{seed}: {lengths:?} {last}");
        assert_eq!(wire.2, expected, "{seed}");
        assert_eq!(lengths.iter().sum::<usize>(), total + total.div_ceil(16_384) * RECORD);
    }
}
