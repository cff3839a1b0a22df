//! A resolver whose names a test makes up; Twisted's `DeterministicResolverReactor`.
//!
//! Invariant: nothing is borrowed when a look-up is answered, so the answer may ask again.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::{Rc, Weak};
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use deferred::{Deferred, Promise};
use interfaces::{DelayedCall, ReactorTime, ResolveError, Resolver};

/// A resolver that knows the names that a test gives it, and no others; a clone is the same resolver.
///
/// A look-up is answered at once, unless a [delay](Self::set_delay) is set, or the name [does not
/// answer](Self::do_not_answer). A name that was not given fails as one that does not exist. Names are
/// told apart as DNS does: without regard to the case of ASCII letters or to a dot at the end.
///
/// Give it to what takes a [`Resolver`], or to a reactor, with `install_resolver`.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::{rc::Rc, time::Duration};
/// use interfaces::Resolver;
/// use protocol::testing::{Clock, FakeResolver};
///
/// let clock = Clock::new();
/// let time = Rc::new(clock.clone());
/// let resolver = FakeResolver::with_time(&time);
/// resolver.set("web.test", ["192.0.2.1", "2001:db8::1"].map(|it| it.parse().unwrap()));
/// resolver.set_delay(Duration::from_secs(2));
///
/// let look_up = resolver.resolve_host_name("web.test", 80);
/// clock.advance(Duration::from_secs(1));
/// assert!(!look_up.is_fired());
/// clock.advance(Duration::from_secs(1));
/// let addresses = look_up.try_into_result().unwrap().unwrap();
/// assert_eq!(addresses[0].to_string(), "192.0.2.1:80");
/// assert_eq!(resolver.asked(), ["web.test"]);
/// ```
#[derive(Clone, Default)]
pub struct FakeResolver {
    state: Rc<ResolverState>,
}

#[derive(Default)]
struct ResolverState {
    /// `None` when look-ups are answered at once.
    time: Option<Weak<dyn ReactorTime>>,
    delay: Cell<Duration>,
    names: RefCell<BTreeMap<String, NameEntry>>,
    asked: RefCell<Vec<String>>,
    cancelled: RefCell<Vec<String>>,
    last_number: Cell<u64>,
    /// In the order in which they began.
    waiting: RefCell<BTreeMap<u64, WaitingLookUp>>,
}

#[derive(Clone)]
enum NameEntry {
    Addresses(Vec<IpAddr>),
    Error(ResolveError),
    NoAnswer,
}

struct WaitingLookUp {
    host: String,
    port: u16,
    promise: Promise<Vec<SocketAddr>>,
    /// The end of its delay; without one it waits for the test.
    timer: Option<DelayedCall>,
}

impl FakeResolver {
    /// A resolver that knows no name, and answers at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// A resolver whose answers can be [delayed](Self::set_delay) by this clock. It does not keep the
    /// clock alive, which may be the reactor that it is installed in; look-ups that wait for a clock that
    /// is gone are never answered.
    pub fn with_time<T: ReactorTime + 'static>(time: &Rc<T>) -> Self {
        let time: Weak<T> = Rc::downgrade(time);
        Self { state: Rc::new(ResolverState { time: Some(time), ..ResolverState::default() }) }
    }

    /// Gives a name these addresses, in this order; look-ups of it that wait without a delay are answered.
    /// A name without any exists and has no address: its look-ups fail.
    pub fn set(&self, host: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        self.put(host, NameEntry::Addresses(addresses.into_iter().collect()));
    }

    /// Has the look-ups of a name fail for this reason; those that wait without a delay fail now.
    pub fn fail(&self, host: &str, reason: &str) {
        let error = ResolveError::Failed { host: host.into(), reason: reason.into() };
        self.put(host, NameEntry::Error(error));
    }

    /// Has the look-ups of a name fail as those that no server has answered in time; those that wait
    /// without a delay fail now. [`set_delay`](Self::set_delay) says when the others do.
    #[doc(alias = "timeOut")]
    pub fn time_out(&self, host: &str, after: Duration) {
        self.put(host, NameEntry::Error(ResolveError::TimedOut { host: host.into(), after }));
    }

    /// Has the look-ups of a name wait until they are cancelled, or until [`set`](Self::set),
    /// [`fail`](Self::fail), [`time_out`](Self::time_out) or [`forget`](Self::forget) decides them.
    pub fn do_not_answer(&self, host: &str) {
        self.put(host, NameEntry::NoAnswer);
    }

    /// Forgets a name, which does not exist then.
    pub fn forget(&self, host: &str) {
        let entry = self.state.names.borrow_mut().remove(&key(host));
        drop(entry);
        self.answer_waiting(host);
    }

    /// Delays the answers to look-ups that begin from now on. Each answer is that of its own time.
    ///
    /// # Panics
    ///
    /// When the resolver was made without a clock.
    pub fn set_delay(&self, delay: Duration) {
        assert!(self.state.time.is_some(), "a delay needs FakeResolver::with_time");
        self.state.delay.set(delay);
    }

    /// The names that were asked for since the last call, in order and as they were written. Numeric
    /// addresses are no names.
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.take()
    }

    /// The names whose look-ups were cancelled since the last call, in order.
    pub fn cancelled(&self) -> Vec<String> {
        self.state.cancelled.take()
    }

    /// The number of look-ups that were neither answered nor cancelled.
    pub fn waiting(&self) -> usize {
        self.state.waiting.borrow().len()
    }

    fn put(&self, host: &str, entry: NameEntry) {
        let waits_on = matches!(entry, NameEntry::NoAnswer);
        let before = self.state.names.borrow_mut().insert(key(host), entry);
        drop(before);
        if !waits_on {
            self.answer_waiting(host);
        }
    }

    /// Answers the look-ups of a name that wait without a delay.
    fn answer_waiting(&self, host: &str) {
        let host = key(host);
        let is_meant = |it: &WaitingLookUp| it.timer.is_none() && key(&it.host) == host;
        let meant: Vec<u64> = {
            let waiting = self.state.waiting.borrow();
            waiting.iter().filter(|(_, it)| is_meant(it)).map(|(number, _)| *number).collect()
        };
        meant.into_iter().for_each(|number| self.state.answer(number));
    }
}

impl ResolverState {
    /// Has a look-up answered after the delay, if it has one.
    fn delay(self: &Rc<Self>, number: u64) -> bool {
        let delay = self.delay.get();
        if delay.is_zero() {
            return false;
        }
        let time = self.time.as_ref().and_then(Weak::upgrade);
        let state = Rc::downgrade(self);
        let timer = time.map(|time| {
            let answer = move || {
                if let Some(state) = state.upgrade() {
                    state.end_delay(number);
                }
            };
            time.call_later(delay, Box::new(answer))
        });
        if let Some(waiting) = self.waiting.borrow_mut().get_mut(&number) {
            waiting.timer = timer;
        }
        true
    }

    fn end_delay(&self, number: u64) {
        if let Some(waiting) = self.waiting.borrow_mut().get_mut(&number) {
            waiting.timer = None;
        }
        self.answer(number);
    }

    /// Answers a look-up, unless its name does not.
    fn answer(&self, number: u64) {
        let host = self.waiting.borrow().get(&number).map(|waiting| key(&waiting.host));
        let Some(host) = host else { return };
        let entry = self.names.borrow().get(&host).cloned();
        if matches!(entry, Some(NameEntry::NoAnswer)) {
            return;
        }
        let waiting = self.waiting.borrow_mut().remove(&number);
        let Some(WaitingLookUp { host, port, promise, .. }) = waiting else { return };
        match entry {
            Some(NameEntry::Addresses(addresses)) if !addresses.is_empty() => {
                let with_port = |address| SocketAddr::new(address, port);
                promise.callback(addresses.into_iter().map(with_port).collect());
            }
            Some(NameEntry::Error(error)) => promise.errback(error),
            Some(_) => promise.errback(failed(host, "the name has no address")),
            None => promise.errback(failed(host, "the name does not exist")),
        }
    }

    fn cancel(&self, number: u64) {
        let waiting = self.waiting.borrow_mut().remove(&number);
        let Some(WaitingLookUp { host, timer, promise, .. }) = waiting else { return };
        self.cancelled.borrow_mut().push(host);
        if let Some(timer) = timer {
            // One that runs now has found nothing to answer.
            let _ = timer.cancel();
        }
        drop(promise);
    }
}

fn failed(host: String, reason: &str) -> ResolveError {
    ResolveError::Failed { host, reason: reason.into() }
}

/// The form in which names are compared.
fn key(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

impl Resolver for FakeResolver {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Deferred::succeed(vec![SocketAddr::new(address, port)]);
        }
        let state = &self.state;
        let number = state.last_number.get() + 1;
        state.last_number.set(number);
        state.asked.borrow_mut().push(host.to_string());
        let weak = Rc::downgrade(state);
        let (deferred, promise) = Deferred::with_canceller(move || {
            if let Some(state) = weak.upgrade() {
                state.cancel(number);
            }
            None
        });
        let waiting = WaitingLookUp { host: host.into(), port, promise, timer: None };
        state.waiting.borrow_mut().insert(number, waiting);
        if !state.delay(number) {
            state.answer(number);
        }
        deferred
    }
}

impl fmt::Debug for FakeResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeResolver")
            .field("names", &self.state.names.borrow().len())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}
