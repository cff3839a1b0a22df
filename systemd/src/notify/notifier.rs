//! The socket that leads to the service manager (sd_notify(3), sd_pid_notify_with_fds(3)).
//!
//! Invariant: one notification is one datagram, and sending it never blocks.

use core::fmt;
use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, RawFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::sync::Arc;

use interfaces::ListeningPort;
use socket2::{MsgHdr, SockAddr, Socket, Type};

use super::rights::{DESCRIPTORS_MAX, rights};
use crate::listen_fds::os_error;
use crate::{Notification, NotifyError};

/// The longest name of a stored descriptor (`FDNAME_MAX` of systemd).
const NAME_BYTES_MAX: usize = 255;

/// Sends notifications to the service manager. A program makes one when it starts, and mostly gives it to
/// a [`ManagedService`](crate::ManagedService).
///
/// The environment is read and never edited; a reactor's children get no `NOTIFY_SOCKET`. A clone is the same
/// socket.
///
/// # Examples
///
/// ```
/// # use ropewalk_systemd as systemd;
/// use systemd::{Notification, Notifier};
///
/// if let Some(manager) = Notifier::from_environment()? {
///     manager.notify(&Notification::new().ready())?;
/// }
/// # Ok::<(), systemd::NotifyError>(())
/// ```
#[derive(Clone)]
pub struct Notifier {
    manager: Arc<Manager>,
}

struct Manager {
    socket: Socket,
    address: SockAddr,
    /// The address as `NOTIFY_SOCKET` has it.
    text: String,
}

impl Notifier {
    /// Leads to the socket that `NOTIFY_SOCKET` names; `None` when the variable is absent or empty, as
    /// then no manager wants to know.
    ///
    /// # Errors
    ///
    /// [`NotifyError::Address`] and [`NotifyError::Socket`].
    pub fn from_environment() -> Result<Option<Self>, NotifyError> {
        let address = std::env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty());
        address.map(|address| Self::new(&address)).transpose()
    }

    /// Leads to this socket: an absolute path, or `@` and an abstract name. Nothing is sent, and the socket
    /// need not exist yet.
    ///
    /// # Errors
    ///
    /// [`NotifyError::Address`] and [`NotifyError::Socket`].
    pub fn new(address: &OsStr) -> Result<Self, NotifyError> {
        let text = address.to_string_lossy().into_owned();
        let wrong = || NotifyError::Address { text: text.clone() };
        let name = match address.as_bytes() {
            [b'@', _, ..] => {
                let mut name = address.as_bytes().to_vec();
                name[0] = 0;
                OsString::from_vec(name)
            }
            [b'/', _, ..] if !address.as_bytes().contains(&0) => address.to_owned(),
            _ => return Err(wrong()),
        };
        let address = SockAddr::unix(name).map_err(|_| wrong())?;
        let socket = Socket::new(socket2::Domain::UNIX, Type::DGRAM, None);
        let socket = socket.map_err(|error| NotifyError::Socket(os_error(&error)))?;
        Ok(Self { manager: Arc::new(Manager { socket, address, text }) })
    }

    /// Tells it.
    ///
    /// # Errors
    ///
    /// [`NotifyError::Busy`], after which it can be told again, and [`NotifyError::Send`].
    #[doc(alias = "sd_notify")]
    pub fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        self.send(notification, &[])
    }

    /// Has the manager keep copies of these descriptors for the next process of the service, which
    /// inherits them under this name, behind those of its socket units. The unit has to allow it with
    /// `FileDescriptorStoreMax=`.
    ///
    /// # Errors
    ///
    /// [`NotifyError::Name`], [`NotifyError::Count`], and those of [`notify`](Self::notify).
    #[doc(alias = "FDSTORE")]
    pub fn store(&self, name: &str, descriptors: &[BorrowedFd<'_>]) -> Result<(), NotifyError> {
        check_name(name)?;
        if !(1..=DESCRIPTORS_MAX).contains(&descriptors.len()) {
            let (name, count) = (name.to_owned(), descriptors.len());
            return Err(NotifyError::Count { name, count, max: DESCRIPTORS_MAX });
        }
        let numbers: Vec<RawFd> = descriptors.iter().map(|it| it.as_raw_fd()).collect();
        self.send(&Notification::new().store(name), &rights(&numbers))
    }

    /// [`store`](Self::store) for the socket of a port that a reactor has opened, which then listens on when
    /// the port is closed.
    ///
    /// # Errors
    ///
    /// [`NotifyError::Unstorable`], and those of [`store`](Self::store).
    pub fn store_port(&self, name: &str, port: &dyn ListeningPort) -> Result<(), NotifyError> {
        let socket = port.share_socket().map_err(|source| NotifyError::Unstorable {
            name: name.to_owned(),
            address: port.host().to_string(),
            source,
        })?;
        self.store(name, &[socket.as_fd()])
    }

    /// Has the manager close all that it keeps under this name.
    ///
    /// # Errors
    ///
    /// [`NotifyError::Name`], and those of [`notify`](Self::notify).
    #[doc(alias = "FDSTOREREMOVE")]
    pub fn remove_stored(&self, name: &str) -> Result<(), NotifyError> {
        check_name(name)?;
        self.send(&Notification::new().remove_stored(name), &[])
    }

    fn send(&self, notification: &Notification, control: &[u8]) -> Result<(), NotifyError> {
        let text = [IoSlice::new(notification.as_str().as_bytes())];
        let mut message = MsgHdr::new().with_addr(&self.manager.address).with_buffers(&text);
        if !control.is_empty() {
            message = message.with_control(control);
        }
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        loop {
            match self.manager.socket.sendmsg(&message, flags) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(notification, &error)),
            }
        }
    }

    /// The error that the manager's queue is full.
    pub(super) fn busy(&self, notification: &Notification) -> NotifyError {
        let (what, address) = (notification.as_str().to_owned(), self.manager.text.clone());
        NotifyError::Busy { what, address }
    }

    fn error(&self, notification: &Notification, error: &io::Error) -> NotifyError {
        if error.kind() == io::ErrorKind::WouldBlock {
            return self.busy(notification);
        }
        let (what, address) = (notification.as_str().to_owned(), self.manager.text.clone());
        NotifyError::Send { what, address, source: os_error(error) }
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notifier({:?})", self.manager.text)
    }
}

/// systemd stores descriptors with another name as `stored`, so they would not be found again.
fn check_name(name: &str) -> Result<(), NotifyError> {
    let allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b':';
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(NotifyError::Name { name: name.into() })
}
