//! `--workers`: the same server on several threads, each with a reactor of its own.
//!
//! ```text
//!   worker 0   reads the endpoints, opens the ports ── gate ── all have joined: announces them
//!   others     wait for the gate ─────────────────────────────▶ join the ports
//! ```
//!
//! The first worker reports what is wrong with the command; the others begin when its ports are open.
//! Each drains its own connections after a signal, and the command ends with the last.
//! Invariant: what is limited for the command is counted in [`Common`].

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};

use deferred::Chain;
use protocol::policies::{ConnectionTotal, PeerPlaces, PeerTable, WaitingPorts};
use reactor::{Member, ReactorGroup};
use ropewalk::tls::SharedConfigs;
use systemd::ListenFds;

use crate::app::{self, App};
use crate::arguments::{Peers, Workers};
use crate::exit_code::Exit;
use crate::inherited::{InheritedCopies, copies_of_inherited};
use crate::interruptible::DefaultEffect;
use crate::limits::{check_workers, reactor_limits};
use crate::log::Repetitions;
use crate::notify::Manager;
use crate::report;
use crate::status::Board;

/// The signals that stop a server.
pub(crate) const STOP_SIGNALS: [i32; 2] = [libc::SIGTERM, libc::SIGINT];

thread_local! {
    /// The handler of signals of this thread's server.
    static TAKE_SIGNAL: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

/// Runs a server on several threads; `serve` runs it on one of them.
pub(crate) fn run(
    options: Workers,
    peers: Peers,
    serve: impl Fn(&App) -> Result<Exit, Exit> + Sync,
) -> Result<Exit, Exit> {
    let group = ReactorGroup::new(options.number).without_signals();
    let group = if options.pin_workers { group.pinned_to_cores() } else { group };
    let number = group.members();
    let group = group.with_limits(reactor_limits(peers, number));
    let inherited = ListenFds::from_environment().unwrap_or_else(ListenFds::unavailable);
    // There is one thread's work in one connection.
    if inherited.is_one_connection() || number == 1 && !options.pin_workers {
        return serve(&App::with_limits(inherited, reactor_limits(peers, 1))?);
    }
    check_workers(number)?;
    let common = Arc::new(Common::new(number, &inherited)?);
    let ended = group.run(|member| {
        let worker = Worker { common: common.clone(), member: Some(member.clone()) };
        worker.work(member, &serve);
        Ok(())
    });
    ended.map_err(|error| {
        report::note(format_args!("error: {}; see --workers", Chain(&error)));
        Exit::Unavailable
    })?;
    Ok(*lock(&common.exit))
}

/// One worker, or the only thread of a command without workers. A clone is the same.
#[derive(Clone)]
pub(crate) struct Worker {
    common: Arc<Common>,
    member: Option<Member>,
}

/// What the workers of one command share.
struct Common {
    number: usize,
    effect: DefaultEffect,
    repetitions: Repetitions,
    connections: ConnectionTotal,
    board: Arc<Board>,
    peers: Arc<SharedPeers>,
    configs: SharedConfigs,
    manager: OnceLock<Manager>,
    /// The descriptors of each worker, until it takes them.
    inherited: Mutex<Vec<Option<InheritedCopies>>>,
    /// Every worker catches the signals.
    catching: Barrier,
    gate: Gate,
    joining: Mutex<Joining>,
    is_ending: AtomicBool,
    grace_is_told: AtomicBool,
    loop_is_told: AtomicBool,
    /// The first one that is not [`Exit::Done`].
    exit: Mutex<Exit>,
}

/// The workers that have not opened or joined the ports.
struct Joining {
    missing: usize,
    waker: Option<Waker>,
}

impl Common {
    fn new(number: usize, inherited: &ListenFds) -> Result<Self, Exit> {
        let effect = DefaultEffect::new();
        app::watch_signals(&effect)?;
        Ok(Self::with(number, effect, copies_of_inherited(number, inherited)?))
    }

    fn with(number: usize, effect: DefaultEffect, inherited: Vec<InheritedCopies>) -> Self {
        let connections = ConnectionTotal::with_waiting_ports(PortsOfAll::default());
        let configs = SharedConfigs::new();
        Self {
            number,
            effect,
            repetitions: Repetitions::default(),
            board: Arc::new(Board::new(connections.clone(), configs.clone())),
            connections,
            peers: Arc::default(),
            configs,
            manager: OnceLock::new(),
            inherited: Mutex::new(inherited.into_iter().map(Some).collect()),
            catching: Barrier::new(number),
            gate: Gate::default(),
            joining: Mutex::new(Joining { missing: number, waker: None }),
            is_ending: AtomicBool::new(false),
            grace_is_told: AtomicBool::new(false),
            loop_is_told: AtomicBool::new(false),
            exit: Mutex::new(Exit::Done),
        }
    }

    /// One worker more has its ports; after the last one, the first worker is to be woken.
    fn joined(&self) -> Option<Waker> {
        let mut joining = lock(&self.joining);
        joining.missing -= 1;
        if joining.missing == 0 { joining.waker.take() } else { None }
    }
}

impl Worker {
    /// The only thread of a command.
    pub(crate) fn alone() -> Self {
        Self { common: Arc::new(Common::with(1, DefaultEffect::new(), Vec::new())), member: None }
    }

    /// The life of a worker, on its thread.
    fn work(&self, member: &Member, serve: &(impl Fn(&App) -> Result<Exit, Exit> + Sync)) {
        let caught = if self.is_first() { Ok(()) } else { self.catch_signals(member) };
        // Before any port opens, so that no worker misses a signal.
        self.common.catching.wait();
        let _gate = self.is_first().then(|| CloseOnDrop(&self.common.gate));
        if !self.is_first() && self.common.gate.wait() == Passage::Closed {
            return;
        }
        let served = caught.and_then(|()| serve(&App::of_worker(self.clone(), member)));
        TAKE_SIGNAL.take();
        let exit = served.unwrap_or_else(|exit| exit);
        if exit != Exit::Done {
            let mut first = lock(&self.common.exit);
            if *first == Exit::Done {
                *first = exit;
            }
            drop(first);
            member.stop_all();
        }
    }

    fn catch_signals(&self, member: &Member) -> Result<(), Exit> {
        for signal in STOP_SIGNALS {
            let take = || {
                let take = TAKE_SIGNAL.with_borrow(Clone::clone);
                if let Some(take) = take {
                    take();
                }
            };
            member.reactor().on_signal(signal, take).map_err(|error| uncaught(signal, &error))?;
        }
        Ok(())
    }

    /// Has `take` called at each signal.
    ///
    /// # Errors
    ///
    /// The exit code, when a signal cannot be caught; it was reported.
    pub(crate) fn on_signals(&self, app: &App, take: impl Fn() + 'static) -> Result<(), Exit> {
        let common = self.common.clone();
        let take: Rc<dyn Fn()> = Rc::new(move || {
            common.is_ending.store(true, Ordering::Relaxed);
            take();
        });
        if !self.is_first() {
            TAKE_SIGNAL.set(Some(take));
            return Ok(());
        }
        for signal in STOP_SIGNALS {
            let take = take.clone();
            let caught = app.reactor.on_signal(signal, move || take());
            caught.map_err(|error| uncaught(signal, &error))?;
        }
        Ok(())
    }

    /// The member of the group that this worker is, if there are several.
    pub(crate) fn member(&self) -> Option<&Member> {
        self.member.as_ref()
    }

    /// Whether this worker speaks for all.
    pub(crate) fn is_first(&self) -> bool {
        self.member.as_ref().is_none_or(|member| member.index() == 0)
    }

    /// The number of workers.
    pub(crate) fn number(&self) -> usize {
        self.common.number
    }

    /// Whether a signal has come to any worker.
    pub(crate) fn is_ending(&self) -> bool {
        self.common.is_ending.load(Ordering::Relaxed)
    }

    /// This worker's ports are open. The first one waits until all workers have said so.
    pub(crate) async fn ports_are_open(&self) {
        let waker = self.common.joined();
        if let Some(waker) = waker {
            waker.wake();
        }
        if self.is_first() {
            self.common.gate.open();
            poll_fn(|context| {
                let mut joining = lock(&self.common.joining);
                joining.waker = Some(context.waker().clone());
                if joining.missing == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }

    /// Whether this is the first worker to tell that the grace is over.
    pub(crate) fn tells_grace(&self) -> bool {
        !self.common.grace_is_told.swap(true, Ordering::Relaxed)
    }

    /// Whether this is the first worker to tell that the relay leads to itself.
    pub(crate) fn tells_loop(&self) -> bool {
        !self.common.loop_is_told.swap(true, Ordering::Relaxed)
    }

    /// The connections of all workers.
    pub(crate) fn connections(&self) -> &ConnectionTotal {
        &self.common.connections
    }

    /// What `--status` shows of all workers.
    pub(crate) fn board(&self) -> &Arc<Board> {
        &self.common.board
    }

    /// The connections that each peer has with all workers.
    pub(crate) fn peers(&self) -> Rc<dyn PeerPlaces> {
        Rc::new(PeersOfAll(self.common.peers.clone()))
    }

    pub(crate) fn effect(&self) -> &DefaultEffect {
        &self.common.effect
    }

    pub(crate) fn repetitions(&self) -> &Repetitions {
        &self.common.repetitions
    }

    /// The certificates and sessions of all workers.
    pub(crate) fn configs(&self) -> &SharedConfigs {
        &self.common.configs
    }

    /// The service manager, if there is one.
    pub(crate) fn manager(&self) -> &Manager {
        self.common.manager.get_or_init(Manager::from_environment)
    }

    /// This worker's copies of the inherited descriptors.
    pub(crate) fn take_inherited(&self) -> ListenFds {
        let index = self.member.as_ref().map_or(0, Member::index);
        let copies = lock(&self.common.inherited).get_mut(index).and_then(Option::take);
        match copies {
            Some(Ok(descriptors)) => ListenFds::from_descriptors(descriptors),
            Some(Err(error)) => ListenFds::unavailable(error),
            None => ListenFds::default(),
        }
    }
}

fn uncaught(signal: i32, error: &std::io::Error) -> Exit {
    report::note(format_args!("error: cannot catch signal {signal}: {error}"));
    Exit::Unavailable
}

/// The connections of each peer, for several threads.
#[derive(Default)]
struct SharedPeers(Mutex<PeerTable>);

struct PeersOfAll(Arc<SharedPeers>);

impl PeerPlaces for PeersOfAll {
    fn take(&self, peer: std::net::IpAddr, limit: usize) -> bool {
        lock(&self.0.0).take(peer, limit)
    }

    fn give_back(&self, peer: std::net::IpAddr) {
        lock(&self.0.0).give_back(peer);
    }

    fn peers(&self) -> usize {
        lock(&self.0.0).peers()
    }
}

/// The ports of all workers that wait for a place.
#[derive(Default)]
struct PortsOfAll(Mutex<Vec<Waker>>);

impl WaitingPorts for PortsOfAll {
    fn add(&self, port: &Waker) {
        let mut ports = lock(&self.0);
        if !ports.iter().any(|other| other.will_wake(port)) {
            ports.push(port.clone());
        }
    }

    fn wake_all(&self) {
        let ports = std::mem::take(&mut *lock(&self.0));
        ports.into_iter().for_each(Waker::wake);
    }
}

/// Where the other workers wait for the first.
#[derive(Default)]
struct Gate {
    passage: Mutex<Passage>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Passage {
    #[default]
    Waiting,
    Open,
    Closed,
}

impl Gate {
    fn wait(&self) -> Passage {
        let passage = lock(&self.passage);
        let waited = self.changed.wait_while(passage, |it| *it == Passage::Waiting);
        *waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) {
        self.decide(Passage::Open);
    }

    fn decide(&self, decision: Passage) {
        let mut passage = lock(&self.passage);
        if *passage == Passage::Waiting {
            *passage = decision;
        }
        drop(passage);
        self.changed.notify_all();
    }
}

/// Closes a gate that was not opened, also where the first worker panics.
struct CloseOnDrop<'a>(&'a Gate);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.decide(Passage::Closed);
    }
}

/// No foreign code runs under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
