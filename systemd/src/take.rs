//! Taking inherited descriptors out of their [`ListenFds`], to be used.
//!
//! Invariant: a descriptor is looked at before it is taken, and what does not fit stays where it was.

use std::os::fd::{AsFd as _, OwnedFd};

use socket2::SockRef;

use crate::inspect::{Kind, Use, wanted};
use crate::listen_fds::{Inherited, os_error};
use crate::{DescriptorLabel, Domain, ListenFds, Selector, TakeError};

/// An inherited stream socket, non-blocking, for a reactor to adopt.
#[derive(Debug)]
#[non_exhaustive]
pub enum InheritedStream {
    /// It listens: a socket unit with `Accept=no`.
    Port(OwnedFd),
    /// It is connected: a socket unit with `Accept=yes`, which starts a process for each connection.
    Connection(OwnedFd),
}

/// A descriptor that nothing has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnclaimedDescriptor {
    /// The descriptor.
    pub descriptor: DescriptorLabel,
    /// Its type, in words.
    pub found: String,
}

impl core::fmt::Display for UnclaimedDescriptor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { descriptor, found } = self;
        write!(f, "inherited {descriptor}, {found}, is used by nothing, and was closed")
    }
}

impl ListenFds {
    /// Takes a listening stream socket out, non-blocking. With a `domain`, its family has to be
    /// that one.
    ///
    /// Non-blocking is a property of the socket itself: from then on it is non-blocking for the
    /// supervisor and other processes that have it open, too.
    ///
    /// # Errors
    ///
    /// [`TakeError`]; the descriptor stays here.
    ///
    /// # Differences from Twisted
    ///
    /// The descriptor is looked at before it is used. Of several with the same name Twisted takes
    /// the last one; here that is an error, as one is asked for. See [`take_streams`](Self::take_streams).
    pub fn take_stream_port(
        &self,
        selector: &Selector,
        domain: Option<Domain>,
    ) -> Result<OwnedFd, TakeError> {
        let (all, places) = self.select(selector)?;
        if let (Selector::Name(name), [_, _, ..]) = (selector, &places[..]) {
            return Err(TakeError::Ambiguous { name: name.clone(), indexes: places });
        }
        let mut fitting = fitting(all, &places, &[Use::Port], domain)?;
        let (place, _) = fitting.swap_remove(0);
        take(all, place)
    }

    /// Takes out all stream sockets that the selector names and that are left, non-blocking and in order:
    /// one by its index, or all of a name. With a `domain`, only those of that family.
    ///
    /// # Errors
    ///
    /// [`TakeError`], when there is none; every descriptor stays here.
    pub fn take_streams(
        &self,
        selector: &Selector,
        domain: Option<Domain>,
    ) -> Result<Vec<InheritedStream>, TakeError> {
        let (all, places) = self.select(selector)?;
        let fitting = fitting(all, &places, &[Use::Port, Use::Connection], domain)?;
        let take = |(place, found): (usize, Use)| {
            let descriptor = take(all, place)?;
            Ok(match found {
                Use::Connection => InheritedStream::Connection(descriptor),
                Use::Port | Use::Datagrams => InheritedStream::Port(descriptor),
            })
        };
        fitting.into_iter().map(take).collect()
    }

    /// Takes out all datagram sockets that the selector names and that are left, non-blocking and in
    /// order, as [`take_streams`](Self::take_streams) does: `ListenDatagram=`.
    ///
    /// # Errors
    ///
    /// [`TakeError`], when there is none; every descriptor stays here.
    pub fn take_datagram_sockets(
        &self,
        selector: &Selector,
        domain: Option<Domain>,
    ) -> Result<Vec<OwnedFd>, TakeError> {
        let (all, places) = self.select(selector)?;
        let fitting = fitting(all, &places, &[Use::Datagrams], domain)?;
        fitting.into_iter().map(|(place, _)| take(all, place)).collect()
    }

    /// Whether what was inherited is one connection and no more, and was not taken: the process was started
    /// for it, by a socket unit with `Accept=yes`, and ends with it.
    pub fn is_one_connection(&self) -> bool {
        let Ok([inherited]) = self.all() else { return false };
        let descriptor = inherited.descriptor.borrow();
        let kind = descriptor.as_ref().and_then(|descriptor| Kind::of(descriptor.as_fd()).ok());
        kind.and_then(Kind::uses) == Some(Use::Connection)
    }

    /// Closes those that were not taken, and tells which. For a program to call when it has all that it
    /// wants, and to report: a client of such a socket would wait for ever.
    pub fn close_unclaimed(&self) -> Vec<UnclaimedDescriptor> {
        let Ok(all) = self.all() else { return Vec::new() };
        let close = |(index, inherited): (usize, &Inherited)| {
            let descriptor = inherited.descriptor.take()?;
            let found = Kind::of(descriptor.as_fd()).map(|kind| kind.to_string());
            let found = found.unwrap_or_else(|_| "of unknown type".into());
            Some(UnclaimedDescriptor { descriptor: inherited.label(index), found })
        };
        all.iter().enumerate().filter_map(close).collect()
    }

    /// The places of what the selector names, whether taken since or not.
    pub(crate) fn places(&self, selector: &Selector) -> Result<Vec<usize>, TakeError> {
        self.select(selector).map(|(_, places)| places)
    }

    fn select(&self, selector: &Selector) -> Result<(&[Inherited], Vec<usize>), TakeError> {
        let all = self.all()?;
        Ok((all, selector.places(all)?))
    }
}

/// Of these places those whose descriptor is left and fits, with its use: at least one.
fn fitting(
    all: &[Inherited],
    places: &[usize],
    uses: &[Use],
    domain: Option<Domain>,
) -> Result<Vec<(usize, Use)>, TakeError> {
    let mut fitting = Vec::with_capacity(places.len());
    let mut first_error = None;
    for &place in places {
        match look(all, place, uses, domain) {
            Ok(found) => fitting.push((place, found)),
            // One that was taken is not what is wrong with another one.
            Err(error @ TakeError::AlreadyTaken { .. }) => {
                first_error = first_error.or(Some(error))
            }
            Err(error @ TakeError::Unsuitable { .. }) => match first_error {
                None | Some(TakeError::AlreadyTaken { .. }) => first_error = Some(error),
                Some(_) => {}
            },
            Err(error) => return Err(error),
        }
    }
    match first_error {
        Some(error) if fitting.is_empty() => Err(error),
        _ => Ok(fitting),
    }
}

/// Looks at the descriptor of a place.
fn look(
    all: &[Inherited],
    place: usize,
    uses: &[Use],
    domain: Option<Domain>,
) -> Result<Use, TakeError> {
    let label = || all[place].label(place);
    let slot = all[place].descriptor.borrow();
    let Some(descriptor) = slot.as_ref() else {
        return Err(TakeError::AlreadyTaken { descriptor: label() });
    };
    let kind = Kind::of(descriptor.as_fd())
        .map_err(|error| TakeError::System { descriptor: label(), source: os_error(&error) })?;
    match kind.uses() {
        Some(found) if kind.fits(uses, domain) => Ok(found),
        _ => Err(TakeError::Unsuitable {
            descriptor: label(),
            found: kind.to_string(),
            wanted: wanted(uses, domain),
        }),
    }
}

/// Makes the descriptor of a place non-blocking, and takes it.
fn take(all: &[Inherited], place: usize) -> Result<OwnedFd, TakeError> {
    let label = || all[place].label(place);
    let mut slot = all[place].descriptor.borrow_mut();
    let taken = || TakeError::AlreadyTaken { descriptor: label() };
    let descriptor = slot.as_ref().ok_or_else(taken)?;
    SockRef::from(descriptor)
        .set_nonblocking(true)
        .map_err(|error| TakeError::System { descriptor: label(), source: os_error(&error) })?;
    slot.take().ok_or_else(taken)
}
