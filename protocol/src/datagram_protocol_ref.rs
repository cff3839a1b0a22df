//! [`DatagramProtocolRef`]: a datagram protocol that ports can call, typed and shared.
//!
//! Invariant: the protocol is lent exactly while it runs, and what comes then waits in the queue, in
//! order; an empty queue owns no memory.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use core::any::type_name;
use core::cell::{Cell, RefCell, RefMut};
use core::fmt;

use interfaces::{
    DatagramEvent, DatagramProtocol, DatagramTransport, DeliverDatagram, OwnedDatagramEvent,
};

/// A protocol for a port, for a program that needs no way back to it.
///
/// ```
/// use std::rc::Rc;
/// use interfaces::{Address, DatagramProtocol, DatagramTransport};
/// # use ropewalk_protocol as protocol;
///
/// struct Sink;
/// impl DatagramProtocol for Sink {
///     fn datagram_received(&mut self, _: &Rc<dyn DatagramTransport>, _: &[u8], _: &Address) {}
/// }
/// let for_a_port = protocol::datagram_protocol(Sink);
/// ```
pub fn datagram_protocol<P: DatagramProtocol>(protocol: P) -> Rc<dyn DeliverDatagram> {
    DatagramProtocolRef::new(protocol).as_deliver()
}

/// A datagram protocol that runs on a port, or will; clone it to share it. What
/// [`ProtocolRef`](crate::ProtocolRef) is to streams: a call from elsewhere is made at once, or, while the
/// protocol runs, right after the running call.
///
/// It may be given to a port again when an earlier one has stopped, and to several at a time.
pub struct DatagramProtocolRef<P: DatagramProtocol> {
    cell: Rc<DatagramCell<P>>,
}

impl<P: DatagramProtocol> DatagramProtocolRef<P> {
    /// Makes the protocol ready to run.
    pub fn new(protocol: P) -> Self {
        Self { cell: Rc::new(DatagramCell::new(protocol)) }
    }

    /// As [`new`](Self::new), for a protocol that needs a way back to itself: for its timers, or for the
    /// callbacks of its Deferreds.
    pub fn new_cyclic(build: impl FnOnce(&WeakDatagramProtocolRef<P>) -> P) -> Self {
        let cell = Rc::new_cyclic(|weak| {
            DatagramCell::new(build(&WeakDatagramProtocolRef { cell: weak.clone() }))
        });
        Self { cell }
    }

    /// What ports hold. It is this very protocol: a clone of the same `Rc`.
    pub fn as_deliver(&self) -> Rc<dyn DeliverDatagram> {
        self.cell.clone()
    }

    /// Calls the protocol: now, or when it is running, right after the running call and what was asked
    /// for before. The queue has no bound: a caller that enters in a loop while the protocol runs must
    /// bound that.
    pub fn enter(&self, call: impl FnOnce(&mut P) + 'static) {
        self.cell.enter_or_post(DatagramCall::Call(Box::new(call)));
    }

    /// As [`enter`](Self::enter), with the transport of the port that was started last. While there is
    /// none, `call` is dropped.
    pub fn enter_with(&self, call: impl FnOnce(&mut P, &Rc<dyn DatagramTransport>) + 'static) {
        self.cell.enter_or_post(DatagramCall::CallWith(Box::new(call)));
    }

    /// Looks at the protocol; `None` while it is running.
    pub fn try_with<R>(&self, look: impl FnOnce(&P) -> R) -> Option<R> {
        let protocol = self.cell.try_lend()?;
        let seen = look(&protocol);
        self.cell.drain(protocol);
        Some(seen)
    }

    /// The transport of the port that was started last, until that stops.
    pub fn transport(&self) -> Option<Rc<dyn DatagramTransport>> {
        self.cell.transport()
    }

    /// A reference that keeps nothing alive.
    pub fn downgrade(&self) -> WeakDatagramProtocolRef<P> {
        WeakDatagramProtocolRef { cell: Rc::downgrade(&self.cell) }
    }
}

impl<P: DatagramProtocol> Clone for DatagramProtocolRef<P> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone() }
    }
}

impl<P: DatagramProtocol> From<DatagramProtocolRef<P>> for Rc<dyn DeliverDatagram> {
    fn from(protocol: DatagramProtocolRef<P>) -> Self {
        protocol.cell
    }
}

/// The protocol's type and its port's address, as Twisted's `logPrefix` and its port print together.
impl<P: DatagramProtocol> fmt::Debug for DatagramProtocolRef<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = type_name::<P>();
        match self.transport() {
            Some(transport) => write!(f, "DatagramProtocolRef<{name}>({})", transport.host()),
            None => write!(f, "DatagramProtocolRef<{name}>(not listening)"),
        }
    }
}

/// A [`DatagramProtocolRef`] that does not keep the protocol alive: for timers, and for what the protocol
/// itself owns.
pub struct WeakDatagramProtocolRef<P: DatagramProtocol> {
    cell: Weak<DatagramCell<P>>,
}

impl<P: DatagramProtocol> WeakDatagramProtocolRef<P> {
    /// The protocol, if a [`DatagramProtocolRef`] or a port still holds it.
    pub fn upgrade(&self) -> Option<DatagramProtocolRef<P>> {
        self.cell.upgrade().map(|cell| DatagramProtocolRef { cell })
    }
}

impl<P: DatagramProtocol> Clone for WeakDatagramProtocolRef<P> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone() }
    }
}

impl<P: DatagramProtocol> fmt::Debug for WeakDatagramProtocolRef<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeakDatagramProtocolRef<{}>", type_name::<P>())
    }
}

/// An event or a call that waits for the running call to return.
enum DatagramCall<P> {
    Event(Rc<dyn DatagramTransport>, OwnedDatagramEvent),
    Call(Box<dyn FnOnce(&mut P)>),
    CallWith(Box<dyn FnOnce(&mut P, &Rc<dyn DatagramTransport>)>),
}

struct DatagramCell<P: DatagramProtocol> {
    /// Its guard is the one that is alive while foreign code runs: a second entry asks with
    /// `try_borrow_mut`, and is queued when it is refused.
    protocol: RefCell<P>,
    transport: RefCell<Option<Rc<dyn DatagramTransport>>>,
    queue: RefCell<VecDeque<DatagramCall<P>>>,
    /// Whether the queue is empty, which each datagram asks.
    is_idle: Cell<bool>,
}

impl<P: DatagramProtocol> DatagramCell<P> {
    fn new(protocol: P) -> Self {
        let (transport, queue) = (RefCell::default(), RefCell::default());
        Self { protocol: RefCell::new(protocol), transport, queue, is_idle: Cell::new(true) }
    }

    fn transport(&self) -> Option<Rc<dyn DatagramTransport>> {
        self.transport.borrow().clone()
    }

    /// Takes the first entry off the queue, whose storage goes with the last one.
    fn next(&self) -> Option<DatagramCall<P>> {
        let mut queue = self.queue.borrow_mut();
        let entry = queue.pop_front();
        if queue.is_empty() {
            *queue = VecDeque::new();
            self.is_idle.set(true);
        }
        entry
    }

    fn post(&self, entry: DatagramCall<P>) {
        self.queue.borrow_mut().push_back(entry);
        self.is_idle.set(false);
    }

    fn enter_or_post(&self, entry: DatagramCall<P>) {
        self.post(entry);
        if let Some(protocol) = self.try_lend() {
            self.drain(protocol);
        }
    }

    /// Borrows the protocol, unless it is running.
    #[inline]
    fn try_lend(&self) -> Option<RefMut<'_, P>> {
        self.protocol.try_borrow_mut().ok()
    }

    /// Runs what waits.
    fn drain(&self, mut protocol: RefMut<'_, P>) {
        while let Some(entry) = self.next() {
            match entry {
                DatagramCall::Event(transport, event) => {
                    self.run(&mut protocol, &transport, event.as_event());
                }
                DatagramCall::Call(call) => call(&mut protocol),
                DatagramCall::CallWith(call) => {
                    if let Some(transport) = self.transport() {
                        call(&mut protocol, &transport);
                    }
                }
            }
        }
    }

    /// Queues an event, and runs what waits if the protocol is lent.
    #[cold]
    fn post_event(
        &self,
        entered: Option<RefMut<'_, P>>,
        transport: &Rc<dyn DatagramTransport>,
        event: DatagramEvent<'_>,
    ) {
        self.post(DatagramCall::Event(transport.clone(), event.into_owned()));
        if let Some(protocol) = entered {
            self.drain(protocol);
        }
    }

    /// Runs the protocol with an event.
    #[inline(always)]
    fn run(
        &self,
        protocol: &mut P,
        transport: &Rc<dyn DatagramTransport>,
        event: DatagramEvent<'_>,
    ) {
        match event {
            DatagramEvent::Received { data, sender } => {
                protocol.datagram_received(transport, data, sender);
            }
            event => self.run_rarely(protocol, transport, event),
        }
    }

    /// The same for the other events. The port that is started last is the one that
    /// [`transport`](Self::transport) has.
    #[cold]
    fn run_rarely(
        &self,
        protocol: &mut P,
        transport: &Rc<dyn DatagramTransport>,
        event: DatagramEvent<'_>,
    ) {
        match event {
            DatagramEvent::Started => drop(self.transport.replace(Some(transport.clone()))),
            DatagramEvent::Stopped => {
                let is_this = |kept: &Rc<dyn DatagramTransport>| Rc::ptr_eq(kept, transport);
                let kept = self.transport.borrow_mut().take_if(|kept| is_this(kept));
                drop(kept);
            }
            _ => {}
        }
        event.dispatch(protocol, transport);
    }
}

impl<P: DatagramProtocol> DeliverDatagram for DatagramCell<P> {
    #[inline]
    fn deliver_datagram(&self, transport: &Rc<dyn DatagramTransport>, event: DatagramEvent<'_>) {
        let is_first = self.is_idle.get();
        match self.try_lend() {
            Some(mut protocol) if is_first => {
                self.run(&mut protocol, transport, event);
                if !self.is_idle.get() {
                    self.drain(protocol);
                }
            }
            entered => self.post_event(entered, transport, event),
        }
    }

    fn log_prefix(&self) -> &'static str {
        P::log_prefix()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use deferred::Deferred;
    use interfaces::{Address, DatagramCounts, ListeningPort, SendError};

    /// A port that is no socket.
    struct Port;

    impl ListeningPort for Port {
        fn host(&self) -> Address {
            Address::Other("a test's port".into())
        }

        fn stop_listening(&self) -> Deferred<()> {
            Deferred::succeed(())
        }
    }

    impl DatagramTransport for Port {
        fn send(&self, _: &[u8]) -> Result<(), SendError> {
            Err(SendError::Closed { host: self.host() })
        }

        fn send_pieces_to(&self, _: &[&[u8]], _: &Address) -> Result<(), SendError> {
            Err(SendError::Closed { host: self.host() })
        }

        fn peer(&self) -> Option<Address> {
            None
        }

        fn counts(&self) -> DatagramCounts {
            DatagramCounts::default()
        }
    }

    /// Notes what it is told, and calls itself when it is told of a datagram.
    struct Busy {
        me: WeakDatagramProtocolRef<Busy>,
        log: Vec<&'static str>,
    }

    impl DatagramProtocol for Busy {
        fn start_protocol(&mut self, _: &Rc<dyn DatagramTransport>) {
            self.log.push("start");
        }

        fn datagram_received(
            &mut self,
            transport: &Rc<dyn DatagramTransport>,
            data: &[u8],
            sender: &Address,
        ) {
            self.log.push("begin");
            let me = self.me.upgrade().expect("it runs");
            me.enter(|busy| busy.log.push("entered"));
            assert!(me.try_with(|_| ()).is_none());
            if !data.is_empty() {
                let event = DatagramEvent::Received { data: &[], sender };
                me.as_deliver().deliver_datagram(transport, event);
                me.as_deliver().deliver_datagram(transport, DatagramEvent::Stopped);
                me.enter_with(|busy, _| busy.log.push("never, as its port has stopped"));
            }
            self.log.push("end");
        }

        fn stop_protocol(&mut self, _: &Rc<dyn DatagramTransport>) {
            self.log.push("stop");
        }
    }

    #[test]
    fn what_comes_while_it_runs_is_called_after_it_in_order() {
        let busy = DatagramProtocolRef::new_cyclic(|me| Busy { me: me.clone(), log: Vec::new() });
        let (deliver, port) = (busy.as_deliver(), Rc::new(Port) as Rc<dyn DatagramTransport>);
        busy.enter_with(|busy, _| busy.log.push("never, as it has no port"));
        deliver.deliver_datagram(&port, DatagramEvent::Started);
        assert!(busy.transport().is_some_and(|transport| Rc::ptr_eq(&transport, &port)));
        let sender = port.host();
        deliver.deliver_datagram(&port, DatagramEvent::Received { data: b"x", sender: &sender });
        let expected = ["start", "begin", "end", "entered", "begin", "end", "stop", "entered"];
        assert_eq!(busy.try_with(|busy| busy.log.clone()).as_deref(), Some(&expected[..]));
        assert!(busy.transport().is_none());
    }
}
