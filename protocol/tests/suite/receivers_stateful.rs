//! Receivers that are state machines.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::lines::{Received, Wire};
use ropewalk_protocol::receivers::{
    Int16Decoder, NetstringDecoder, NetstringProtocol, ReceiverProtocol, ReceiverTransport,
    Stateful, StatefulProtocol, StatefulReceiver, StatefulString, StatefulStringReceiver,
    StatefulTransport, StringDecoder,
};

/// A login: a name, a password, and then commands until `quit`.
struct Login(Received);

#[derive(Debug, Default, PartialEq)]
enum Stage {
    #[default]
    Name,
    Password,
    Commands,
}

impl<D: StringDecoder> StatefulStringReceiver<D> for Login {
    type State = Stage;

    fn string_received(
        &mut self,
        _: &Rc<ReceiverTransport<D>>,
        state: Stage,
        string: &[u8],
    ) -> Option<Stage> {
        self.0.note(&format!("{state:?}"), string);
        match state {
            Stage::Name => Some(Stage::Password),
            Stage::Password => Some(Stage::Commands),
            Stage::Commands if string == b"quit" => None,
            Stage::Commands => Some(Stage::Commands),
        }
    }
}

#[test]
fn each_string_goes_to_the_state_that_the_one_before_returned_and_the_last_state_closes() {
    let received = Received::default();
    let protocol = NetstringProtocol::new(StatefulString::new(Login(received.clone())));
    let wire = Wire::to(&protocol);
    wire.arrive(b"3:bob,6:secret,4:list,");
    assert_eq!(received.take(), ["Name bob", "Password secret", "Commands list"]);
    assert!(!wire.transport.disconnecting());
    let is_in = |state| protocol.try_with(|it| it.receiver().state() == state).unwrap();
    assert!(is_in(Some(&Stage::Commands)));
    wire.arrive(b"4:quit,4:list,");
    assert_eq!(received.take(), ["Commands quit"]);
    assert!(wire.transport.disconnecting() && is_in(None));
}

#[test]
fn the_states_do_not_depend_on_the_kind_of_strings() {
    fn run<D: StringDecoder>() -> Vec<String> {
        let received = Received::default();
        let login = StatefulString::new(Login(received.clone()));
        let wire = Wire::to(&ReceiverProtocol::<_, D>::new(login));
        let mut bytes = Vec::new();
        for string in [&b"bob"[..], b"secret", b"quit"] {
            D::encode(string, &mut bytes).unwrap();
        }
        wire.arrive_in(1, &bytes);
        assert!(wire.transport.disconnecting());
        received.take()
    }
    assert_eq!(run::<NetstringDecoder>(), run::<Int16Decoder>());
}

/// A length in two bytes, and as many bytes; `raw` begins raw mode.
struct Pieces {
    received: Received,
    transport: Rc<RefCell<Option<Rc<StatefulTransport>>>>,
}

enum Expects {
    Length,
    Piece,
}

impl StatefulReceiver for Pieces {
    type State = Expects;

    fn initial_state(&mut self) -> (Expects, usize) {
        (Expects::Length, 2)
    }

    fn max_length(&self) -> usize {
        1000
    }

    fn connection_made(&mut self, transport: &Rc<StatefulTransport>) {
        drop(self.transport.replace(Some(transport.clone())));
    }

    fn bytes_received(
        &mut self,
        transport: &Rc<StatefulTransport>,
        state: Expects,
        bytes: &[u8],
    ) -> (Expects, usize) {
        match (state, bytes) {
            (Expects::Length, [high, low]) => {
                (Expects::Piece, usize::from(*high) << 8 | usize::from(*low))
            }
            (Expects::Length | Expects::Piece, piece) => {
                self.received.note("piece", piece);
                match piece {
                    b"raw" => transport.set_raw_mode(),
                    b"quit" => transport.lose_connection(),
                    b"pause" => transport.pause_producing(),
                    _ => {}
                }
                (Expects::Length, 2)
            }
        }
    }

    fn length_limit_exceeded(&mut self, _: &Rc<StatefulTransport>, length: usize) {
        self.received.note("exceeded", length.to_string().as_bytes());
    }

    fn raw_data_received(&mut self, transport: &Rc<StatefulTransport>, data: &[u8]) {
        self.received.note("raw", data);
        transport.set_state_mode(data.len().saturating_sub(1));
    }
}

fn pieces() -> (Wire, Received, Rc<StatefulTransport>) {
    let (received, transport) = (Received::default(), Rc::default());
    let pieces = Pieces { received: received.clone(), transport: Rc::clone(&transport) };
    let wire = Wire::to(&StatefulProtocol::new(Stateful::new(pieces)));
    let transport = transport.take().expect("it is connected");
    (wire, received, transport)
}

#[test]
fn each_state_takes_the_bytes_that_it_asked_for_in_pieces_of_each_length() {
    for length in 1..=12 {
        let (wire, received, _) = pieces();
        wire.arrive_in(length, b"\0\x03one\0\0\0\x05three\0\x03be");
        assert_eq!(received.take(), ["piece one", "piece ", "piece three"]);
        wire.arrive(b"e");
        assert_eq!(received.take(), ["piece bee"]);
    }
}

#[test]
fn a_state_that_takes_too_many_bytes_is_told_and_closes_the_connection() {
    let (wire, received, _) = pieces();
    wire.arrive(b"\x03\xe8");
    assert!(!wire.transport.disconnecting(), "a thousand are allowed");
    let (wire, received_now, _) = pieces();
    wire.arrive(b"\x03\xe9more");
    assert_eq!(received_now.take(), ["exceeded 1001"]);
    assert!(wire.transport.disconnecting());
    assert_eq!(received.take(), [""; 0]);
}

#[test]
fn a_close_a_pause_and_raw_mode_take_effect_behind_the_present_piece() {
    let (wire, received, transport) = pieces();
    wire.arrive(b"\0\x05pause\0\x03raw-\0\x04quit\0\x01x");
    assert_eq!(received.take(), ["piece pause"]);
    transport.resume_producing();
    let raw = "raw -\\x00\\x04quit\\x00\\x01x";
    assert_eq!(received.take(), ["piece raw", raw, "piece quit"]);
    assert!(wire.transport.disconnecting());
}
