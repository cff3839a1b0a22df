//! Tenants that give their descriptor up when another one needs it, the oldest first.
//!
//! A connection that is over for its protocol keeps its socket for a while, for the sake of its last bytes.
//! So that strangers who take those slowly cannot use up the descriptors, it goes as soon as there is none
//! left. Invariant: a token is in the set from the moment that its tenant waits until its slot is empty.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use super::Core;
use crate::sys::{StreamSys, Token};

/// The tenants, by the time since which they wait.
#[derive(Default)]
pub(crate) struct Expendable {
    waiting: RefCell<BTreeSet<(Duration, Token)>>,
}

impl Expendable {
    pub(crate) fn add(&self, since: Duration, token: Token) {
        self.waiting.borrow_mut().insert((since, token));
    }

    pub(crate) fn remove(&self, since: Duration, token: Token) {
        self.waiting.borrow_mut().remove(&(since, token));
    }

    fn oldest(&self) -> Option<Token> {
        self.waiting.borrow().first().map(|(_, token)| *token)
    }
}

impl<S: StreamSys> Core<S> {
    /// Ends the oldest tenant that only waits. Returns whether there was one.
    pub(crate) fn free_descriptor(&self) -> bool {
        let tenant = self.expendable.oldest().and_then(|token| self.tenant(token));
        match tenant {
            Some(tenant) => {
                tenant.stop(self);
                true
            }
            None => false,
        }
    }
}

/// Whether a call failed as there is no descriptor left, for the process or the system.
pub(crate) fn needs_descriptor(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}
