//! Whether the command can serve its next client, and if not, what it waits for.
//!
//! Invariant: it is ready exactly when it has no blocker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The state that decides, of all workers.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    listens: AtomicBool,
    leaves: AtomicBool,
    back_end: Mutex<BackEnd>,
}

/// Where a relay connects to, as the last attempt found it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum BackEnd {
    /// There is none, or it was not tried yet.
    #[default]
    Unknown,
    Up,
    /// With its string and the failure.
    Down(String),
}

impl Readiness {
    /// All ports are open.
    pub(crate) fn set_listening(&self) {
        self.listens.store(true, Ordering::Relaxed);
    }

    /// A signal has come.
    pub(crate) fn set_leaving(&self) {
        self.leaves.store(true, Ordering::Relaxed);
    }

    /// A connection to the back end was made.
    pub(crate) fn set_back_end_up(&self) {
        self.set_back_end(BackEnd::Up);
    }

    /// A connection to the back end could not be made.
    pub(crate) fn set_back_end_down(&self, back_end: &str, failure: &str) {
        self.set_back_end(BackEnd::Down(format!("{back_end}: {failure}")));
    }

    fn set_back_end(&self, back_end: BackEnd) {
        *self.back_end.lock().unwrap_or_else(PoisonError::into_inner) = back_end;
    }

    fn back_end(&self) -> BackEnd {
        self.back_end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A line for each thing that it waits for.
    pub(super) fn blockers(&self) -> Vec<String> {
        let mut blockers = Vec::new();
        if !self.listens.load(Ordering::Relaxed) {
            blockers.push("listen: the ports are not open yet".into());
        }
        if self.is_leaving() {
            blockers.push("stop: a signal has come, connections may finish".into());
        }
        if let BackEnd::Down(failure) = self.back_end() {
            blockers.push(format!("connect: {failure}"));
        }
        blockers
    }

    /// The state in the words of HAProxy's agent checks; `ready` ends the drain before a restart.
    pub(super) fn agent_words(&self) -> &'static str {
        match (self.is_leaving(), self.blockers().is_empty()) {
            (true, _) => "drain",
            (false, true) => "ready up",
            (false, false) => "down",
        }
    }

    fn is_leaving(&self) -> bool {
        self.leaves.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_blocker_is_named_and_goes_away() {
        let readiness = Readiness::default();
        assert_eq!((readiness.blockers().len(), readiness.agent_words()), (1, "down"));
        readiness.set_listening();
        assert_eq!((readiness.blockers().len(), readiness.agent_words()), (0, "ready up"));
        readiness.set_back_end_down("tcp:one:80", "cannot connect");
        let blockers = readiness.blockers();
        assert_eq!(blockers, ["connect: tcp:one:80: cannot connect"]);
        assert_eq!(readiness.agent_words(), "down");
        readiness.set_back_end_up();
        assert_eq!(readiness.blockers().len(), 0);
        readiness.set_leaving();
        assert_eq!((readiness.blockers().len(), readiness.agent_words()), (1, "drain"));
    }
}
