//! The traits that a transport implements to be tested; Twisted's `ReactorBuilder` with its
//! `EndpointCreator`.
//!
//! Invariant: every case gets a [`World`] of its own, and nothing outlives it.

use std::rc::Rc;

use deferred::{Deferred, Failure};
use interfaces::{
    Address, DatagramTransport, Deliver, DeliverDatagram, Factory, ListenError, Observer,
    ReactorCore, ReactorFdSet, ReactorProcess, ReactorThreads, ReactorTime, SpawnProcess,
    StreamClientEndpoint, StreamServerEndpoint,
};

use crate::suite::ChildScript;

/// A kind of transport under test. Implement it, and [`World`], to test your own.
///
/// A subject is shared with the thread of each case; state that is not `Send` belongs to the
/// [`World`], which is built on that thread.
pub trait Subject: Send + Sync + 'static {
    /// A short name without spaces: the head of a column.
    fn name(&self) -> &str;

    /// The reason why this kind of transport cannot have an ability, or `None` if it has it. The text
    /// is printed with every case that is skipped for it, and states a property of the subject:
    /// "a UNIX socket has no TCP options".
    ///
    /// An ability that is not implemented yet is not lacking: return `None`, and let the case fail.
    fn lacks(&self, ability: Ability) -> Option<&'static str>;

    /// Why this machine has no transport of this kind, if it has none: every case is skipped for this
    /// reason. Asked once for each case. Default `None`.
    fn missing(&self) -> Option<&'static str> {
        None
    }

    /// What its transports carry. Default [`Carries::Streams`].
    fn carries(&self) -> Carries {
        Carries::Streams
    }

    /// Builds a fresh world. The suite calls it on the thread of the case, once for each round, which
    /// are counted from 0.
    ///
    /// # Errors
    ///
    /// An error fails the case.
    fn world(&self, round: u32) -> Result<Rc<dyn World>, Failure>;

    /// The number of rounds of each case, each in its own world: more than one only if the worlds
    /// differ, by a seed. Default 1.
    fn rounds(&self) -> u32 {
        1
    }

    /// The size of a large transfer, in bytes: more than all buffers of the wire hold, and little
    /// enough to arrive within seconds. Default 60 MiB, as in Twisted's tests.
    fn large_bytes(&self) -> usize {
        60 * 1024 * 1024
    }
}

/// What the transports of a subject carry, and what a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Carries {
    /// Connections, and the loop around them.
    Streams,
    /// Datagrams.
    Datagrams,
    /// Child processes, and the program's own standard input and output.
    Processes,
}

impl Carries {
    /// The reason why a case about another is skipped.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Streams => "it is about streams, and about nothing else",
            Self::Datagrams => "it is about datagrams, and about nothing else",
            Self::Processes => "it is about processes, and about nothing else",
        }
    }
}

/// An ability that some transports lack. A case names the abilities it needs, a subject those it lacks.
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
    /// Connecting to an address without a listener fails.
    Refusal,
    /// Connecting takes time, and can be cancelled meanwhile.
    Attempt,
    /// Transports have [`as_tcp`](interfaces::Transport::as_tcp).
    TcpOptions,
    /// Connections are descriptors of this process, counted in `/proc/self/fd`.
    Descriptors,
    /// The clock is a loop's: a call with a delay of zero that is scheduled inside a call runs in the
    /// next turn, and a panic in a call is caught as in any callback.
    LoopClock,
    /// There is a [`World::core`], and [`World::run`] runs it.
    Core,
    /// There are [`World::threads`].
    Threads,
    /// Datagram ports have [`as_udp`](interfaces::DatagramTransport::as_udp).
    Udp,
    /// A descriptor can be sent over a connection: transports have
    /// [`as_unix`](interfaces::Transport::as_unix).
    PassDescriptors,
    /// There is a [`World::fd_set`].
    FdSet,
    /// Connections come from ports and attempts of their own, which start and stop factories and tell the
    /// observer; without it the suite joins the two ends.
    Endpoints,
    /// The wire can lose datagrams; see [`DatagramPorts::make_unreliable`].
    Unreliable,
}

/// One fresh loop with one kind of transport; lives for one case.
///
/// The factories and protocols are the suite's: an implementation only passes the factories on.
pub trait World {
    /// An endpoint for a new address, which no other server uses.
    fn server(&self) -> Rc<dyn StreamServerEndpoint>;

    /// The endpoint that connects to `address`, where [`server`](Self::server) listens.
    fn client(&self, address: &Address) -> Rc<dyn StreamClientEndpoint>;

    /// The datagram ports of a world that [carries](Subject::carries) datagrams.
    fn datagrams(&self) -> Option<Rc<dyn DatagramPorts>> {
        None
    }

    /// Connects to an address without a listener; called only with [`Ability::Refusal`].
    fn connect_refused(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        drop(factory);
        Deferred::fail(Unable("connect to an address without a listener"))
    }

    /// Runs one turn: delivers events, runs due calls. When idle, a world with a real clock waits for
    /// a few milliseconds at most, and a world with a virtual clock advances it.
    ///
    /// # Errors
    ///
    /// An error fails the case.
    fn turn(&self) -> Result<(), Failure>;

    /// The clock of this world.
    fn time(&self) -> Rc<dyn ReactorTime>;

    /// Ties a virtual clock to the wall clock while the result lives, which is while another thread
    /// works for the case.
    fn hold_clock(&self) -> Box<dyn Send> {
        Box::new(())
    }

    /// The start and stop of the loop; `Some` with [`Ability::Core`].
    fn core(&self) -> Option<Rc<dyn ReactorCore>> {
        None
    }

    /// Runs the loop until its core is stopped; called only with [`Ability::Core`], once.
    ///
    /// # Errors
    ///
    /// An error fails the case.
    fn run(&self) -> Result<(), Failure> {
        Err(Unable("run").into())
    }

    /// What logs call the protocol whose callback runs now; asked only with [`Ability::Core`].
    fn running_protocol(&self) -> Option<&'static str> {
        None
    }

    /// The calls from other threads; `Some` with [`Ability::Threads`].
    fn threads(&self) -> Option<Rc<dyn ReactorThreads>> {
        None
    }

    /// The watch on descriptors of others; `Some` with [`Ability::FdSet`].
    fn fd_set(&self) -> Option<Rc<dyn ReactorFdSet>> {
        None
    }

    /// The child processes of a world that [carries](Subject::carries) processes.
    fn programs(&self) -> Option<Rc<dyn ChildPrograms>> {
        None
    }

    /// Replaces the observer. A world that catches panics reports them to it.
    fn set_observer(&self, observer: Rc<dyn Observer>);

    /// The leaks, in words ("2 streams", "1 timer"): connections, attempts, ports, timers, tasks. A
    /// case fails if the list is not empty after its teardown.
    fn leftovers(&self) -> Vec<String>;
}

/// Opens the datagram ports of a world. The protocols are the suite's.
pub trait DatagramPorts {
    /// Opens a port at a new address. Datagrams longer than `packet_bytes_max` bytes are truncated.
    ///
    /// # Errors
    ///
    /// An error fails the case.
    fn open(
        &self,
        packet_bytes_max: usize,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, Failure>;

    /// Opens a port at this address, where another one may be.
    ///
    /// # Errors
    ///
    /// The error that the system gives.
    fn open_at(
        &self,
        address: &Address,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, ListenError>;

    /// Opens a port at a new address, which is connected to the one at `peer`.
    ///
    /// # Errors
    ///
    /// An error fails the case.
    fn open_connected(
        &self,
        peer: &Address,
        protocol: Rc<dyn DeliverDatagram>,
    ) -> Result<Rc<dyn DatagramTransport>, Failure>;

    /// From now on the wire loses, doubles and reorders datagrams; called only with
    /// [`Ability::Unreliable`].
    fn make_unreliable(&self) {}
}

/// Runs the programs of a world. The protocols are the suite's.
pub trait ChildPrograms {
    /// The options that run a program which follows this script, with the default descriptors.
    ///
    /// # Errors
    ///
    /// An error fails the case.
    fn program(&self, script: &ChildScript) -> Result<SpawnProcess, Failure>;

    /// The loop that runs it.
    fn reactor(&self) -> Rc<dyn ReactorProcess>;

    /// Runs a protocol on two descriptors, as on standard input and output, at whose other ends a
    /// program is that follows this script: its descriptor 1 is the input, and the output its descriptor 0.
    ///
    /// # Errors
    ///
    /// An error fails the case.
    fn open_stdio(&self, script: &ChildScript, protocol: Rc<dyn Deliver>) -> Result<(), Failure>;
}

/// The suite asked a world for an ability that its subject lacks.
#[derive(Debug)]
struct Unable(&'static str);

impl std::fmt::Display for Unable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "this world cannot {}, and its subject did not say so", self.0)
    }
}

impl std::error::Error for Unable {}
