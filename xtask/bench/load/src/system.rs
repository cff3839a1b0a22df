//! The system calls without a crate: pinning a program to a core, and the choice of ports.
//!
//! Invariant: this is the only file of the load with `unsafe`.

use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::mem;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use socket2::Socket;

/// Replaces this process by a program, on the core of the first argument and with the highest allowed
/// limit of descriptors. Returns only if that fails.
pub(crate) fn run_pinned(
    mut words: impl Iterator<Item = OsString>,
) -> Result<io::Error, Box<dyn Error>> {
    let core = words.next().ok_or("the core is missing")?;
    let core: usize = core.to_str().ok_or("the core is no number")?.parse()?;
    let program = words.next().ok_or("the program is missing")?;
    pin(core)?;
    raise_descriptors()?;
    Ok(Command::new(program).args(words).exec())
}

fn pin(core: usize) -> io::Result<()> {
    // SAFETY: a set of cores is an array of integers, for which zeros are a value.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: CPU_SET checks that the number is within the set.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: the set outlives the call, and its size is passed.
    let answer = unsafe { libc::sched_setaffinity(0, mem::size_of_val(&set), &raw const set) };
    checked(answer)
}

fn raise_descriptors() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure outlives the call.
    checked(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })
}

/// Makes bind(2) defer the choice of the port to connect(2) (ip(7), IP_BIND_ADDRESS_NO_PORT).
pub(crate) fn choose_port_when_connecting(socket: &Socket) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the value outlives the call, and its size is passed.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            mem::size_of_val(&on) as libc::socklen_t,
        )
    };
    checked(answer)
}

fn checked(answer: libc::c_int) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
