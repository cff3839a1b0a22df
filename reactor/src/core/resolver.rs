//! Host names: by the resolver that the program has installed, or by the system's; Twisted's
//! `GAIResolver` and `ThreadedResolver`.
//!
//! Invariant: a numeric address asks no resolver, and a look-up answers once: with what was found, at its
//! deadline, when it is cancelled, or at the end of the run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
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
    /// The look-ups that have not answered, by their numbers.
    pending: RefCell<BTreeMap<u64, Pending>>,
    next_number: Cell<u64>,
    /// Those that were given up count for as long as a thread has them.
    waiting: Rc<Cell<usize>>,
    /// The run ends, and with it every look-up.
    is_ending: Cell<bool>,
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

    fn new_number(&self) -> u64 {
        let number = self.next_number.get();
        self.next_number.set(number + 1);
        number
    }

    /// Takes what is foreign; the caller drops it.
    pub(super) fn take(&self) -> Option<Rc<dyn Resolver>> {
        self.installed.take()
    }

    /// Takes every look-up that has not answered; the caller fails them.
    pub(super) fn take_pending(&self) -> impl Iterator<Item = Pending> + use<> {
        self.pending.take().into_values()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A look-up that has not answered.
pub(super) struct Pending {
    host: String,
    promise: Promise<Vec<SocketAddr>>,
    deadline: DelayedCall,
    answer: Option<AnsweredBy>,
    /// Whether a thread that has not begun with it should.
    is_wanted: Arc<AtomicBool>,
}

impl Pending {
    /// Its reactor has stopped, or is gone.
    pub(super) fn fail(self) {
        self.promise.errback(ResolveError::Stopped { host: self.host });
    }
}

/// What brings an answer.
enum AnsweredBy {
    /// A delayed call.
    Call(DelayedCall),
    /// The job of this number.
    Job(u64),
}

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
        let host = host.to_owned();
        if self.names.is_ending.get() {
            return Deferred::fail(ResolveError::Stopped { host });
        }
        let Some(counted) = self.names.count() else {
            let reason = format!("{LOOK_UPS_MAX} other look-ups wait already");
            return Deferred::fail(ResolveError::Failed { host, reason });
        };
        let number = self.names.new_number();
        let core = self.me.clone();
        let (deferred, promise) = Deferred::with_canceller(move || {
            // Drops the promise, with what leads to it.
            drop(take(&core, number));
            None
        });
        let (core, after) = (self.me.clone(), self.limits.look_up);
        let give_up = move || {
            if let Some(Pending { host, promise, .. }) = take(&core, number) {
                promise.errback(ResolveError::TimedOut { host, after });
            }
        };
        let deadline = self.call_later(after, Box::new(give_up));
        let is_wanted = Arc::new(AtomicBool::new(true));
        let wanted = Arc::clone(&is_wanted);
        let pending = Pending { host, promise, deadline, answer: None, is_wanted };
        self.names.pending.borrow_mut().insert(number, pending);
        let answer = self.ask(look_up, number, wanted, counted);
        if let Some(pending) = self.names.pending.borrow_mut().get_mut(&number) {
            pending.answer = Some(answer);
        }
        deferred
    }

    /// Has the answer brought.
    fn ask(
        &self,
        look_up: LookUp,
        number: u64,
        is_wanted: Arc<AtomicBool>,
        counted: Counted,
    ) -> AnsweredBy {
        let core = self.me.clone();
        match look_up {
            LookUp::Work { work, is_short } => {
                let job = self.ask_a_thread(work, number, is_wanted, counted);
                self.pass_if_short(job, is_short);
                AnsweredBy::Job(job)
            }
            LookUp::After(after, result) => {
                let bring = move || {
                    drop(counted);
                    answer(&core, number, result);
                };
                AnsweredBy::Call(self.call_later(after, Box::new(bring)))
            }
        }
    }

    /// Returns the number of the job.
    fn ask_a_thread(
        &self,
        work: Box<dyn FnOnce() -> LookUpResult + Send>,
        number: u64,
        is_wanted: Arc<AtomicBool>,
        counted: Counted,
    ) -> u64 {
        let found = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&found);
        let work = move || {
            if is_wanted.load(Ordering::Relaxed) {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(work());
            }
        };
        let core = self.me.clone();
        let done = move |outcome: ThreadOutcome| {
            drop(counted);
            let found = found.lock().unwrap_or_else(PoisonError::into_inner).take();
            let result = found.unwrap_or_else(|| Err(format!("the lookup {outcome}")));
            answer(&core, number, result);
        };
        self.call_in_thread(Box::new(work), Box::new(done), AtTheEnd::CutOff)
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

impl<S: StreamSys> Core<S> {
    /// Fails every look-up that has not answered, and those that are begun by what that calls: their run
    /// has ended.
    pub(crate) fn end_look_ups(&self) {
        self.names.is_ending.set(true);
        for pending in self.names.take_pending() {
            drop(self.call("look-up", None, || pending.fail()));
        }
        self.names.is_ending.set(false);
    }
}

/// Takes a look-up that nothing has answered, and what would.
fn take<S: StreamSys>(core: &Weak<Core<S>>, number: u64) -> Option<Pending> {
    let core = core.upgrade()?;
    let pending = core.names.pending.borrow_mut().remove(&number)?;
    pending.is_wanted.store(false, Ordering::Relaxed);
    // One of them may be the call that runs.
    let _ = pending.deadline.cancel();
    match &pending.answer {
        Some(AnsweredBy::Call(call)) => drop(call.cancel()),
        Some(AnsweredBy::Job(job)) => core.withdraw(*job),
        None => {}
    }
    Some(pending)
}

fn answer<S: StreamSys>(core: &Weak<Core<S>>, number: u64, result: LookUpResult) {
    let Some(Pending { host, promise, .. }) = take(core, number) else { return };
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
