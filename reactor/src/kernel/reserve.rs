//! One descriptor in reserve for a process that has no other left; Twisted's
//! `_FileDescriptorReservation`.
//!
//! Invariant: outside of [`lend`](Reserve::lend) the descriptor is held, if one could be had.

use std::cell::RefCell;
use std::fs::File;
use std::io;

/// The descriptor in reserve; a file, but for tests.
pub(super) struct Reserve<F = File> {
    held: RefCell<Option<F>>,
    open: fn() -> io::Result<F>,
}

impl Reserve {
    /// Empty: a reactor that never listens needs none.
    pub(super) fn new() -> Self {
        Self::opened_by(|| File::open("/dev/null"))
    }
}

impl<F> Reserve<F> {
    fn opened_by(open: fn() -> io::Result<F>) -> Self {
        Self { held: RefCell::new(None), open }
    }

    /// Opens a descriptor, unless one is held. A failure is ignored: there is no reserve then, the next
    /// call tries again, and the port that would need it tells that it pauses.
    pub(super) fn fill(&self) {
        let mut held = self.held.borrow_mut();
        if held.is_none() {
            *held = (self.open)().ok();
        }
    }

    /// Closes the descriptor, runs `use_it`, which may use its number, and opens it again, whatever came
    /// of it. Without a reserve `use_it` does not run, and the error is `EMFILE`.
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
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// How often a placeholder was opened, and how many are open.
        static OPENED: Cell<usize> = const { Cell::new(0) };
        static OPEN: Cell<usize> = const { Cell::new(0) };
        static FAILS: Cell<bool> = const { Cell::new(false) };
    }

    /// In the place of a descriptor.
    struct Placeholder;

    impl Drop for Placeholder {
        fn drop(&mut self) {
            OPEN.set(OPEN.get() - 1);
        }
    }

    fn reserve() -> Reserve<Placeholder> {
        Reserve::opened_by(|| {
            if FAILS.get() {
                return Err(io::Error::from_raw_os_error(libc::EMFILE));
            }
            OPENED.set(OPENED.get() + 1);
            OPEN.set(OPEN.get() + 1);
            Ok(Placeholder)
        })
    }

    #[test]
    fn the_reserve_is_lent_only_when_it_is_held() {
        let reserve = Reserve::new();
        assert!(reserve.held.borrow().is_none());
        let refused = reserve.lend::<()>(|| unreachable!("nothing is held yet"));
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EMFILE));
        assert_eq!(reserve.lend(|| Ok(7)).unwrap(), 7);
        assert!(reserve.held.borrow().is_some());
    }

    #[test]
    fn filling_a_full_reserve_opens_nothing() {
        let reserve = reserve();
        assert_eq!((OPENED.get(), OPEN.get()), (0, 0));
        (0..10).for_each(|_| reserve.fill());
        assert_eq!((OPENED.get(), OPEN.get()), (1, 1));
        drop(reserve);
        assert_eq!(OPEN.get(), 0);
    }

    #[test]
    fn it_is_closed_while_it_is_lent_and_opened_again_whatever_comes_of_it() {
        let reserve = reserve();
        reserve.fill();
        for answer in [Ok(7), Err(libc::EAGAIN)] {
            let lent = reserve.lend(|| {
                assert_eq!(OPEN.get(), 0);
                answer.map_err(io::Error::from_raw_os_error)
            });
            assert_eq!(lent.map_err(|error| error.raw_os_error().unwrap()), answer);
            assert_eq!(OPEN.get(), 1);
        }
    }

    #[test]
    fn one_that_cannot_be_opened_is_none_and_hides_no_other_error() {
        let reserve = reserve();
        FAILS.set(true);
        reserve.fill();
        assert!(reserve.held.borrow().is_none());
        FAILS.set(false);
        reserve.fill();
        let lent = reserve.lend::<()>(|| {
            FAILS.set(true);
            Err(io::Error::from_raw_os_error(libc::EAGAIN))
        });
        assert_eq!(lent.unwrap_err().raw_os_error(), Some(libc::EAGAIN));
        assert!(reserve.held.borrow().is_none());
        FAILS.set(false);
        reserve.fill();
        assert_eq!(OPEN.get(), 1, "the next time it is there again");
    }
}
