//! The system calls for child processes that std does not offer: pidfd_open(2), pidfd_send_signal(2),
//! kill(2), waitid(2), waitpid(2), sigaction(2), close_range(2), and the calls that make a terminal (pts(4)).
//!
//! Invariant: none of them waits, but the reaping of a child that is just ending.
#![allow(unsafe_code, reason = "these calls take pointers, and numbers of descriptors")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use interfaces::WindowSize;

/// A descriptor of the process, closed on exec.
pub(super) fn open_process(process: u32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two numbers, and returns a descriptor that this process owns, or -1.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, process as libc::pid_t, 0) };
    owned(descriptor as RawFd)
}

/// Sends a signal to the process of a descriptor.
pub(super) fn signal_through(process: &OwnedFd, signal: i32) -> io::Result<()> {
    let (descriptor, no_details) = (process.as_raw_fd(), std::ptr::null::<libc::siginfo_t>());
    // SAFETY: the descriptor is open for as long as it is borrowed; a null pointer stands for no details.
    let answer =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, descriptor, signal, no_details, 0) };
    done(answer as libc::c_int)
}

/// Sends a signal to a process by its number.
pub(super) fn signal_by_number(process: u32, signal: i32) -> io::Result<()> {
    // SAFETY: the call takes two numbers.
    done(unsafe { libc::kill(process as libc::pid_t, signal) })
}

/// Whether a child of this process has ended, or is no child any more (waitid(2)). It is not reaped.
pub(super) fn has_ended(process: u32) -> bool {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: an all-zero `siginfo_t` is a valid one; the call writes it through the pointer, and it
    // outlives the call.
    let (answer, information) = unsafe {
        let mut information: libc::siginfo_t = std::mem::zeroed();
        let answer = libc::waitid(libc::P_PID, process, &raw mut information, flags);
        (done(answer), information)
    };
    match answer {
        // SAFETY: the call has filled this field, or left it zero as there was nothing to tell.
        Ok(()) => (unsafe { information.si_pid() }) != 0,
        Err(error) => error.raw_os_error() == Some(libc::ECHILD),
    }
}

/// Reaps a child that has ended (waitpid(2)); `None` where it runs and `WNOHANG` is among the flags.
pub(super) fn reap(process: u32, flags: libc::c_int) -> io::Result<Option<ExitStatus>> {
    let mut status = 0;
    // SAFETY: the call writes the status through the pointer, which leads to a number that outlives it.
    let answer = unsafe { libc::waitpid(process as libc::pid_t, &raw mut status, flags) };
    done(answer)?;
    Ok((answer != 0).then(|| ExitStatus::from_raw(status)))
}

/// Whether this process ignores a signal.
pub(super) fn is_ignored(signal: i32) -> bool {
    // SAFETY: an all-zero `sigaction` is a valid one; the call writes it through the pointer, and it
    // outlives the call.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut now) == 0
            && now.sa_sigaction == libc::SIG_IGN
    }
}

/// Whether a number is an open descriptor of this process.
pub(super) fn is_open(descriptor: RawFd) -> bool {
    // SAFETY: the call takes numbers, and touches no memory.
    unsafe { libc::fcntl(descriptor, libc::F_GETFD) != -1 }
}

/// Whether a number is an open descriptor that an exec hands on.
pub(super) fn outlives_exec(descriptor: RawFd) -> bool {
    // SAFETY: the call takes numbers, and touches no memory.
    let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
    flags != -1 && flags & libc::FD_CLOEXEC == 0
}

/// For what a descriptor was opened: `O_RDONLY`, `O_WRONLY` or `O_RDWR`.
pub(super) fn access_mode(descriptor: &impl AsRawFd) -> io::Result<libc::c_int> {
    // SAFETY: the call takes numbers, and touches no memory.
    let flags = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_GETFL) };
    done(flags)?;
    Ok(flags & libc::O_ACCMODE)
}

/// Takes the lowest free number from `least` on, as a copy of a descriptor, closed on exec.
pub(super) fn duplicate_from(descriptor: RawFd, least: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers, and returns a descriptor that this process owns, or -1.
    owned(unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, least) })
}

/// A new terminal: this side's end, and the child's.
pub(super) fn open_terminal(window: WindowSize) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the call takes a number, and returns a descriptor that this process owns, or -1.
    let ours = owned(unsafe { libc::posix_openpt(flags) })?;
    // SAFETY: both calls take a descriptor that is open.
    done(unsafe { libc::grantpt(ours.as_raw_fd()) })?;
    // SAFETY: as above.
    done(unsafe { libc::unlockpt(ours.as_raw_fd()) })?;
    // SAFETY: this request takes a number, and returns a descriptor that this process owns, or -1.
    let childs = owned(unsafe { libc::ioctl(ours.as_raw_fd(), libc::TIOCGPTPEER, flags) })?;
    set_window_size(&ours, window)?;
    Ok((ours, childs))
}

/// Sets the size of a terminal's window.
pub(super) fn set_window_size(terminal: &impl AsRawFd, window: WindowSize) -> io::Result<()> {
    let size =
        libc::winsize { ws_row: window.rows, ws_col: window.columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: this request reads a `winsize` through the pointer, which leads to one that outlives the call.
    done(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) })
}

/// Puts a copy of `/dev/null` in the place of a standard descriptor, unless the number is that of
/// something which this process has opened.
pub(super) fn replace_standard(null: BorrowedFd<'_>, standard: RawFd) {
    if !outlives_exec(standard) {
        return;
    }
    // SAFETY: what std, mio and this crate open is closed on exec, and this number is not. So it is the
    // standard descriptor, which belongs to the whole process and is owned by no value; another open file
    // in its place closes nothing that a value owns.
    unsafe { libc::dup2(null.as_raw_fd(), standard) };
}

/// Whether the kernel marks a range of descriptors in one call: since Linux 5.11.
pub(super) fn marks_ranges() -> bool {
    mark_range(libc::c_uint::MAX).is_ok()
}

/// Marks the descriptors from `first` on to be closed on exec.
fn mark_range(first: libc::c_uint) -> io::Result<()> {
    let (last, flags) = (libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
    // SAFETY: the call takes numbers.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
    done(answer as libc::c_int)
}

/// Marks every open descriptor to be closed on exec: in one call, or each number up to the highest. A
/// child calls it too.
pub(super) fn close_all_on_exec(highest: Option<RawFd>) -> io::Result<()> {
    let Some(highest) = highest else { return mark_range(0) };
    for descriptor in 0..=highest {
        // SAFETY: the call takes numbers. For one that is not open it answers an error.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// The answer of a call that returns a new descriptor; -1 stands for the error in `errno`.
fn owned(descriptor: RawFd) -> io::Result<OwnedFd> {
    done(descriptor)?;
    // SAFETY: the callers pass what a call has just opened for this process, which nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// The answer of a call; -1 stands for the error in `errno`.
pub(super) fn done(answer: libc::c_int) -> io::Result<()> {
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
