//! The faults of connections: a layer between a transport and its protocol.
//!
//! Invariant: everything but the fault is forwarded.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, Deliver, Event, Factory,
    HalfCloseableTransport, Producer, PushProducer, ReactorTime, Reason, Transport,
};

use super::Fault;

/// Wraps the protocols of another factory.
pub(super) struct FaultyFactory {
    pub(super) fault: Fault,
    pub(super) time: Rc<dyn ReactorTime>,
    pub(super) factory: Rc<dyn Factory>,
}

impl Factory for FaultyFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let above = self.factory.build_protocol(peer)?;
        if self.fault == Fault::KeepsProtocol {
            std::mem::forget(above.clone());
        }
        Some(Rc::new(FaultyLayer {
            fault: self.fault,
            time: self.time.clone(),
            above,
            transport: RefCell::default(),
            ended: Cell::new(false),
        }))
    }

    fn do_start(&self) {
        self.factory.do_start();
    }

    fn do_stop(&self) -> Result<(), deferred::Failure> {
        self.factory.do_stop()
    }

    fn poll_ready(&self, on_the_way: usize, waker: &Waker) -> Poll<()> {
        self.factory.poll_ready(on_the_way, waker)
    }
}

struct FaultyLayer {
    fault: Fault,
    time: Rc<dyn ReactorTime>,
    above: Rc<dyn Deliver>,
    transport: RefCell<Option<Rc<FaultyTransport>>>,
    ended: Cell<bool>,
}

impl FaultyLayer {
    fn made(&self, below: &Rc<dyn Transport>) {
        if self.fault == Fault::LeavesTimer {
            self.time.call_later(Duration::from_secs(3600), Box::new(|| {}));
        }
        let transport = Rc::new(FaultyTransport {
            fault: self.fault,
            time: self.time.clone(),
            below: below.clone(),
            above: Rc::downgrade(&self.above),
        });
        *self.transport.borrow_mut() = Some(transport.clone());
        let transport: Rc<dyn Transport> = transport;
        self.above.deliver(Event::ConnectionMade(&transport));
    }

    fn lost(&self, reason: &Reason) {
        let uncleanly = self.fault == Fault::EndsUncleanly && reason.is_clean();
        let reason = if uncleanly { Reason::Aborted } else { reason.clone() };
        let again = self.ended.replace(true);
        match self.fault {
            Fault::NeverEnds => return,
            Fault::EndsInsideTheCall if matches!(reason, Reason::Aborted) || again => return,
            Fault::EndsTwice => self.above.deliver(Event::ConnectionLost(&reason)),
            _ => {}
        }
        self.above.deliver(Event::ConnectionLost(&reason));
    }
}

impl Deliver for FaultyLayer {
    fn deliver(&self, event: Event<'_>) {
        match event {
            Event::ConnectionMade(below) => self.made(below),
            Event::DataReceived(data) if self.fault == Fault::LosesByte && data.len() > 1 => {
                let short = data.len() - 1;
                self.above.deliver(Event::DataReceived(&mut data[..short]));
            }
            Event::ReadConnectionLost if self.fault == Fault::HalfClosesSilently => {}
            Event::ConnectionLost(reason) => self.lost(reason),
            event => self.above.deliver(event),
        }
    }

    fn log_prefix(&self) -> &'static str {
        self.above.log_prefix()
    }

    fn is_half_closeable(&self) -> bool {
        self.above.is_half_closeable()
    }
}

struct FaultyTransport {
    fault: Fault,
    time: Rc<dyn ReactorTime>,
    below: Rc<dyn Transport>,
    above: Weak<dyn Deliver>,
}

impl PushProducer for FaultyTransport {
    fn pause_producing(&self) {
        if self.fault != Fault::IgnoresPause {
            self.below.pause_producing();
        }
    }

    fn resume_producing(&self) {
        self.below.resume_producing();
    }

    fn stop_producing(&self) {
        self.lose_connection();
    }

    fn has_finished(&self) -> bool {
        self.below.has_finished()
    }
}

impl Transport for FaultyTransport {
    fn write(&self, data: &[u8]) {
        self.below.write(data);
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        self.below.write_sequence(chunks);
    }

    fn lose_connection(&self) {
        match self.fault {
            Fault::ClosesRudely => self.below.abort_connection(),
            Fault::ClosesLate => {
                let below = self.below.clone();
                let close = move || below.lose_connection();
                self.time.call_later(Duration::from_millis(5), Box::new(close));
            }
            _ => self.below.lose_connection(),
        }
    }

    fn abort_connection(&self) {
        match self.fault {
            Fault::AbortsGently => return self.below.lose_connection(),
            Fault::EndsInsideTheCall => {
                if let Some(above) = self.above.upgrade() {
                    above.deliver(Event::ConnectionLost(&Reason::Aborted));
                }
            }
            _ => {}
        }
        self.below.abort_connection();
    }

    fn peer(&self) -> Address {
        self.below.peer()
    }

    fn host(&self) -> Address {
        self.below.host()
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        match self.fault {
            Fault::ForgetsProducer => Ok(()),
            Fault::TakesAnyProducer => {
                self.below.unregister_producer();
                self.below.register_producer(producer)
            }
            _ => self.below.register_producer(producer),
        }
    }

    fn unregister_producer(&self) {
        self.below.unregister_producer();
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.below.set_buffer_limits(limits);
    }

    fn buffer_limits(&self) -> BufferLimits {
        self.below.buffer_limits()
    }

    fn as_half_closeable(&self) -> Option<&dyn HalfCloseableTransport> {
        self.below.as_half_closeable().map(|_| self as &dyn HalfCloseableTransport)
    }
}

impl HalfCloseableTransport for FaultyTransport {
    fn lose_write_connection(&self) {
        match self.below.as_half_closeable() {
            Some(half) if self.fault != Fault::HalfClosesFully => half.lose_write_connection(),
            Some(_) | None => self.below.lose_connection(),
        }
    }
}
