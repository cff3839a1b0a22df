//! [`PrereadLayer`]: takes the first bytes of a connection until they suffice; Twisted's
//! `HAProxyProtocolWrapper` for any of them.
//!
//! ```text
//!            they suffice, and belong to a client
//!  Reading ──────────────────────────────────────────────────────▶ Open
//!    │  └──they suffice, but not for a client──▶ Quiet ──a byte, or 100 ms────▲
//!    └──invalid, or too late──▶ Refused
//! ```
//!
//! In Quiet is the health check of a proxy, which sends nothing more and closes: no protocol is built for it,
//! so that it causes no work behind the server.
//!
//! Invariant: the protocol is built in Open only, and each byte is delivered once.

use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use interfaces::{
    Address, DelayedCall, Deliver, Event, OwnedEvent, Query, ReadingRoles, Reason, Transport,
};
use protocol::layer::{Layer, LayerTransport};

use super::context::Pending;
use super::held::Held;
use super::late_protocol::LateProtocol;
use super::{Preread, PrereadContext, Step};

/// How long a connection without a client is silent before its protocol is built, which may be the side that
/// speaks first.
const QUIET: Duration = Duration::from_millis(100);

/// The first bytes of one connection.
pub(super) struct PrereadLayer<P: Preread> {
    context: Rc<PrereadContext<P>>,
    /// Owned by the transport below; this layer is its protocol's transport.
    above: Weak<LateProtocol>,
    phase: Cell<Phase>,
    reader: P,
    timer: RefCell<Option<DelayedCall>>,
    pending: Cell<Option<Pending>>,
    held: Held<Self>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Reading,
    Quiet,
    Open,
    Refused,
}

type Link<P> = LayerTransport<PrereadLayer<P>>;

impl<P: Preread> PrereadLayer<P> {
    pub(super) fn new(context: &Rc<PrereadContext<P>>, above: Weak<LateProtocol>) -> Self {
        Self {
            context: context.clone(),
            above,
            phase: Cell::new(Phase::Reading),
            reader: P::new(&context.options),
            timer: RefCell::default(),
            pending: Cell::new(Some(context.begin())),
            held: Held::default(),
        }
    }

    fn begin(&self, link: &Link<P>) {
        // A connection is made once.
        let _ = self.held.link.set(link.downgrade());
        self.set_timer(link, P::time_limit(&self.context.options), |layer, link| {
            layer.refuse(link, P::timed_out());
        });
    }

    fn data_received(&self, link: &Link<P>, above: &dyn Deliver, data: &mut [u8]) {
        match self.phase.get() {
            Phase::Reading => self.read(link, above, data),
            Phase::Quiet => {
                self.open(link, above);
                self.pass(above, data);
            }
            Phase::Open => self.pass(above, data),
            Phase::Refused => {}
        }
    }

    fn read(&self, link: &Link<P>, above: &dyn Deliver, data: &mut [u8]) {
        let Some(below) = link.below() else { return };
        match self.reader.push(&**below, data) {
            Ok(Step::Wait) => {}
            Ok(Step::Open(used)) => {
                let mut before = self.reader.replay();
                self.open(link, above);
                self.pass(above, &mut before);
                self.pass(above, data.get_mut(used..).unwrap_or_default());
            }
            Ok(Step::OpenLater) => {
                self.cancel_timer();
                self.phase.set(Phase::Quiet);
                self.set_timer(link, QUIET, |layer, link| {
                    if let (Phase::Quiet, Some(above)) = (layer.phase.get(), layer.above.upgrade())
                    {
                        layer.open(link, &*above);
                    }
                });
            }
            Err(refusal) => self.refuse(link, refusal),
        }
    }

    /// The bytes suffice, and the connection is served.
    fn open(&self, link: &Link<P>, above: &dyn Deliver) {
        self.cancel_timer();
        self.phase.set(Phase::Open);
        let before: Vec<OwnedEvent> = self.held.events.take();
        let transport = link.downgrade().upgrade().map(|link| link as Rc<dyn Transport>);
        if let Some(transport) = transport {
            above.deliver(Event::ConnectionMade(&transport));
        }
        // A place that is free again before it is taken would be given away twice.
        drop(self.pending.take());
        for mut event in before {
            above.deliver(event.as_event());
        }
    }

    fn refuse(&self, link: &Link<P>, refusal: P::Refusal) {
        self.cancel_timer();
        self.phase.set(Phase::Refused);
        if let Some(below) = link.below() {
            let peer = below.peer();
            below.abort_connection();
            (self.context.observer)(&peer, refusal);
        }
    }

    /// Delivers bytes that are the client's, or keeps them for a protocol that is paused.
    #[inline]
    fn pass(&self, above: &dyn Deliver, data: &mut [u8]) {
        if data.is_empty() || self.held.is_closed.get() {
            return;
        }
        if self.held.is_paused.get() || !self.held.is_empty() {
            return self.held.push(Event::DataReceived(data));
        }
        above.deliver(Event::DataReceived(data));
    }

    fn lost(&self, link: &Link<P>, above: &dyn Deliver, event: Event<'_>) {
        self.released();
        match self.phase.replace(Phase::Refused) {
            Phase::Reading => {
                let is_told = self.reader.has_begun() && is_the_peers(&event);
                if let (Some(below), true) = (link.below(), is_told) {
                    (self.context.observer)(&below.peer(), P::ended());
                }
            }
            Phase::Quiet | Phase::Refused => {}
            Phase::Open => {
                self.held.is_paused.set(false);
                self.held.deliver(above);
                above.deliver(event);
            }
        }
    }

    /// Goes on on a turn of its own, as no transport's method runs its protocol.
    fn resume_later(&self) {
        let Some(link) = self.held.link.get().cloned() else { return };
        let call = move || {
            let Some(link) = link.upgrade() else { return };
            let layer = link.layer();
            let (Some(above), false) = (layer.above.upgrade(), layer.held.is_paused.get()) else {
                return;
            };
            layer.held.deliver(&*above);
            if let (Some(below), false, false) =
                (link.below(), layer.held.is_paused.get(), layer.held.is_closed.get())
            {
                below.resume_producing();
            }
        };
        // It ends with its clock.
        drop(self.context.clock.call_later(Duration::ZERO, Box::new(call)));
    }

    fn set_timer(&self, link: &Link<P>, delay: Duration, then: fn(&Self, &Link<P>)) {
        let link = link.downgrade();
        let call = move || {
            if let Some(link) = link.upgrade() {
                then(link.layer(), &link);
            }
        };
        let call = self.context.clock.call_later(delay, Box::new(call));
        self.timer.replace(Some(call));
    }

    fn cancel_timer(&self) {
        let timer = self.timer.take();
        if let Some(timer) = timer {
            // One that has run is not pending.
            let _ = timer.cancel();
        }
    }
}

/// Whether the peer ended the connection, or the network.
fn is_the_peers(event: &Event<'_>) -> bool {
    !matches!(event, Event::ConnectionLost(Reason::Aborted | Reason::Stopped))
}

impl<P: Preread> Layer for PrereadLayer<P> {
    fn deliver(&self, link: &Link<P>, above: &dyn Deliver, event: Event<'_>) {
        match event {
            Event::ConnectionMade(_) => self.begin(link),
            Event::DataReceived(data) => self.data_received(link, above, data),
            Event::ConnectionLost(_) => self.lost(link, above, event),
            event => match self.phase.get() {
                Phase::Reading | Phase::Quiet => self.held.push(event),
                Phase::Open => above.deliver(event),
                Phase::Refused => {}
            },
        }
    }

    fn released(&self) {
        self.cancel_timer();
        drop(self.pending.take());
    }

    fn reading_roles(&self, _above: &dyn Deliver) -> ReadingRoles {
        ReadingRoles::default()
    }

    fn lose_connection(&self, below: &dyn Transport) {
        self.held.is_closed.set(true);
        below.lose_connection();
    }

    fn lose_connection_with_reset(&self, below: &dyn Transport) {
        self.held.is_closed.set(true);
        below.lose_connection_with_reset();
    }

    fn abort_connection(&self, below: &dyn Transport) {
        self.held.is_closed.set(true);
        below.abort_connection();
    }

    fn pause_producing(&self, below: &dyn Transport) {
        self.held.is_paused.set(true);
        below.pause_producing();
    }

    fn resume_producing(&self, below: &dyn Transport) {
        self.held.is_paused.set(false);
        match self.held.is_empty() {
            true => below.resume_producing(),
            false => self.resume_later(),
        }
    }

    fn stop_producing(&self, below: &dyn Transport) {
        self.held.is_closed.set(true);
        below.stop_producing();
    }

    fn peer(&self, below: &dyn Transport) -> Address {
        self.reader.peer(below)
    }

    fn host(&self, below: &dyn Transport) -> Address {
        self.reader.host(below)
    }

    fn answer(&self, _link: &Link<P>, query: &mut Query<'_>) {
        self.reader.answer(query);
    }
}
