//! Host names: by the resolver that the program has installed, or by the system's; Twisted's
//! `GAIResolver` and `ThreadedResolver`.
//!
//! Invariant: a numeric address asks no resolver, and a look-up answers once: with what was found, at its
//! deadline, or when it is cancelled.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use deferred::{Deferred, Failure, Promise};
use interfaces::{AddressFamily, DelayedCall, ResolveError, Resolver, ThreadOutcome};

use super::Core;
use crate::sys::{LookUp, LookUpResult, LookUpSys, StreamSys};
use crate::threads::jobs::AtTheEnd;

/// The most look-ups that wait for a thread or for its answer; more fail at once.
const LOOK_UPS_MAX: usize = 1000;

/// The resolver of a reactor, and the look-ups that it waits for.
#[derive(Default)]
pub(crate) struct HostNames {
    /// `None`: the system's.
    installed: RefCell<Option<Rc<dyn Resolver>>>,
    /// Those that were given up count for as long as a thread has them.
    waiting: Rc<Cell<usize>>,
}

/// One look-up that waits.
struct Counted(Rc<Cell<usize>>);

impl HostNames {
    fn count(&self) -> Option<Counted> {
        let waiting = self.waiting.get();
        (waiting < LOOK_UPS_MAX).then(|| {
            self.waiting.set(waiting + 1);
            Counted(Rc::clone(&self.waiting))
        })
    }

    /// Takes what is foreign; the caller drops it.
    pub(super) fn take(&self) -> Option<Rc<dyn Resolver>> {
        self.installed.take()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A look-up that has not answered.
struct Pending {
    host: String,
    promise: Promise<Vec<SocketAddr>>,
    deadline: DelayedCall,
    /// What brings the answer, where no thread does.
    answer: Option<DelayedCall>,
    /// Whether a thread that has not begun with it should.
    is_wanted: Arc<AtomicBool>,
}

/// Emptied by what answers.
type Unanswered = Rc<RefCell<Option<Pending>>>;

impl<S: StreamSys + LookUpSys> Core<S> {
    pub(crate) fn resolve(
        &self,
        host: &str,
        port: u16,
        family: AddressFamily,
    ) -> Deferred<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return numeric(host, SocketAddr::new(address, port), family);
        }
        let installed = self.names.installed.borrow().clone();
        match installed {
            Some(resolver) => resolver.resolve_family(host, port, family),
            None => self.begin(host, self.sys.look_up(host, port, family)),
        }
    }

    /// Waits for an answer, within its time.
    fn begin(&self, host: &str, look_up: LookUp) -> Deferred<Vec<SocketAddr>> {
        let Some(counted) = self.names.count() else {
            let reason = format!("{LOOK_UPS_MAX} other look-ups wait already");
            return Deferred::fail(ResolveError::Failed { host: host.to_owned(), reason });
        };
        let waiting = Unanswered::default();
        let late = Rc::downgrade(&waiting);
        let (deferred, promise) = Deferred::with_canceller(move || {
            // Drops the promise, with what leads to it.
            drop(take(&late));
            None
        });
        let (late, after) = (waiting.clone(), self.limits.look_up);
        let give_up = move || {
            if let Some(Pending { host, promise, .. }) = take(&Rc::downgrade(&late)) {
                promise.errback(ResolveError::TimedOut { host, after });
            }
        };
        let deadline = self.call_later(after, Box::new(give_up));
        let is_wanted = Arc::new(AtomicBool::new(true));
        let pending = Pending {
            host: host.to_owned(),
            promise,
            deadline,
            answer: None,
            is_wanted: Arc::clone(&is_wanted),
        };
        waiting.replace(Some(pending));
        self.ask(look_up, &waiting, is_wanted, counted);
        deferred
    }

    /// Has the answer brought.
    fn ask(
        &self,
        look_up: LookUp,
        waiting: &Unanswered,
        is_wanted: Arc<AtomicBool>,
        counted: Counted,
    ) {
        let waiting = Rc::clone(waiting);
        let (after, result) = match look_up {
            LookUp::Work(work) => return self.ask_a_thread(work, waiting, is_wanted, counted),
            LookUp::After(after, result) => (after, result),
        };
        let late = Rc::downgrade(&waiting);
        let bring = move || {
            drop(counted);
            answer(&late, result);
        };
        let answer = self.call_later(after, Box::new(bring));
        if let Some(pending) = &mut *waiting.borrow_mut() {
            pending.answer = Some(answer);
        }
    }

    fn ask_a_thread(
        &self,
        work: Box<dyn FnOnce() -> LookUpResult + Send>,
        waiting: Unanswered,
        is_wanted: Arc<AtomicBool>,
        counted: Counted,
    ) {
        let found = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&found);
        let work = move || {
            if is_wanted.load(Ordering::Relaxed) {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(work());
            }
        };
        let done = move |outcome: ThreadOutcome| {
            drop(counted);
            let found = found.lock().unwrap_or_else(PoisonError::into_inner).take();
            let result = found.unwrap_or_else(|| Err(format!("the lookup {outcome}")));
            answer(&Rc::downgrade(&waiting), result);
        };
        self.call_in_thread(Box::new(work), Box::new(done), AtTheEnd::CutOff);
    }

    /// Has another resolver asked from now on; returns the one before.
    pub(crate) fn install_resolver(&self, resolver: Rc<dyn Resolver>) -> Rc<dyn Resolver> {
        let before = self.names.installed.replace(Some(resolver));
        before.unwrap_or_else(|| Rc::new(SystemResolver(self.me.clone())))
    }
}

/// A numeric address is its own answer.
fn numeric(host: &str, address: SocketAddr, family: AddressFamily) -> Deferred<Vec<SocketAddr>> {
    if family.has(&address) {
        return Deferred::succeed(vec![address]);
    }
    let (host, reason) = (host.to_owned(), family.missing().to_owned());
    Deferred::fail(ResolveError::Failed { host, reason })
}

/// Takes a look-up that nothing has answered, and what would.
fn take(waiting: &Weak<RefCell<Option<Pending>>>) -> Option<Pending> {
    let waiting = waiting.upgrade()?;
    let pending = waiting.take()?;
    pending.is_wanted.store(false, Ordering::Relaxed);
    // One of them may be the call that runs.
    let _ = pending.deadline.cancel();
    let _ = pending.answer.as_ref().map(DelayedCall::cancel);
    Some(pending)
}

fn answer(waiting: &Weak<RefCell<Option<Pending>>>, result: LookUpResult) {
    let Some(Pending { host, promise, .. }) = take(waiting) else { return };
    match result {
        Ok(addresses) => promise.callback(addresses),
        Err(reason) => promise.errback(Failure::new(ResolveError::Failed { host, reason })),
    }
}

/// The system's resolver, for a program that has installed another one.
struct SystemResolver<S: StreamSys>(Weak<Core<S>>);

impl<S: StreamSys + LookUpSys> Resolver for SystemResolver<S> {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        self.resolve_family(host, port, AddressFamily::Any)
    }

    fn resolve_family(
        &self,
        host: &str,
        port: u16,
        family: AddressFamily,
    ) -> Deferred<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return numeric(host, SocketAddr::new(address, port), family);
        }
        match self.0.upgrade() {
            Some(core) => core.begin(host, core.sys.look_up(host, port, family)),
            None => {
                let (host, reason) = (host.to_owned(), "its reactor is gone".to_owned());
                Deferred::fail(ResolveError::Failed { host, reason })
            }
        }
    }
}

#[cfg(test)]
mod tests;
