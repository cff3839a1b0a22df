//! [`Connector`]: the attempts of one client factory to connect; Twisted's `IConnector` and `BaseConnector`.
//!
//! ```text
//!                  connect()                    connection made
//!  Disconnected ─────────────▶ Connecting ──────────────────────▶ Connected
//!       ▲                          │                                  │
//!       │  failed, stop_connecting │                                  │ connection lost
//!       └──────────────────────────┴──────────────────────────────────┘
//! ```
//!
//! Invariant: what an attempt tells after it was stopped is not heard, and a connection that it makes then is
//! aborted. The factory is in use from `connect` until a failure or loss after which it did not connect again.

use alloc::borrow::Cow;
use alloc::rc::{Rc, Weak};
use core::cell::{Cell, RefCell};
use core::{fmt, mem};

use deferred::{CancelHandle, Cancelled, Failure};
use interfaces::{
    Address, ConnectTcp, ConnectUnix, Deliver, Factory, ReactorTcp, ReactorUnix, Reason,
    StreamClientEndpoint, Transport,
};

use super::ClientFactory;
use super::reactor_endpoints::{TcpOfReactor, UnixOfReactor};
use super::watched::{ConnectionWatch, Watched};
use crate::on_drop::OnDrop;

/// Connects a [`ClientFactory`], again and again if that wants it. A handle: a clone is the same
/// connector, and equal to it.
#[doc(alias = "IConnector")]
#[derive(Clone)]
pub struct Connector {
    core: Rc<ConnectorCore>,
}

/// What a [`Connector`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectorState {
    /// Nothing.
    Disconnected,
    /// It waits for the outcome of an attempt.
    Connecting,
    /// The connection stands.
    Connected,
}

/// A connector was to connect that does so already, or has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotDisconnected {
    /// The state of the connector.
    pub state: ConnectorState,
}

/// A connector was to stop connecting that does not connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotConnecting {
    /// The state of the connector.
    pub state: ConnectorState,
}

/// A [`Connector`] that keeps nothing alive, for its factory.
pub(super) struct WeakConnector(Weak<ConnectorCore>);

impl WeakConnector {
    pub(super) fn upgrade(&self) -> Option<Connector> {
        self.0.upgrade().map(|core| Connector { core })
    }
}

struct ConnectorCore {
    endpoint: Rc<dyn StreamClientEndpoint>,
    factory: Rc<dyn ClientFactory>,
    destination: Option<Address>,
    /// That of the newest connection.
    peer: RefCell<Option<Address>>,
    stage: RefCell<ConnectingStage>,
    /// The number of the newest attempt: an older one is not heard.
    attempt: Cell<u64>,
    /// Between `do_start` and `do_stop`.
    factory_started: Cell<bool>,
}

/// The state with what belongs to it.
enum ConnectingStage {
    Disconnected,
    /// `None` while the attempt is being started.
    Connecting(Option<CancelHandle>),
    Connected(Rc<dyn Transport>),
}

impl Connector {
    /// Connects to `endpoint`, when it is told to.
    pub fn new(
        endpoint: impl StreamClientEndpoint + 'static,
        factory: Rc<dyn ClientFactory>,
    ) -> Self {
        Self::to(Rc::new(endpoint), factory, None)
    }

    /// Connects over TCP, when it is told to. Twisted's `connectTCP`, but for the first
    /// [`connect`](Self::connect).
    #[doc(alias = "connectTCP")]
    pub fn tcp(
        reactor: impl ReactorTcp + 'static,
        options: ConnectTcp,
        factory: Rc<dyn ClientFactory>,
    ) -> Self {
        let destination = Address::from(options.address);
        Self::to(Rc::new(TcpOfReactor { reactor, options }), factory, Some(destination))
    }

    /// Connects over a UNIX socket, when it is told to. Twisted's `connectUNIX`, but for the first
    /// [`connect`](Self::connect).
    #[doc(alias = "connectUNIX")]
    pub fn unix(
        reactor: impl ReactorUnix + 'static,
        options: ConnectUnix,
        factory: Rc<dyn ClientFactory>,
    ) -> Self {
        let destination = Address::from(options.address.clone());
        Self::to(Rc::new(UnixOfReactor { reactor, options }), factory, Some(destination))
    }

    fn to(
        endpoint: Rc<dyn StreamClientEndpoint>,
        factory: Rc<dyn ClientFactory>,
        destination: Option<Address>,
    ) -> Self {
        let core = ConnectorCore {
            endpoint,
            factory,
            destination,
            peer: RefCell::new(None),
            stage: RefCell::new(ConnectingStage::Disconnected),
            attempt: Cell::new(0),
            factory_started: Cell::new(false),
        };
        Self { core: Rc::new(core) }
    }

    /// Begins an attempt. The factory's `do_start` has returned when this does, and so has its
    /// [`started_connecting`](ClientFactory::started_connecting).
    ///
    /// # Errors
    ///
    /// [`NotDisconnected`].
    pub fn connect(&self) -> Result<(), NotDisconnected> {
        let core = &self.core;
        match self.state() {
            ConnectorState::Disconnected => {}
            state => return Err(NotDisconnected { state }),
        }
        let number = core.attempt.get() + 1;
        core.attempt.set(number);
        core.stage.replace(ConnectingStage::Connecting(None));
        self.tell_start(number);
        if core.is_connecting(number) {
            self.begin(number);
        }
        Ok(())
    }

    /// Calls the factory's hooks; a panic in one of them ends the attempt.
    fn tell_start(&self, number: u64) {
        let core = &self.core;
        let given_up = OnDrop(|| core.give_up(number));
        if !core.factory_started.replace(true) {
            core.factory.do_start();
        }
        core.factory.started_connecting(self);
        mem::forget(given_up);
    }

    /// Stops an attempt, or closes the connection in order; nothing if there is neither.
    pub fn disconnect(&self) {
        match self.core.transport() {
            Some(transport) => transport.lose_connection(),
            // Where there is no attempt either, nothing is left to do.
            None => drop(self.stop_connecting()),
        }
    }

    /// Gives the attempt up. The factory hears of it as of a failure, with [`Cancelled`], before this
    /// returns.
    ///
    /// # Errors
    ///
    /// [`NotConnecting`].
    #[doc(alias = "stopConnecting")]
    pub fn stop_connecting(&self) -> Result<(), NotConnecting> {
        let attempt = match &*self.core.stage.borrow() {
            ConnectingStage::Connecting(attempt) => Some(attempt.clone()),
            ConnectingStage::Disconnected | ConnectingStage::Connected(_) => None,
        };
        let attempt = attempt.ok_or_else(|| NotConnecting { state: self.state() })?;
        let number = self.core.attempt.get();
        self.failed(number, &Cancelled.into());
        if let Some(attempt) = attempt {
            attempt.cancel();
        }
        Ok(())
    }

    /// The state of the connector.
    pub fn state(&self) -> ConnectorState {
        match &*self.core.stage.borrow() {
            ConnectingStage::Disconnected => ConnectorState::Disconnected,
            ConnectingStage::Connecting(_) => ConnectorState::Connecting,
            ConnectingStage::Connected(_) => ConnectorState::Connected,
        }
    }

    /// The address that it connects to: as it was given, or where an endpoint was given, that of the
    /// last peer, if there was one. Twisted's `getDestination`.
    #[doc(alias = "getDestination")]
    pub fn destination(&self) -> Option<Address> {
        self.core.destination.clone().or_else(|| self.core.peer.borrow().clone())
    }

    pub(super) fn downgrade(&self) -> WeakConnector {
        WeakConnector(Rc::downgrade(&self.core))
    }

    fn begin(&self, number: u64) {
        let factory = ConnectorFactory { connector: self.clone(), number };
        let connecting = self.core.endpoint.connect(Rc::new(factory));
        let handle = connecting.cancel_handle();
        if self.core.is_connecting(number) {
            self.core.stage.replace(ConnectingStage::Connecting(Some(handle)));
        } else if self.core.attempt.get() != number || self.core.transport().is_none() {
            handle.cancel();
        }
        let connector = self.clone();
        let ended = connecting.add_errback(move |failure| {
            connector.failed(number, &failure);
            Ok::<(), Failure>(())
        });
        // Its callback does the rest.
        drop(ended);
    }

    /// The attempt has failed or was stopped. Of one whose connection was made the end is told by that.
    fn failed(&self, number: u64, failure: &Failure) {
        if self.core.is_connecting(number) {
            self.core.stage.replace(ConnectingStage::Disconnected);
            let _rest = OnDrop(|| self.core.rest());
            self.core.factory.client_connection_failed(self, failure);
        }
    }
}

impl ConnectorCore {
    fn is_connecting(&self, number: u64) -> bool {
        number == self.attempt.get()
            && matches!(*self.stage.borrow(), ConnectingStage::Connecting(_))
    }

    fn transport(&self) -> Option<Rc<dyn Transport>> {
        match &*self.stage.borrow() {
            ConnectingStage::Connected(transport) => Some(transport.clone()),
            ConnectingStage::Disconnected | ConnectingStage::Connecting(_) => None,
        }
    }

    /// An attempt that was not begun is none.
    fn give_up(&self, number: u64) {
        if self.is_connecting(number) {
            self.stage.replace(ConnectingStage::Disconnected);
            self.rest();
        }
    }

    /// The factory had its chance to connect again.
    fn rest(&self) {
        let is_over = matches!(*self.stage.borrow(), ConnectingStage::Disconnected);
        if is_over && self.factory_started.replace(false) {
            // Its error has no reader: nothing waits for the end of a client.
            let _ = self.factory.do_stop();
        }
    }
}

/// What an attempt builds its protocol with: the connector's factory, which that starts and stops itself.
struct ConnectorFactory {
    connector: Connector,
    number: u64,
}

impl Factory for ConnectorFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let protocol = self.connector.core.factory.build_protocol(peer)?;
        let watch = ConnectorWatch { connector: self.connector.clone(), number: self.number };
        Some(Watched::around(protocol, watch))
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        self.connector.core.factory.log_prefix()
    }
}

/// Tells the connector of one connection.
struct ConnectorWatch {
    connector: Connector,
    number: u64,
}

impl ConnectionWatch for ConnectorWatch {
    fn connection_made(&self, transport: &Rc<dyn Transport>) -> bool {
        let core = &self.connector.core;
        let is_wanted = core.is_connecting(self.number);
        if is_wanted {
            let before = core.stage.replace(ConnectingStage::Connected(transport.clone()));
            drop(before);
            core.peer.replace(Some(transport.peer()));
        }
        is_wanted
    }

    fn connection_lost(&self, reason: &Reason) {
        let core = &self.connector.core;
        if core.attempt.get() == self.number {
            let before = core.stage.replace(ConnectingStage::Disconnected);
            drop(before);
            let _rest = OnDrop(|| core.rest());
            core.factory.client_connection_lost(&self.connector, reason);
        }
    }
}

impl PartialEq for Connector {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.core, &other.core)
    }
}

impl Eq for Connector {}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("state", &self.state())
            .field("destination", &self.destination())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for NotDisconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            ConnectorState::Connected => "cannot connect: the connection stands; disconnect first",
            ConnectorState::Connecting | ConnectorState::Disconnected => {
                "cannot connect: an attempt is under way; wait for it or stop it"
            }
        })
    }
}

impl core::error::Error for NotDisconnected {}

impl fmt::Display for NotConnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            ConnectorState::Connected => {
                "cannot stop connecting: the connection stands; disconnect closes it"
            }
            ConnectorState::Connecting | ConnectorState::Disconnected => {
                "cannot stop connecting: no attempt is under way"
            }
        })
    }
}

impl core::error::Error for NotConnecting {}
