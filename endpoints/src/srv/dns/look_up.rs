//! One look-up: questions to one name server after the other, until one has an answer.
//!
//! ```text
//!  start ──► question over UDP ── records, or no such name ──► fires
//!               ▲   │ cut short ──► the same question over TCP ── likewise
//!               │   │ no answer in time, refused, the server's own error
//!               └───┴── the next server; after the last one: fails with the last error
//! ```
//!
//! Invariant: whatever ends a question closes its port or its stream, and its timer, before anything else.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::{self, Vec};
use core::cell::{Cell, RefCell};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use deferred::{CancelHandle, Deferred, Failure, Promise};
use interfaces::{Address, DatagramProtocol, DatagramTransport, DelayedCall, ListenUdp};

use super::super::random::Random;
use super::super::{ServiceError, ServiceRecord};
use super::DnsReactor;
use super::message::{self, ANSWER_BYTES_MAX, Answer};
use super::servers::{Plan, shown};
use super::stream;

pub(super) struct LookUp {
    reactor: Rc<dyn DnsReactor>,
    random: Rc<Random>,
    service: String,
    timeout: Duration,
    left: RefCell<vec::IntoIter<SocketAddr>>,
    promise: Cell<Option<Promise<Vec<ServiceRecord>>>>,
    /// Of the question that is on.
    asked: RefCell<Asked>,
    /// Its number, which tells a late answer from a new one's.
    id: Cell<u16>,
    error: RefCell<Option<ServiceError>>,
}

/// The question that is on.
#[derive(Default)]
struct Asked {
    port: Option<Rc<dyn DatagramTransport>>,
    stream: Option<CancelHandle>,
    timer: Option<DelayedCall>,
}

impl LookUp {
    pub(super) fn start(
        reactor: Rc<dyn DnsReactor>,
        random: Rc<Random>,
        plan: Plan,
        service: &str,
    ) -> Deferred<Vec<ServiceRecord>> {
        let look_up = Rc::new(Self {
            reactor,
            random,
            service: service.into(),
            timeout: plan.timeout,
            left: RefCell::new(plan.order().into_iter()),
            promise: Cell::default(),
            asked: RefCell::default(),
            id: Cell::default(),
            error: RefCell::default(),
        });
        let late = Rc::downgrade(&look_up);
        let (deferred, promise) = Deferred::with_canceller(move || {
            if let Some(look_up) = late.upgrade() {
                look_up.end_question();
                drop(look_up.promise.take());
            }
            None
        });
        look_up.promise.set(Some(promise));
        look_up.ask_next();
        deferred
    }

    /// The name that is asked for.
    pub(super) fn service(&self) -> &str {
        &self.service
    }

    fn ask_next(self: &Rc<Self>) {
        let next = self.left.borrow_mut().next();
        let Some(server) = next else {
            let error = self.error.take();
            return self.decide(Err(Failure::new(error.unwrap_or_else(|| self.timed_out()))));
        };
        let id = (self.random.next() >> 16) as u16;
        self.id.set(id);
        match message::question(id, &self.service) {
            Some(question) => self.ask(server, id, &question),
            None => {
                let service = self.service.clone();
                self.decide(Err(ServiceError::NotFound { service }.into()));
            }
        }
    }

    fn ask(self: &Rc<Self>, server: SocketAddr, id: u16, question: &[u8]) {
        let local: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let options = ListenUdp::new(SocketAddr::new(local, 0))
            .with_packet_bytes_max(ANSWER_BYTES_MAX.into());
        let asking = Asking { look_up: Rc::clone(self), server, id };
        let port = self.reactor.listen_udp(&options, protocol::datagram_protocol(asking));
        let port = match port {
            Ok(port) => port,
            Err(error) => return self.question_failed(server, &alloc::format!("{error}")),
        };
        let connected = port.as_udp().map(|udp| udp.connect(server));
        let sent = port.send(question);
        self.asked.borrow_mut().port = Some(port);
        match (connected, sent) {
            (Some(Ok(())), Ok(())) => self.set_timer(server, id),
            (Some(Err(error)), _) => self.question_failed(server, &alloc::format!("{error}")),
            (_, Err(error)) => self.question_failed(server, &alloc::format!("{error}")),
            (None, _) => self.question_failed(server, "the reactor connects no datagram port"),
        }
    }

    fn set_timer(self: &Rc<Self>, server: SocketAddr, id: u16) {
        let look_up = Rc::clone(self);
        let give_up = move || {
            if look_up.is_asking(id) {
                let error = look_up.timed_out();
                look_up.question_ended(server, error);
            }
        };
        let timer = self.reactor.call_later(self.timeout, Box::new(give_up));
        self.asked.borrow_mut().timer = Some(timer);
    }

    fn is_asking(&self, id: u16) -> bool {
        let asked = self.asked.borrow();
        self.id.get() == id && (asked.port.is_some() || asked.stream.is_some())
    }

    /// The server has answered the question of this number.
    pub(super) fn answered(self: &Rc<Self>, server: SocketAddr, id: u16, answer: Answer) {
        if !self.is_asking(id) {
            return;
        }
        let is_stream = self.asked.borrow().stream.is_some();
        let service = self.service.clone();
        match answer {
            Answer::Records(records) if records.is_empty() => {
                self.decide(Err(ServiceError::NotFound { service }.into()));
            }
            Answer::Records(records) => self.decide(Ok(records)),
            Answer::NoSuchName => self.decide(Err(ServiceError::NotFound { service }.into())),
            Answer::Truncated if !is_stream => self.ask_over_tcp(server, id),
            Answer::Truncated => self.question_failed(server, "its whole answer is cut short"),
            Answer::Failed(code) => {
                self.question_failed(server, &alloc::format!("it answered with error {code}"));
            }
        }
    }

    fn ask_over_tcp(self: &Rc<Self>, server: SocketAddr, id: u16) {
        self.end_question();
        let Some(question) = message::question(id, &self.service) else { return };
        let asking = stream::ask(&*self.reactor, self, server, (id, question), self.timeout);
        self.asked.borrow_mut().stream = Some(asking.cancel_handle());
        let look_up = Rc::clone(self);
        drop(asking.add_both(move |outcome: Result<Answer, Failure>| {
            match outcome {
                Ok(answer) => look_up.answered(server, id, answer),
                Err(failure) if look_up.is_asking(id) => {
                    look_up.question_failed(server, &alloc::format!("{failure:#}"));
                }
                Err(_) => {}
            }
            Ok::<(), Failure>(())
        }));
    }

    pub(super) fn question_failed(self: &Rc<Self>, server: SocketAddr, reason: &str) {
        let reason = alloc::format!("{}: {reason}", shown(server));
        let service = self.service.clone();
        self.question_ended(server, ServiceError::Failed { service, reason });
    }

    fn question_ended(self: &Rc<Self>, _: SocketAddr, error: ServiceError) {
        self.error.replace(Some(error));
        self.end_question();
        self.ask_next();
    }

    fn timed_out(&self) -> ServiceError {
        ServiceError::TimedOut { service: self.service.clone(), after: self.timeout }
    }

    fn decide(&self, outcome: Result<Vec<ServiceRecord>, Failure>) {
        self.end_question();
        if let Some(promise) = self.promise.take() {
            promise.fire(outcome);
        }
    }

    fn end_question(&self) {
        let Asked { port, stream, timer } = self.asked.take();
        if let Some(timer) = timer {
            let _ = timer.cancel();
        }
        if let Some(port) = port {
            drop(port.stop_listening());
        }
        if let Some(stream) = stream {
            stream.cancel();
        }
    }
}

/// The port of one question.
struct Asking {
    look_up: Rc<LookUp>,
    server: SocketAddr,
    id: u16,
}

impl DatagramProtocol for Asking {
    /// What does not answer the question is ignored: the answer may still come.
    fn datagram_received(&mut self, _: &Rc<dyn DatagramTransport>, data: &[u8], _sender: &Address) {
        if let Some(answer) = message::answer(data, self.id, self.look_up.service()) {
            self.look_up.answered(self.server, self.id, answer);
        }
    }

    /// Its header is whole, but not all of its records.
    fn datagram_truncated(
        &mut self,
        _: &Rc<dyn DatagramTransport>,
        data: &[u8],
        _length: usize,
        _sender: &Address,
    ) {
        let is_ours = data.get(..2) == Some(&self.id.to_be_bytes()[..]);
        if is_ours {
            self.look_up.answered(self.server, self.id, Answer::Truncated);
        }
    }

    fn connection_refused(&mut self, _: &Rc<dyn DatagramTransport>) {
        if self.look_up.is_asking(self.id) {
            self.look_up.question_failed(self.server, "nothing listens there");
        }
    }
}
