//! One connection attempt; Twisted's `Connector` and `BaseClient`.
//!
//! ```text
//!   (Retrying ── backlog of a UNIX server full, a moment later ──┐)
//!        ▲└──────────────────────────────────────────────────────┘
//!        └─ begun ──► Waiting ── writable, no error ──► the slot becomes a stream, fires
//!                        │ error, timeout, cancelled ──► slot and socket gone, fails
//! ```
//!
//! Invariant: the promise is fired once, by whoever takes it out, and after the slot has changed.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure, Promise};
use interfaces::{
    Address, ConnectError, ConnectTcp, ConnectUnix, DelayedCall, Factory, LockFile, UnixAddress,
};

use crate::core::{Core, Rare, Slot};
use crate::os_error;
use crate::stream::flags::Origin;
use crate::sys::{ConnectFault, Ready, Sys, Token, Watch};

/// How long an attempt waits before it knocks again at a UNIX server whose backlog is full.
const KNOCK_AGAIN: Duration = Duration::from_millis(10);

/// The most bytes of a UNIX name (unix(7)).
const UNIX_NAME_BYTES_MAX: usize = 107;

/// A connection that is being made, as its slot holds it: erased, so that a program which never
/// connects carries nothing of how that goes; and in a box, so that the slot stays as small as it is.
pub(crate) struct Attempt<S: Sys>(Rc<dyn Attempting<S>>);

/// What an attempt is told.
trait Attempting<S: Sys> {
    /// The system reports that it is decided.
    fn decided(self: Rc<Self>, core: &Core<S>, ready: Ready, buffer: &mut [u8]);

    /// The reactor stops.
    fn abandon(&self, core: &Core<S>);
}

struct Connecting<S: Sys> {
    token: Token,
    address: Address,
    timeout: Duration,
    factory: Rc<dyn Factory>,
    socket: RefCell<Option<S::Stream>>,
    promise: RefCell<Option<Promise<()>>>,
    deadline: RefCell<Option<DelayedCall>>,
}

impl<S: Sys> Core<S> {
    pub(crate) fn connect_tcp(
        &self,
        options: &ConnectTcp,
        factory: Rc<dyn Factory>,
    ) -> Deferred<()> {
        let address = Address::from(options.address);
        let (attempt, deferred) = self.attempt(address.clone(), options.timeout, factory);
        match self.begin_tcp(options) {
            Ok(socket) => self.begin(&attempt, socket),
            Err(fault) => self.fail_soon(&attempt, tcp_fault(address, options.bind_address, fault)),
        }
        deferred
    }

    fn begin_tcp(&self, options: &ConnectTcp) -> Result<S::Stream, ConnectFault> {
        loop {
            match self.sys.connect_tcp(options.address, options.bind_address) {
                Err(ConnectFault::Connect(error)) if error.kind() == io::ErrorKind::Interrupted => {
                }
                answer => return answer,
            }
        }
    }

    pub(crate) fn connect_unix(
        &self,
        options: &ConnectUnix,
        factory: Rc<dyn Factory>,
    ) -> Deferred<()> {
        let address = Address::Unix(options.address.clone());
        let (attempt, deferred) = self.attempt(address.clone(), options.timeout, factory);
        if let Some(length) = excess_length(&options.address) {
            let limit = UNIX_NAME_BYTES_MAX;
            self.fail_soon(&attempt, ConnectError::NameTooLong { address, length, limit });
        } else if options.lock_file == LockFile::Used && !self.sys.is_locked(&options.address) {
            self.fail_soon(&attempt, ConnectError::NotLocked { address });
        } else {
            self.knock(&attempt, options.address.clone());
        }
        deferred
    }

    fn attempt(
        &self,
        address: Address,
        timeout: Duration,
        factory: Rc<dyn Factory>,
    ) -> (Rc<Connecting<S>>, Deferred<()>) {
        let token = self.slots.borrow_mut().insert_with(|_| Slot::Rare(Rare::Vacant));
        let attempt = Rc::new(Connecting {
            token,
            address,
            timeout,
            factory,
            socket: RefCell::default(),
            promise: RefCell::default(),
            deadline: RefCell::default(),
        });
        let slot = Slot::Rare(Rare::Attempt(Rc::new(Attempt(attempt.clone()))));
        let placeholder = self.slots.borrow_mut().replace(token, slot);
        drop(placeholder);
        let (core, late) = (self.me.clone(), Rc::downgrade(&attempt));
        let (deferred, promise) = Deferred::with_canceller(move || {
            if let (Some(core), Some(attempt)) = (core.upgrade(), late.upgrade()) {
                core.end_attempt(&attempt);
            }
            None
        });
        attempt.promise.replace(Some(promise));
        let (core, late) = (self.me.clone(), Rc::downgrade(&attempt));
        let give_up = move || {
            if let (Some(core), Some(attempt)) = (core.upgrade(), late.upgrade()) {
                let address = attempt.address.clone();
                core.fail(&attempt, ConnectError::TimedOut { address, after: attempt.timeout });
            }
        };
        attempt.deadline.replace(Some(self.call_later(timeout, Box::new(give_up))));
        // Last, for it may end every attempt, and then finds this one complete.
        drop(self.call("factory", None, || attempt.factory.do_start()));
        (attempt, deferred)
    }

    /// The socket is on its way; the system reports when it is decided.
    fn begin(&self, attempt: &Rc<Connecting<S>>, socket: S::Stream) {
        let registered = self.sys.register(&socket, attempt.token, Watch::Both);
        attempt.socket.replace(Some(socket));
        if let Err(error) = registered {
            let address = attempt.address.clone();
            self.fail_soon(attempt, ConnectError::Refused { address, source: os_error(&error) });
        }
    }

    fn knock(&self, attempt: &Rc<Connecting<S>>, address: UnixAddress) {
        match self.sys.connect_unix(&address) {
            Ok(socket) => self.begin(attempt, socket),
            Err(error) if is_passing(&error) => {
                let core = self.me.clone();
                let late = Rc::downgrade(attempt);
                let again = move || {
                    if let Some(core) = core.upgrade()
                        && let Some(attempt) = late.upgrade()
                        && attempt.promise.borrow().is_some()
                    {
                        core.knock(&attempt, address);
                    }
                };
                self.call_later(KNOCK_AGAIN, Box::new(again));
            }
            Err(error) => {
                let address = attempt.address.clone();
                let source = os_error(&error);
                self.fail_soon(attempt, ConnectError::Refused { address, source });
            }
        }
    }

    /// The system reported about an attempt: it is decided.
    pub(crate) fn attempt_ready(&self, attempt: &Rc<Attempt<S>>, ready: Ready, buffer: &mut [u8]) {
        if ready.writable {
            Rc::clone(&attempt.0).decided(self, ready, buffer);
        }
    }

    fn decided(&self, attempt: &Rc<Connecting<S>>, ready: Ready, buffer: &mut [u8]) {
        let Some(socket) = attempt.socket.take() else { return };
        match self.sys.take_error(&socket) {
            Ok(()) => self.connected(attempt, socket, ready, buffer),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                attempt.socket.replace(Some(socket));
                self.note_still_ready(attempt.token);
            }
            Err(error) => {
                let address = attempt.address.clone();
                self.fail(attempt, ConnectError::Refused { address, source: os_error(&error) });
            }
        }
    }

    fn connected(
        &self,
        attempt: &Rc<Connecting<S>>,
        socket: S::Stream,
        ready: Ready,
        buffer: &mut [u8],
    ) {
        attempt.cancel_deadline();
        let peer = self.sys.peer_address(&socket);
        let peer = if is_unnamed(&peer) { attempt.address.clone() } else { peer };
        let built = self.call("factory", Some(&peer), || attempt.factory.build_protocol(&peer));
        // The factory may have cancelled the attempt.
        if attempt.promise.borrow().is_none() {
            return;
        }
        let Ok(Some(deliver)) = built else {
            let address = attempt.address.clone();
            return self.fail(attempt, ConnectError::NoProtocol { address });
        };
        let promise = attempt.promise.take();
        self.start(attempt.token, socket, (peer, None), Origin::Made, deliver);
        drop(self.call("factory", None, || attempt.factory.do_stop()));
        let Some(promise) = promise else { return };
        // Its protocol was told of the connection, even if it has ended it at once.
        drop(self.call("deferred", Some(&attempt.address), move || promise.callback(())));
        // The report may have told of the peer's first bytes too, and tells only once.
        self.with_running(attempt.token, |running| self.more_than_bytes(running, ready, buffer));
    }

    /// Fails on a later turn: a caller of `connect` has its Deferred before that.
    fn fail_soon(&self, attempt: &Rc<Connecting<S>>, error: ConnectError) {
        let core = self.me.clone();
        let attempt = Rc::clone(attempt);
        let fail = move || {
            if let Some(core) = core.upgrade() {
                core.fail(&attempt, error);
            }
        };
        self.call_later(Duration::ZERO, Box::new(fail));
    }

    fn fail(&self, attempt: &Connecting<S>, error: ConnectError) {
        let promise = self.end_attempt(attempt);
        if let Some(promise) = promise {
            let fail = move || promise.errback(Failure::new(error));
            drop(self.call("deferred", Some(&attempt.address), fail));
        }
    }

    /// Lets an attempt go: its slot, its socket and its timer. Answers its promise if nobody took
    /// that before; whoever did has the slot.
    fn end_attempt(&self, attempt: &Connecting<S>) -> Option<Promise<()>> {
        let promise = attempt.promise.take()?;
        let slot = self.slots.borrow_mut().remove(attempt.token);
        drop(slot);
        attempt.cancel_deadline();
        drop(attempt.socket.take());
        drop(self.call("factory", None, || attempt.factory.do_stop()));
        Some(promise)
    }
}

impl<S: Sys> Attempt<S> {
    /// Gives it up because the reactor stops.
    pub(crate) fn abandon(&self, core: &Core<S>) {
        self.0.abandon(core);
    }
}

impl<S: Sys> Attempting<S> for Connecting<S> {
    fn decided(self: Rc<Self>, core: &Core<S>, ready: Ready, buffer: &mut [u8]) {
        core.decided(&self, ready, buffer);
    }

    fn abandon(&self, core: &Core<S>) {
        if let Some(promise) = core.end_attempt(self) {
            drop(core.call("deferred", None, move || promise.errback(Cancelled)));
        }
    }
}

impl<S: Sys> Connecting<S> {
    fn cancel_deadline(&self) {
        if let Some(deadline) = self.deadline.take() {
            // It may be this very call that runs.
            let _ = deadline.cancel();
        }
    }
}

fn tcp_fault(address: Address, bind: Option<SocketAddr>, fault: ConnectFault) -> ConnectError {
    match (fault, bind) {
        (ConnectFault::Bind(error), Some(bind)) => ConnectError::Bind {
            address,
            bind_address: Address::from(bind),
            source: os_error(&error),
        },
        (ConnectFault::Bind(error) | ConnectFault::Connect(error), _) => {
            ConnectError::Refused { address, source: os_error(&error) }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn is_unnamed(address: &Address) -> bool {
    matches!(address, Address::Unix(UnixAddress::Unnamed))
}

fn excess_length(address: &UnixAddress) -> Option<usize> {
    match address {
        UnixAddress::Path(name) | UnixAddress::Abstract(name) => {
            (name.len() > UNIX_NAME_BYTES_MAX).then_some(name.len())
        }
        UnixAddress::Unnamed => None,
    }
}
