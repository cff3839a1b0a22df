//! The socket options that a string of kind `tcp` or `tcp6` may set, by name only.
//!
//! | argument | value | |
//! |---|---|---|
//! | `noDelay` | a switch: `1`, `yes`, `true`, or `0`, `no`, `false` | small writes go out at once |
//! | `keepAlive` | a time from 1 to 32767 s, 0 for never | an idle connection is probed after it |
//! | `device` | a name of at most 15 bytes, as `eth0` | the one network device that carries the connections |
//! | `reusePort` | a switch, of a server | other sockets may listen on the same port |
//! | `ipv6Only` | a switch, of a server on IPv6 | IPv4 peers are not accepted, or are, whatever the system's setting |
//!
//! Twisted has none of them. Invariant: an option that is not given is not listed in the description.

use alloc::rc::Rc;
use alloc::string::String;
use core::ops::RangeInclusive;
use core::time::Duration;

use interfaces::{DualStack, KeepAliveTimes, TcpOptions};

use crate::{Argument, Host, ParseError, Value};

/// The names of those that clients have.
pub(crate) const CLIENT_OPTIONS: [&str; 3] = ["noDelay", "keepAlive", "device"];

/// The names of those that servers have.
pub(crate) const SERVER_OPTIONS: [&str; 5] =
    ["noDelay", "keepAlive", "device", "reusePort", "ipv6Only"];

/// The times that `TCP_KEEPIDLE` takes (tcp(7)).
const KEEP_ALIVE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(32_767);

/// The longest name of a network device: `IFNAMSIZ` with its NUL byte (netdevice(7)).
const DEVICE_BYTES_MAX: usize = 15;

/// The options of a TCP socket, as strings have them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SocketConfig {
    /// Whether small writes go out at once. Default off.
    pub no_delay: bool,
    /// The time after which an idle connection is probed, from 1 to 32767 s. Default never.
    pub keep_alive: Option<Duration>,
    /// The one network device that carries the connections. Default every device.
    pub device: Option<String>,
    /// Whether other sockets may listen on the same port; of servers alone. Default off.
    pub reuse_port: bool,
    /// Whether a socket that listens on `::` leaves IPv4 peers to others (ipv6(7), `IPV6_V6ONLY`); of servers
    /// alone. Default as the system has it: on Linux they are accepted, unless `net.ipv6.bindv6only` is set.
    pub ipv6_only: Option<bool>,
}

impl SocketConfig {
    /// Reads the options of a client.
    pub(crate) fn of_client(options: [Argument<'_>; 3]) -> Result<Self, ParseError> {
        let [no_delay, keep_alive, device] = options;
        Ok(Self {
            no_delay: no_delay.is_given() && no_delay.flag_or(false)?,
            keep_alive: keep_alive_time(&keep_alive)?,
            device: device_name(&device)?,
            reuse_port: false,
            ipv6_only: None,
        })
    }

    /// Reads the options of a server on this interface.
    pub(crate) fn of_server(
        options: [Argument<'_>; 5],
        interface: &Host,
    ) -> Result<Self, ParseError> {
        let [no_delay, keep_alive, device, reuse_port, ipv6_only] = options;
        let config = Self::of_client([no_delay, keep_alive, device])?;
        let reuse_port = reuse_port.is_given() && reuse_port.flag_or(false)?;
        if !ipv6_only.is_given() {
            return Ok(Self { reuse_port, ..config });
        }
        let is_only = ipv6_only.flag_or(false)?;
        if interface.is_ipv6() == Some(false) {
            let message = "the interface is of IPv4: `ipv6Only` goes with `interface=[::]`";
            return Err(ipv6_only.refuse(message));
        }
        Ok(Self { reuse_port, ipv6_only: Some(is_only), ..config })
    }

    /// Those that are not the defaults.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let flag = |set| if set { Value::Flag(true) } else { Value::Absent };
        let values = [
            flag(self.no_delay),
            self.keep_alive.map_or(Value::Absent, Value::Seconds),
            Value::text_or_absent(self.device.as_deref()),
            flag(self.reuse_port),
            self.ipv6_only.map_or(Value::Absent, Value::Flag),
        ];
        core::iter::zip(SERVER_OPTIONS, values)
    }

    /// Which peers a wildcard address of IPv6 accepts.
    pub(crate) fn dual_stack(&self) -> DualStack {
        match self.ipv6_only {
            None => DualStack::System,
            Some(true) => DualStack::Ipv6Only,
            Some(false) => DualStack::Both,
        }
    }

    pub(crate) fn options(&self) -> TcpOptions {
        let times = self.keep_alive.map(|idle| KeepAliveTimes::default().with_idle(idle));
        TcpOptions::default()
            .with_no_delay(self.no_delay)
            .with_keep_alive(times)
            .with_device(self.device.as_deref().map(Rc::from))
            .with_reuse_port(self.reuse_port)
    }
}

fn keep_alive_time(argument: &Argument<'_>) -> Result<Option<Duration>, ParseError> {
    if !argument.is_given() {
        return Ok(None);
    }
    match argument.seconds_or(Duration::ZERO)? {
        Duration::ZERO => Ok(None),
        idle if KEEP_ALIVE.contains(&idle) => Ok(Some(idle)),
        _ => Err(argument.error("0 for never, or a time from 1 to 32767 s")),
    }
}

fn device_name(argument: &Argument<'_>) -> Result<Option<String>, ParseError> {
    match argument.text()? {
        Some(name) if name.is_empty() || name.len() > DEVICE_BYTES_MAX => {
            Err(argument.error("the name of a network device, of at most 15 bytes"))
        }
        name => Ok(name.map(String::from)),
    }
}
