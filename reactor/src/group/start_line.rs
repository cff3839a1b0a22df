//! The line at which the members of a group wait until all of them have a reactor.
//!
//! Invariant: either every member passes, or none does.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Where members wait for each other.
pub(super) struct StartLine {
    waiting: Mutex<AtTheLine>,
    changed: Condvar,
}

struct AtTheLine {
    missing: usize,
    is_given_up: bool,
}

/// Whether the group starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Go,
    GivenUp,
}

impl StartLine {
    pub(super) fn new(members: usize) -> Self {
        let waiting = AtTheLine { missing: members, is_given_up: false };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new() }
    }

    /// Waits until every member is here, or one has given up.
    pub(super) fn wait(&self) -> Start {
        let mut waiting = self.lock();
        waiting.missing = waiting.missing.saturating_sub(1);
        self.changed.notify_all();
        let waits = |waiting: &mut AtTheLine| waiting.missing > 0 && !waiting.is_given_up;
        let waited = self.changed.wait_while(waiting, waits);
        let waiting = waited.unwrap_or_else(PoisonError::into_inner);
        if waiting.missing == 0 { Start::Go } else { Start::GivenUp }
    }

    /// A member cannot begin. Once all have come this changes nothing.
    pub(super) fn give_up(&self) {
        self.lock().is_given_up = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, AtTheLine> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn all_pass_once_the_last_has_come() {
        let line = StartLine::new(3);
        thread::scope(|scope| {
            let waiting = [scope.spawn(|| line.wait()), scope.spawn(|| line.wait())];
            assert_eq!(line.wait(), Start::Go);
            for thread in waiting {
                assert_eq!(thread.join().ok(), Some(Start::Go));
            }
        });
    }

    #[test]
    fn one_that_gives_up_lets_none_pass() {
        let line = StartLine::new(3);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| line.wait());
            line.give_up();
            assert_eq!(waiting.join().ok(), Some(Start::GivenUp));
        });
        assert_eq!(line.wait(), Start::GivenUp);
    }

    #[test]
    fn one_that_gives_up_after_all_have_come_holds_none_back() {
        let line = StartLine::new(2);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| line.wait());
            assert_eq!(line.wait(), Start::Go);
            line.give_up();
            assert_eq!(waiting.join().ok(), Some(Start::Go));
        });
    }
}
