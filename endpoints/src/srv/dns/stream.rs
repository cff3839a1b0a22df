//! One question over TCP: each message has its length in two bytes before it (RFC 1035 section 4.2.2).
//!
//! Invariant: the promise is fired once, and the connection is aborted when the question is given up.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::net::SocketAddr;
use core::time::Duration;

use deferred::{CancelHandle, Deferred, Failure, Promise};
use interfaces::{ConnectTcp, DelayedCall, Protocol, Reason, Transport};

use super::DnsReactor;
use super::look_up::LookUp;
use super::message::{self, Answer};

/// One question.
struct StreamQuestion {
    promise: Cell<Option<Promise<Answer>>>,
    attempt: RefCell<Option<CancelHandle>>,
    transport: RefCell<Option<Rc<dyn Transport>>>,
    timer: RefCell<Option<DelayedCall>>,
}

/// Why a connection brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum NoAnswer {
    #[error("no answer over tcp in time")]
    InTime,
    #[error("what came over tcp is no answer")]
    OfSense,
}

/// Asks the server; the time limit is that of connecting and answering together.
pub(super) fn ask(
    reactor: &dyn DnsReactor,
    look_up: &Rc<LookUp>,
    server: SocketAddr,
    (id, question): (u16, Vec<u8>),
    timeout: Duration,
) -> Deferred<Answer> {
    let stream = Rc::new(StreamQuestion {
        promise: Cell::default(),
        attempt: RefCell::default(),
        transport: RefCell::default(),
        timer: RefCell::default(),
    });
    let late = Rc::downgrade(&stream);
    let (deferred, promise) = Deferred::with_canceller(move || {
        if let Some(stream) = late.upgrade() {
            drop(stream.end());
        }
        None
    });
    stream.promise.set(Some(promise));
    let late = Rc::clone(&stream);
    let give_up = move || late.fail(NoAnswer::InTime.into());
    stream.timer.replace(Some(reactor.call_later(timeout, Box::new(give_up))));
    let (asking, look_up) = (Rc::clone(&stream), Rc::clone(look_up));
    let conversation = Conversation { stream: asking, look_up, id, question, received: Vec::new() };
    let protocol = Cell::new(Some(conversation));
    let factory = protocol::FactoryFn::optional(move |_| protocol.take()).into_rc();
    let attempt = reactor.connect_tcp(&ConnectTcp::new(server).with_timeout(timeout), factory);
    stream.attempt.replace(Some(attempt.cancel_handle()));
    drop(attempt.add_errback(move |failure| {
        stream.fail(failure);
        Ok::<(), Failure>(())
    }));
    deferred
}

impl StreamQuestion {
    fn fail(&self, failure: Failure) {
        if let Some(promise) = self.end() {
            promise.errback(failure);
        }
    }

    /// Closes all there is, and returns the promise if it was not fired yet.
    fn end(&self) -> Option<Promise<Answer>> {
        let promise = self.promise.take();
        let (timer, attempt) = (self.timer.take(), self.attempt.take());
        if let Some(timer) = timer {
            let _ = timer.cancel();
        }
        if let Some(attempt) = attempt {
            attempt.cancel();
        }
        let transport = self.transport.take();
        if let Some(transport) = transport {
            transport.abort_connection();
        }
        promise
    }
}

/// The connection of one question.
struct Conversation {
    stream: Rc<StreamQuestion>,
    look_up: Rc<LookUp>,
    id: u16,
    question: Vec<u8>,
    received: Vec<u8>,
}

impl Protocol for Conversation {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        let before = self.stream.transport.replace(Some(Rc::clone(transport)));
        drop(before);
        let length = (self.question.len() as u16).to_be_bytes();
        transport.write(&length);
        transport.write(&self.question);
    }

    /// At most 65,537 bytes are kept: a length and its message.
    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.received.extend_from_slice(data);
        let Some((length, rest)) = self.received.split_first_chunk::<2>() else { return };
        let Some(whole) = rest.get(..u16::from_be_bytes(*length).into()) else { return };
        match message::answer(whole, self.id, self.look_up.service()) {
            Some(answer) => {
                if let Some(promise) = self.stream.end() {
                    promise.callback(answer);
                }
            }
            None => self.stream.fail(NoAnswer::OfSense.into()),
        }
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.stream.fail(Failure::new(reason.clone()));
    }
}
