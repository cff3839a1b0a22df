//! The options of a port with PROXY headers, and what its connections share.
//!
//! Invariant: a connection is pending from its accept until its protocol is built or it ends.

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::task::Waker;
use core::time::Duration;

use interfaces::{Address, ReactorTime};

use super::{HEADER_BYTES_MAX, ProxyRefusal, TrustedProxies};

/// The time that a header has.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Which headers a port accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyServerOptions {
    /// The peers whose headers are believed; any other is turned away. Default: this machine.
    pub trust: TrustedProxies,
    /// How long after the accept the header has to be whole. Default 5 s; the specification wants at
    /// least 3 s (section 2).
    pub timeout: Duration,
    /// The most bytes behind the first 16 of version 2. Default 4096.
    pub header_bytes_max: usize,
}

impl ProxyServerOptions {
    /// With other trusted proxies.
    #[must_use]
    pub fn with_trust(self, trust: TrustedProxies) -> Self {
        Self { trust, ..self }
    }

    /// With another time limit.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// With another limit on the bytes of a header.
    #[must_use]
    pub fn with_header_bytes_max(self, header_bytes_max: usize) -> Self {
        Self { header_bytes_max, ..self }
    }
}

impl Default for ProxyServerOptions {
    fn default() -> Self {
        Self {
            trust: TrustedProxies::default(),
            timeout: TIMEOUT,
            header_bytes_max: HEADER_BYTES_MAX,
        }
    }
}

/// Is told of the connections that are refused: the peer, and why.
pub(super) type RefusalObserver = Rc<dyn Fn(&Address, ProxyRefusal)>;

/// What the connections of one factory share.
pub(super) struct ProxyContext {
    pub(super) clock: Rc<dyn ReactorTime>,
    pub(super) options: ProxyServerOptions,
    pub(super) observer: RefusalObserver,
    pending: Cell<usize>,
    /// The port that waits for a place.
    waiting: RefCell<Option<Waker>>,
}

impl ProxyContext {
    pub(super) fn new(
        clock: Rc<dyn ReactorTime>,
        options: ProxyServerOptions,
        observer: RefusalObserver,
    ) -> Self {
        let (pending, waiting) = (Cell::new(0), RefCell::default());
        Self { clock, options, observer, pending, waiting }
    }

    /// The connections without a protocol.
    pub(super) fn pending(&self) -> usize {
        self.pending.get()
    }

    /// The port waits; the waker is woken when a pending connection ends.
    pub(super) fn wait(&self, waker: &Waker) {
        let before = self.waiting.replace(Some(waker.clone()));
        drop(before);
    }
}

/// One pending connection.
pub(super) struct Pending {
    context: Rc<ProxyContext>,
}

impl Pending {
    pub(super) fn new(context: &Rc<ProxyContext>) -> Self {
        context.pending.set(context.pending.get() + 1);
        Self { context: context.clone() }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.context.pending.set(self.context.pending.get().saturating_sub(1));
        let waiting = self.context.waiting.take();
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl fmt::Debug for ProxyContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyContext")
            .field("options", &self.options)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}
