//! The count of the sessions.
//!
//! Invariant: only the first failures are kept, so that a broken relay does not fill the memory.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::session::SessionResult;

/// How many failures are told.
const TOLD: usize = 20;

#[derive(Default)]
pub(super) struct Tally(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    sessions: u64,
    broken: u64,
    bytes: u64,
    failed: u64,
    told: Vec<String>,
}

impl Tally {
    pub(super) fn add(&self, outcome: SessionResult) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.sessions += 1;
        counted.broken += u64::from(outcome.broken);
        counted.bytes += outcome.bytes;
        if let Err(problem) = outcome.result {
            counted.failed += 1;
            if counted.told.len() < TOLD {
                counted.told.push(format!("session {}: {problem}", outcome.seed));
            }
        }
    }

    pub(super) fn sessions(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sessions
    }

    pub(super) fn summary(&self, time: Duration) -> String {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { sessions, broken, bytes, failed, .. } = &*counted;
        format!(
            "{sessions} sessions, {broken} of them broken off, {bytes} bytes, {:.0} s: {failed} wrong\n",
            time.as_secs_f64()
        )
    }

    pub(super) fn verdict(&self) -> Result<(), String> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.failed == 0 { Ok(()) } else { Err(counted.told.join("\n")) }
    }
}
