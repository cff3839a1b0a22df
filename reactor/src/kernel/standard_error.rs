//! The default observer of a reactor.
//!
//! Invariant: failures are printed, one line each and safe for a terminal; success is not printed, and
//! a standard error that is closed or full changes nothing.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use deferred::Chain;
use interfaces::{Observer, ReactorEvent, printable};

use super::raw_calls;

/// Prints failures to standard error, a line each, and never waits for it.
///
/// Failed accepts have one line a second, as every client of a process without descriptors causes one; those
/// left out are counted in the line that follows.
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
                let Some(left_out) = accepts(Repeats::tell) else { return };
                print(format_args!(
                    "could not accept a connection on {address}: {error}; {remedy}{}",
                    LeftOut(left_out)
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

/// The failed accepts of the process.
static ACCEPTS: Mutex<Repeats> = Mutex::new(Repeats { told: None, left_out: 0 });

/// The time from one line of a kind to the next.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// Lines of one kind, and when the last one was told.
struct Repeats {
    told: Option<Instant>,
    left_out: usize,
}

impl Repeats {
    /// Whether a line is told now, with how many were left out before it.
    fn tell(&mut self, now: Instant) -> Option<usize> {
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < BETWEEN_LINES) {
            self.left_out += 1;
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

fn accepts<R>(ask: impl FnOnce(&mut Repeats, Instant) -> R) -> R {
    ask(&mut ACCEPTS.lock().unwrap_or_else(PoisonError::into_inner), Instant::now())
}

/// The lines that were left out, behind one that is told.
struct LeftOut(usize);

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, "; {count} more failed since the last line of an accept"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_lines_one_a_second_is_told_and_the_others_are_counted() {
        let (mut repeats, start) = (Repeats { told: None, left_out: 0 }, Instant::now());
        let mut told = Vec::new();
        for milliseconds in (0..5000).step_by(10) {
            let now = start + Duration::from_millis(milliseconds);
            told.extend(repeats.tell(now).map(|left_out| (milliseconds, left_out)));
        }
        assert_eq!(told, [(0, 0), (1000, 99), (2000, 99), (3000, 99), (4000, 99)]);
        let later = start + Duration::from_secs(60);
        assert_eq!((repeats.tell(later), repeats.tell(later)), (Some(99), None));
    }

    #[test]
    fn the_lines_left_out_stand_behind_the_one_that_is_told() {
        assert_eq!(LeftOut(0).to_string(), "");
        let text = LeftOut(7).to_string();
        assert_eq!(text, "; 7 more failed since the last line of an accept");
    }
}
