//! A receiver of every kind, which notes what it is given and does what the first byte of a frame says.
//!
//! Invariant: its notes are those of `play.py`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use interfaces::{Deliver, Event, Protocol};
use ropewalk_protocol::ProtocolRef;
use ropewalk_protocol::receivers::{
    Decoder, Int8StringProtocol, Int16StringProtocol, Int32StringProtocol, LineOnlyProtocol,
    LineOnlyReceiver, LineOnlyTransport, LineProtocol, LineReceiver, LineTransport,
    NetstringProtocol, ReceiverTransport, Stateful, StatefulProtocol, StatefulReceiver,
    StatefulTransport, StringDecoder, StringError, StringReceiver,
};
use ropewalk_protocol::testing::{ProducerState, StringTransport};

use crate::stream::{Kind, Policy, Step, Stream, hex};

/// What a stream leads to: the events in their order, and the state of the connection at the end.
pub(crate) fn play(stream: &Stream) -> String {
    let player = Player::new(stream);
    let stage = player.stage.clone();
    match stream.kind {
        Kind::Line => stage.run(stream, LineProtocol::new(player)),
        Kind::LineOnly => stage.run(stream, LineOnlyProtocol::new(player)),
        Kind::Netstring => stage.run(stream, NetstringProtocol::new(player)),
        Kind::Int8 => stage.run(stream, Int8StringProtocol::new(player)),
        Kind::Int16 => stage.run(stream, Int16StringProtocol::new(player)),
        Kind::Int32 => stage.run(stream, Int32StringProtocol::new(player)),
        Kind::Stateful => stage.run(stream, StatefulProtocol::new(Stateful::new(player))),
    }
}

/// What a receiver and the test share.
#[derive(Default)]
struct Stage {
    events: RefCell<Vec<String>>,
    resume: RefCell<Option<Rc<dyn Fn()>>>,
    protocol: RefCell<Option<Weak<dyn Deliver>>>,
}

impl Stage {
    fn see(&self, kind: char, data: impl AsRef<str>) {
        self.events.borrow_mut().push(format!("{kind}{}", data.as_ref()));
    }

    fn run<P: Protocol>(&self, stream: &Stream, protocol: ProtocolRef<P>) -> String {
        let transport = StringTransport::new();
        let protocol = protocol.as_deliver();
        self.protocol.replace(Some(Rc::downgrade(&protocol)));
        protocol.deliver(Event::ConnectionMade(&transport.as_transport()));
        for step in &stream.steps {
            let done = catch_unwind(AssertUnwindSafe(|| match step {
                Step::Piece(piece) => protocol.deliver(Event::DataReceived(&mut piece.clone())),
                Step::Resume => {
                    let resume = self.resume.borrow().clone();
                    resume.expect("it is connected")();
                }
            }));
            if done.is_err() {
                self.see('!', "");
            }
        }
        let state = match transport.producer_state() {
            _ if transport.disconnecting() => "closing",
            ProducerState::Producing => "open",
            ProducerState::Paused => "paused",
            ProducerState::Stopped => "stopped",
        };
        // The handle, which this stage keeps, is in a circle with it.
        drop(self.resume.take());
        let mut words = self.events.take();
        words.push(state.into());
        words.join(" ")
    }

    /// Keeps what resumes the transport.
    fn made<D: Decoder>(&self, transport: &Rc<ReceiverTransport<D>>) {
        let transport = transport.clone();
        self.resume.replace(Some(Rc::new(move || transport.resume_producing())));
    }

    fn inject(&self) {
        let protocol = self.protocol.borrow().as_ref().and_then(Weak::upgrade);
        let protocol = protocol.expect("it runs");
        protocol.deliver(Event::DataReceived(&mut b"inj\r\n".to_owned()));
    }

    /// Answers whether the frame begins raw mode.
    fn react<D: Decoder>(
        &self,
        kind: char,
        transport: &Rc<ReceiverTransport<D>>,
        frame: &[u8],
    ) -> bool {
        self.see(kind, hex(frame));
        match frame.first() {
            Some(b'Q') => transport.lose_connection(),
            Some(b'P' | b'V') => transport.pause_producing(),
            Some(b'U') => {
                transport.pause_producing();
                transport.resume_producing();
            }
            Some(b'I') => self.inject(),
            Some(b'E') => std::panic::panic_any("a frame says so"),
            _ => {}
        }
        matches!(frame.first(), Some(b'V' | b'W'))
    }
}

struct Player {
    stage: Rc<Stage>,
    delimiter: Vec<u8>,
    max_length: usize,
    policy: Policy,
    raw_left: usize,
}

impl Player {
    fn new(stream: &Stream) -> Self {
        Self {
            stage: Rc::default(),
            delimiter: stream.delimiter.clone(),
            max_length: stream.max_length,
            policy: stream.policy,
            raw_left: 0,
        }
    }
}

impl LineReceiver for Player {
    fn delimiter(&self) -> Cow<'static, [u8]> {
        self.delimiter.clone().into()
    }

    fn max_length(&self) -> usize {
        self.max_length
    }

    fn connection_made(&mut self, transport: &Rc<LineTransport>) {
        self.stage.made(transport);
    }

    fn line_received(&mut self, transport: &Rc<LineTransport>, line: &[u8]) {
        if self.stage.react('L', transport, line) {
            self.raw_left = line.get(1).map_or(1, |byte| usize::from(byte % 8));
            transport.set_raw_mode();
        }
    }

    fn raw_data_received(&mut self, transport: &Rc<LineTransport>, data: &[u8]) {
        self.stage.see('R', hex(data));
        let used = self.raw_left.min(data.len());
        self.raw_left -= used;
        if self.raw_left == 0 {
            transport.set_line_mode(data.len() - used);
        }
    }

    fn line_length_exceeded(&mut self, transport: &Rc<LineTransport>, bytes: &[u8]) {
        self.stage.see('X', hex(bytes));
        match self.policy {
            Policy::Close => transport.lose_connection(),
            Policy::Record => {}
            Policy::Skip => {
                let used = self.max_length + self.delimiter.len();
                transport.set_line_mode(bytes.len() - used);
            }
        }
    }
}

impl LineOnlyReceiver for Player {
    fn delimiter(&self) -> Cow<'static, [u8]> {
        self.delimiter.clone().into()
    }

    fn max_length(&self) -> usize {
        self.max_length
    }

    fn connection_made(&mut self, transport: &Rc<LineOnlyTransport>) {
        self.stage.made(transport);
    }

    fn line_received(&mut self, transport: &Rc<LineOnlyTransport>, line: &[u8]) {
        self.stage.react('L', transport, line);
    }

    fn line_length_exceeded(&mut self, transport: &Rc<LineOnlyTransport>, bytes: &[u8]) {
        self.stage.see('X', hex(bytes));
        if self.policy == Policy::Close {
            transport.lose_connection();
        }
    }
}

impl<D: StringDecoder> StringReceiver<D> for Player {
    fn max_length(&self) -> usize {
        self.max_length
    }

    fn connection_made(&mut self, transport: &Rc<ReceiverTransport<D>>) {
        self.stage.made(transport);
    }

    fn string_received(&mut self, transport: &Rc<ReceiverTransport<D>>, string: &[u8]) {
        self.stage.react('S', transport, string);
    }

    /// Twisted tells of the lengths of integers alone.
    fn string_refused(&mut self, _: &Rc<ReceiverTransport<D>>, error: StringError) {
        if let (StringError::LengthLimitExceeded { length, .. }, b"") = (error, D::TRAILER) {
            self.stage.see('X', length.to_string());
        }
    }
}

enum Expects {
    Length,
    Piece,
}

impl StatefulReceiver for Player {
    type State = Expects;

    fn initial_state(&mut self) -> (Expects, usize) {
        (Expects::Length, 1)
    }

    fn connection_made(&mut self, transport: &Rc<StatefulTransport>) {
        self.stage.made(transport);
    }

    fn bytes_received(
        &mut self,
        transport: &Rc<StatefulTransport>,
        state: Expects,
        bytes: &[u8],
    ) -> (Expects, usize) {
        match state {
            Expects::Length => {
                self.stage.react('S', transport, bytes);
                (Expects::Piece, usize::from(bytes[0] % 7))
            }
            Expects::Piece => {
                self.stage.see('S', hex(bytes));
                (Expects::Length, 1)
            }
        }
    }
}
