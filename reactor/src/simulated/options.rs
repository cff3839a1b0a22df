//! Queries and options of an end: its addresses, the pending error, what its buffers hold, socket options,
//! credentials.
//!
//! Invariant: nothing here makes a socket ready.

use std::io;

use interfaces::{Address, TcpOptions};

use super::connection::{End, Family, OnClose};
use super::ids::EndId;
use super::trace::SystemCall;
use super::world::{World, errno};
use crate::sys::SocketOption;

/// The peer's process, user and group, as every simulated UNIX socket tells them.
pub(super) const CREDENTIALS: (u32, u32, u32) = (1, 1000, 1000);

/// The one network device of the simulated machine.
const DEVICE: &str = "lo";

/// Whether the machine has the network device that is asked for.
pub(super) fn check_device(options: &TcpOptions) -> io::Result<()> {
    match options.device.as_deref() {
        None | Some(DEVICE) => Ok(()),
        Some(_) => Err(errno(libc::ENODEV)),
    }
}

impl End {
    /// Gives a socket the options from its first moment.
    pub(super) fn set_options(&mut self, options: &TcpOptions) {
        self.no_delay = options.no_delay;
        self.keep_alive = options.keep_alive.is_some();
    }
}

impl World {
    pub(super) fn name(&mut self, id: EndId) -> Address {
        self.held(id).end(id.side()).name.clone()
    }

    pub(super) fn take_error(&mut self, id: EndId) -> io::Result<()> {
        let error = self.held(id).end_mut(id.side()).error.take();
        let result = error.map_or(Ok(()), |number| Err(errno(number)));
        self.answered(SystemCall::Getsockopt, id, result, |()| 0)
    }

    pub(super) fn has_unread(&mut self, id: EndId) -> bool {
        let has_unread = self.held(id).has_unread(id.side());
        self.trace.note(self.clock.now(), SystemCall::Peek, id.number(), i64::from(has_unread));
        has_unread
    }

    pub(super) fn unacknowledged_bytes(&mut self, id: EndId) -> usize {
        let bytes = self.held(id).outgoing(id.side()).unacknowledged_bytes();
        self.trace.note(self.clock.now(), SystemCall::Ioctl, id.number(), bytes as i64);
        bytes
    }

    pub(super) fn reset_on_close(&mut self, id: EndId) {
        self.trace.note(self.clock.now(), SystemCall::Setsockopt, id.number(), 0);
        self.held(id).end_mut(id.side()).on_close = OnClose::Reset;
    }

    pub(super) fn option(&mut self, id: EndId, option: SocketOption) -> bool {
        self.trace.note(self.clock.now(), SystemCall::Getsockopt, id.number(), 0);
        *self.option_mut(id, option)
    }

    pub(super) fn set_option(&mut self, id: EndId, option: SocketOption, on: bool) {
        self.trace.note(self.clock.now(), SystemCall::Setsockopt, id.number(), 0);
        *self.option_mut(id, option) = on;
    }

    fn option_mut(&mut self, id: EndId, option: SocketOption) -> &mut bool {
        let end = self.held(id).end_mut(id.side());
        match option {
            SocketOption::NoDelay => &mut end.no_delay,
            SocketOption::KeepAlive => &mut end.keep_alive,
        }
    }

    pub(super) fn peer_credentials(&mut self, id: EndId) -> Option<(u32, u32, u32)> {
        (self.held(id).family == Family::Unix).then_some(CREDENTIALS)
    }
}
