//! The handle that programs hold; Twisted's `reactor`, without the global.
//!
//! Invariant: the handle only forwards; what it forwards to has its own file.

mod react;
mod remote;
mod with_pool;

use std::fmt;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::{Deferred, DeferredError};
use interfaces::{DelayedCall, Observer, Reason, Resolver};

use crate::core::Core;
use crate::core::counts::Counts;
use crate::core::limits::Limits;
use crate::core::stage::Stage;
use crate::kernel::Kernel;
use crate::kernel::standard_error::{self, StandardError};
use crate::run::{lifetime, turn};
use crate::simulated::Simulated;
use crate::stream::Running;
use crate::sys::{LookUpSys, StreamSys};
use crate::threads::thread_pool::ThreadPool;

pub use react::{SystemExit, react};
pub use remote::Remote;
pub use with_pool::WithThreadPool;

/// An event loop: one thread, any number of connections. A cheap handle to clone; several may live in
/// one process, and dropping the last handle of one frees all that it owns.
///
/// It implements every capability of the crate `interfaces`, so a clone of it serves wherever an
/// `impl ReactorTcp` is asked for. A port's factory or a timer that holds such a handle keeps the
/// reactor alive; [`run`](Reactor::run) drops them all when it stops.
pub struct Reactor<S: StreamSys = Kernel>(Rc<Core<S>>);

impl Reactor<Kernel> {
    /// A reactor on the operating system, with the default limits.
    ///
    /// # Errors
    ///
    /// When the system gives no descriptor to wait with.
    pub fn new() -> io::Result<Self> {
        Self::with_limits(Limits::default())
    }

    /// A reactor on the operating system.
    ///
    /// # Errors
    ///
    /// When the system gives no descriptor to wait with.
    pub fn with_limits(limits: Limits) -> io::Result<Self> {
        Ok(Self::on(Kernel::new()?, limits))
    }
}

impl Reactor<Simulated> {
    /// A reactor in a simulated network with the default faults: the same seed, the same run.
    pub fn simulated(seed: u64) -> Self {
        Self::on(Simulated::new(seed), Limits::default())
    }
}

impl<S: StreamSys> Reactor<S> {
    /// A reactor on any system.
    ///
    /// Where the program has set no [`deferred::set_unhandled_hook`], unhandled errors are
    /// printed to standard error from now on; where the variable `ROPEWALK_DEBUG` is in the environment
    /// and not empty, with the places where they were made and fired
    /// ([`deferred::set_debugging`]).
    pub fn on(system: S, limits: Limits) -> Self {
        standard_error::print_unhandled();
        Self(Core::new(system, limits, Rc::new(StandardError)))
    }

    /// Runs until [`stop`](interfaces::ReactorCore::stop): startup triggers, turn after turn, then
    /// the shutdown triggers. Ports are closed, and connections that are left end as by
    /// `lose_connection`, with [`Reason::Stopped`]: what was written is sent, and no producer is waited
    /// for. All together have [`Limits::linger`] for that; what is unsent then ends with a reset. Work on
    /// the pool's threads has [`Limits::work_grace`], in which turns go on.
    /// [`disconnect_all`](Reactor::disconnect_all) ends both waits. May be called again afterwards.
    ///
    /// # Errors
    ///
    /// When it runs already, or stops, also after a shutdown event that was fired by hand
    /// (`EALREADY`-like, [`io::ErrorKind::ResourceBusy`]), or when waiting for events fails for good.
    pub fn run(&self) -> io::Result<()> {
        self.run_watched(|turned| turned)
    }

    /// As [`run`](Self::run), and after each turn asks `after` whether the run goes on.
    pub(crate) fn run_watched(
        &self,
        after: impl FnMut(io::Result<()>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.refuse_if_running()?;
        self.0.run_state.in_run.set(true);
        lifetime::start(&self.0);
        let outcome = self.run_turns(after);
        if self.0.run_state.stage() == Stage::Crashed && outcome.is_ok() {
            lifetime::leave(&self.0);
            return outcome;
        }
        let outcome = outcome.and_then(|()| self.finish_work());
        if outcome.is_err() {
            lifetime::fail(&self.0);
        }
        lifetime::end(&self.0);
        outcome
    }

    pub(crate) fn refuse_if_running(&self) -> io::Result<()> {
        if self.0.run_state.stage() == Stage::Idle && !self.0.run_state.in_run.get() {
            return Ok(());
        }
        let why = match self.0.run_state.stage() {
            Stage::Idle | Stage::Starting | Stage::Running => "it runs already",
            Stage::Stopping
            | Stage::Disconnecting
            | Stage::CutOff
            | Stage::Stopped
            | Stage::Crashed => "it is stopping, and its turns finish that",
        };
        let message = format!("cannot run the reactor: {why}");
        Err(io::Error::new(io::ErrorKind::ResourceBusy, message))
    }

    fn run_turns(&self, mut after: impl FnMut(io::Result<()>) -> io::Result<()>) -> io::Result<()> {
        loop {
            lifetime::advance(&self.0);
            if matches!(self.0.run_state.stage(), Stage::Stopped | Stage::Crashed) {
                return Ok(());
            }
            after(turn::turn(&self.0, None))?;
        }
    }

    /// Turns until the work that was handed to other threads is done and told, within its grace.
    fn finish_work(&self) -> io::Result<()> {
        let core = &self.0;
        let end = core.sys.now().saturating_add(core.limits.work_grace);
        while core.jobs.are_awaited() && core.sys.now() < end {
            turn::turn(core, Some(end.saturating_sub(core.sys.now())))?;
        }
        // Work that was handed out meanwhile has made another pool.
        core.jobs.close();
        Ok(())
    }

    /// One turn by hand, waiting for `wait_at_most` (`None`: for ever) when there is nothing to do.
    /// Twisted's `iterate`.
    ///
    /// A callback may call it: what the callback has written so far is sent in that turn, and events for
    /// the protocol that runs wait in its mailbox until its callback has returned.
    ///
    /// A program that drives the reactor by hand alone fires its
    /// [events](interfaces::ReactorCore::fire_system_event) by hand, too.
    ///
    /// # Errors
    ///
    /// When waiting for events fails for good.
    #[doc(alias = "iterate")]
    pub fn turn(&self, wait_at_most: Option<Duration>) -> io::Result<()> {
        let turned = turn::turn(&self.0, wait_at_most);
        lifetime::advance_by_hand(&self.0);
        turned
    }

    /// Tells the reactor that it runs on the calling thread from now on. In safe Rust it cannot leave the
    /// one that made it; a binding for an interpreter, whose lock lets one thread at a time run, may make it on
    /// one and run it on another. To be called there before the next [`turn`](Self::turn): what wakes the
    /// reactor does so for all threads but its own.
    pub fn moved_to_this_thread(&self) {
        self.0.remote_queue.move_home();
    }

    /// The handle for other threads.
    pub fn remote(&self) -> Remote<S> {
        Remote::new(&self.0.remote_queue)
    }

    /// Runs `call` once, when `delay` has passed. As
    /// [`ReactorTime::call_later`](interfaces::ReactorTime::call_later), without the box.
    #[doc(alias = "callLater")]
    pub fn call_later(&self, delay: Duration, call: impl FnOnce() + 'static) -> DelayedCall {
        self.0.call_later(delay, Box::new(call))
    }

    /// Runs a future on this reactor. Twisted's `ensureDeferred`.
    ///
    /// Its first step is made before this returns; later it resumes after the call that woke it has
    /// returned, and before the next event. Dropping the Deferred stops nothing, and cancelling it
    /// cancels what the future awaits: see [`TaskRunner::spawn`](deferred::TaskRunner::spawn). A
    /// future that panics is gone, the observer is told, and its Deferred is cancelled.
    #[track_caller]
    #[doc(alias = "ensureDeferred")]
    pub fn spawn<T: 'static, E: DeferredError>(
        &self,
        future: impl Future<Output = Result<T, E>> + 'static,
    ) -> Deferred<T, E> {
        self.0.spawn(future)
    }

    /// This reactor with another pool for work on threads, as `defer_to_thread` takes it; Twisted's
    /// `deferToThreadPool`.
    #[doc(alias = "deferToThreadPool")]
    pub fn with_thread_pool(&self, pool: &ThreadPool) -> WithThreadPool<S> {
        WithThreadPool::new(self, pool)
    }

    /// Calls `handler` on this reactor's thread each time the signal comes, instead of the signal's
    /// default action. Several handlers are called in the order of this call.
    ///
    /// Handlers stay for as long as the reactor lives, so one that holds a handle of it keeps it
    /// alive. When the reactor is gone the process ignores the signal: its default action does not
    /// come back.
    ///
    /// # Errors
    ///
    /// A signal that cannot be caught (`SIGKILL`), or no descriptor left.
    pub fn on_signal(&self, signal: i32, handler: impl Fn() + 'static) -> io::Result<()> {
        self.0.sys.watch_signal(signal)?;
        self.0.signal_handlers.borrow_mut().push((signal, Rc::new(handler)));
        Ok(())
    }

    /// Stops on `SIGINT` and `SIGTERM`, as Twisted's `run` does; [`exit_signal`](Self::exit_signal)
    /// tells afterwards which it was.
    ///
    /// # Errors
    ///
    /// No descriptor left.
    #[doc(alias = "run")]
    pub fn stop_on_signals(&self) -> io::Result<()> {
        for signal in [libc::SIGINT, libc::SIGTERM] {
            let core = Rc::downgrade(&self.0);
            self.on_signal(signal, move || {
                let Some(core) = core.upgrade() else { return };
                core.run_state.exit_signal.set(Some(signal));
                // A reactor that stops already does what the signal wants.
                let _ = lifetime::stop(&core);
            })?;
        }
        Ok(())
    }

    /// The last signal that [`stop_on_signals`](Self::stop_on_signals) took since `run` was called, so
    /// that a program can end by the same one, as its caller expects. `None` if there was none.
    pub fn exit_signal(&self) -> Option<i32> {
        self.0.run_state.exit_signal.get()
    }

    /// The [`log_prefix`](interfaces::Protocol::log_prefix) of the protocol whose callback runs now, for
    /// the lines that it logs; `None` outside of one, and in the last callback of a connection. Twisted's
    /// `system` of a log line.
    #[doc(alias = "system")]
    pub fn running_protocol(&self) -> Option<&'static str> {
        Running::current_prefix(&self.0).or(self.0.running_prefix.get())
    }

    /// Has host names looked up by another resolver from now on, and returns the one before, which is the
    /// system's at first: getaddrinfo(3) on a thread of the pool. Numeric addresses go to neither.
    /// Twisted's `installNameResolver`.
    ///
    /// One that passes names on asks the one that this returns, not the reactor, which would ask it again.
    #[doc(alias = "installNameResolver")]
    #[doc(alias = "installResolver")]
    pub fn install_resolver(&self, resolver: Rc<dyn Resolver>) -> Rc<dyn Resolver>
    where
        S: LookUpSys,
    {
        self.0.install_resolver(resolver)
    }

    /// Sets who is told of what happens; the default prints what went wrong to standard error.
    pub fn set_observer(&self, observer: Rc<dyn Observer>) {
        self.0.set_observer(observer);
    }

    /// Ends every connection and attempt, and closes every port, now: unsent bytes are lost, and the
    /// peers see a reset. Protocols are told with [`Reason::Aborted`]. Of a child process the pipes are
    /// closed, and its end is told when it comes. Where the reactor is stopping, it waits no longer for work
    /// on other threads.
    #[doc(alias = "disconnectAll")]
    pub fn disconnect_all(&self) {
        lifetime::disconnect_all(&self.0, &Reason::Aborted);
        let stage = self.0.run_state.stage();
        if !matches!(stage, Stage::Idle | Stage::Starting | Stage::Running | Stage::Crashed) {
            self.0.jobs.cut_off();
            // The turn that this is called in waits no longer, either.
            self.0.remote_queue.wake();
        }
    }

    /// Counts what the reactor holds at this moment.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            timers: self.0.timers.borrow().len(),
            tasks: self.0.tasks.len(),
            jobs: self.0.jobs.pending(),
            unsent_bytes: self.0.streams.pool.waiting_bytes(),
            ..Counts::default()
        };
        self.0.count_tenants(&mut counts);
        counts
    }

    /// The system below, for a simulated network's knobs.
    pub fn system(&self) -> &S {
        &self.0.sys
    }

    pub(crate) fn from_core(core: Rc<Core<S>>) -> Self {
        Self(core)
    }

    pub(crate) fn core(&self) -> &Core<S> {
        &self.0
    }

    pub(crate) fn shared_remote(&self) -> Arc<dyn interfaces::FromThread> {
        Arc::new(self.remote())
    }
}

impl<S: StreamSys> Clone for Reactor<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: StreamSys> fmt::Debug for Reactor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reactor").field(&self.counts()).finish()
    }
}
