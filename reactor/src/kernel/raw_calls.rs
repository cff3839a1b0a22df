//! The system calls that std and socket2 do not offer: `SO_PEERCRED` (unix(7)), `SIOCOUTQ` (tcp(7)),
//! poll(2), kill(2), sched_setaffinity(2), getaddrinfo(3) by family, geteuid(2), the locks of fcntl(2), and a write to standard error without std's lock.
//! And recv(2) and send(2), inlined, since each message makes both: an echo of 64 bytes takes 903
//! instructions of the reactor with them and 922 with rustix's, 50 echoes in a turn 21,238 and 22,090.
//!
//! Invariant: beside `ancillary.rs`, `datagram_calls.rs`, `raw_process_calls.rs` and `raw_start.rs` this is
//! the crate's only file with `unsafe`.
#![allow(unsafe_code, reason = "these calls take pointers")]

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use socket2::{SockAddr, SockAddrStorage, Socket};

/// Takes a write lock on the whole file, which belongs to the open file (fcntl(2), `F_OFD_SETLK`);
/// `false` while another open file has a lock on it.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    match lock_call(file, libc::F_OFD_SETLK, libc::F_WRLCK) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Whether another open file has a write lock on the file (fcntl(2), `F_OFD_GETLK`). Takes none.
pub(super) fn is_locked(file: &File) -> bool {
    let found = lock_call(file, libc::F_OFD_GETLK, libc::F_RDLCK);
    found.is_ok_and(|found| i32::from(found.l_type) != libc::F_UNLCK)
}

fn lock_call(file: &File, command: libc::c_int, kind: libc::c_int) -> io::Result<libc::flock> {
    // From the first byte to the last that there will ever be.
    let mut lock = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    // SAFETY: the descriptor is open for as long as `file` is borrowed; the pointer leads to a `flock`
    // that outlives the call, which these commands read and write.
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) };
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(lock) }
}

/// Process, user and group at the other end of a UNIX socket when it connected.
pub(super) fn peer_credentials(stream: &Socket) -> Option<(u32, u32, u32)> {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = libc::socklen_t::try_from(mem::size_of::<libc::ucred>()).ok()?;
    // SAFETY: the descriptor is open for as long as `stream` is borrowed; the pointers lead to a
    // `ucred` and to its size, both of which outlive the call, and any bytes make a valid `ucred`.
    let answer = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut length,
        )
    };
    // Another kind of socket answers with process 0.
    let pid = u32::try_from(credentials.pid).ok().filter(|pid| answer == 0 && *pid != 0)?;
    Some((pid, credentials.uid, credentials.gid))
}

/// How much of what was written to a TCP socket is not acknowledged; 0 if the system does not tell.
pub(super) fn unacknowledged_bytes(socket: &Socket) -> usize {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; this request writes one `int`
    // through the pointer, which leads to one that outlives the call.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if answer == -1 { 0 } else { usize::try_from(bytes).unwrap_or(0) }
}

/// Whether there is a process of this number (kill(2), signal 0), of any user.
pub(super) fn is_alive(process: u32) -> bool {
    let Ok(process @ 1..) = libc::pid_t::try_from(process) else { return false };
    // SAFETY: the signal 0 reaches no process, and the call touches no memory.
    let answer = unsafe { libc::kill(process, 0) };
    answer == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// The user that owns the files which this process makes.
pub(super) fn effective_user() -> u32 {
    // SAFETY: the call has no effects.
    unsafe { libc::geteuid() }
}

/// The cores that a thread may run on (sched_setaffinity(2), CPU_SET(3)).
pub(crate) struct Cores(libc::cpu_set_t);

impl Cores {
    /// Those of this thread.
    pub(crate) fn of_this_thread() -> io::Result<Self> {
        let mut cores = Self::none();
        // SAFETY: 0 is the calling thread; the pointer leads to a set of the size that is told, which outlives
        // the call.
        let answer = unsafe {
            libc::sched_getaffinity(0, mem::size_of::<libc::cpu_set_t>(), &raw mut cores.0)
        };
        if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(cores) }
    }

    fn none() -> Self {
        // SAFETY: a set of all-zero bits is a valid one, without a core.
        Self(unsafe { mem::zeroed() })
    }

    /// The one of them with this number, counted from 0 and round and round.
    pub(crate) fn only(&self, number: usize) -> Self {
        let cores = 0..libc::CPU_SETSIZE as usize;
        // SAFETY: the set has a bit for each of these numbers.
        let cores = cores.filter(|core| unsafe { libc::CPU_ISSET(*core, &self.0) });
        let cores: Vec<usize> = cores.collect();
        let mut only = Self::none();
        if let Some(core) = number.checked_rem(cores.len()).and_then(|place| cores.get(place)) {
            // SAFETY: as above.
            unsafe { libc::CPU_SET(*core, &mut only.0) };
        }
        only
    }

    /// Has this thread run on no others.
    pub(crate) fn confine_this_thread(&self) -> io::Result<()> {
        // SAFETY: 0 is the calling thread; the pointer leads to a set of the size that is told, which outlives
        // the call.
        let answer = unsafe {
            libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), &raw const self.0)
        };
        if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// Whether reading, or accepting, would find something; also if the system does not tell.
pub(super) fn is_readable(socket: &Socket) -> bool {
    is_ready(socket, libc::POLLIN)
}

/// Whether the other end of a UNIX socket is closed.
pub(super) fn has_hung_up(socket: &Socket) -> bool {
    look(socket, 0).is_some_and(|seen| seen & libc::POLLHUP != 0)
}

/// Whether a descriptor is ready for these events of poll(2), or has ended; also if the system does not
/// tell.
pub(super) fn is_ready(descriptor: &impl AsRawFd, events: libc::c_short) -> bool {
    look(descriptor, events).is_none_or(|seen| seen != 0)
}

/// The events that are true of a descriptor now (poll(2)); none if the system does not tell.
pub(super) fn ready_now(descriptor: BorrowedFd<'_>, events: libc::c_short) -> libc::c_short {
    look(&descriptor, events).unwrap_or(0)
}

/// Which of these conditions hold now, or one that is always reported; `None` if the system does not tell.
fn look(descriptor: &impl AsRawFd, events: libc::c_short) -> Option<libc::c_short> {
    let mut asked = libc::pollfd { fd: descriptor.as_raw_fd(), events, revents: 0 };
    // SAFETY: the pointer leads to as many structures as the call is told of, one, which outlives it.
    let count = unsafe { libc::poll(&raw mut asked, 1, 0) };
    (count >= 0).then_some(asked.revents)
}

/// recv(2) that does not wait, on a socket of any mode.
pub(super) fn receive_at_once(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<usize> {
    let (descriptor, flags) = (socket.as_raw_fd(), libc::MSG_DONTWAIT);
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the pointer leads to as many
    // bytes as the call is told of, which outlive it and may hold anything.
    let length = unsafe { libc::recv(descriptor, buffer.as_mut_ptr().cast(), buffer.len(), flags) };
    transferred(length)
}

/// Writes to standard error, unless that would wait (`WouldBlock`): for a reader of a pipe, a terminal or a
/// socket. Of a pipe it is known only for [`libc::PIPE_BUF`] bytes. The mode of the open file is left as
/// it is, since other processes share it.
pub(super) fn write_to_standard_error(data: &[u8]) -> io::Result<usize> {
    let (descriptor, flags) = (libc::STDERR_FILENO, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
    // SAFETY: the pointer leads to as many bytes as the call is told of, which outlive it and are only
    // read; a descriptor that is closed, or is something else, makes an error or a misplaced line.
    let length = unsafe { libc::send(descriptor, data.as_ptr().cast(), data.len(), flags) };
    match transferred(length) {
        Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => {}
        done => return done,
    }
    let mut asked = libc::pollfd { fd: descriptor, events: libc::POLLOUT, revents: 0 };
    // SAFETY: the pointer leads to as many structures as the call is told of, one, which outlives it.
    if unsafe { libc::poll(&raw mut asked, 1, 0) } == 0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    // SAFETY: as for `send`.
    transferred(unsafe { libc::write(descriptor, data.as_ptr().cast(), data.len()) })
}

/// The addresses of a host name for stream sockets, with port 0 (getaddrinfo(3)). Waits for an answer.
///
/// # Errors
///
/// The system's text.
pub(super) fn addresses_of(host: &str, family: libc::c_int) -> Result<Vec<SocketAddr>, String> {
    let host = CString::new(host).map_err(|_| "a host name has no NUL byte".to_owned())?;
    // SAFETY: all-zero bytes are a valid `addrinfo`: numbers, and pointers that lead nowhere.
    let mut hints: libc::addrinfo = unsafe { mem::zeroed() };
    // One entry for each address, and not one for each transport.
    (hints.ai_family, hints.ai_socktype) = (family, libc::SOCK_STREAM);
    let mut list: *mut libc::addrinfo = ptr::null_mut();
    // SAFETY: the text ends with NUL, the hints and the list's place are whole, and all outlive the call.
    let answer =
        unsafe { libc::getaddrinfo(host.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    if answer != 0 {
        return Err(look_up_error(answer));
    }
    let mut addresses = Vec::new();
    let mut entry = list;
    // SAFETY: a successful call makes a list whose entries lead to one another and to addresses of the
    // length that they name; it is freed once, after its last use.
    unsafe {
        while let Some(found) = entry.as_ref() {
            addresses.extend(socket_address(found.ai_addr, found.ai_addrlen));
            entry = found.ai_next;
        }
        libc::freeaddrinfo(list);
    }
    Ok(addresses)
}

/// Whether getaddrinfo(3) takes a text for an address, which asks neither files nor name servers.
pub(super) fn is_numeric(host: &str) -> bool {
    let Ok(host) = CString::new(host) else { return false };
    // SAFETY: as in `addresses_of`, to the list, which nothing but its end is done with.
    unsafe {
        let mut hints: libc::addrinfo = mem::zeroed();
        hints.ai_flags = libc::AI_NUMERICHOST;
        let mut list: *mut libc::addrinfo = ptr::null_mut();
        let answer = libc::getaddrinfo(host.as_ptr(), ptr::null(), &raw const hints, &raw mut list);
        if answer == 0 {
            libc::freeaddrinfo(list);
        }
        answer == 0
    }
}

/// # Safety
///
/// `address` leads to `length` bytes of a socket address.
unsafe fn socket_address(
    address: *const libc::sockaddr,
    length: libc::socklen_t,
) -> Option<SocketAddr> {
    let mut storage = SockAddrStorage::zeroed();
    if length > storage.size_of() {
        return None;
    }
    // SAFETY: the source has as many bytes, by the caller's promise, and the target at least as many.
    let address = unsafe {
        let target: *mut u8 = (&raw mut storage).cast();
        ptr::copy_nonoverlapping(address.cast::<u8>(), target, length as usize);
        SockAddr::new(storage, length)
    };
    address.as_socket()
}

fn look_up_error(answer: libc::c_int) -> String {
    if answer == libc::EAI_SYSTEM {
        return io::Error::last_os_error().to_string();
    }
    // SAFETY: the call returns a text of the system's that ends with NUL and is never freed.
    let text = unsafe { CStr::from_ptr(libc::gai_strerror(answer)) };
    text.to_string_lossy().into_owned()
}

/// recv(2) without flags.
#[inline]
pub(super) fn receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    let descriptor = socket.as_raw_fd();
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the pointer leads to as many
    // bytes as the call is told of, which outlive it and may hold anything.
    let length = unsafe { libc::recv(descriptor, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    transferred(length)
}

/// send(2).
#[inline]
pub(super) fn send(socket: &Socket, data: &[u8], flags: libc::c_int) -> io::Result<usize> {
    let descriptor = socket.as_raw_fd();
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the pointer leads to as many
    // bytes as the call is told of, which outlive it and are only read.
    let length = unsafe { libc::send(descriptor, data.as_ptr().cast(), data.len(), flags) };
    transferred(length)
}

/// The answer of a call that transfers bytes; -1 stands for the error in `errno`.
#[inline]
pub(super) fn transferred(length: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(length).map_err(|_| io::Error::last_os_error())
}
