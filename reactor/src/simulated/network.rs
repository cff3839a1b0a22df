//! [`Simulated`]: the handle of a simulated network.
//!
//! Invariant: a clone is the same network.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use interfaces::{UnixAddress, WindowSize};

use super::faults::Faults;
use super::ids::PartId;
use super::links::Links;
use super::names::{Leftover, Name};
use super::outside::{ClockHold, Outside};
use super::script::Script;
use super::world::World;

/// A simulated network, and a system for a reactor: it implements
/// [`StreamSys`](crate::sys::StreamSys). A clone is the same network: keep one to ask for the trace.
///
/// Several reactors must not share one, for a poll of one would take the reports of the other.
///
/// # Examples
///
/// Two ends of a connection, without a reactor:
///
/// ```
/// use interfaces::{ConnectTcp, ListenTcp};
/// use ropewalk_reactor::simulated::{Faults, Simulated};
/// use ropewalk_reactor::sys::{StreamSys, Sys};
///
/// let network = Simulated::new(7);
/// network.set_faults(Faults::none());
/// let listener = network.listen_tcp(&ListenTcp::new(([127, 0, 0, 1], 80)))?;
/// let client = network.connect_tcp(&ConnectTcp::new(([127, 0, 0, 1], 80))).expect("begins");
/// network.poll(Some(std::time::Duration::from_secs(1)), &mut Vec::new())?;
/// let (server, _) = network.accept(&listener)?;
/// assert_eq!(network.peer_address(&server), network.local_address(&client));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Simulated {
    pub(super) world: Rc<RefCell<World>>,
    pub(super) outside: Arc<Outside>,
}

/// The open sockets of a simulated network, for leak checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Live stream handles.
    pub streams: usize,
    /// Live listener handles.
    pub listeners: usize,
    /// Live handles of datagram sockets.
    pub datagram_sockets: usize,
    /// Connections with an end that is held or waits to be accepted, attempts included.
    pub connections: usize,
    /// Children that run or were not reaped.
    pub children: usize,
    /// Live ends of children's pipes and terminals.
    pub pipes: usize,
}

impl Simulated {
    /// A network with the default [`Faults`] and [`Links`], drawn from this seed.
    pub fn new(seed: u64) -> Self {
        let world = World::new(seed, Faults::default());
        Self { world: Rc::new(RefCell::new(world)), outside: Arc::default() }
    }

    /// Sets the faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.world.borrow_mut().faults = faults;
    }

    /// Sets the links of connections that begin from now on.
    pub fn set_links(&self, links: Links) {
        self.world.borrow_mut().links = links;
    }

    /// A hash of every call, its result and its bytes so far. The same seed and the same program
    /// give the same.
    pub fn trace_hash(&self) -> u64 {
        self.world.borrow().trace.hash()
    }

    /// Keeps the newest `lines_max` calls as text from now on; 0, as at first, keeps none.
    pub fn keep_log(&self, lines_max: usize) {
        self.world.borrow_mut().trace.keep_lines(lines_max);
    }

    /// The calls that were kept, oldest first: the time, the call, the number of its socket in hexadecimal
    /// (two for each connection, the even one its client), the result, a hash of each piece of the bytes.
    pub fn log(&self) -> Vec<String> {
        self.world.borrow().trace.lines()
    }

    /// The sockets that are open.
    pub fn carried(&self) -> Carried {
        let world = self.world.borrow();
        let listeners = world.listeners.len();
        let datagram_sockets = world.datagrams.sockets.len();
        let (children, pipes) = world.processes.counts();
        Carried {
            streams: world.descriptors.open - listeners - datagram_sockets - pipes,
            listeners,
            datagram_sockets,
            connections: world.connections.len(),
            children,
            pipes,
        }
    }

    /// Installs a program, which every child that is spawned by this name follows; an old one of that name is
    /// replaced for children to come. Any other name cannot be executed (`ENOENT`).
    pub fn install(&self, program: impl Into<OsString>, script: Script) {
        self.world.borrow_mut().processes.scripts.insert(program.into(), script);
    }

    /// The size of the window of a child's terminal, as it was set last; `None` for a child with pipes, and
    /// for one that was reaped.
    pub fn window_size(&self, process: u32) -> Option<WindowSize> {
        self.world.borrow_mut().processes.child(PartId(process.into()))?.window
    }

    /// Sends the process a signal. Returns whether it is watched; otherwise it is ignored.
    pub fn raise(&self, signal: i32) -> bool {
        let signals = &mut self.world.borrow_mut().signals;
        let is_watched = signals.watched.contains(&signal);
        if is_watched && !signals.pending.contains(&signal) {
            signals.pending.push(signal);
            signals.is_due = true;
        }
        is_watched
    }

    /// From now on connection requests to this address get no answer; they fail with `ETIMEDOUT`
    /// after 127 seconds. Datagrams to it are lost; a connected socket is told so (`EHOSTUNREACH`) after 3
    /// seconds.
    pub fn black_hole(&self, address: IpAddr) {
        self.world.borrow_mut().names.black_holes.insert(address);
    }

    /// Limits the descriptors: with `open_max` streams and listeners open, no more can be opened or
    /// accepted (`EMFILE`). `usize::MAX`, the initial value, is no limit.
    pub fn limit_descriptors(&self, open_max: usize) {
        self.world.borrow_mut().descriptors.open_max = open_max;
    }

    /// The next accepts answer these errors, one each, and leave the connection in the queue.
    pub fn fail_accepts(&self, numbers: impl IntoIterator<Item = i32>) {
        self.world.borrow_mut().accept_errors.extend(numbers);
    }

    /// Puts a file at a UNIX path, in the way of a listener. Other names are ignored.
    pub fn leave_behind(&self, address: &UnixAddress, leftover: Leftover) {
        if let Some(Name::Path(path)) = Name::of_unix(address) {
            self.world.borrow_mut().names.leftovers.insert(path, leftover);
        }
    }

    /// Makes the clock wait for other threads until the result is dropped.
    pub fn hold_clock(&self) -> ClockHold {
        ClockHold::new(&self.outside)
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulated").field("carried", &self.carried()).finish_non_exhaustive()
    }
}
