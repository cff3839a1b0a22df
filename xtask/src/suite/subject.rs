//! What the suite needs of a transport in order to try it; Twisted's `ReactorBuilder` with its `EndpointCreator`.
//!
//! Invariant: every case gets a [`World`] of its own, and nothing outlives it.

use std::rc::Rc;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, Factory, Observer, ReactorCore, ReactorThreads, ReactorTime, StreamClientEndpoint,
    StreamServerEndpoint,
};

/// A kind of transport that the suite tries. Implement it, and [`World`], to try your own.
///
/// It is shared with the thread on which each case runs; all that is not `Send` belongs to the
/// [`World`], which is made there.
pub trait Subject: Send + Sync + 'static {
    /// A short name without blanks: the head of a column.
    fn name(&self) -> &str;

    /// Why this kind of transport cannot have an ability at all, or `None` if it has it. The text is
    /// printed beside every case that is skipped for it, so it states a property of the subject:
    /// "a UNIX socket has no TCP options".
    ///
    /// What merely does not work yet is not lacking: say `None`, and let the case fail.
    fn lacks(&self, ability: Ability) -> Option<&'static str>;

    /// Makes a world in which nothing happened yet. Called on the thread of the case, once for each
    /// of its rounds, which are counted from 0.
    ///
    /// # Errors
    ///
    /// Fails the case: a world is not optional.
    fn world(&self, round: u32) -> Result<Rc<dyn World>, Failure>;

    /// How often each case is tried, each time in a world of its own: more than once only if the
    /// worlds differ, by a seed. Default 1.
    fn rounds(&self) -> u32 {
        1
    }

    /// How many bytes are a lot: more than all buffers of the wire hold, and few enough to be carried
    /// within seconds. Default 60 MiB, as in Twisted's tests.
    fn large_bytes(&self) -> usize {
        60 * 1024 * 1024
    }
}

/// What not every transport can do. A case names what it needs, and a subject what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ability {
    /// An abort looks different to the peer than a clean end.
    Reset,
    /// One direction can be closed alone: transports have
    /// [`as_half_closeable`](interfaces::Transport::as_half_closeable).
    HalfClose,
    /// The wire holds a bounded number of bytes, so that a peer that does not read makes the writer
    /// wait.
    BackPressure,
    /// A panic in a callback is caught, and costs one connection only.
    CatchPanics,
    /// Connecting to an address where nobody listens fails.
    Refusal,
    /// Connecting takes a while, in which it can be given up.
    Attempt,
    /// Transports have [`as_tcp`](interfaces::Transport::as_tcp).
    TcpOptions,
    /// Connections are descriptors of this process, to be counted in `/proc/self/fd`.
    Descriptors,
    /// The clock is that of a loop: a call with a delay of zero that is made inside a call waits for
    /// the next turn, and a panic in a call is caught where all are.
    LoopClock,
    /// There is a [`World::core`], and [`World::run`] runs it.
    Core,
    /// There are [`World::threads`].
    Threads,
}

/// One fresh loop with one kind of transport; lives for one case.
///
/// What its transports deliver to is the suite's own, so an implementation only has to hand the
/// factories on.
pub trait World {
    /// A new place to listen on, which nobody else uses.
    fn server(&self) -> Rc<dyn StreamServerEndpoint>;

    /// The way to what [`server`](Self::server) listens on at `address`.
    fn client(&self, address: &Address) -> Rc<dyn StreamClientEndpoint>;

    /// Connects to where nobody listens; called only with [`Ability::Refusal`].
    fn connect_to_nobody(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        drop(factory);
        Deferred::fail(Unable("connect to nobody"))
    }

    /// Goes on by one turn: delivers what came, runs what is due. When there is nothing to do, a
    /// world with a real clock waits for some milliseconds at most, and one with a clock of its own
    /// moves it on.
    ///
    /// # Errors
    ///
    /// What makes it impossible to go on; fails the case.
    fn turn(&self) -> Result<(), Failure>;

    /// The clock of this world.
    fn time(&self) -> Rc<dyn ReactorTime>;

    /// Keeps a clock that runs ahead of the wall's from doing so for as long as the result lives,
    /// which is as long as another thread works for the case.
    fn hold_clock(&self) -> Box<dyn Send> {
        Box::new(())
    }

    /// The life of the loop; `Some` with [`Ability::Core`].
    fn core(&self) -> Option<Rc<dyn ReactorCore>> {
        None
    }

    /// Runs the loop until its core is stopped; called only with [`Ability::Core`], once.
    ///
    /// # Errors
    ///
    /// What made it impossible to go on; fails the case.
    fn run(&self) -> Result<(), Failure> {
        Err(Unable("run").into())
    }

    /// The way in from other threads; `Some` with [`Ability::Threads`].
    fn threads(&self) -> Option<Rc<dyn ReactorThreads>> {
        None
    }

    /// Tells this observer from now on, and nobody else. A world that catches panics reports them
    /// here.
    fn set_observer(&self, observer: Rc<dyn Observer>);

    /// What is still there, in words ("2 streams", "1 timer"): connections, attempts, ports, timers,
    /// tasks. Empty when a case and its teardown are over, or the case fails.
    fn leftovers(&self) -> Vec<String>;
}

/// A world was asked for an ability that its subject lacks.
#[derive(Debug)]
struct Unable(&'static str);

impl std::fmt::Display for Unable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "this world cannot {}, and its subject did not say so", self.0)
    }
}

impl std::error::Error for Unable {}
