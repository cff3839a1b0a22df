//! Socket options: setsockopt(2) and getsockopt(2) on a stream.
//!
//! Invariant: no option here changes whether an operation waits.

use std::io;
use std::time::Duration;

use interfaces::{KeepAliveTimes, TcpOptions};
use socket2::{Socket, TcpKeepalive};

use crate::sys::SocketOption;

pub(super) fn get(stream: &Socket, option: SocketOption) -> bool {
    let answer = match option {
        SocketOption::NoDelay => stream.tcp_nodelay(),
        SocketOption::KeepAlive => stream.keepalive(),
    };
    answer.unwrap_or(false)
}

pub(super) fn set(stream: &Socket, option: SocketOption, on: bool) {
    drop(match option {
        SocketOption::NoDelay => stream.set_tcp_nodelay(on),
        SocketOption::KeepAlive => stream.set_keepalive(on),
    });
}

/// The longest time, in seconds, and the most probes that the kernel takes (linux/net/tcp.h).
const KEEP_ALIVE_SECONDS_MAX: u64 = 32767;
const KEEP_ALIVE_PROBES_MAX: u32 = 127;

/// The kernel refuses a time of less than a second, and one that is too long.
pub(super) fn set_keep_alive_times(stream: &Socket, times: KeepAliveTimes) {
    let (least, most) = (Duration::from_secs(1), Duration::from_secs(KEEP_ALIVE_SECONDS_MAX));
    let allowed = |time: Duration| time.clamp(least, most);
    let keep_alive = TcpKeepalive::new()
        .with_time(allowed(times.idle))
        .with_interval(allowed(times.interval))
        .with_retries(times.probes.clamp(1, KEEP_ALIVE_PROBES_MAX));
    drop(stream.set_tcp_keepalive(&keep_alive));
}

/// Which option of [`TcpOptions`] failed.
#[derive(Debug)]
pub(super) enum OptionFault {
    Device(io::Error),
    Other(io::Error),
}

/// Sets the options of a socket that is neither bound nor connected. A listening one hands those of its
/// connections on (tcp(7)).
pub(super) fn prepare(socket: &Socket, options: &TcpOptions) -> Result<(), OptionFault> {
    if options.no_delay {
        socket.set_tcp_nodelay(true).map_err(OptionFault::Other)?;
    }
    if let Some(times) = options.keep_alive {
        set_keep_alive_times(socket, times);
    }
    if options.reuse_port {
        socket.set_reuse_port(true).map_err(OptionFault::Other)?;
    }
    match &options.device {
        Some(device) => bind_device(socket, device).map_err(OptionFault::Device),
        None => Ok(()),
    }
}

fn bind_device(socket: &Socket, device: &str) -> io::Result<()> {
    // The kernel takes an empty name as every device, and cuts a long one.
    if device.is_empty() || device.len() >= libc::IFNAMSIZ || device.contains('\0') {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    socket.bind_device(Some(device.as_bytes()))
}

/// Only TCP has a reset; on another socket the option changes nothing.
pub(super) fn reset_on_close(stream: &Socket) {
    drop(stream.set_linger(Some(Duration::ZERO)));
}

/// Takes the pending error off the socket.
pub(super) fn take_error(stream: &Socket) -> io::Result<()> {
    match stream.take_error() {
        Ok(None) => Ok(()),
        Ok(Some(error)) | Err(error) => Err(error),
    }
}
