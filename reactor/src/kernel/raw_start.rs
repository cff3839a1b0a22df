//! Starting a child: clone(2), and all that the child does until execve(2).
//!
//! The child shares this process's memory (`CLONE_VM`) until it executes its program, and the thread that
//! starts it is suspended for that time (`CLONE_VFORK`), as vfork(2) has it; so no page table is copied,
//! and a child costs the same however large the heap is. Where that is refused (by a seccomp(2) filter,
//! say), the same is done in a copy of the memory, as fork(2) makes it. glibc's posix_spawn(3), Go's
//! `forkExec` and CPython's `subprocess` start programs so.
//!
//! Invariant: what runs in the child takes no lock, allocates nothing, cannot panic, and makes
//! async-signal-safe calls alone (signal-safety(7)); those that glibc wraps with something that is shared
//! (a lock in `sigaction`, signals to all threads in `setuid`) are made as bare system calls.
#![allow(unsafe_code, reason = "these calls take pointers, numbers of descriptors, and a function")]

mod dumpable;
mod signals;
mod stack;

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::ptr;

use super::exec_strings::ExecStrings;
use super::process::ChildProcess;
use super::raw_process_calls::{close_all_on_exec, done};
use dumpable::KeptDumpable;
use signals::{BlockedSignals, reset_signals};
use stack::Stack;

/// The interpreter of a file that execve(2) does not know (execvp(3)).
const SHELL: &CStr = c"/bin/sh";

/// What a child does before it executes its program, and the program; all of it made before the child is.
pub(super) struct ChildStart {
    strings: ExecStrings,
    attributes: Attributes,
    moves: Vec<Move>,
    /// `argv` and `envp`: pointers into `strings`, with a null pointer at the end.
    arguments: Vec<*const c_char>,
    variables: Vec<*const c_char>,
    /// `argv` of the shell, where the program is a script without a first line; its second is set by the
    /// child.
    of_shell: Vec<*const c_char>,
    /// By what the child tells why it could not execute the program.
    report: RawFd,
}

/// Who the child is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes {
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    /// The process group to join, 0 for one of its own.
    pub(super) process_group: Option<i32>,
    /// Its first descriptor is a terminal, which is to control it.
    pub(super) has_terminal: bool,
    /// The highest number that may be open, where the kernel marks no ranges.
    pub(super) highest: Option<RawFd>,
}

/// A descriptor of this process, the number that the child is to have it by, and a place for the child's
/// own copy.
struct Move {
    from: RawFd,
    to: RawFd,
    copy: RawFd,
}

impl ChildStart {
    /// The child gets each second descriptor of `given` by the first number.
    pub(super) fn new(
        strings: ExecStrings,
        given: &[(RawFd, RawFd)],
        attributes: Attributes,
    ) -> Self {
        let moves = given.iter().map(|&(to, from)| Move { from, to, copy: -1 }).collect();
        let arguments = pointers(&strings.arguments);
        let behind_own_name = arguments.get(1..).unwrap_or(&[ptr::null()]);
        let of_shell = [&[SHELL.as_ptr(), ptr::null()], behind_own_name].concat();
        let variables = pointers(&strings.variables);
        Self { strings, attributes, moves, arguments, variables, of_shell, report: -1 }
    }

    /// Starts the program. The descriptors that are given must stay open until then, and the numbers that
    /// the child is to have must not be free, so that the pipe that is made here has none of them.
    ///
    /// # Errors
    ///
    /// What clone(2), pipe(2) or mmap(2) answer, or the call of the child that failed; no child is left.
    pub(super) fn run(mut self) -> io::Result<ChildProcess> {
        let (mut reports, report) = io::pipe()?;
        self.report = report.as_raw_fd();
        let stack = Stack::new()?;
        let dumpable = self.attributes.has_credentials().then(KeptDumpable::new);
        let child = self.clone_on(&stack);
        drop(report);
        let child = child?;
        let mut errno = [0; size_of::<c_int>()];
        // The end of the pipe comes when the program is executed, which closes the child's copy; by then
        // the child is off the stack, also where nothing suspends this thread.
        if reports.read_exact(&mut errno).is_ok() {
            child.wait();
            return Err(io::Error::from_raw_os_error(c_int::from_ne_bytes(errno)));
        }
        drop((stack, dumpable));
        Ok(child)
    }

    /// Makes the child, which runs on this stack.
    fn clone_on(&mut self, stack: &Stack) -> io::Result<ChildProcess> {
        let blocked = BlockedSignals::new();
        let shared = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let answer = self.clone_with(stack, shared).or_else(|error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES | libc::ENOSYS | libc::EINVAL) => {
                self.clone_with(stack, libc::SIGCHLD)
            }
            _ => Err(error),
        });
        drop(blocked);
        answer
    }

    fn clone_with(&mut self, stack: &Stack, flags: c_int) -> io::Result<ChildProcess> {
        // SAFETY: the child runs `run_child` on a stack of its own, whose top this is, aligned to a page;
        // the stack and `self`, which the pointer leads to, outlive its use of them, as `ChildStart::run` waits
        // until the program was executed or the child has ended. With `CLONE_VM` the child writes to this
        // memory. That is its stack; `self`, which nothing else uses meanwhile, as this thread is
        // suspended and holds it mutably; and `errno` of this thread, which reads it only after a call of
        // its own. No handler of this process can run in the child: all signals are blocked until each
        // has its default action there (the table of actions is a copy, as `CLONE_SIGHAND` is not given).
        // Other threads go on; nothing that the child does waits for one of them.
        let answer = unsafe {
            libc::clone(run_child, stack.top(), flags, ptr::from_mut(self).cast::<c_void>())
        };
        done(answer)?;
        Ok(ChildProcess::new(answer as u32))
    }

    /// Executes the program, in the child. Returns the error of what failed.
    fn execute(&mut self) -> io::Error {
        match self.prepare() {
            Ok(()) => self.execute_first_found(),
            Err(error) => error,
        }
    }

    fn prepare(&mut self) -> io::Result<()> {
        self.attributes.take_credentials()?;
        if let Some(directory) = &self.strings.directory {
            // SAFETY: the string outlives the call.
            done(unsafe { libc::chdir(directory.as_ptr()) })?;
        }
        if let Some(process_group) = self.attributes.process_group {
            // SAFETY: the call takes numbers.
            done(unsafe { libc::setpgid(0, process_group) })?;
        }
        reset_signals();
        if self.attributes.has_terminal
            && let Some(first) = self.moves.first()
        {
            lead_session(first.from)?;
        }
        self.move_descriptors()
    }

    fn move_descriptors(&mut self) -> io::Result<()> {
        for index in 0..self.moves.len() {
            let Some(Move { from, .. }) = self.moves.get(index) else { break };
            let copy = self.copy_outside(*from)?;
            if let Some(moved) = self.moves.get_mut(index) {
                moved.copy = copy;
            }
        }
        for Move { copy, to, .. } in &self.moves {
            // SAFETY: the call takes numbers. Those that it closes are this child's own copies.
            done(unsafe { libc::dup2(*copy, *to) })?;
        }
        close_all_on_exec(self.attributes.highest)?;
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

    /// Executes the first of the paths that can be. Of the errors, that of a file which is there and may
    /// not be executed counts more than that of one which is not there (execvp(3)).
    fn execute_first_found(&mut self) -> io::Error {
        let mut refused = None;
        let mut last = io::Error::from_raw_os_error(libc::ENOENT);
        for index in 0..self.strings.paths.len() {
            last = self.execute_at(index);
            match last.raw_os_error() {
                Some(libc::EACCES) => refused = Some(libc::EACCES),
                Some(
                    libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT,
                ) => {}
                _ => return last,
            }
        }
        refused.map_or(last, io::Error::from_raw_os_error)
    }

    fn execute_at(&mut self, index: usize) -> io::Error {
        let Some(path) = self.strings.paths.get(index) else {
            return io::Error::from_raw_os_error(libc::ENOENT);
        };
        let (path, variables) = (path.as_ptr(), self.variables.as_ptr());
        // SAFETY: the strings, and both lists of pointers to strings with a null pointer at the end,
        // outlive the call, which returns only with an error.
        unsafe { libc::execve(path, self.arguments.as_ptr(), variables) };
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ENOEXEC) {
            return error;
        }
        if let Some(script) = self.of_shell.get_mut(1) {
            *script = path;
        }
        // SAFETY: as above.
        unsafe { libc::execve(SHELL.as_ptr(), self.of_shell.as_ptr(), variables) };
        io::Error::last_os_error()
    }
}

/// The child: executes the program, or tells why not and ends.
extern "C" fn run_child(start: *mut c_void) -> c_int {
    // SAFETY: `ChildStart::clone_with` passes a pointer to a `ChildStart` that nothing else uses meanwhile.
    let start = unsafe { &mut *start.cast::<ChildStart>() };
    let errno = start.execute().raw_os_error().unwrap_or(libc::EINVAL).to_ne_bytes();
    // SAFETY: the bytes outlive the first call; the second ends this child, without the functions that
    // this process has registered for its exit.
    unsafe {
        libc::write(start.report, errno.as_ptr().cast(), errno.len());
        libc::_exit(127)
    }
}

impl Attributes {
    fn has_credentials(&self) -> bool {
        self.user.is_some() || self.group.is_some()
    }

    /// Takes on the group and the user. By bare system calls: those of glibc would have all threads of
    /// this process take them on too (nptl(7)).
    fn take_credentials(&self) -> io::Result<()> {
        if let Some(group) = self.group {
            numbers_call(SET_GROUP, group, 0)?;
        }
        if let Some(user) = self.user {
            // SAFETY: the call has no effects.
            if unsafe { libc::getuid() } == 0 {
                numbers_call(SET_GROUPS, 0, 0)?;
            }
            numbers_call(SET_USER, user, 0)?;
        }
        Ok(())
    }
}

// The numbers of the calls that take users of 32 bits.
#[cfg(any(target_arch = "x86", target_arch = "arm"))]
const SET_USER: c_long = libc::SYS_setuid32;
#[cfg(any(target_arch = "x86", target_arch = "arm"))]
const SET_GROUP: c_long = libc::SYS_setgid32;
#[cfg(any(target_arch = "x86", target_arch = "arm"))]
const SET_GROUPS: c_long = libc::SYS_setgroups32;
#[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
const SET_USER: c_long = libc::SYS_setuid;
#[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
const SET_GROUP: c_long = libc::SYS_setgid;
#[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
const SET_GROUPS: c_long = libc::SYS_setgroups;

/// A bare system call that takes two numbers; 0 as the second is also no list.
fn numbers_call(call: c_long, first: u32, second: usize) -> io::Result<()> {
    // SAFETY: the callers pass calls that take numbers, or a count of 0 and a pointer that is not read.
    done(unsafe { libc::syscall(call, first as libc::c_ulong, second) } as c_int)
}

/// Makes the child the leader of a session, which this terminal controls.
fn lead_session(terminal: RawFd) -> io::Result<()> {
    // SAFETY: the call has no arguments.
    done(unsafe { libc::setsid() })?;
    // SAFETY: this request takes a number.
    done(unsafe { libc::ioctl(terminal, libc::TIOCSCTTY, 0) })
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|it| it.as_ptr()).chain([ptr::null()]).collect()
}
