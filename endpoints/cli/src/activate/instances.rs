//! `--accept`: one program for each connection, as a socket unit with `Accept=yes` has it.
//!
//! ```text
//!  Accepting ── as many run as may ──▶ Full ── one ended ──▶ Accepting
//!      └───────────────── signal ───────┴──▶ Ending ── the last one ended, second signal ──▶ the end
//! ```
//!
//! Invariant: each program is in `running` from its start to its end, and no listener is watched while that is
//! full.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::{Rc, Weak};
use std::time::Duration;

use deferred::{Chain, Deferred, Promise};
use interfaces::{
    ChildDescriptor, ChildDescriptors, FileDescriptor, ProcessReason, ProcessTransport,
    ReactorFdSet as _, ReactorProcess as _, ReadDescriptor, Reason, SpawnProcess,
};
use reactor::Reactor;
use socket2::{SockAddr, Socket};

use super::instance::Instance;
use crate::arguments::Variable;
use crate::exit_code::Exit;
use crate::log::Kind;
use crate::report;

/// This program, also when its file was replaced since (proc(5)).
const THIS_PROGRAM: &str = "/proc/self/exe";

/// The subcommand that becomes the program of a connection.
const SUBCOMMAND: &str = "activate-connection";

/// How many connections one listener accepts in a turn.
const ACCEPTS_PER_TURN: usize = 16;

/// The wait after a failed accept, or a failed start.
const PAUSE: Duration = Duration::from_millis(500);

/// What each program is started with.
pub(crate) struct Launch {
    pub(crate) program: Vec<OsString>,
    pub(crate) variables: Vec<Variable>,
    /// Whether the connection is its standard input and output.
    pub(crate) inetd: bool,
    /// The most at a time; 0 is no limit.
    pub(crate) most: usize,
}

/// The programs that run.
pub(crate) struct Instances {
    reactor: Reactor,
    launch: Launch,
    listeners: RefCell<Vec<Rc<Listener>>>,
    running: RefCell<BTreeMap<u64, Rc<dyn ProcessTransport>>>,
    started: Cell<u64>,
    is_ending: Cell<bool>,
    end: RefCell<Option<Promise<Exit>>>,
}

/// A socket that listens, and its name.
struct Listener {
    socket: Socket,
    name: String,
    instances: Weak<Instances>,
}

impl Instances {
    /// Begins to accept; fires with the exit code.
    ///
    /// # Errors
    ///
    /// The exit code, when the system cannot watch a socket; it was reported.
    pub(crate) fn begin(
        reactor: &Reactor,
        launch: Launch,
        sockets: Vec<(OwnedFd, String)>,
    ) -> (Rc<Self>, Deferred<Exit>) {
        let (ended, promise) = Deferred::new();
        let instances = Rc::new(Self {
            reactor: reactor.clone(),
            launch,
            listeners: RefCell::default(),
            running: RefCell::default(),
            started: Cell::new(0),
            is_ending: Cell::new(false),
            end: RefCell::new(Some(promise)),
        });
        let listener = |(socket, name)| {
            let socket = Socket::from(socket);
            Rc::new(Listener { socket, name, instances: Rc::downgrade(&instances) })
        };
        let listeners: Vec<_> = sockets.into_iter().map(listener).collect();
        instances.listeners.replace(listeners);
        instances.watch();
        (instances, ended)
    }

    /// Hands a signal on: the first one ends the accepting, the second one the command.
    pub(crate) fn signal(&self, name: &'static str) {
        if self.is_ending.replace(true) {
            return self.finish(Exit::Done);
        }
        self.unwatch();
        let running: Vec<_> = self.running.borrow().values().cloned().collect();
        for process in &running {
            // One that has ended meanwhile needs none.
            let _ = process.signal_process(&name.into());
        }
        self.finish_if_over();
    }

    fn is_full(&self) -> bool {
        let most = self.launch.most;
        most > 0 && self.running.borrow().len() >= most
    }

    fn watch(&self) {
        if self.is_ending.get() || self.is_full() {
            return;
        }
        let listeners = self.listeners.borrow().clone();
        for listener in listeners {
            let name = listener.name.clone();
            if let Err(error) = self.reactor.add_reader(listener) {
                report::note(format_args!("error: cannot watch socket {name}: {}", Chain(&error)));
                self.finish(Exit::Unavailable);
            }
        }
    }

    fn unwatch(&self) {
        let listeners = self.listeners.borrow().clone();
        for listener in listeners {
            let reader: Rc<dyn ReadDescriptor> = listener;
            self.reactor.remove_reader(&reader);
        }
    }

    /// Accepts nothing for a moment.
    fn pause(self: &Rc<Self>) {
        self.unwatch();
        let weak = Rc::downgrade(self);
        let go_on = move || weak.upgrade().into_iter().for_each(|it| it.watch());
        drop(self.reactor.call_later(PAUSE, Box::new(go_on)));
    }

    fn start(self: &Rc<Self>, listener: &Listener, connection: Socket, peer: &SockAddr) {
        let number = self.started.get();
        self.started.set(number + 1);
        let address = peer.as_socket();
        let peer = address.map_or_else(|| listener.name.clone(), |it| it.to_string());
        let mut variables = self.launch.variables.clone();
        if let Some(address) = address {
            // As a service of a socket unit has them (systemd.exec(5)).
            variables.push(Variable::new("REMOTE_ADDR", address.ip().to_string()));
            variables.push(Variable::new("REMOTE_PORT", address.port().to_string()));
        }
        let options = self.options(&listener.name, &variables, OwnedFd::from(connection).into());
        let instances = Rc::downgrade(self);
        let instance = Box::new(Instance { number, peer: peer.clone(), instances });
        match self.reactor.spawn_process(&options, instance) {
            Ok(process) => drop(self.running.borrow_mut().insert(number, process)),
            Err(error) => {
                let text = format_args!("error: no program for {peer}: {}", Chain(&error));
                report::repeated(Kind::Program, text);
                self.pause();
            }
        }
        if self.is_full() {
            self.unwatch();
        }
    }

    fn options(&self, name: &str, variables: &[Variable], connection: Rc<OwnedFd>) -> SpawnProcess {
        let mut arguments: Vec<OsString> = vec![SUBCOMMAND.into()];
        if !self.launch.inetd {
            arguments.push(format!("--fdname={name}").into());
        }
        for variable in variables {
            arguments.extend(["--setenv".into(), variable.text()]);
        }
        arguments.push("--".into());
        arguments.extend(self.launch.program.iter().cloned());
        let given = || ChildDescriptor::Given(connection.clone());
        let inherited = || ChildDescriptor::Inherited;
        let descriptors = match self.launch.inetd {
            true => BTreeMap::from([(0, given()), (1, given()), (2, inherited())]),
            false => {
                BTreeMap::from([(0, inherited()), (1, inherited()), (2, inherited()), (3, given())])
            }
        };
        SpawnProcess::new(THIS_PROGRAM)
            .with_own_name("ropewalk")
            .with_arguments(arguments)
            .with_descriptors(ChildDescriptors::Each(descriptors))
    }

    pub(super) fn ended(&self, number: u64, peer: &str, reason: &ProcessReason) {
        drop(self.running.borrow_mut().remove(&number));
        if !matches!(reason, ProcessReason::Done | ProcessReason::Stopped) && !self.is_ending.get()
        {
            let text = format_args!("warning: the program for {peer}: {}", Chain(reason));
            report::repeated(Kind::Program, text);
        }
        self.watch();
        self.finish_if_over();
    }

    fn finish_if_over(&self) {
        if self.is_ending.get() && self.running.borrow().is_empty() {
            self.finish(Exit::Done);
        }
    }

    fn finish(&self, exit: Exit) {
        let end = self.end.take();
        if let Some(end) = end {
            end.callback(exit);
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl FileDescriptor for Listener {}

impl ReadDescriptor for Listener {
    fn do_read(&self) -> Result<(), Reason> {
        let Some(instances) = self.instances.upgrade() else { return Ok(()) };
        for _ in 0..ACCEPTS_PER_TURN {
            if instances.is_full() || instances.is_ending.get() {
                break;
            }
            match self.socket.accept() {
                Ok((connection, peer)) => instances.start(self, connection, &peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The peer went away in the queue (accept(2)).
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    let text = format_args!("warning: cannot accept on {}: {error}", self.name);
                    report::repeated(Kind::Accept, text);
                    instances.pause();
                    break;
                }
            }
        }
        Ok(())
    }
}
