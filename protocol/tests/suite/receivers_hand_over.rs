//! The bytes behind a frame, handed over where the stream goes on in another form.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::lines::{Lines, Received, Wire};
use ropewalk_protocol::receivers::{LineProtocol, LineTransport};

/// The pieces that were handed over.
type Handed = Rc<RefCell<Vec<Vec<u8>>>>;

/// Lines that hand over behind a line `h`, and pause before that at a line `p`.
fn handing(received: &Received) -> (Wire, Rc<LineTransport>, Handed) {
    let handed = Handed::default();
    let take = handed.clone();
    let protocol = LineProtocol::new(Lines::new(received).on_line(move |transport, line| {
        if line == b"p" {
            transport.pause_producing();
        }
        if line == b"h" || line == b"p" {
            let handed = take.clone();
            transport.hand_over(move |_, unread| handed.borrow_mut().push(unread));
        }
    }));
    let wire = Wire::to(&protocol);
    let kept = Rc::new(Cell::new(None));
    let keep = kept.clone();
    protocol.enter(move |protocol| keep.set(protocol.transport().cloned()));
    (wire, kept.take().expect("it is connected"), handed)
}

#[test]
fn all_bytes_behind_the_line_are_handed_over_once_and_lines_begin_anew_behind_them() {
    for rest in [&b""[..], b"x", b"whole\r\nline", b"a\r\nh\r\nb\r\n"] {
        let received = Received::default();
        let (wire, _, handed) = handing(&received);
        wire.arrive(&[b"first\r\nh\r\n", rest].concat());
        assert_eq!(received.take(), ["line first", "line h"]);
        assert_eq!(handed.take(), [rest.to_vec()]);
        wire.arrive(b"anew\r\n");
        assert_eq!(received.take(), ["line anew"], "nothing of {rest:?} is kept");
        assert!(handed.take().is_empty());
    }
}

#[test]
fn what_waits_during_a_pause_is_handed_over_when_it_ends() {
    let received = Received::default();
    let (wire, transport, handed) = handing(&received);
    wire.arrive(b"p\r\nwait");
    wire.arrive(b"ing\r\n");
    assert_eq!((received.take(), handed.take().len()), (vec!["line p".to_owned()], 0));
    transport.resume_producing();
    assert_eq!(handed.take(), [b"waiting\r\n"]);
    wire.arrive(b"anew\r\n");
    assert_eq!(received.take(), ["line anew"]);
}

#[test]
fn from_elsewhere_it_takes_the_line_that_has_begun_at_once_and_none_of_a_closed_connection() {
    let received = Received::default();
    let (wire, transport, _) = handing(&received);
    wire.arrive(b"whole\r\nbegun");
    let handed = Handed::default();
    let take = handed.clone();
    transport.hand_over(move |_, unread| take.borrow_mut().push(unread));
    assert_eq!(handed.take(), [b"begun"]);
    transport.lose_connection();
    let take = handed.clone();
    transport.hand_over(move |_, unread| take.borrow_mut().push(unread));
    assert!(handed.take().is_empty());
    assert_eq!(received.take(), ["line whole"]);
}
