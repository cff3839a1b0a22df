//! The roles that change how a transport reads, through the mailbox and through layers.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::rc::Rc;

use interfaces::{
    Address, BufferedProtocol, Deliver, Event, Factory, FileDescriptorReceiver, Protocol,
    ReadingRoles, Transport,
};
use ropewalk_protocol::policies::{LimitTotalConnectionsFactory, TimeoutFactory, Timeouts};
use ropewalk_protocol::testing::{Clock, Record, Recorder, StringTransport};
use ropewalk_protocol::{FactoryFn, ProtocolRef};

/// A protocol with both roles; `room` is the size of its buffer.
struct Both {
    room: Vec<u8>,
    story: Rc<RefCell<Vec<String>>>,
}

impl Both {
    fn new(room: usize) -> (Self, Rc<RefCell<Vec<String>>>) {
        let story = Rc::default();
        (Self { room: vec![0; room], story: Rc::clone(&story) }, story)
    }

    fn tell(&self, what: String) {
        self.story.borrow_mut().push(what);
    }
}

impl Protocol for Both {
    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.tell(format!("received {}", String::from_utf8_lossy(data)));
    }

    fn as_buffered(&mut self) -> Option<&mut dyn BufferedProtocol> {
        Some(self)
    }

    fn as_file_descriptor_receiver(&mut self) -> Option<&mut dyn FileDescriptorReceiver> {
        Some(self)
    }
}

impl BufferedProtocol for Both {
    fn get_buffer(&mut self) -> &mut [u8] {
        &mut self.room
    }

    fn buffer_updated(&mut self, _: &Rc<dyn Transport>, length: usize) {
        self.tell(format!("updated {}", String::from_utf8_lossy(&self.room[..length])));
    }
}

impl FileDescriptorReceiver for Both {
    fn file_descriptor_received(&mut self, _: &Rc<dyn Transport>, descriptor: OwnedFd) {
        self.tell(format!("descriptor {}", descriptor.as_raw_fd()));
    }
}

fn descriptor() -> (Option<OwnedFd>, String) {
    let descriptor = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
    let told = format!("descriptor {}", descriptor.as_raw_fd());
    (Some(descriptor), told)
}

/// Delivers bytes that wait; returns how often they were read.
fn deliver(to: &dyn Deliver, bytes: &[u8]) -> usize {
    let reads = Cell::new(0);
    to.deliver(Event::DataWaits(&mut |buffer| {
        reads.set(reads.get() + 1);
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        length
    }));
    reads.get()
}

#[test]
fn bytes_are_read_into_the_protocols_buffer_unless_it_has_no_room() {
    let (protocol, story) = Both::new(3);
    let running = ProtocolRef::new(protocol);
    let wire = running.as_deliver();
    let roles = wire.reading_roles();
    assert!(roles.buffered && roles.descriptors);
    wire.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    assert_eq!(deliver(&*wire, b"abcdef"), 1);
    assert_eq!(deliver(&*wire, b""), 1);
    assert_eq!(story.take(), ["updated abc"], "and none for the end of file");
    running.enter(|protocol| protocol.room.clear());
    assert_eq!(deliver(&*wire, b"def"), 0, "the transport reads them itself");
    assert_eq!(story.take(), [""; 0]);
}

#[test]
fn copying_fills_the_buffer_again_and_again() {
    let (mut protocol, story) = Both::new(4);
    let transport = StringTransport::new().as_transport();
    assert_eq!(protocol.copy_in(&transport, b"abcdefghij"), 10);
    assert_eq!(story.take(), ["updated abcd", "updated efgh", "updated ij"]);
    protocol.room.clear();
    assert_eq!(protocol.copy_in(&transport, b"k"), 0);
    assert_eq!(story.take(), [""; 0]);
}

#[test]
fn what_comes_while_the_protocol_runs_is_kept_in_order() {
    let (protocol, story) = Both::new(8);
    let running = ProtocolRef::new(protocol);
    let wire = running.as_deliver();
    wire.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    let (inner, (mut sent, told)) = (wire.clone(), descriptor());
    running.enter(move |protocol| {
        protocol.tell("runs".into());
        assert_eq!(deliver(&*inner, b"first"), 1);
        assert_eq!(deliver(&*inner, b""), 1);
        inner.deliver(Event::FileDescriptorReceived(&mut sent));
        assert!(sent.is_none());
        inner.deliver(Event::DataReceived(&mut b"last".to_owned()));
        assert_eq!(inner.reading_roles(), ReadingRoles::default());
        protocol.tell("returns".into());
    });
    let expected = ["runs", "returns", "received first", &told, "received last"];
    assert_eq!(story.take(), expected);
}

#[test]
fn a_descriptor_stays_with_its_deliverer_where_the_protocol_takes_none() {
    let seen = Record::new();
    let running = ProtocolRef::new(Recorder::new(&seen));
    let wire = running.as_deliver();
    assert_eq!(wire.reading_roles(), ReadingRoles::default());
    wire.deliver(Event::ConnectionMade(&StringTransport::new().as_transport()));
    let (mut sent, _) = descriptor();
    wire.deliver(Event::FileDescriptorReceived(&mut sent));
    assert!(sent.is_some());
    seen.forget();
}

#[test]
fn the_limits_of_a_factory_leave_the_roles_to_its_protocols() {
    let layers: [fn(Rc<dyn Factory>) -> Rc<dyn Factory>; 2] = [
        |factory| {
            let none = Timeouts::default().with_idle(None).with_first_byte(None);
            Rc::new(TimeoutFactory::with_timeouts(factory, Clock::new(), none))
        },
        |factory| Rc::new(LimitTotalConnectionsFactory::new(factory, 5)),
    ];
    for layer in layers {
        let (protocol, story) = Both::new(8);
        let protocol = Cell::new(Some(protocol));
        let factory = FactoryFn::optional(move |_: &Address| protocol.take()).into_rc();
        let factory = layer(factory);
        let transport = StringTransport::new();
        let wire = factory.build_protocol(&transport.peer()).unwrap();
        let roles = wire.reading_roles();
        assert!(roles.buffered && roles.descriptors);
        wire.deliver(Event::ConnectionMade(&transport.as_transport()));
        assert_eq!(deliver(&*wire, b"abc"), 1);
        let (mut sent, told) = descriptor();
        wire.deliver(Event::FileDescriptorReceived(&mut sent));
        assert_eq!(story.take(), ["updated abc", &told]);
    }
}
