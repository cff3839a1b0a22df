//! [`WatchSys`] for [`Kernel`]: epoll through mio, and poll(2).
//!
//! Invariant: a descriptor is only borrowed, for the length of one call.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use mio::Interest;
use mio::unix::SourceFd;

use super::{Kernel, raw_calls};
use crate::sys::{Found, Token, Wanted, WatchSys};

impl WatchSys for Kernel {
    fn watch(&self, descriptor: BorrowedFd<'_>, token: Token, wanted: Wanted) -> io::Result<()> {
        self.register_source(&descriptor, token, interest(wanted))
    }

    fn watch_anew(
        &self,
        descriptor: BorrowedFd<'_>,
        token: Token,
        wanted: Wanted,
    ) -> io::Result<()> {
        self.poll.borrow().registry().reregister(
            &mut SourceFd(&descriptor.as_raw_fd()),
            mio::Token(token.0),
            interest(wanted),
        )
    }

    fn unwatch(&self, descriptor: BorrowedFd<'_>) {
        self.deregister_source(&descriptor);
    }

    fn look(&self, descriptor: BorrowedFd<'_>) -> Found {
        let events = raw_calls::ready_now(descriptor, libc::POLLIN | libc::POLLOUT);
        let any = |wanted: libc::c_short| events & wanted != 0;
        Found {
            readable: any(libc::POLLIN),
            writable: any(libc::POLLOUT),
            hung_up: any(libc::POLLHUP | libc::POLLERR | libc::POLLNVAL),
        }
    }
}

fn interest(wanted: Wanted) -> Interest {
    match wanted {
        Wanted::Reading => Interest::READABLE,
        Wanted::Writing => Interest::WRITABLE,
        Wanted::Both => Interest::READABLE | Interest::WRITABLE,
    }
}
