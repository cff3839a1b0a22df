//! [`StdioSys`] for [`Kernel`], and descriptors that this process did not make: how each is read and written without a wait and without a
//! change that other processes see.
//!
//! | kind | used |
//! |---|---|
//! | file, block device, directory | as it is, since the place in it is shared |
//! | socket | as it is, with `MSG_DONTWAIT` |
//! | pipe, terminal, `/dev/null` | opened again through `/proc/self/fd`, which makes an open file with a mode of its own |
//! | any other, or where that fails | as it is, behind poll(2) |
//!
//! A descriptor that is not open for its direction is refused with `EBADF`, as read(2) and write(2) refuse
//! it: opened again, a pipe would turn to its other direction, and take bytes that are its reader's.
//!
//! Invariant: no fcntl(2) sets a flag of an open file that was not opened here.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};

use interfaces::StdioError;

use super::descriptors::{Access, AtClose};
use super::{Kernel, KernelDescriptor, raw_process_calls};
use crate::sys::StdioSys;
use crate::sys::os_error::os_error;

/// The directions of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Input,
    Output,
}

impl Use {
    /// The access mode of an open file that cannot be used so (open(2)).
    fn missing_access(self) -> libc::c_int {
        match self {
            Self::Input => libc::O_WRONLY,
            Self::Output => libc::O_RDONLY,
        }
    }
}

/// The device number of `/dev/ptmx`, which is another terminal each time that it is opened.
const PTMX: (u32, u32) = (5, 2);

impl StdioSys for Kernel {
    fn standard_descriptors(&self) -> Result<(KernelDescriptor, KernelDescriptor), StdioError> {
        standard()
    }
}

/// Copies of standard input and output, in whose place `/dev/null` is put when they are closed.
fn standard() -> Result<(KernelDescriptor, KernelDescriptor), StdioError> {
    let input = copy_of_standard(io::stdin().as_fd()).map_err(|error| input_error(&error))?;
    let output = copy_of_standard(io::stdout().as_fd()).map_err(|error| output_error(&error))?;
    let (mut input, mut output) = pair(input, output)?;
    input.at_close.replaces = Some(io::stdin().as_raw_fd());
    output.at_close.replaces = Some(io::stdout().as_raw_fd());
    Ok((input, output))
}

/// A copy of a standard descriptor. One that is closed on exec is none: it was closed, and the number is
/// that of something which this process has opened since.
fn copy_of_standard(standard: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    if !raw_process_calls::outlives_exec(standard.as_raw_fd()) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    standard.try_clone_to_owned()
}

/// Takes over two descriptors, one for each direction.
pub(super) fn pair(
    input: OwnedFd,
    output: OwnedFd,
) -> Result<(KernelDescriptor, KernelDescriptor), StdioError> {
    let (input, output) = (File::from(input), File::from(output));
    let is_one_socket = are_one_socket(&input, &output);
    let input = take_over(input, Use::Input).map_err(|error| input_error(&error))?;
    let mut output = take_over(output, Use::Output).map_err(|error| output_error(&error))?;
    // To close one of its two descriptors says nothing to the peer.
    output.at_close = AtClose { replaces: None, shuts_down: is_one_socket };
    Ok((input, output))
}

fn input_error(error: &io::Error) -> StdioError {
    StdioError { direction: "input", source: os_error(error) }
}

fn output_error(error: &io::Error) -> StdioError {
    StdioError { direction: "output", source: os_error(error) }
}

fn are_one_socket(one: &File, other: &File) -> bool {
    let identity = |file: &File| {
        let metadata = file.metadata().ok()?;
        metadata.file_type().is_socket().then(|| (metadata.dev(), metadata.ino()))
    };
    let one = identity(one);
    one.is_some() && one == identity(other)
}

fn take_over(file: File, used: Use) -> io::Result<KernelDescriptor> {
    if raw_process_calls::access_mode(&file)? == used.missing_access() {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if kind.is_socket() {
        return Ok(KernelDescriptor::new(file.into(), Access::Socket));
    }
    if kind.is_file() || kind.is_dir() || kind.is_block_device() {
        return Ok(KernelDescriptor::new(file.into(), Access::File));
    }
    let device = metadata.rdev();
    let is_ptmx = kind.is_char_device() && (libc::major(device), libc::minor(device)) == PTMX;
    if (kind.is_fifo() || kind.is_char_device())
        && !is_ptmx
        && let Ok(own) = open_again(&file, used)
    {
        return Ok(KernelDescriptor::new(own.into(), Access::OwnMode));
    }
    Ok(KernelDescriptor::new(file.into(), Access::Polled))
}

/// The same pipe or terminal, as an open file of our own.
fn open_again(file: &File, used: Use) -> io::Result<File> {
    OpenOptions::new()
        .read(used == Use::Input)
        .write(used == Use::Output)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}
