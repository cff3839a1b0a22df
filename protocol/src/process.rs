//! Programs that are run for their output or their exit code; Twisted's `twisted.internet.utils`.
//!
//! Each function starts a program, writes its whole input as fast as the program reads it, and fires when
//! all is known. A program that ends before it has read its input is no failure. Each has a time limit and
//! a limit of the bytes that it keeps; a program that is given up is killed. (What it has started itself
//! lives on, but its output is not waited for.) Cancelling the Deferred kills the program, too.
//!
//! ```no_run
//! # use ropewalk_protocol as protocol;
//! use deferred::Deferred;
//! use interfaces::{ReactorProcess, ReactorTime};
//! use protocol::process::{RunProcess, get_process_output};
//!
//! fn kernel_name(reactor: &(impl ReactorProcess + ReactorTime)) -> Deferred<Vec<u8>> {
//!     get_process_output(reactor, &RunProcess::new("uname"))
//! }
//! ```
//!
//! Invariant: each Deferred fires once, and before the program has ended only where it was given up.

mod collector;
mod input;
mod run_error;
mod run_process;
mod which;

use alloc::vec::Vec;

use deferred::{Deferred, Failure};
use interfaces::{ReactorProcess, ReactorTime};

use self::collector::{Collected, Keep, collect};

pub use self::run_error::{ProcessEnd, RunError};
pub use self::run_process::{ErrorOutput, RunProcess};
pub use self::which::which;

/// The standard output of a program, whatever its exit code. Twisted's `getProcessOutput`.
///
/// # Errors
///
/// Fails with [`SpawnError`](interfaces::SpawnError) when it cannot be run, and with [`RunError`]: as soon
/// as the program writes to its standard error, unless that is [collected](ErrorOutput::Collected) too,
/// and when it is given up. A program that a signal ended has its output like any other, as in Twisted.
#[doc(alias = "getProcessOutput")]
pub fn get_process_output(
    reactor: &(impl ReactorProcess + ReactorTime + ?Sized),
    run: &RunProcess,
) -> Deferred<Vec<u8>> {
    let keep = match run.error_output {
        ErrorOutput::Fails => Keep::OutputOrFail,
        ErrorOutput::Collected => Keep::Joined,
    };
    collect(reactor, run, keep).add_callback(|collected| match collected.reason {
        interfaces::ProcessReason::Stopped => Err(stopped(collected)),
        _ => Ok(collected.output),
    })
}

/// The exit code of a program, whose output is read and dropped. Twisted's `getProcessValue`.
///
/// # Errors
///
/// Fails with [`SpawnError`](interfaces::SpawnError) when it cannot be run, and with [`RunError`] when a
/// signal ends it or it is given up.
#[doc(alias = "getProcessValue")]
pub fn get_process_value(
    reactor: &(impl ReactorProcess + ReactorTime + ?Sized),
    run: &RunProcess,
) -> Deferred<u8> {
    collect(reactor, run, Keep::Nothing).add_callback(|collected| {
        let code = collected.reason.exit_code();
        code.ok_or_else(|| without_code(collected))
    })
}

/// The standard output, the standard error and the exit code of a program. Twisted's
/// `getProcessOutputAndValue`.
///
/// # Errors
///
/// Fails with [`SpawnError`](interfaces::SpawnError) when it cannot be run, and with [`RunError`] when a
/// signal ends it or it is given up.
#[doc(alias = "getProcessOutputAndValue")]
pub fn get_process_output_and_value(
    reactor: &(impl ReactorProcess + ReactorTime + ?Sized),
    run: &RunProcess,
) -> Deferred<(Vec<u8>, Vec<u8>, u8)> {
    collect(reactor, run, Keep::Apart).add_callback(|collected| {
        match collected.reason.exit_code() {
            Some(code) => Ok((collected.output, collected.errors, code)),
            None => Err(without_code(collected)),
        }
    })
}

fn without_code(collected: Collected) -> Failure {
    match collected.reason.signal() {
        Some(signal) => {
            let Collected { output, errors, .. } = collected;
            Failure::new(RunError::Signaled { output, errors, signal })
        }
        None => stopped(collected),
    }
}

fn stopped(collected: Collected) -> Failure {
    Failure::new(RunError::StatusUnknown { reason: collected.reason })
}
