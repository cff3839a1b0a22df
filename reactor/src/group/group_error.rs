//! [`GroupError`]: why a group of reactors ended.
//!
//! Invariant: it names the member, and is made of what may leave that member's thread.

use std::error::Error;
use std::fmt;
use std::io;

use interfaces::printable;

/// Why a [`ReactorGroup`](crate::ReactorGroup) ended before it was stopped. The other members were
/// stopped, too.
#[derive(Debug)]
#[non_exhaustive]
pub enum GroupError {
    /// A member could not begin: no thread, no descriptor, or no signal could be had.
    NotStarted {
        /// The member's number.
        member: usize,
        /// The system's answer.
        source: io::Error,
    },
    /// A member's thread could not be confined to a core.
    NotPinned {
        /// The member's number.
        member: usize,
        /// The system's answer.
        source: io::Error,
    },
    /// The program of a member returned an error.
    Failed {
        /// The member's number.
        member: usize,
        /// The error and its sources, as text: an error need not be able to leave its thread.
        error: String,
    },
    /// A member's reactor could not wait for events any more.
    Broken {
        /// The member's number.
        member: usize,
        /// The system's answer.
        source: io::Error,
    },
    /// The program of a member panicked.
    Panicked {
        /// The member's number.
        member: usize,
        /// The panic's message.
        message: String,
    },
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted { member, .. } => {
                write!(f, "cannot start reactor {member} of the group")
            }
            Self::NotPinned { member, .. } => {
                write!(f, "cannot confine reactor {member} of the group to a core")
            }
            Self::Failed { member, error } => {
                write!(f, "reactor {member} of the group failed: {}", printable(error))
            }
            Self::Broken { member, .. } => {
                write!(f, "reactor {member} of the group cannot wait for events")
            }
            Self::Panicked { member, message } => {
                write!(f, "reactor {member} of the group panicked: {}", printable(message))
            }
        }
    }
}

impl Error for GroupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotStarted { source, .. }
            | Self::NotPinned { source, .. }
            | Self::Broken { source, .. } => Some(source),
            Self::Failed { .. } | Self::Panicked { .. } => None,
        }
    }
}
