//! One descriptor in reserve for a process that has no other left; Twisted's
//! `_FileDescriptorReservation`.
//!
//! Invariant: outside of [`lend`](Reserve::lend) the descriptor is held, if one could be had.

use std::cell::RefCell;
use std::fs::File;
use std::io;

/// The descriptor in reserve.
pub(super) struct Reserve {
    held: RefCell<Option<File>>,
}

impl Reserve {
    /// Empty: a reactor that never listens needs none.
    pub(super) fn new() -> Self {
        Self { held: RefCell::new(None) }
    }

    /// Opens a descriptor, unless one is held. A failure is ignored: there is no reserve then, and the
    /// next call tries again.
    pub(super) fn fill(&self) {
        let mut held = self.held.borrow_mut();
        if held.is_none() {
            *held = File::open("/dev/null").ok();
        }
    }

    /// Closes the descriptor, runs `use_it`, which may use its number, and opens it again. Without a
    /// reserve `use_it` does not run, and the error is `EMFILE`.
    pub(super) fn lend<R>(&self, use_it: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        if self.held.take().is_none() {
            self.fill();
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        }
        let used = use_it();
        self.fill();
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_lent_only_when_it_is_held() {
        let reserve = Reserve::new();
        let refused = reserve.lend::<()>(|| unreachable!("nothing is held yet"));
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EMFILE));
        assert_eq!(reserve.lend(|| Ok(7)).unwrap(), 7);
        assert!(reserve.held.borrow().is_some());
    }
}
