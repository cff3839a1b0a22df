//! The system calls for child processes that std does not offer: pidfd_open(2), pidfd_send_signal(2),
//! kill(2), waitid(2), sigaction(2), the calls that make a terminal (pts(4)), and all that a child does between fork(2) and exec(2).
//!
//! Invariant: beside `raw_calls.rs` this is the crate's only file with `unsafe`, and what runs in the child
//! calls async-signal-safe functions alone (signal-safety(7)) and allocates nothing.
#![allow(unsafe_code, reason = "these calls take pointers, numbers of descriptors, and a closure")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

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

/// Puts a copy of `/dev/null` in the place of a standard descriptor.
pub(super) fn replace_standard(null: BorrowedFd<'_>, standard: RawFd) {
    // SAFETY: the standard descriptors belong to the whole process and are never owned by a value, so
    // another open file in the place of one closes nothing that a value owns.
    unsafe { libc::dup2(null.as_raw_fd(), standard) };
}

/// What a child does before it executes the program.
pub(super) struct ChildSetup {
    /// The numbers that the child is to have, each with the descriptor of this process that it gets, and a
    /// place for the child's own copy.
    moves: Vec<Move>,
    has_terminal: bool,
    /// The highest number that may be open, where the kernel marks no ranges.
    highest: Option<RawFd>,
}

struct Move {
    from: RawFd,
    to: RawFd,
    copy: RawFd,
}

impl ChildSetup {
    /// The child gets each second descriptor by the first number.
    pub(super) fn new(
        given: &[(RawFd, RawFd)],
        has_terminal: bool,
        highest: Option<RawFd>,
    ) -> Self {
        let moves = given.iter().map(|&(to, from)| Move { from, to, copy: -1 }).collect();
        Self { moves, has_terminal, highest }
    }

    /// Has the command's child do it. The descriptors stay open until it is spawned.
    pub(super) fn attach(mut self, command: &mut Command) {
        // SAFETY: the closure runs in the child, between fork(2) and exec(2), and keeps to what is allowed
        // there: it makes system calls, and touches nothing but the vector that was made before.
        unsafe { command.pre_exec(move || self.run()) };
    }

    fn run(&mut self) -> io::Result<()> {
        reset_signals();
        if self.has_terminal {
            lead_session(self.moves[0].from)?;
        }
        for index in 0..self.moves.len() {
            self.moves[index].copy = self.copy_outside(self.moves[index].from)?;
        }
        for Move { copy, to, .. } in &self.moves {
            // SAFETY: the call takes numbers. Those that it closes are this child's own copies.
            done(unsafe { libc::dup2(*copy, *to) })?;
        }
        close_all_on_exec(self.highest)?;
        for Move { to, .. } in &self.moves {
            // SAFETY: the call takes numbers.
            done(unsafe { libc::fcntl(*to, libc::F_SETFD, 0) })?;
        }
        Ok(())
    }

    /// A copy of a descriptor at a number that the child is not to have.
    fn copy_outside(&self, from: RawFd) -> io::Result<RawFd> {
        loop {
            // SAFETY: the call takes numbers. What it opens is closed on exec.
            let copy = unsafe { libc::fcntl(from, libc::F_DUPFD_CLOEXEC, 3) };
            done(copy)?;
            // A copy at one of the numbers stays there until it is replaced, so the loop ends.
            if self.moves.iter().all(|other| other.to != copy) {
                return Ok(copy);
            }
        }
    }
}

/// The highest signal of Linux, `SIGRTMAX`.
const SIGNAL_MAX: i32 = 64;

/// Gives every signal its default action and blocks none: what this process ignores or blocks is no
/// business of the child's.
fn reset_signals() {
    for signal in 1..=SIGNAL_MAX {
        // SAFETY: the call takes numbers. It refuses those that cannot be set, which then are default.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an all-zero `sigset_t` is a valid one; both calls take a pointer to it, and it outlives them.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Makes the child the leader of a session, which this terminal controls.
fn lead_session(terminal: RawFd) -> io::Result<()> {
    // SAFETY: the call has no arguments.
    done(unsafe { libc::setsid() })?;
    // SAFETY: this request takes a number.
    done(unsafe { libc::ioctl(terminal, libc::TIOCSCTTY, 0) })
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

/// Marks every open descriptor to be closed on exec: in one call, or each number up to the highest.
fn close_all_on_exec(highest: Option<RawFd>) -> io::Result<()> {
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
fn done(answer: libc::c_int) -> io::Result<()> {
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
