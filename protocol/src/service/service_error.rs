//! The errors of services.
//!
//! Invariant: each says which service it is about, where that has a name, and what to do.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;

use deferred::Failure;
use interfaces::printable;

/// Why a service could not be added to a [`MultiService`](super::MultiService).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AddServiceError {
    /// Another child has the name. Twisted raises `RuntimeError`.
    DuplicateName {
        /// The name.
        name: Rc<str>,
    },
    /// The service is a child already.
    AlreadyAdded,
    /// The parent runs, and the service could not be started. It was added, and the stop of its parent
    /// stops what of it did start.
    NotStarted(Failure),
}

impl fmt::Display for AddServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateName { name } => {
                let name = printable(&**name);
                write!(f, "cannot add a service named {name}: another one has this name")
            }
            Self::AlreadyAdded => f.write_str("cannot add the service: it was added before"),
            Self::NotStarted(_) => {
                f.write_str("the service was added to others that run, and cannot be started")
            }
        }
    }
}

impl Error for AddServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotStarted(failure) => Some(failure.as_error()),
            Self::DuplicateName { .. } | Self::AlreadyAdded => None,
        }
    }
}

/// A service was to be removed from a [`MultiService`](super::MultiService) that it was not added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAChild;

impl fmt::Display for NotAChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot remove the service: it was not added here, or was removed before")
    }
}

impl Error for NotAChild {}

/// A service was to be started while it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillStopping;

impl fmt::Display for StillStopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot start the service: it is stopping; wait for the Deferred of its stop")
    }
}

impl Error for StillStopping {}

/// Several services did not stop in order; all of them have stopped.
#[derive(Clone, Debug)]
pub struct StopFailures {
    failures: Vec<Failure>,
}

impl StopFailures {
    /// One failure is itself, several are one error.
    pub(super) fn of(mut failures: Vec<Failure>) -> Result<(), Failure> {
        match failures.len() {
            0 => Ok(()),
            1 => Err(failures.remove(0)),
            _ => Err(Self { failures }.into()),
        }
    }

    /// The failures, in the order in which the services were stopped.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }
}

impl fmt::Display for StopFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.failures.iter().map(|it| alloc::format!("{it:#}")).collect();
        write!(f, "{} services did not stop in order: {}", all.len(), all.join("; "))
    }
}

impl Error for StopFailures {}
