//! The observer that a reactor has when it was given none.
//!
//! Invariant: what went wrong is printed, what went well is not.
#![allow(clippy::print_stderr, reason = "printing there is what this observer is for")]

use interfaces::{Observer, Occurrence};

/// Prints what went wrong to standard error, a line each.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardError;

impl Observer for StandardError {
    fn observe(&self, occurrence: &Occurrence<'_>) {
        match occurrence {
            Occurrence::AcceptFailed { address, error, remedy } => {
                eprintln!("could not accept a connection on {address}: {error}; {remedy}");
            }
            Occurrence::CallbackPanicked { callback, peer: Some(peer), message } => {
                eprintln!("a {callback} for {peer} panicked: {message}");
            }
            Occurrence::CallbackPanicked { callback, peer: None, message } => {
                eprintln!("a {callback} panicked: {message}");
            }
            Occurrence::Failed { attempt, error } => eprintln!("{attempt} failed: {error}"),
            _ => {}
        }
    }
}

/// Prints the errors that no Deferred handled, unless the program has a hook of its own.
pub(crate) fn print_unhandled() {
    if let Some(own) = deferred::set_unhandled_hook(|unhandled| eprintln!("{unhandled}")) {
        deferred::set_unhandled_hook(own);
    }
}
