//! A child process as a connection; Twisted's `ProcessEndpoint`. With the feature `std`.
//!
//! `adapter` turns the events of a process into those of a connection, `transport` the calls of a transport
//! into those of a process, and `strings` reads the strings of kind `process`. Invariant: each `connect`
//! spawns one process at most.

mod adapter;
mod strings;
mod transport;

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::fmt;

use deferred::{Deferred, Failure, Promise};
use interfaces::{
    Address, ChildDescriptor, ChildDescriptors, ConnectError, Factory, ProcessTransport,
    ReactorProcess, SpawnProcess, StreamClientEndpoint,
};

use self::adapter::Adapter;

pub use self::strings::ProcessClientParser;

/// A program to run, whose standard input and output are the connection.
///
/// The protocol receives what the program writes to its standard output, and what it writes goes to the
/// program's standard input. A protocol that is half-closeable is told when the program closes one of the
/// two; `lose_write_connection` closes the standard input. The connection is lost when the process has ended
/// and all its pipes are closed: with [`Done`](interfaces::Reason::Done) after the exit code 0, and otherwise
/// with [`Lost`](interfaces::Reason::Lost), whose cause is the [`ProcessReason`](interfaces::ProcessReason).
/// `lose_connection` closes the pipes and does not end the process; `abort_connection` kills it.
///
/// # Errors
///
/// `connect` fails with [`SpawnError`](interfaces::SpawnError); with
/// [`ConnectError::NoProtocol`], before anything runs; and with [`ConnectError::EndedAtOnce`] when
/// `connection_made` panicked. Cancelling kills the process.
///
/// # Examples
///
/// ```no_run
/// # fn of(reactor: impl interfaces::ReactorProcess + 'static) {
/// use interfaces::SpawnProcess;
/// use ropewalk_endpoints::ProcessEndpoint;
///
/// let sort = SpawnProcess::new("sort").with_arguments(["-n"]);
/// let endpoint = ProcessEndpoint::new(reactor, sort);
/// # let _ = endpoint;
/// # }
/// ```
///
/// # Differences from Twisted
///
/// The program inherits the environment unless `SpawnProcess` says otherwise. The result fires when
/// `connection_made` has returned, on a later turn. What the program writes to its standard error goes to
/// this process's, and not through a log.
#[derive(Clone)]
pub struct ProcessEndpoint {
    reactor: Rc<dyn ReactorProcess>,
    options: SpawnProcess,
    error_output: StandardErrorBehavior,
}

/// What becomes of the bytes that a program writes to its standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StandardErrorBehavior {
    /// They go where this process's go. In the place of Twisted's `LOG`.
    #[default]
    Inherited,
    /// They are read and dropped.
    Drop,
}

impl ProcessEndpoint {
    /// Runs a program as `options` say, which need a pipe for 0 and for 1, or a terminal.
    pub fn new(reactor: impl ReactorProcess + 'static, options: SpawnProcess) -> Self {
        Self::shared(Rc::new(reactor), options)
    }

    /// What becomes of the standard error, where that is a pipe as it is by default.
    #[must_use]
    pub fn with_error_output(self, error_output: StandardErrorBehavior) -> Self {
        Self { error_output, ..self }
    }

    pub(crate) fn shared(reactor: Rc<dyn ReactorProcess>, options: SpawnProcess) -> Self {
        Self { reactor, options, error_output: StandardErrorBehavior::default() }
    }

    /// What the program is spawned with.
    fn options(&self) -> SpawnProcess {
        let options = self.options.clone();
        let is_pipe = matches!(
            &options.descriptors,
            ChildDescriptors::Each(each)
                if matches!(each.get(&2), Some(ChildDescriptor::PipeFromChild))
        );
        match self.error_output {
            StandardErrorBehavior::Inherited if is_pipe => {
                options.with_descriptor(2, ChildDescriptor::Inherited)
            }
            StandardErrorBehavior::Inherited | StandardErrorBehavior::Drop => options,
        }
    }

    /// Both addresses of the connection.
    fn address(&self) -> Address {
        Address::Other(alloc::format!("process {}", self.options.program.display()).into())
    }
}

impl StreamClientEndpoint for ProcessEndpoint {
    /// Nothing is listened on and no address is tried, so the factory's `do_start` and `do_stop` are not
    /// called, as in Twisted.
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let address = self.address();
        let Some(protocol) = factory.build_protocol(&address) else {
            return Deferred::fail(ConnectError::NoProtocol { address });
        };
        let spawned = Rc::new(Spawned::default());
        let late = Rc::downgrade(&spawned);
        let (deferred, promise) = Deferred::with_canceller(move || {
            if let Some(spawned) = late.upgrade() {
                spawned.give_up();
            }
            None
        });
        spawned.promise.set(Some(promise));
        let adapter = Adapter::new(protocol, address, Rc::clone(&spawned));
        match self.reactor.spawn_process(&self.options(), Box::new(adapter)) {
            Ok(process) => drop(spawned.process.replace(Some(process))),
            Err(error) => spawned.fire(Err(Failure::new(error))),
        }
        deferred
    }
}

impl fmt::Debug for ProcessEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessEndpoint")
            .field("options", &self.options)
            .field("error_output", &self.error_output)
            .finish_non_exhaustive()
    }
}

/// One connect, until it has its result.
#[derive(Default)]
struct Spawned {
    promise: Cell<Option<Promise<()>>>,
    /// For the canceller, until the protocol is told.
    process: RefCell<Option<Rc<dyn ProcessTransport>>>,
    given_up: Cell<bool>,
}

impl Spawned {
    /// Fires, unless that was done before.
    fn fire(&self, outcome: Result<(), Failure>) {
        if let Some(promise) = self.promise.take() {
            promise.fire(outcome);
        }
    }

    fn give_up(&self) {
        self.given_up.set(true);
        let process = self.process.take();
        if let Some(process) = process {
            kill(&*process);
        }
    }
}

/// Ends a process at once, and lets go of its pipes.
fn kill(process: &dyn ProcessTransport) {
    // One that has ended needs no signal, and one of another user's cannot be sent one.
    let _ = process.signal_process(&"KILL".into());
    process.lose_connection();
}
