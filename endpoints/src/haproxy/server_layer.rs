//! [`ProxyServerLayer`]: takes the header off a connection; Twisted's `HAProxyProtocolWrapper`.
//!
//! ```text
//!            whole header of a client, or of the proxy itself and bytes behind it
//!  Header ───────────────────────────────────────────────────────────────────▶ Open
//!    │  └──whole header of the proxy itself──▶ Quiet ──first byte, or 100 ms────▲
//!    └──invalid, or too late──▶ Refused
//! ```
//!
//! A header of the proxy itself has no addresses, or those of its own connection. It comes from a health
//! check, which sends nothing behind it and closes: no protocol is built for it, so that it causes no work
//! behind the server.
//!
//! Invariant: the protocol is built in Open only, and each byte behind the header is delivered once.

use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell, RefCell};
use core::time::Duration;

use interfaces::{
    Address, DelayedCall, Deliver, Event, OwnedEvent, Query, ReadingRoles, Reason, Transport,
};
use protocol::layer::{Layer, LayerTransport};

use super::context::{Pending, ProxyContext};
use super::late_protocol::LateProtocol;
use super::{Progress, ProxyAddresses, ProxyHeader, ProxyHeaderParser, ProxyRefusal};

/// How long a connection of the proxy itself is silent before its protocol is built,
/// which may be the side that speaks first.
const QUIET: Duration = Duration::from_millis(100);

/// The header of one connection.
pub(super) struct ProxyServerLayer {
    context: Rc<ProxyContext>,
    /// Owned by the transport below; this layer is its protocol's transport.
    above: Weak<LateProtocol>,
    phase: Cell<Phase>,
    parser: RefCell<ProxyHeaderParser>,
    header: OnceCell<ProxyHeader>,
    timer: RefCell<Option<DelayedCall>>,
    pending: Cell<Option<Pending>>,
    held: Held,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Header,
    Quiet,
    Open,
    Refused,
}

/// The events that wait for the protocol, and what it wants of its transport.
#[derive(Default)]
struct Held {
    /// What came before the protocol was built, and bytes behind the header while it is paused.
    events: RefCell<Vec<OwnedEvent>>,
    link: OnceCell<Weak<LayerTransport<ProxyServerLayer>>>,
    is_paused: Cell<bool>,
    is_closed: Cell<bool>,
}

type Link = LayerTransport<ProxyServerLayer>;

impl ProxyServerLayer {
    pub(super) fn new(context: &Rc<ProxyContext>, above: Weak<LateProtocol>) -> Self {
        let parser = ProxyHeaderParser::with_limit(context.options.header_bytes_max);
        Self {
            context: context.clone(),
            above,
            phase: Cell::new(Phase::Header),
            parser: RefCell::new(parser),
            header: OnceCell::new(),
            timer: RefCell::default(),
            pending: Cell::new(Some(Pending::new(context))),
            held: Held::default(),
        }
    }

    fn begin(&self, link: &Link) {
        // A connection is made once.
        let _ = self.held.link.set(link.downgrade());
        self.set_timer(link, self.context.options.timeout, |layer, link| {
            layer.refuse(link, ProxyRefusal::TimedOut);
        });
    }

    fn data_received(&self, link: &Link, above: &dyn Deliver, data: &mut [u8]) {
        match self.phase.get() {
            Phase::Header => self.header_received(link, above, data),
            Phase::Quiet => {
                self.open(link, above);
                self.pass(above, data);
            }
            Phase::Open => self.pass(above, data),
            Phase::Refused => {}
        }
    }

    fn header_received(&self, link: &Link, above: &dyn Deliver, data: &mut [u8]) {
        let progress = self.parser.borrow_mut().push(data);
        let (header, used) = match progress {
            Ok(Progress::Incomplete) => return,
            Ok(Progress::Complete { header, used }) => (header, used),
            Err(error) => return self.refuse(link, ProxyRefusal::Invalid(error)),
        };
        self.cancel_timer();
        let tells_a_client = header.addresses.as_ref().is_some_and(|told| !is_own(told, link));
        // There is one header.
        let _ = self.header.set(header);
        let rest = data.get_mut(used..).unwrap_or_default();
        if tells_a_client || !rest.is_empty() {
            self.open(link, above);
            return self.pass(above, rest);
        }
        self.phase.set(Phase::Quiet);
        self.set_timer(link, QUIET, |layer, link| {
            if let (Phase::Quiet, Some(above)) = (layer.phase.get(), layer.above.upgrade()) {
                layer.open(link, &*above);
            }
        });
    }

    /// The header is whole, and the connection is served.
    fn open(&self, link: &Link, above: &dyn Deliver) {
        self.cancel_timer();
        self.phase.set(Phase::Open);
        let before = self.held.events.take();
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

    fn refuse(&self, link: &Link, refusal: ProxyRefusal) {
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

    fn lost(&self, link: &Link, above: &dyn Deliver, event: Event<'_>) {
        self.released();
        match self.phase.replace(Phase::Refused) {
            Phase::Header => {
                let has_begun = self.parser.borrow().has_begun();
                if let (Some(below), true, true) = (link.below(), has_begun, is_the_peers(&event)) {
                    (self.context.observer)(&below.peer(), ProxyRefusal::Ended);
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

    fn set_timer(&self, link: &Link, delay: Duration, then: fn(&Self, &Link)) {
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

/// Whether these are the addresses of the connection itself, as a health check of version 1 has them.
fn is_own(told: &ProxyAddresses, link: &Link) -> bool {
    link.below()
        .is_some_and(|below| told.source == below.peer() && told.destination == below.host())
}

/// Whether the peer ended the connection, or the network.
fn is_the_peers(event: &Event<'_>) -> bool {
    !matches!(event, Event::ConnectionLost(Reason::Aborted | Reason::Stopped))
}

impl Held {
    fn is_empty(&self) -> bool {
        self.events.borrow().is_empty()
    }

    fn push(&self, event: Event<'_>) {
        let event = event.into_owned();
        self.events.borrow_mut().push(event);
    }

    /// Delivers the bytes that wait, until the protocol pauses or closes its transport.
    fn deliver(&self, above: &dyn Deliver) {
        let mut waiting = self.events.take().into_iter();
        while !self.is_paused.get() && !self.is_closed.get() {
            let Some(mut event) = waiting.next() else { return };
            above.deliver(event.as_event());
        }
        let mut left: Vec<_> = waiting.collect();
        let mut events = self.events.borrow_mut();
        left.append(&mut events);
        *events = left;
    }

    /// Goes on on a turn of its own, as no transport's method runs its protocol.
    fn resume_later(&self, context: &ProxyContext) {
        let Some(link) = self.link.get().cloned() else { return };
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
        drop(context.clock.call_later(Duration::ZERO, Box::new(call)));
    }
}

impl Layer for ProxyServerLayer {
    fn deliver(&self, link: &Link, above: &dyn Deliver, event: Event<'_>) {
        match event {
            Event::ConnectionMade(_) => self.begin(link),
            Event::DataReceived(data) => self.data_received(link, above, data),
            Event::ConnectionLost(_) => self.lost(link, above, event),
            event => match self.phase.get() {
                Phase::Header | Phase::Quiet => self.held.push(event),
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
            false => self.held.resume_later(&self.context),
        }
    }

    fn stop_producing(&self, below: &dyn Transport) {
        self.held.is_closed.set(true);
        below.stop_producing();
    }

    fn peer(&self, below: &dyn Transport) -> Address {
        match self.header.get().and_then(|header| header.addresses.as_ref()) {
            Some(addresses) => addresses.source.clone(),
            None => below.peer(),
        }
    }

    fn host(&self, below: &dyn Transport) -> Address {
        match self.header.get().and_then(|header| header.addresses.as_ref()) {
            Some(addresses) => addresses.destination.clone(),
            None => below.host(),
        }
    }

    fn answer(&self, _link: &Link, query: &mut Query<'_>) {
        if let Some(header) = self.header.get() {
            query.answer_with(|| header.clone());
        }
    }
}
