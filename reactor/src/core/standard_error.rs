//! The observer that a reactor has when it was given none.
//!
//! Invariant: what went wrong is printed, what went well is not, and a standard error that is closed
//! or full changes nothing.

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};

use interfaces::{Observer, ReactorEvent};

/// Prints what went wrong to standard error, a line each.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardError;

impl Observer for StandardError {
    fn observe(&self, event: &ReactorEvent<'_>) {
        match event {
            ReactorEvent::AcceptFailed { address, error, remedy } => {
                print(format_args!(
                    "could not accept a connection on {address}: {error}; {remedy}"
                ));
            }
            ReactorEvent::CallbackPanicked { callback, peer: Some(peer), message } => {
                print(format_args!("a {callback} for {peer} panicked: {message}"));
            }
            ReactorEvent::CallbackPanicked { callback, peer: None, message } => {
                print(format_args!("a {callback} panicked: {message}"));
            }
            ReactorEvent::Failed { attempt, error } => {
                print(format_args!("{attempt} failed: {}", Causes(*error)));
            }
            _ => {}
        }
    }
}

/// An error and its sources, outermost first.
struct Causes<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(source) = next {
            write!(f, ": {source}")?;
            next = source.source();
        }
        Ok(())
    }
}

/// Prints the errors that no Deferred handled, unless the program has a hook of its own.
pub(crate) fn print_unhandled() {
    let hook = |unhandled: &deferred::Unhandled<'_>| print(format_args!("{unhandled}"));
    if let Some(own) = deferred::set_unhandled_hook(hook) {
        deferred::set_unhandled_hook(own);
    }
}

fn print(line: fmt::Arguments<'_>) {
    // `eprintln!` would panic where standard error is closed.
    drop(writeln!(io::stderr(), "{line}"));
}
