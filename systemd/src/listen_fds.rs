//! The descriptors that this process inherited; Twisted's `twisted.python.systemd.ListenFDs`.
//!
//! Invariant: each one has one owner: its [`ListenFds`] until it is taken, and then the taker.

use core::cell::RefCell;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::rc::Rc;

use interfaces::OsError;
use socket2::SockRef;

use crate::inspect::{Kind, wanted};
use crate::sys::{self, Origin};
use crate::{Announcement, DescriptorLabel, Domain, ListenFdsError, TakeError};

/// The number of the first inherited descriptor (`SD_LISTEN_FDS_START`).
const FIRST: RawFd = 3;

/// Whether the descriptors of this process have been taken over.
static TAKEN_OVER: AtomicBool = AtomicBool::new(false);

/// The inherited descriptors, in order, with their names. A clone is another handle to the same
/// ones. Those that were not taken are closed with the last handle.
///
/// # Examples
///
/// ```
/// # use ropewalk_systemd as systemd;
/// use systemd::{ListenFds, Selector};
///
/// // A socket of another supervisor, named by hand.
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let inherited = ListenFds::from_descriptors([("web", listener.into())]);
///
/// let descriptor = inherited.take_stream_port(&Selector::Name("web".into()), None)?;
/// assert!(inherited.take_stream_port(&Selector::Index(0), None).is_err(), "it was taken before");
/// # drop(descriptor);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct ListenFds {
    inherited: Rc<[Inherited]>,
    /// Why there are none, where the environment announced some.
    error: Option<ListenFdsError>,
}

/// Selects an inherited descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selector {
    /// By its place, from 0.
    Index(usize),
    /// By its name in `LISTEN_FDNAMES`; the unit's `FileDescriptorName=`.
    Name(String),
}

impl ListenFds {
    /// Takes over the descriptors that the environment announces. Call it first in `main`.
    ///
    /// The environment is read and never edited; a second call gets no descriptor. All descriptors
    /// are made close-on-exec, so no child inherits them.
    ///
    /// # Errors
    ///
    /// [`ListenFdsError`]; then no descriptor was taken over, and a later call tries again.
    ///
    /// # Differences from Twisted
    ///
    /// Twisted reads when its endpoints are imported, removes `LISTEN_PID` and `LISTEN_FDS` from the
    /// environment, and leaves the descriptors open for children. See also
    /// [`Announcement::from_variables`].
    #[doc(alias = "fromEnvironment")]
    pub fn from_environment() -> Result<Self, ListenFdsError> {
        let announcement =
            Announcement::from_variables(std::process::id(), |name| std::env::var_os(name))?;
        let nothing = announcement.names().is_empty();
        if nothing || TAKEN_OVER.swap(true, Ordering::AcqRel) {
            return Ok(Self::default());
        }
        take_over(&announcement).inspect_err(|_| TAKEN_OVER.store(false, Ordering::Release))
    }

    /// Holds these descriptors as if they had been inherited: for other supervisors, and for tests.
    pub fn from_descriptors<N: Into<String>>(
        descriptors: impl IntoIterator<Item = (N, OwnedFd)>,
    ) -> Self {
        let hold = |(name, descriptor): (N, OwnedFd)| Inherited {
            number: descriptor.as_raw_fd(),
            name: name.into(),
            descriptor: RefCell::new(Some(descriptor)),
        };
        Self { inherited: descriptors.into_iter().map(hold).collect(), error: None }
    }

    /// Holds none, because [`from_environment`](Self::from_environment) failed with `error`: taking
    /// one fails with it. For a program in which only the use of an inherited descriptor fails.
    pub fn unavailable(error: ListenFdsError) -> Self {
        Self { inherited: Rc::default(), error: Some(error) }
    }

    /// The numbers and names of all that were inherited, in order, whether taken since or not.
    /// Twisted's `inheritedDescriptors` and `inheritedNamedDescriptors`.
    #[doc(alias = "inheritedDescriptors")]
    #[doc(alias = "inheritedNamedDescriptors")]
    pub fn inherited_descriptors(&self) -> impl Iterator<Item = (RawFd, &str)> {
        self.inherited.iter().map(|inherited| (inherited.number, inherited.name.as_str()))
    }

    /// Takes out all that were not taken, in order and with their names: to give them, or copies of them,
    /// to other threads, for each of which [`from_descriptors`](Self::from_descriptors) holds its own.
    ///
    /// # Errors
    ///
    /// Why there are none, where the environment announced some.
    pub fn take_all(&self) -> Result<Vec<(String, OwnedFd)>, ListenFdsError> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let take = |inherited: &Inherited| {
            let descriptor = inherited.descriptor.take()?;
            Some((inherited.name.clone(), descriptor))
        };
        Ok(self.inherited.iter().filter_map(take).collect())
    }

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
    /// the last one; here that is an error.
    pub fn take_stream_port(
        &self,
        selector: &Selector,
        domain: Option<Domain>,
    ) -> Result<OwnedFd, TakeError> {
        let index = self.find(selector)?;
        let inherited = &self.inherited[index];
        let label = || inherited.label(index);
        let failed = |error| TakeError::System { descriptor: label(), source: os_error(&error) };

        let mut slot = inherited.descriptor.borrow_mut();
        let Some(descriptor) = slot.as_ref() else {
            return Err(TakeError::AlreadyTaken { descriptor: label() });
        };
        let kind = Kind::of(descriptor.as_fd()).map_err(failed)?;
        if !kind.is_stream_port(domain) {
            return Err(TakeError::Unsuitable {
                descriptor: label(),
                found: kind.to_string(),
                wanted: wanted(domain),
            });
        }
        SockRef::from(descriptor).set_nonblocking(true).map_err(failed)?;
        slot.take().ok_or_else(|| TakeError::AlreadyTaken { descriptor: label() })
    }

    fn find(&self, selector: &Selector) -> Result<usize, TakeError> {
        if let Some(error) = &self.error {
            return Err(TakeError::Unavailable(error.clone()));
        }
        let Some(last) = self.inherited.len().checked_sub(1) else {
            return Err(TakeError::NothingInherited);
        };
        match selector {
            Selector::Index(index) if *index <= last => Ok(*index),
            Selector::Index(index) => Err(TakeError::NoSuchIndex { index: *index, last }),
            Selector::Name(name) => self.find_name(name),
        }
    }

    fn find_name(&self, name: &str) -> Result<usize, TakeError> {
        let named = self.inherited.iter().enumerate().filter(|(_, it)| it.name == name);
        let indexes: Vec<usize> = named.map(|(index, _)| index).collect();
        match indexes[..] {
            [index] => Ok(index),
            [] => Err(TakeError::NoSuchName {
                name: name.into(),
                names: self.inherited.iter().map(|inherited| inherited.name.clone()).collect(),
            }),
            [..] => Err(TakeError::Ambiguous { name: name.into(), indexes }),
        }
    }
}

impl fmt::Debug for ListenFds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.inherited_descriptors()).finish()
    }
}

/// One descriptor with its first number and its name; `None` once it was taken.
struct Inherited {
    number: RawFd,
    name: String,
    descriptor: RefCell<Option<OwnedFd>>,
}

impl Inherited {
    fn label(&self, index: usize) -> DescriptorLabel {
        DescriptorLabel { number: self.number, index, name: self.name.clone() }
    }
}

/// All or nothing: every number is looked at before the first is taken.
fn take_over(announcement: &Announcement) -> Result<ListenFds, ListenFdsError> {
    let count = announcement.names().len();
    let failed =
        |descriptor| move |error| ListenFdsError::System { descriptor, source: os_error(&error) };
    for (descriptor, _) in (FIRST..).zip(announcement.names()) {
        match sys::origin(descriptor).map_err(failed(descriptor))? {
            Origin::Inherited => {}
            Origin::Closed => return Err(ListenFdsError::NotOpen { count, descriptor }),
            Origin::Own => return Err(ListenFdsError::NotInherited { count, descriptor }),
        }
    }
    let mut descriptors = Vec::with_capacity(count);
    for (descriptor, name) in (FIRST..).zip(announcement.names()) {
        let taken = sys::take_inherited(descriptor).map_err(failed(descriptor))?;
        descriptors.push((name.as_str(), taken));
    }
    Ok(ListenFds::from_descriptors(descriptors))
}

/// An error without a number comes from std itself, and from none of these calls.
fn os_error(error: &io::Error) -> OsError {
    OsError::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO))
}
