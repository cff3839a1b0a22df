//! Factories from closures; Twisted's `Factory.forProtocol`, `startFactory` and `stopFactory`.
//!
//! Invariant: the start hook runs when the first of several ports begins to use the factory, the
//! stop hook when the last one has stopped.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::Cell;
use core::fmt;

use deferred::Failure;
use interfaces::{Address, Deliver, Factory, Protocol, short_type_name};

use crate::{ProtocolRef, WeakProtocolRef};

/// A factory that runs what the closure makes on each connection.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::{cell::Cell, rc::Rc};
/// # use interfaces::{Protocol, Transport};
/// struct Greeter { number: u32 }
/// impl Protocol for Greeter {
///     fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
///         transport.write(format!("you are caller {}\r\n", self.number).as_bytes());
///     }
///     fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
/// }
///
/// let callers = Cell::new(0);
/// let factory = protocol::factory_fn(move |_peer| {
///     callers.set(callers.get() + 1);
///     Greeter { number: callers.get() }
/// });
/// # let _ = factory;
/// ```
///
/// [`FactoryFn`] makes factories that may refuse a peer, or want to know when they are in use.
#[doc(alias = "forProtocol")]
#[doc(alias = "buildProtocol")]
pub fn factory_fn<P: Protocol>(build: impl Fn(&Address) -> P + 'static) -> Rc<dyn Factory> {
    FactoryFn::new(build).into_rc()
}

/// As [`factory_fn`], for protocols that know themselves: the closure also gets the reference to the
/// protocol that it makes, for the timers and the callbacks of that protocol. Twisted's `self`.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::{rc::Rc, time::Duration};
/// # use interfaces::{Protocol, ReactorTime, Transport};
/// use protocol::{WeakProtocolRef, factory_cyclic};
///
/// /// Says something a second after each message.
/// struct Sleepy { me: WeakProtocolRef<Sleepy>, clock: Rc<dyn ReactorTime> }
/// impl Protocol for Sleepy {
///     fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {
///         let me = self.me.clone();
///         let awake = move || me.enter_with(|_, transport| transport.write(b"what?\r\n"));
///         self.clock.call_later(Duration::from_secs(1), Box::new(awake));
///     }
/// }
///
/// # let clock: Rc<dyn ReactorTime> = Rc::new(protocol::testing::Clock::new());
/// let factory = factory_cyclic(move |me, _peer| Sleepy { me: me.clone(), clock: clock.clone() });
/// # let _ = factory;
/// ```
#[doc(alias = "buildProtocol")]
#[doc(alias = "self")]
pub fn factory_cyclic<P: Protocol>(
    build: impl Fn(&WeakProtocolRef<P>, &Address) -> P + 'static,
) -> Rc<dyn Factory> {
    FactoryFn::cyclic(build).into_rc()
}

/// A factory made of closures, one piece at a time.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// # use interfaces::{Address, Protocol, Transport};
/// use protocol::FactoryFn;
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
/// #         transport.write(data);
/// #     }
/// # }
///
/// let factory = FactoryFn::optional(|peer: &Address| (peer.port() != Some(25)).then_some(Echo))
///     .on_start(|| println!("open"))
///     .on_stop(|| Ok(println!("closed")))
///     .into_rc();
/// # let _ = factory;
/// ```
pub struct FactoryFn {
    build: Box<dyn Fn(&Address) -> Option<Rc<dyn Deliver>>>,
    on_start: Option<Box<dyn Fn()>>,
    on_stop: Option<Box<dyn Fn() -> Result<(), Failure>>>,
    users: Cell<usize>,
    /// What logs call the protocols.
    prefix: &'static str,
}

impl FactoryFn {
    /// A factory that runs what the closure makes. Given the peer's address, it is called once per
    /// connection, before `connection_made`.
    pub fn new<P: Protocol>(build: impl Fn(&Address) -> P + 'static) -> Self {
        Self::of::<P>(move |peer| Some(ProtocolRef::new(build(peer)).into()))
    }

    /// A factory that may refuse a peer with `None`; that connection is closed.
    pub fn optional<P: Protocol>(build: impl Fn(&Address) -> Option<P> + 'static) -> Self {
        Self::of::<P>(move |peer| build(peer).map(|protocol| ProtocolRef::new(protocol).into()))
    }

    /// A factory whose closure also gets the reference to the protocol that it makes: see
    /// [`factory_cyclic`].
    pub fn cyclic<P: Protocol>(
        build: impl Fn(&WeakProtocolRef<P>, &Address) -> P + 'static,
    ) -> Self {
        Self::of::<P>(move |peer| Some(ProtocolRef::new_cyclic(|me| build(me, peer)).into()))
    }

    /// A factory whose closure makes running protocols of one type.
    pub(crate) fn of<P: Protocol>(
        build: impl Fn(&Address) -> Option<Rc<dyn Deliver>> + 'static,
    ) -> Self {
        Self { prefix: P::log_prefix(), ..Self::dynamic(build) }
    }

    /// A factory whose closure makes the running protocol itself, to keep a [`ProtocolRef`] of it
    /// or to choose among several types.
    pub fn dynamic(build: impl Fn(&Address) -> Option<Rc<dyn Deliver>> + 'static) -> Self {
        let prefix = short_type_name::<Self>();
        Self { build: Box::new(build), on_start: None, on_stop: None, users: Cell::new(0), prefix }
    }

    /// Runs `hook` when the first port or attempt begins to use the factory. Twisted's
    /// `startFactory`.
    #[doc(alias = "startFactory")]
    pub fn on_start(mut self, hook: impl Fn() + 'static) -> Self {
        self.on_start = Some(Box::new(hook));
        self
    }

    /// Runs `hook` when the last port or attempt has stopped. Its error fails the `stop_listening`
    /// that caused it. Twisted's `stopFactory`.
    #[doc(alias = "stopFactory")]
    pub fn on_stop(mut self, hook: impl Fn() -> Result<(), Failure> + 'static) -> Self {
        self.on_stop = Some(Box::new(hook));
        self
    }

    /// Done: what endpoints take. Give clones to several ports and they count as one use.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

impl Factory for FactoryFn {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        (self.build)(peer)
    }

    /// That of the protocols, where they are of one type.
    fn log_prefix(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.prefix)
    }

    fn do_start(&self) {
        let users = self.users.get();
        self.users.set(users + 1);
        if users == 0
            && let Some(hook) = &self.on_start
        {
            hook();
        }
    }

    /// A stop without its start is ignored, as in Twisted.
    fn do_stop(&self) -> Result<(), Failure> {
        let users = self.users.get();
        self.users.set(users.saturating_sub(1));
        match &self.on_stop {
            Some(hook) if users == 1 => hook(),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for FactoryFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactoryFn").field("users", &self.users.get()).finish_non_exhaustive()
    }
}
