//! The socket options that a string of kind `tcp` or `tcp6` may set, by name only.
//!
//! | argument | value | |
//! |---|---|---|
//! | `noDelay` | a switch: `1`, `yes`, `true`, or `0`, `no`, `false` | small writes go out at once |
//! | `keepAlive` | a time from 1 to 32767 s, 0 for never | an idle connection is probed after it |
//! | `device` | a name of at most 15 bytes, as `eth0` | the one network device that carries the connections |
//! | `reusePort` | a switch, of a server | other sockets may listen on the same port |
//!
//! Twisted has none of them. Invariant: an option that is not given is not listed in the description.

use alloc::rc::Rc;
use core::ops::RangeInclusive;
use core::time::Duration;

use interfaces::{KeepAliveTimes, TcpOptions};

use crate::{Argument, ParseError};

/// The names of those that clients have.
pub(crate) const CLIENT_OPTIONS: [&str; 3] = ["noDelay", "keepAlive", "device"];

/// The names of those that servers have.
pub(crate) const SERVER_OPTIONS: [&str; 4] = ["noDelay", "keepAlive", "device", "reusePort"];

/// The times that `TCP_KEEPIDLE` takes (tcp(7)).
const KEEP_ALIVE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(32_767);

/// The longest name of a network device: `IFNAMSIZ` with its NUL byte (netdevice(7)).
const DEVICE_BYTES_MAX: usize = 15;

/// Reads the options of a client.
pub(crate) fn client_options(arguments: [Argument<'_>; 3]) -> Result<TcpOptions, ParseError> {
    let [no_delay, keep_alive, device] = arguments;
    let mut options = TcpOptions::default();
    if no_delay.is_given() {
        options = options.with_no_delay(no_delay.flag_or(false)?);
    }
    if keep_alive.is_given() {
        let idle = keep_alive.seconds_or(Duration::ZERO)?;
        if !idle.is_zero() && !KEEP_ALIVE.contains(&idle) {
            return Err(keep_alive.error("0 for never, or a time from 1 to 32767 s"));
        }
        let times = (!idle.is_zero()).then(|| KeepAliveTimes::default().with_idle(idle));
        options = options.with_keep_alive(times);
    }
    if !device.is_given() {
        return Ok(options);
    }
    match device.text()? {
        Some(name) if name.is_empty() || name.len() > DEVICE_BYTES_MAX => {
            Err(device.error("the name of a network device, of at most 15 bytes"))
        }
        device => Ok(options.with_device(device.map(Rc::from))),
    }
}

/// Reads the options of a server.
pub(crate) fn server_options(arguments: [Argument<'_>; 4]) -> Result<TcpOptions, ParseError> {
    let [no_delay, keep_alive, device, reuse_port] = arguments;
    let options = client_options([no_delay, keep_alive, device])?;
    match reuse_port.is_given() {
        true => Ok(options.with_reuse_port(reuse_port.flag_or(false)?)),
        false => Ok(options),
    }
}
