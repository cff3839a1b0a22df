//! The sending half of an end: the protocol, its timers, its producers and its neighbours all write
//! through it.
//!
//! Invariant: promised bytes were written while this end was open for writing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use interfaces::{Chunk, PullProducer, PushProducer, Transport};

use crate::ledger::End;
use crate::plan::{Ending, Plan, pattern};
use crate::rig::Rig;

pub(crate) struct Outlet {
    pub(crate) rig: Rc<Rig>,
    pub(crate) plan: Plan,
    pub(crate) side: usize,
    life: Cell<u64>,
    sent: Cell<usize>,
    is_open: Cell<bool>,
    is_paused: Cell<bool>,
    has_producer: Cell<bool>,
    has_ended: Cell<bool>,
    transport: RefCell<Option<Rc<dyn Transport>>>,
}

impl Outlet {
    pub(crate) fn new(rig: &Rc<Rig>, plan: Plan, side: usize) -> Rc<Self> {
        Rc::new(Self {
            rig: rig.clone(),
            plan,
            side,
            life: Cell::new(0),
            sent: Cell::new(0),
            is_open: Cell::new(false),
            is_paused: Cell::new(false),
            has_producer: Cell::new(false),
            has_ended: Cell::new(false),
            transport: RefCell::default(),
        })
    }

    pub(crate) fn open(&self, life: u64, transport: &Rc<dyn Transport>) {
        self.life.set(life);
        self.is_open.set(true);
        self.transport.replace(Some(transport.clone()));
    }

    /// The connection is gone.
    pub(crate) fn close(&self) {
        self.is_open.set(false);
        let transport = self.transport.take();
        drop(transport);
    }

    pub(crate) fn life(&self) -> u64 {
        self.life.get()
    }

    pub(crate) fn record(&self, change: impl FnOnce(&mut End)) {
        change(self.rig.ledger.borrow_mut().end(self.life.get(), self.side));
    }

    pub(crate) fn transport(&self) -> Option<Rc<dyn Transport>> {
        self.transport.borrow().clone()
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.sent.get() == self.plan.bytes
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.is_paused.get()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open.get()
    }

    /// Writes the next piece, and ends as planned when it was the last one.
    pub(crate) fn write_piece(&self) {
        let Some(transport) = self.transport() else { return };
        if !self.is_open.get() {
            return;
        }
        let from = self.sent.get();
        let most = self.plan.piece_bytes_max.min(self.plan.bytes - from);
        let to = from + if most == 0 { 0 } else { 1 + self.rig.dice.below(most) };
        let piece: Vec<u8> = (from..to).map(|at| pattern(self.life.get(), self.side, at)).collect();
        self.sent.set(to);
        self.record(|end| end.promised += piece.len());
        match self.rig.dice.below(3) {
            0 => {
                let (one, other) = piece.split_at(piece.len() / 2);
                transport
                    .write_sequence(vec![Chunk::from(one.to_vec()), Chunk::from(other.to_vec())]);
            }
            1 => {
                let (one, other) = piece.split_at(piece.len() / 3);
                transport.write(one);
                transport.write(other);
            }
            _ => transport.write(&piece),
        }
        if self.is_finished() {
            self.finish(&transport);
        }
    }

    pub(crate) fn write_all(&self) {
        loop {
            self.write_piece();
            if self.is_finished() || !self.is_open.get() {
                return;
            }
        }
    }

    pub(crate) fn begin_producing(&self) {
        self.has_producer.set(true);
    }

    /// All is written.
    fn finish(&self, transport: &Rc<dyn Transport>) {
        if self.has_ended.replace(true) {
            return;
        }
        if self.has_producer.replace(false) {
            transport.unregister_producer();
        }
        match self.plan.ending {
            Ending::Lose => self.lose(transport),
            Ending::HalfClose => self.half_close(transport),
            Ending::Abort => self.abort(transport),
            Ending::Reset => self.lose_with_reset(transport),
            Ending::Wait
            | Ending::LoseInside(_)
            | Ending::AbortInside(_)
            | Ending::PanicInside(_) => {}
        }
    }

    /// The peer sends no more, and this end goes on; when it is finished, it ends.
    pub(crate) fn peer_finished(&self, transport: &Rc<dyn Transport>) {
        if self.is_finished() {
            self.lose(transport);
        }
    }

    /// Ends in order. A producer may go on, and its bytes count.
    pub(crate) fn lose(&self, transport: &Rc<dyn Transport>) {
        self.record(|end| end.lost_by_us = true);
        transport.lose_connection();
        if !self.has_producer.get() {
            self.is_open.set(false);
            transport.write(b"too late for this");
        }
    }

    /// Ends this direction in order. A producer may go on, and its bytes count.
    pub(crate) fn half_close(&self, transport: &Rc<dyn Transport>) {
        self.record(|end| end.half_closed = true);
        transport.as_half_closeable().expect("sockets are").lose_write_connection();
        if !self.has_producer.get() {
            self.is_open.set(false);
            transport.write(b"too late for this");
        }
    }

    /// Ends with a reset behind all that is written.
    fn lose_with_reset(&self, transport: &Rc<dyn Transport>) {
        self.is_open.set(false);
        // Over TLS a close that waited for its producer alone has sent `close_notify` by now.
        let is_secured = self.rig.secured.is_some();
        self.record(|end| {
            end.reset_it = !(is_secured && end.lost_by_us);
            end.lost_by_us = true;
        });
        transport.lose_connection_with_reset();
        transport.write(b"too late for this");
    }

    pub(crate) fn abort(&self, transport: &Rc<dyn Transport>) {
        self.is_open.set(false);
        self.record(|end| end.broke_it = true);
        transport.abort_connection();
        transport.write(b"too late for this");
    }
}

/// A push producer, which runs until it is paused.
impl PushProducer for Outlet {
    fn pause_producing(&self) {
        if self.is_paused.replace(true) {
            self.rig.fail(format!("life {:#x}: paused twice", self.life()));
        }
    }

    fn resume_producing(&self) {
        if !self.is_paused.replace(false) {
            self.rig.fail(format!("life {:#x}: resumed without a pause", self.life()));
        }
        // Writes from inside the call now and then; its timers go on in any case.
        if self.rig.dice.one_in(2) {
            self.write_piece();
        }
    }

    fn stop_producing(&self) {
        self.has_producer.set(false);
        self.close();
    }
}

/// Makes a piece each time it is asked.
pub(crate) struct Pulled(pub(crate) Rc<Outlet>);

impl PullProducer for Pulled {
    fn resume_producing(&self) {
        self.0.write_piece();
    }

    fn stop_producing(&self) {
        self.0.has_producer.set(false);
        self.0.close();
    }
}
