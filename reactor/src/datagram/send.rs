//! From the protocol to the socket, gathered; Twisted's `udp.Port.write`.
//!
//! ```text
//!   send_to ── protocol runs ──► queue ── it returns ──► flush ──► sent
//!          └── else: listed, flushed in this turn or the next  │  │ the socket is full
//!                                      the turn's budget is used  ▼
//!          listed ◄────────────────────────────────────────────┘  Blocked ── the system reports room ──► flush
//! ```
//!
//! A run that the system refuses is sent again one by one: the error may be the run's or the first
//! datagram's own, and only in the first case are later runs cut smaller.
//!
//! Invariant: while the port is open, a queue with datagrams in it is flushed by a call that is under way
//! or listed, or waits for a report of room to send.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use interfaces::{Address, DatagramEvent, OsError, QUEUED_DATAGRAM_BYTES};

use super::caution::{Caution, RefusedRun};
use super::port::{DatagramPort, PortFamily};
use super::receive::add_one;
use crate::buffers::datagrams::{DatagramBuffers, DatagramQueue, RUNS_MAX, RunEnds, Segmentation};
use crate::core::Core;
use crate::sys::os_error::os_error;
use crate::sys::{DatagramSys, StreamSys, Token, Watch};

/// The fewest datagrams of equal size to one receiver that the system is asked to cut from one run. Over the
/// loopback of Linux 6.18 a run of two costs the sender 0.76 times what two single ones cost in one call of
/// sendmmsg(2), one of 8 costs 0.33 and one of 32 0.19 times as much; where the receiver takes them joined,
/// 0.61, 0.19 and 0.05. So none is too short.
const RUN_MIN: usize = 2;

/// The sending half of a port.
pub(super) struct Sender {
    buffers: Rc<DatagramBuffers>,
    queue: RefCell<Option<Box<DatagramQueue>>>,
    queue_bytes_max: usize,
    segmentation: Cell<Segmentation>,
    caution: Cell<Caution>,
    /// It is another than none, which each call asks.
    is_cautious: Cell<bool>,
    /// How many datagrams may be handed to the system before the others get their turn.
    budget: Cell<usize>,
    /// How many calls of the protocol, or batches of them, run one inside the other.
    entered: Cell<usize>,
    /// On the list of those that are still ready.
    listed: Cell<bool>,
    /// The socket is full, and watched for room.
    is_blocked: Cell<bool>,
    /// The socket is watched for room.
    is_watched: Cell<bool>,
    /// The system has refused the first datagram for an earlier one's sake already.
    is_retried: Cell<bool>,
    pub(super) sent: Cell<u64>,
    pub(super) dropped: Cell<u64>,
    pub(super) failed: Cell<u64>,
}

/// Whether the flush goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flush {
    GoesOn,
    Blocked,
}

/// The first datagram of the queue was refused.
type Refusal = (Option<Address>, OsError);

impl Sender {
    pub(super) fn new<S: StreamSys>(
        core: &Core<S>,
        host: &Address,
        queue_bytes_max: usize,
    ) -> Self {
        let segmentation = match host {
            Address::Ipv4(_) | Address::Ipv6(_) => Segmentation::from_run_of(RUN_MIN),
            _ => Segmentation::NONE,
        };
        Self {
            buffers: Rc::clone(&core.datagrams),
            queue: RefCell::default(),
            queue_bytes_max,
            segmentation: Cell::new(segmentation),
            caution: Cell::new(Caution::NONE),
            is_cautious: Cell::new(false),
            budget: Cell::new(core.limits.datagrams_per_turn),
            entered: Cell::new(0),
            listed: Cell::new(false),
            is_blocked: Cell::new(false),
            is_watched: Cell::new(false),
            is_retried: Cell::new(false),
            sent: Cell::new(0),
            dropped: Cell::new(0),
            failed: Cell::new(0),
        }
    }

    /// The protocol of the port with this token begins to run; what it sends is gathered. Returns whose
    /// was gathered before.
    pub(super) fn enter(&self, token: Token) -> Token {
        self.entered.set(self.entered.get() + 1);
        self.buffers.gathering.replace(token)
    }

    /// It has returned.
    pub(super) fn leave(&self, outer: Token) {
        self.entered.set(self.entered.get() - 1);
        self.buffers.gathering.set(outer);
    }

    pub(super) fn reported(&self, writable: bool) {
        if writable {
            self.is_blocked.set(false);
        }
    }

    /// A turn begins in which this many datagrams may be handed to the system.
    pub(super) fn refill(&self, datagrams: usize) {
        self.budget.set(datagrams);
    }

    pub(super) fn unlist(&self) {
        self.listed.set(false);
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.borrow().as_ref().map_or(0, |queue| queue.len())
    }

    /// Adds a datagram to the queue, if it has room for it; an empty queue has.
    #[inline(always)]
    fn push(&self, pieces: &[&[u8]], receiver: Option<&Address>) -> bool {
        let mut queue = self.queue.borrow_mut();
        let queue = queue.get_or_insert_with(|| self.buffers.take_queue());
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        let cost = queue.cost + bytes + QUEUED_DATAGRAM_BYTES;
        let has_room = cost <= self.queue_bytes_max;
        if queue.len() > 0 && !has_room {
            return false;
        }
        queue.push(pieces, receiver);
        true
    }

    /// Takes the first datagram off the queue.
    fn pop(&self) -> Option<Option<Address>> {
        self.queue.borrow_mut().as_mut()?.pop()
    }

    /// Takes the first `count` datagrams off the queue; returns how many are left.
    fn pop_many(&self, count: usize) -> usize {
        let mut queue = self.queue.borrow_mut();
        let Some(queue) = queue.as_mut() else { return 0 };
        queue.pop_many(count);
        queue.len()
    }

    #[inline]
    fn spend(&self, datagrams: usize) {
        self.budget.set(self.budget.get().saturating_sub(datagrams));
    }

    /// How the next call is cut: whether into runs, and the most of them.
    #[inline]
    fn cut(&self) -> (Segmentation, usize) {
        if self.is_cautious.get() {
            self.cut_cautiously()
        } else {
            (self.segmentation.get(), RUNS_MAX)
        }
    }

    fn set_caution(&self, caution: Caution) {
        self.is_cautious.set(caution != Caution::NONE);
        self.caution.set(caution);
    }

    #[cold]
    fn cut_cautiously(&self) -> (Segmentation, usize) {
        let Caution { runs_max, single, .. } = self.caution.get();
        match single {
            0 => (self.segmentation.get(), runs_max),
            _ => (Segmentation::NONE, runs_max.min(single)),
        }
    }

    /// The system has taken `runs` runs of `offered` at most, with `datagrams` datagrams.
    #[cold]
    fn learn_of_success(&self, runs: usize, datagrams: usize, offered: usize) {
        let caution = self.caution.get();
        if let Some(segment) = caution.doubted {
            // Taken alone and refused in a run: the system does not cut such, on this way or at all.
            self.segmentation.set(self.segmentation.get().refused(segment));
        }
        self.set_caution(caution.after_success(runs, datagrams, offered, self.waiting()));
    }

    /// Gives an empty queue back.
    fn release(&self) {
        let mut queue = self.queue.borrow_mut();
        if queue.as_ref().is_some_and(|queue| queue.len() == 0)
            && let Some(queue) = queue.take()
        {
            self.buffers.keep_queue(queue);
        }
    }
}

impl<S: DatagramSys> DatagramPort<S> {
    /// Queues a datagram; it leaves when the protocol returns, or on this turn or the next.
    #[inline(always)]
    pub(super) fn queue(&self, pieces: &[&[u8]], receiver: Option<&Address>) {
        if !self.sender.push(pieces, receiver) {
            return add_one(&self.sender.dropped);
        }
        let is_flushed = self.sender.entered.get() > 0 || self.sender.is_blocked.get();
        if !is_flushed && let Some(core) = self.core.upgrade() {
            self.list(&core);
        }
    }

    /// Has the port called again in this turn or the next.
    pub(super) fn list(&self, core: &Core<S>) {
        if !self.sender.listed.replace(true) {
            core.list_still_ready(self.token);
        }
    }

    /// Sends what waits, as far as the socket takes it, and then tells the protocol of what the system
    /// refused.
    pub(super) fn flush(self: &Rc<Self>, core: &Core<S>) {
        if self.sender.queue.borrow().is_none() {
            return;
        }
        let mut refusals = Vec::new();
        while !self.sender.is_blocked.get() && self.sender.waiting() > 0 && self.is_open() {
            if self.sender.budget.get() == 0 {
                self.list(core);
                break;
            }
            if self.send_some(core, &mut refusals) == Flush::Blocked {
                self.block(core);
                break;
            }
        }
        self.sender.release();
        if self.sender.is_watched.get() && self.sender.waiting() == 0 {
            self.unwatch(core);
        }
        if !refusals.is_empty() {
            self.tell_refusals(core, refusals);
        }
    }

    /// Sends what the socket takes at once; the rest is dropped, also behind many that the system refuses.
    pub(super) fn send_last(self: &Rc<Self>, core: &Core<S>) {
        let mut refusals = Vec::new();
        while self.sender.waiting() > 0
            && refusals.len() < core.limits.datagrams_per_turn
            && self.is_open()
            && self.send_some(core, &mut refusals) == Flush::GoesOn
        {}
        let dropped = self.sender.waiting();
        self.sender.pop_many(dropped);
        self.sender.dropped.set(self.sender.dropped.get() + dropped as u64);
        self.sender.release();
    }

    /// One call of the system, and what follows from its answer.
    fn send_some(&self, core: &Core<S>, refusals: &mut Vec<Refusal>) -> Flush {
        let (segmentation, offered) = self.sender.cut();
        let ends = RunEnds::default();
        let (sent, refused) = {
            let queue = self.sender.queue.borrow();
            let Some(queue) = queue.as_ref() else { return Flush::GoesOn };
            let runs = || queue.runs(segmentation, offered, &ends);
            let sent = self.with_socket(|socket| core.sys.send_datagrams(socket, runs()));
            let Some(sent) = sent else { return Flush::GoesOn };
            let refused = match sent {
                Ok(_) => RefusedRun { datagrams: 0, segment: None },
                Err(_) => {
                    let segment = runs().next().and_then(|it| it.segment);
                    RefusedRun { datagrams: ends.datagrams(1), segment }
                }
            };
            (sent, refused)
        };
        match sent {
            Ok(runs) => {
                let datagrams = ends.datagrams(runs);
                let waiting = self.sender.pop_many(datagrams);
                self.sender.sent.set(self.sender.sent.get() + datagrams as u64);
                self.sender.is_retried.set(false);
                self.sender.spend(datagrams);
                if self.sender.is_cautious.get() || waiting > 0 {
                    self.sender.learn_of_success(runs, datagrams, offered);
                }
                Flush::GoesOn
            }
            Err(error) => {
                self.sender.spend(1);
                self.send_failed(&error, refused, refusals)
            }
        }
    }

    fn send_failed(
        &self,
        error: &io::Error,
        refused: RefusedRun,
        refusals: &mut Vec<Refusal>,
    ) -> Flush {
        match (error.raw_os_error(), refused.segment) {
            _ if error.kind() == io::ErrorKind::Interrupted => {}
            // The receiver's queue is full, which no report will end.
            _ if error.kind() == io::ErrorKind::WouldBlock && self.is_unix_unconnected() => {
                drop(self.sender.pop());
                add_one(&self.sender.dropped);
            }
            _ if error.kind() == io::ErrorKind::WouldBlock => return Flush::Blocked,
            // The run may be at fault, or its first datagram.
            (Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE | libc::ENOPROTOOPT), Some(_)) => {
                self.sender.set_caution(Caution::after_doubt(refused));
            }
            // The answer to an earlier datagram: this one is sent once more.
            (Some(libc::ECONNREFUSED), _)
                if self.peer.borrow().is_some() && !self.sender.is_retried.replace(true) =>
            {
                refusals.push((None, os_error(error)));
            }
            _ => {
                let receiver = self.sender.pop().flatten();
                let receiver = receiver.or_else(|| self.peer.borrow().clone());
                self.sender.set_caution(self.sender.caution.get().after_failure(refused));
                self.sender.is_retried.set(false);
                add_one(&self.sender.failed);
                refusals.push((receiver, os_error(error)));
            }
        }
        Flush::GoesOn
    }

    fn is_unix_unconnected(&self) -> bool {
        self.family == PortFamily::Unix && self.peer.borrow().is_none()
    }

    /// The socket is full: watches for room. Where that fails, the next turn tries again.
    fn block(&self, core: &Core<S>) {
        let watched =
            self.with_socket(|socket| core.sys.watch_datagrams(socket, self.token, Watch::Both));
        match watched {
            Some(Ok(())) => {
                self.sender.is_blocked.set(true);
                self.sender.is_watched.set(true);
            }
            Some(Err(_)) | None => self.list(core),
        }
    }

    /// Nothing waits for room any more: each datagram that leaves would be a report.
    fn unwatch(&self, core: &Core<S>) {
        self.sender.is_watched.set(false);
        let watch = |socket: &_| core.sys.watch_datagrams(socket, self.token, Watch::Reading);
        // A failure costs reports alone.
        drop(self.with_socket(watch));
    }

    #[cold]
    fn tell_refusals(self: &Rc<Self>, core: &Core<S>, refusals: Vec<Refusal>) {
        for (receiver, error) in refusals {
            match receiver {
                Some(receiver) => {
                    let event = DatagramEvent::SendFailed { receiver: &receiver, error };
                    self.deliver(core, Some(&receiver), event);
                }
                None => self.refused(core),
            }
        }
    }
}
