//! The descriptors that this process inherited; Twisted's `twisted.python.systemd.ListenFDs`.
//!
//! Invariant: each one has one owner: its [`ListenFds`] until it is taken, and then the taker.

use core::cell::RefCell;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::rc::Rc;

use interfaces::OsError;

use crate::sys::{self, Origin};
use crate::{Announcement, DescriptorLabel, ListenFdsError, TakeError};

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

    /// The inherited ones, whether taken since or not, or why there are none.
    pub(crate) fn all(&self) -> Result<&[Inherited], TakeError> {
        match &self.error {
            Some(error) => Err(TakeError::Unavailable(error.clone())),
            None if self.inherited.is_empty() => Err(TakeError::NothingInherited),
            None => Ok(&self.inherited),
        }
    }
}

impl fmt::Debug for ListenFds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.inherited_descriptors()).finish()
    }
}

/// One descriptor with its first number and its name; `None` once it was taken.
pub(crate) struct Inherited {
    number: RawFd,
    pub(crate) name: String,
    pub(crate) descriptor: RefCell<Option<OwnedFd>>,
}

impl Inherited {
    pub(crate) fn label(&self, index: usize) -> DescriptorLabel {
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
pub(crate) fn os_error(error: &io::Error) -> OsError {
    OsError::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO))
}
