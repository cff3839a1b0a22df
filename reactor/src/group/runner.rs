//! [`ReactorGroup`]: starts the threads of a group and joins them.
//!
//! ```text
//!   each thread: a reactor ── start line ── main(&member) ── run ──▶ joined
//!                                              │ error, panic         ▲
//!                                              └── all members stop ──┘
//! ```
//!
//! Invariant: when the run returns, every thread of the group has ended.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use deferred::Failure;
use interfaces::{ReactorCore as _, panic_message};

use super::group_error::GroupError;
use super::member::Member;
use super::pinned::Pinned;
use super::shared::GroupShared;
use super::start_line::Start;
use crate::core::foreign::drop_quietly;
use crate::core::limits::Limits;
use crate::reactor::Reactor;

/// Several reactors, each on a thread of its own, that share ports: a server on several cores.
///
/// [`run`](Self::run) calls the same program on each thread, with the [`Member`] of that thread. What the
/// program builds there stays there; a message meets no lock and no other thread, and costs what it costs
/// in a single reactor. Where each member listens on the same address, one accepts, and hands each
/// connection to the member with the fewest: see [`Spread`].
///
/// `SIGINT` and `SIGTERM` stop all members, as [`Reactor::stop_on_signals`] does one, unless
/// [`without_signals`](Self::without_signals). An error or a panic in the program of one stops all, too,
/// and is what `run` returns. A member whose reactor is stopped ends alone.
///
/// # Examples
///
/// Two reactors echo on one port; the first one stops both.
///
/// ```
/// use std::rc::Rc;
/// # use ropewalk_reactor as reactor;
/// use interfaces::{ListenTcp, Protocol, ReactorCore as _, ReactorTcp as _, Transport};
/// use ropewalk_reactor::ReactorGroup;
///
/// struct Echo;
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
///         transport.write(data);
///     }
/// }
///
/// fn main() -> Result<(), reactor::GroupError> {
///     ReactorGroup::new(2).run(|member| {
///         let options = ListenTcp::new(([127, 0, 0, 1], 0));
///         let port = member.listen_tcp(&options, protocol::factory_fn(|_peer| Echo))?;
///         if member.index() == 0 {
///             println!("listening {}", port.host());
///             let stopper = member.clone();
///             member.call_when_running(Box::new(move || stopper.stop_all()));
///         }
///         Ok(())
///     })
/// }
/// ```
///
/// # Differences from Twisted
///
/// Twisted has one reactor a process; its servers on several cores are several processes that adopt one
/// port.
#[derive(Clone, Copy, Debug)]
#[must_use = "a group does nothing until it is run"]
pub struct ReactorGroup {
    members: usize,
    limits: Limits,
    spread: Spread,
    stops_on_signals: bool,
    is_pinned: bool,
}

/// Which member of a group gets a connection to a port that all listen on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spread {
    /// The one with the fewest connections, of equals the next in turn. One member accepts for all.
    #[default]
    FewestConnections,
    /// The one that the system picks by the addresses of a TCP connection (`SO_REUSEPORT`): each member
    /// has a socket of its own. Accepting costs no hand-over, but some members get far more connections
    /// than others, and the handshakes that wait for a member that closes its port are reset. Ports that
    /// are not TCP's, or were adopted, spread as by `FewestConnections`.
    ReusePort,
}

impl ReactorGroup {
    /// A group of this many reactors; 0 is as many as the process has cores
    /// ([`available_parallelism`](thread::available_parallelism)). One reactor needs no thread but the
    /// caller's.
    pub fn new(members: usize) -> Self {
        let members = match members {
            0 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
            members => members,
        };
        let (limits, spread) = (Limits::default(), Spread::default());
        Self { members, limits, spread, stops_on_signals: true, is_pinned: false }
    }

    /// With other limits, for each member by itself.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// With another spread of connections.
    pub fn with_spread(mut self, spread: Spread) -> Self {
        self.spread = spread;
        self
    }

    /// Leaves signals to the program.
    pub fn without_signals(mut self) -> Self {
        self.stops_on_signals = false;
        self
    }

    /// Confines each member's thread to one core (sched_setaffinity(2)): member 0 to the first that the
    /// process may run on, the next to the next, and round again where there are more members. Threads that
    /// a member starts are confined with it, those of its thread pool too. It pays where nothing else wants
    /// these cores; elsewhere a member waits for its core while others are idle. Default off.
    pub fn pinned_to_cores(mut self) -> Self {
        self.is_pinned = true;
        self
    }

    /// The number of members.
    pub fn members(&self) -> usize {
        self.members
    }

    /// Runs `main` and then the reactor on each thread, until all have stopped. A `main` that has run its
    /// reactor itself, as by [`Reactor::react`], ends its member when it returns. Member 0 runs on the
    /// caller's thread. No `main` is called before every member has a reactor.
    ///
    /// # Errors
    ///
    /// The first [`GroupError`]; all members were stopped, and their threads have ended.
    pub fn run(
        self,
        main: impl Fn(&Member) -> Result<(), Failure> + Sync,
    ) -> Result<(), GroupError> {
        let shared = Arc::new(GroupShared::new(self.members));
        let main = &main;
        thread::scope(|scope| {
            let mut threads = Vec::with_capacity(self.members);
            for index in 1..self.members {
                let member = Arc::clone(&shared);
                let thread = thread::Builder::new().name(format!("reactor-{index}"));
                let body = move || self.run_member(index, member, main);
                match thread.spawn_scoped(scope, body) {
                    Ok(thread) => threads.push(thread),
                    Err(source) => {
                        shared.fail(GroupError::NotStarted { member: index, source });
                        break;
                    }
                }
            }
            self.run_member(0, Arc::clone(&shared), main);
            for thread in threads {
                // The scope waits for their work alone, and not for their ends. Their panics are caught.
                drop(thread.join());
            }
        });
        shared.take_failure().map_or(Ok(()), Err)
    }

    fn run_member(
        self,
        index: usize,
        shared: Arc<GroupShared>,
        main: &(impl Fn(&Member) -> Result<(), Failure> + Sync),
    ) {
        let group = Arc::clone(&shared);
        let ended = catch_unwind(AssertUnwindSafe(|| self.serve(index, shared, main)));
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => group.fail(error),
            Err(payload) => {
                let message = panic_message(&*payload).to_string();
                // The payload may panic again when it is dropped.
                drop_quietly(payload);
                group.fail(GroupError::Panicked { member: index, message });
            }
        }
    }

    /// The life of a member, on its thread.
    fn serve(
        self,
        index: usize,
        shared: Arc<GroupShared>,
        main: &(impl Fn(&Member) -> Result<(), Failure> + Sync),
    ) -> Result<(), GroupError> {
        let not_started = |source| GroupError::NotStarted { member: index, source };
        let not_pinned = |source| GroupError::NotPinned { member: index, source };
        let pinned = self.is_pinned.then(|| Pinned::begin(index)).transpose();
        let _pinned = pinned.map_err(not_pinned)?;
        let reactor = Reactor::with_limits(self.limits).map_err(not_started)?;
        if self.stops_on_signals {
            reactor.stop_on_signals().map_err(not_started)?;
        }
        shared.enter(index, &reactor);
        if shared.start_line.wait() == Start::GivenUp {
            return Ok(());
        }
        let (stopper, group) = (reactor.clone(), Arc::clone(&shared));
        let has_run = Rc::new(Cell::new(false));
        let runs = has_run.clone();
        reactor.call_when_running(Box::new(move || {
            runs.set(true);
            // A stop that came before the run was lost.
            if group.is_stopping() {
                let _ = stopper.stop();
            }
        }));
        let member = Member::new(reactor, index, self.spread, shared);
        main(&member).map_err(|failure| GroupError::Failed {
            member: index,
            error: format!("{failure:#}"),
        })?;
        let run = if has_run.get() { Ok(()) } else { member.reactor().run() };
        run.map_err(|source| GroupError::Broken { member: index, source })
    }
}
