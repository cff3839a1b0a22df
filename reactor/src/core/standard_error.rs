//! The default observer of a reactor.
//!
//! Invariant: failures are printed, one line each and safe for a terminal; success is not printed, and
//! a closed standard error changes nothing.

use std::fmt;
use std::io::{self, Write as _};

use deferred::Chain;
use interfaces::{Observer, ReactorEvent, printable};

/// Prints failures to standard error, a line each.
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
                print(format_args!("{attempt} failed: {}", Chain(*error)));
            }
            _ => {}
        }
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
    drop(writeln!(io::stderr(), "{}", printable(&line.to_string())));
}
