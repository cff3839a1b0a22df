//! One connection attempt; Twisted's `Connector` and `BaseClient`.
//!
//! ```text
//!   (Retrying ── backlog of a UNIX server full, a moment later ──┐)
//!        ▲└──────────────────────────────────────────────────────┘
//!        └─ begun ──► Waiting ── writable, no error ──► the slot becomes a stream, fires
//!                        │ error, timeout, cancelled ──► slot and socket gone, fails
//! ```
//!
//! Type-erased in its slot, so that the linker drops the connect path from a program that never
//! connects. Invariant: the promise is fired once, by the code that takes it out, and after the slot
//! has changed.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure, Promise};
use interfaces::{
    Address, ConnectError, ConnectTcp, ConnectUnix, DelayedCall, Factory, LockFile, UnixAddress,
};

use crate::core::Core;
use crate::core::expendable::needs_descriptor;
use crate::core::tenant::{Kind, Tenant};
use crate::stream::Running;
use crate::stream::admit::Connected;
use crate::stream::flags::Origin;
use crate::sys::os_error::os_error;
use crate::sys::{ConnectFault, Ready, StreamSys, Token, Watch};

/// How long an attempt waits before it tries a UNIX server again whose backlog was full.
const RETRY_AFTER: Duration = Duration::from_millis(10);

/// A connection that is being made.
pub(crate) struct Attempt<S: StreamSys> {
    token: Token,
    address: Address,
    timeout: Duration,
    factory: Rc<dyn Factory>,
    socket: RefCell<Option<S::Stream>>,
    promise: RefCell<Option<Promise<()>>>,
    deadline: RefCell<Option<DelayedCall>>,
}

impl<S: StreamSys> Attempt<S> {
    /// Connects over TCP.
    pub(crate) fn tcp(
        core: &Core<S>,
        options: &ConnectTcp,
        factory: Rc<dyn Factory>,
    ) -> Deferred<()> {
        let address = Address::from(options.address);
        let (attempt, deferred) = Self::new(core, address.clone(), options.timeout, factory);
        match begin_tcp(core, options) {
            Ok(socket) => attempt.begin(core, socket),
            Err(fault) => attempt.fail_soon(core, tcp_fault(address, options, fault)),
        }
        deferred
    }

    /// Connects to a UNIX socket.
    pub(crate) fn unix(
        core: &Core<S>,
        options: &ConnectUnix,
        factory: Rc<dyn Factory>,
    ) -> Deferred<()> {
        let address = Address::Unix(options.address.clone());
        let (attempt, deferred) = Self::new(core, address.clone(), options.timeout, factory);
        if let Some(length) = options.address.excess_length() {
            let limit = UnixAddress::NAME_BYTES_MAX;
            attempt.fail_soon(core, ConnectError::NameTooLong { address, length, limit });
        } else if options.lock_file == LockFile::Used && !core.sys.is_locked(&options.address) {
            attempt.fail_soon(core, ConnectError::NotLocked { address });
        } else {
            attempt.try_unix(core, options.address.clone());
        }
        deferred
    }

    fn new(
        core: &Core<S>,
        address: Address,
        timeout: Duration,
        factory: Rc<dyn Factory>,
    ) -> (Rc<Self>, Deferred<()>) {
        let attempt = core.settle(|token| {
            Rc::new(Self {
                token,
                address,
                timeout,
                factory,
                socket: RefCell::default(),
                promise: RefCell::default(),
                deadline: RefCell::default(),
            })
        });
        let (me, late) = (core.me.clone(), Rc::downgrade(&attempt));
        let (deferred, promise) = Deferred::with_canceller(move || {
            if let (Some(core), Some(attempt)) = (me.upgrade(), late.upgrade()) {
                attempt.end(&core);
            }
            None
        });
        attempt.promise.replace(Some(promise));
        let (me, late) = (core.me.clone(), Rc::downgrade(&attempt));
        let give_up = move || {
            if let (Some(core), Some(attempt)) = (me.upgrade(), late.upgrade()) {
                let address = attempt.address.clone();
                let error = ConnectError::TimedOut { address, after: attempt.timeout };
                attempt.fail(&core, error);
            }
        };
        attempt.deadline.replace(Some(core.call_later(timeout, Box::new(give_up))));
        // Last, for it may end every attempt, and then finds this one complete.
        drop(core.call("factory", None, || attempt.factory.do_start()));
        (attempt, deferred)
    }

    /// The socket is on its way; the system reports when it is decided.
    fn begin(self: &Rc<Self>, core: &Core<S>, socket: S::Stream) {
        let registered = core.sys.register(&socket, self.token, Watch::Both);
        self.socket.replace(Some(socket));
        if let Err(error) = registered {
            let address = self.address.clone();
            self.fail_soon(core, ConnectError::Refused { address, source: os_error(&error) });
        }
    }

    fn try_unix(self: &Rc<Self>, core: &Core<S>, address: UnixAddress) {
        match core.sys.connect_unix(&address) {
            Ok(socket) => self.begin(core, socket),
            Err(error) if is_passing(&error) => self.retry(core, address),
            Err(error) if needs_descriptor(&error) && core.free_descriptor() => {
                self.try_unix(core, address);
            }
            Err(error) => {
                let address = self.address.clone();
                let source = os_error(&error);
                self.fail_soon(core, ConnectError::Refused { address, source });
            }
        }
    }

    /// Tries again a moment later, unless the attempt has ended.
    fn retry(self: &Rc<Self>, core: &Core<S>, address: UnixAddress) {
        let me = core.me.clone();
        let late = Rc::downgrade(self);
        let again = move || {
            if let (Some(core), Some(attempt)) = (me.upgrade(), late.upgrade())
                && !attempt.has_ended()
            {
                attempt.try_unix(&core, address);
            }
        };
        core.call_later(RETRY_AFTER, Box::new(again));
    }

    fn has_ended(&self) -> bool {
        self.promise.borrow().is_none()
    }

    fn decided(&self, core: &Core<S>, ready: Ready, buffer: &mut [u8]) {
        let Some(socket) = self.socket.take() else { return };
        match core.sys.take_error(&socket) {
            Ok(()) => self.connected(core, socket, ready, buffer),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.socket.replace(Some(socket));
                core.list_still_ready(self.token);
            }
            Err(error) => {
                let address = self.address.clone();
                self.fail(core, ConnectError::Refused { address, source: os_error(&error) });
            }
        }
    }

    fn connected(&self, core: &Core<S>, socket: S::Stream, ready: Ready, buffer: &mut [u8]) {
        self.cancel_deadline();
        let peer = core.sys.peer_address(&socket);
        let peer = if is_unnamed(&peer) { self.address.clone() } else { peer };
        let built = core.call("factory", Some(&peer), || self.factory.build_protocol(&peer));
        // The factory may have cancelled the attempt.
        if self.has_ended() {
            return;
        }
        let Ok(Some(protocol)) = built else {
            let address = self.address.clone();
            return self.fail(core, ConnectError::NoProtocol { address });
        };
        let promise = self.promise.take();
        let connected = Connected { socket, peer, host: None, origin: Origin::Made };
        connected.admit_as(core, self.token, protocol);
        drop(core.call("factory", None, || self.factory.do_stop()));
        let Some(promise) = promise else { return };
        // Its protocol was told of the connection, even if it has ended it at once.
        drop(core.call("deferred", Some(&self.address), move || promise.callback(())));
        // The report may have told of the peer's first bytes too, and tells only once.
        Running::with(core, self.token, |running| running.more_than_bytes(core, ready, buffer));
    }

    /// Fails on a later turn: a caller of `connect` has its Deferred before that.
    fn fail_soon(self: &Rc<Self>, core: &Core<S>, error: ConnectError) {
        let me = core.me.clone();
        let attempt = Rc::clone(self);
        let fail = move || {
            if let Some(core) = me.upgrade() {
                attempt.fail(&core, error);
            }
        };
        core.call_later(Duration::ZERO, Box::new(fail));
    }

    fn fail(&self, core: &Core<S>, error: ConnectError) {
        if let Some(promise) = self.end(core) {
            let fail = move || promise.errback(Failure::new(error));
            drop(core.call("deferred", Some(&self.address), fail));
        }
    }

    /// Ends an attempt: its slot, its socket and its timer. Returns its promise if that was not taken
    /// before; the code that took it has the slot.
    fn end(&self, core: &Core<S>) -> Option<Promise<()>> {
        let promise = self.promise.take()?;
        drop(core.remove(self.token));
        self.cancel_deadline();
        if let Some(socket) = self.socket.take() {
            // The peer may have the connection already, and must not take what it never got for an empty stream.
            core.sys.reset_on_close(&socket);
        }
        drop(core.call("factory", None, || self.factory.do_stop()));
        Some(promise)
    }

    fn cancel_deadline(&self) {
        if let Some(deadline) = self.deadline.take() {
            // It may be this very call that runs.
            let _ = deadline.cancel();
        }
    }
}

impl<S: StreamSys> Tenant<S> for Attempt<S> {
    fn ready(self: Rc<Self>, core: &Core<S>, ready: Ready, buffer: &mut [u8]) {
        if ready.writable {
            self.decided(core, ready, buffer);
        }
    }

    fn stop(self: Rc<Self>, core: &Core<S>) {
        if let Some(promise) = self.end(core) {
            drop(core.call("deferred", None, move || promise.errback(Cancelled)));
        }
    }

    fn abandon(&self, _: &S) {}

    fn kind(&self) -> Kind {
        Kind::Attempt
    }
}

/// Begins to connect; a call that was interrupted, or that finds a descriptor now, is made again.
fn begin_tcp<S: StreamSys>(
    core: &Core<S>,
    options: &ConnectTcp,
) -> Result<S::Stream, ConnectFault> {
    loop {
        match core.sys.connect_tcp(options) {
            Err(ConnectFault::Connect(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(ConnectFault::Connect(error))
                if needs_descriptor(&error) && core.free_descriptor() => {}
            answer => return answer,
        }
    }
}

fn tcp_fault(address: Address, options: &ConnectTcp, fault: ConnectFault) -> ConnectError {
    let (ConnectFault::Device(error) | ConnectFault::Bind(error) | ConnectFault::Connect(error)) =
        &fault;
    let source = os_error(error);
    match (fault, options.bind_address, &options.options.device) {
        (ConnectFault::Device(_), _, Some(device)) => {
            ConnectError::Device { address, device: Rc::clone(device), source }
        }
        (ConnectFault::Bind(_), Some(bind), _) => {
            ConnectError::Bind { address, bind_address: Address::from(bind), source }
        }
        _ => ConnectError::Refused { address, source },
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn is_unnamed(address: &Address) -> bool {
    matches!(address, Address::Unix(UnixAddress::Unnamed))
}
