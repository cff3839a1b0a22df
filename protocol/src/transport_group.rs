//! [`TransportGroup`]: connections that are written to together; Netty's `ChannelGroup`.
//!
//! Invariant: the group owns no transport, and none of its members is called with it borrowed.

use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use interfaces::{BufferLimits, Transport};

/// The transports of a room, a topic, or the subscribers of a feed; a clone is the same group. A transport
/// leaves it when its connection is over and it is dropped, and needs not be removed. Twisted's programs keep
/// a list for this in the factory.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// use interfaces::{Protocol, Transport};
/// use protocol::{TransportGroup, factory_fn};
///
/// /// Each client hears all of them.
/// struct Party(TransportGroup);
///
/// impl Protocol for Party {
///     fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
///         self.0.add(transport);
///     }
///
///     fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
///         self.0.write(data);
///     }
/// }
///
/// let clients = TransportGroup::with_cap(64 * 1024);
/// let factory = factory_fn(move |_peer| Party(clients.clone()));
/// # let _ = factory;
/// ```
#[derive(Clone, Default)]
pub struct TransportGroup {
    shared: Rc<SharedGroup>,
}

#[derive(Default)]
struct SharedGroup {
    members: RefCell<Vec<Weak<dyn Transport>>>,
    cap: Option<usize>,
}

impl TransportGroup {
    /// A group of none, whose members keep the limits that they have.
    pub fn new() -> Self {
        Self::default()
    }

    /// A group whose members may each have this many unsent bytes: the connection of a slow reader is aborted
    /// with [`WriteBufferExceeded`](interfaces::Reason::WriteBufferExceeded) when more wait, and the others do
    /// not wait for it. [`add`](Self::add) sets it as [`BufferLimits::cap`], with a high-water mark no greater.
    pub fn with_cap(bytes: usize) -> Self {
        Self { shared: Rc::new(SharedGroup { cap: Some(bytes), ..Default::default() }) }
    }

    /// Adds a transport. One that is in the group stays in it once.
    pub fn add(&self, transport: &Rc<dyn Transport>) {
        if let Some(cap) = self.shared.cap {
            let usual = BufferLimits::default();
            let high_water = usual.high_water.min(cap);
            transport.set_buffer_limits(usual.with_high_water(high_water).with_cap(cap));
        }
        let member = Rc::downgrade(transport);
        let mut members = self.shared.members.borrow_mut();
        if members.len() == members.capacity() {
            members.retain(|member| member.strong_count() > 0);
        }
        if !members.iter().any(|known| Weak::ptr_eq(known, &member)) {
            members.push(member);
        }
    }

    /// Takes a transport out, whose connection goes on.
    pub fn remove(&self, transport: &Rc<dyn Transport>) {
        let member = Rc::downgrade(transport);
        self.shared.members.borrow_mut().retain(|known| !Weak::ptr_eq(known, &member));
    }

    /// Writes the bytes to each member, in the order in which they were added. A connection that is over takes
    /// none, as [`Transport::write`] has it.
    pub fn write(&self, data: &[u8]) {
        self.transports().iter().for_each(|transport| transport.write(data));
    }

    /// Closes each connection, as [`Transport::lose_connection`] does.
    #[doc(alias = "loseConnection")]
    pub fn lose_connection(&self) {
        self.transports().iter().for_each(|transport| transport.lose_connection());
    }

    /// The members, in the order in which they were added.
    pub fn transports(&self) -> Vec<Rc<dyn Transport>> {
        self.shared.members.borrow().iter().filter_map(Weak::upgrade).collect()
    }
}

impl fmt::Debug for TransportGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportGroup")
            .field("transports", &self.transports().len())
            .field("cap", &self.shared.cap)
            .finish()
    }
}
