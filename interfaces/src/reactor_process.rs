//! Child processes as a capability; Twisted's `IReactorProcess`.
//!
//! Invariant: a spawn that fails leaves no pipe and no process behind; one that ran already is killed at
//! once, and reaped on a later turn.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;

use crate::{OsError, ProcessProtocol, ProcessTransport, SpawnProcess, printable};

/// The ability to run child processes.
#[doc(alias = "IReactorProcess")]
pub trait ReactorProcess {
    /// Starts a program. Its protocol is told on a later turn. A process that outlives its reactor runs
    /// on, and stays a zombie after its end until this process spawns another one, sees another one's
    /// end, makes a reactor, or ends.
    ///
    /// # Errors
    ///
    /// [`SpawnError`], at once; the protocol is dropped and was told nothing.
    #[doc(alias = "spawnProcess")]
    fn spawn_process(
        &self,
        options: &SpawnProcess,
        protocol: Box<dyn ProcessProtocol>,
    ) -> Result<Rc<dyn ProcessTransport>, SpawnError>;
}

/// Why a program was not started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The program could not be executed: it does not exist, may not be executed, or the directory, the
    /// user or the group could not be changed to.
    #[error("cannot run {}{}", printable(.program), in_directory(.directory.as_deref()))]
    NotExecuted {
        /// The program.
        program: String,
        /// The directory that it was to run in, if one was given.
        directory: Option<String>,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
    /// What the child needs could not be made: a pipe, a terminal, a process.
    #[error("cannot run {}: cannot make {need}", printable(.program))]
    NotPrepared {
        /// The program.
        program: String,
        /// The thing that could not be made.
        need: &'static str,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
    /// A descriptor that the child was to have cannot be given to it.
    #[error("cannot run {}: its descriptor {child_fd} {reason}", printable(.program))]
    BadDescriptor {
        /// The program.
        program: String,
        /// The child's descriptor.
        child_fd: i32,
        /// The reason, as a sentence without its subject.
        reason: &'static str,
    },
}

fn in_directory(directory: Option<&str>) -> String {
    directory.map_or_else(String::new, |directory| alloc::format!(" in {}", printable(directory)))
}

impl<R: ReactorProcess + ?Sized> ReactorProcess for Rc<R> {
    fn spawn_process(
        &self,
        options: &SpawnProcess,
        protocol: Box<dyn ProcessProtocol>,
    ) -> Result<Rc<dyn ProcessTransport>, SpawnError> {
        (**self).spawn_process(options, protocol)
    }
}
