//! [`DescriptorSys`] for [`Kernel`], and how a descriptor is used without a wait.
//!
//! ```text
//!   OwnMode    its open file is this process's alone, and non-blocking
//!   Socket     other processes share it: each call says that it must not wait (MSG_DONTWAIT)
//!   File       a file or /dev/null: it never waits for another process
//!   Polled     other processes share it, and there is no such call: poll(2) is asked first
//! ```
//!
//! Invariant: the blocking mode of an open file that others share is never changed.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, AsRawFd, OwnedFd, RawFd};

use mio::Interest;
use socket2::SockRef;

use super::{Kernel, raw_calls, raw_process_calls};
use crate::sys::{DescriptorSys, Reporting, Token};

/// An open descriptor of the kernel; dropping it closes it.
#[derive(Debug)]
pub struct KernelDescriptor {
    file: File,
    access: Access,
    pub(super) at_close: AtClose,
}

/// Further actions when a descriptor is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AtClose {
    /// `/dev/null` is put in the place of this standard descriptor.
    pub(super) replaces: Option<RawFd>,
    /// Our direction of the socket is shut down, for another descriptor of it stays open.
    pub(super) shuts_down: bool,
}

/// How it is read and written without a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    OwnMode,
    Socket,
    File,
    Polled,
}

impl KernelDescriptor {
    /// Takes over a descriptor whose open file no other process has, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// What fcntl(2) answers.
    pub(super) fn own(descriptor: OwnedFd) -> io::Result<Self> {
        SockRef::from(&descriptor).set_nonblocking(true)?;
        Ok(Self::new(descriptor, Access::OwnMode))
    }

    pub(super) fn new(descriptor: OwnedFd, access: Access) -> Self {
        Self { file: File::from(descriptor), access, at_close: AtClose::default() }
    }
}

impl Drop for KernelDescriptor {
    fn drop(&mut self) {
        let AtClose { replaces, shuts_down } = self.at_close;
        if shuts_down {
            // A socket that is not connected any more needs none.
            let _ = SockRef::from(&self.file).shutdown(Shutdown::Write);
        }
        if let Some(standard) = replaces
            && let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null")
        {
            raw_process_calls::replace_standard(null.as_fd(), standard);
        }
    }
}

impl AsRawFd for KernelDescriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl DescriptorSys for Kernel {
    type Descriptor = KernelDescriptor;

    fn register_descriptor(
        &self,
        descriptor: &KernelDescriptor,
        token: Token,
    ) -> io::Result<Reporting> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match self.register_source(descriptor, token, both) {
            Ok(()) => Ok(Reporting::ByPoll),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(Reporting::AlwaysReady),
            Err(error) => Err(error),
        }
    }

    fn deregister_descriptor(&self, descriptor: &KernelDescriptor) {
        self.deregister_source(descriptor);
    }

    fn read_descriptor(
        &self,
        descriptor: &KernelDescriptor,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        match descriptor.access {
            Access::Socket => raw_calls::receive_at_once(&descriptor.file, buffer),
            Access::Polled if !raw_calls::is_ready(&descriptor.file, libc::POLLIN) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Access::OwnMode | Access::File | Access::Polled => (&descriptor.file).read(buffer),
        }
    }

    fn write_descriptor(
        &self,
        descriptor: &KernelDescriptor,
        data: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        match descriptor.access {
            Access::Socket => {
                let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
                SockRef::from(&descriptor.file).send_vectored_with_flags(data, flags)
            }
            Access::Polled => write_if_ready(&descriptor.file, data),
            Access::OwnMode | Access::File => (&descriptor.file).write_vectored(data),
        }
    }

    fn has_hung_up(&self, descriptor: &KernelDescriptor) -> bool {
        raw_calls::is_ready(&descriptor.file, 0)
    }
}

/// Writes as much of the first piece as never waits once poll(2) finds room: to a pipe, whose room is
/// [`libc::PIPE_BUF`] bytes then (pipe(7)).
fn write_if_ready(file: &File, data: &[IoSlice<'_>]) -> io::Result<usize> {
    let Some(piece) = data.iter().find(|piece| !piece.is_empty()) else { return Ok(0) };
    if !raw_calls::is_ready(file, libc::POLLOUT) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let mut file = file;
    file.write(&piece[..piece.len().min(libc::PIPE_BUF)])
}
