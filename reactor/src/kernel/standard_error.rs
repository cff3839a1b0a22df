//! The default observer of a reactor.
//!
//! Invariant: failures are printed, one line each and safe for a terminal; success is not printed, and
//! a standard error that is closed or full changes nothing.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use deferred::Chain;
use interfaces::{Observer, ReactorEvent, printable};

use super::raw_calls;

/// Prints failures to standard error, a line each, and never waits for it.
///
/// A line that standard error does not take at once is counted, and the count is printed before the next
/// line that it takes: a pipe or a terminal that is not read stops no reactor. Three things still can: what
/// the program prints itself, the message of std's panic hook, and another process that fills the same
/// pipe in the moment between the question and the write. A program that has to be sure sets an
/// [`Observer`] that gives the lines to a thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardError;

/// The lines that the process has not printed, as standard error was full.
static LOST: AtomicUsize = AtomicUsize::new(0);

impl StandardError {
    /// Prints text that is safe for a terminal, and a line end, in one piece, unless standard error would
    /// make it wait. The text is cut at the 4095 bytes that pipes take in one piece (pipe(7)).
    ///
    /// For the programs and observers that have nothing better to print with. Any thread may call it.
    pub fn write_lines(text: &str) {
        let lost = LOST.swap(0, Ordering::Relaxed);
        if lost > 0 && !write(&format!("{lost} lines were lost here: standard error was full\n")) {
            LOST.fetch_add(lost, Ordering::Relaxed);
        }
        let end = (0..PIPE_BUF.min(text.len() + 1)).rev().find(|end| text.is_char_boundary(*end));
        if !write(&format!("{}\n", &text[..end.unwrap_or(0)])) {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What a pipe with room takes in one piece.
const PIPE_BUF: usize = libc::PIPE_BUF;

/// Whether the text is written, or cannot be at any time: a closed standard error loses nothing.
fn write(text: &str) -> bool {
    let written = raw_calls::write_to_standard_error(text.as_bytes());
    !written.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

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

/// The variable of the environment that makes the reports name places, if it is there and not empty.
const DEBUG_VARIABLE: &str = "ROPEWALK_DEBUG";

/// Prints the errors that no Deferred handled, unless the program has a hook of its own. Where
/// `ROPEWALK_DEBUG` is set, they name the places where they were made and fired.
pub(crate) fn print_unhandled() {
    if std::env::var_os(DEBUG_VARIABLE).is_some_and(|value| !value.is_empty()) {
        deferred::set_debugging(true);
    }
    let hook = |unhandled: &deferred::Unhandled<'_>| print(format_args!("{unhandled}"));
    if let Some(own) = deferred::set_unhandled_hook(hook) {
        deferred::set_unhandled_hook(own);
    }
}

fn print(line: fmt::Arguments<'_>) {
    StandardError::write_lines(&printable(&line.to_string()).to_string());
}
