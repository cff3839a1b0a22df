//! The descriptors that a service manager handed to the command.
//!
//! Invariant: each one ends with an endpoint that listens on it, or is closed and told.

use std::os::fd::OwnedFd;

use systemd::{ListenFds, ListenFdsError};

use crate::exit_code::Exit;
use crate::report;

/// A worker's own descriptors, or why there are none.
pub(crate) type InheritedCopies = Result<Vec<(String, OwnedFd)>, ListenFdsError>;

/// Takes the inherited descriptors out, and makes a copy for each worker but the first.
///
/// # Errors
///
/// The exit code, when the system has no descriptor for a copy; it was reported.
pub(crate) fn copies_of_inherited(
    number: usize,
    inherited: &ListenFds,
) -> Result<Vec<InheritedCopies>, Exit> {
    let inherited = match inherited.take_all() {
        Ok(inherited) => inherited,
        Err(error) => return Ok((0..number).map(|_| Err(error.clone())).collect()),
    };
    let copy = || -> std::io::Result<Vec<(String, OwnedFd)>> {
        let copies = inherited.iter().map(|(name, descriptor)| {
            descriptor.try_clone().map(|descriptor| (name.clone(), descriptor))
        });
        copies.collect()
    };
    let copies = (1..number).map(|_| copy()).collect::<Result<Vec<_>, _>>();
    let copies = copies.map_err(|error| {
        report::note(format_args!("error: cannot copy the inherited descriptors: {error}"));
        Exit::Unavailable
    })?;
    Ok(std::iter::once(inherited).chain(copies).map(Ok).collect())
}

/// Closes the inherited sockets that no endpoint listens on, whose clients would wait for ever.
pub(crate) fn close_unclaimed(inherited: &ListenFds, tells: bool) {
    for unclaimed in inherited.close_unclaimed() {
        if tells {
            report::note(format_args!("warning: {unclaimed}"));
        }
    }
}
