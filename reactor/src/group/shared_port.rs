//! [`SharedPort`]: a port of several members, and which of them gets the next connection.
//!
//! Invariant: a member is in the list from the moment that its inbox takes connections until it takes
//! no more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::inbox::Inbox;
use super::sent_address::SentAddress;

/// A port, as the members know it that have no socket for it.
pub(super) struct SharedPort {
    pub(super) key: PortKey,
    pub(super) address: SentAddress,
    /// The member that accepts.
    acceptor: usize,
    joined: Mutex<Joined>,
}

/// By what a member finds the port that another one has opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PortKey {
    /// The address that was asked for.
    Asked(SentAddress),
    /// The device and the inode of an adopted socket, which all copies of its descriptor have.
    Socket(u64, u64),
}

#[derive(Default)]
struct Joined {
    members: Vec<(usize, Arc<Inbox>)>,
    /// Of members with equally few connections, the next one after this place has its turn.
    last: usize,
    is_closed: bool,
}

/// Who gets a connection.
pub(super) enum Choice {
    Acceptor,
    Other(usize, Arc<Inbox>),
}

impl SharedPort {
    pub(super) fn new(key: PortKey, address: SentAddress, acceptor: usize) -> Self {
        Self { key, address, acceptor, joined: Mutex::default() }
    }

    /// Whether a member accepts here, or has joined.
    pub(super) fn has(&self, member: usize) -> bool {
        self.acceptor == member || self.lock().members.iter().any(|(it, _)| *it == member)
    }

    /// Gives connections to this member, too. Returns whether the port is still open.
    pub(super) fn join(&self, member: usize, inbox: Arc<Inbox>) -> bool {
        let mut joined = self.lock();
        if !joined.is_closed {
            joined.members.push((member, inbox));
        }
        !joined.is_closed
    }

    /// Gives no more connections to this member.
    pub(super) fn leave(&self, member: usize) {
        self.lock().members.retain(|(it, _)| *it != member);
    }

    /// The port is closed: the inboxes that got connections of it.
    pub(super) fn close(&self) -> Vec<(usize, Arc<Inbox>)> {
        let mut joined = self.lock();
        joined.is_closed = true;
        std::mem::take(&mut joined.members)
    }

    /// The member with the fewest connections, by `load`.
    pub(super) fn choose(&self, load: impl Fn(usize) -> usize) -> Choice {
        let mut joined = self.lock();
        let loads = std::iter::once(self.acceptor).chain(joined.members.iter().map(|(it, _)| *it));
        let loads: Vec<usize> = loads.map(load).collect();
        joined.last = fewest(&loads, joined.last);
        match joined.last.checked_sub(1).and_then(|place| joined.members.get(place)) {
            Some((member, inbox)) => Choice::Other(*member, inbox.clone()),
            None => Choice::Acceptor,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Joined> {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of the smallest number; of several, the first one after `last`, in a circle.
fn fewest(loads: &[usize], last: usize) -> usize {
    let places = (1..=loads.len()).map(|step| (last + step) % loads.len());
    places.min_by_key(|place| loads[*place]).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_connections_win_and_equals_take_turns() {
        assert_eq!(fewest(&[3, 1, 2], 1), 1);
        assert_eq!(fewest(&[0], 0), 0);
        let mut last = 0;
        let turns: Vec<usize> = (0..5)
            .map(|_| {
                last = fewest(&[7, 7, 7], last);
                last
            })
            .collect();
        assert_eq!(turns, [1, 2, 0, 1, 2]);
        assert_eq!(fewest(&[1, 1], 5), 0, "a member has left since");
    }

    #[test]
    fn loads_that_begin_uneven_become_even_and_stay_so() {
        let (mut loads, mut last) = ([9, 0, 4], 0);
        for given in 0..100 {
            last = fewest(&loads, last);
            loads[last] += 1;
            let spread = loads.iter().max().unwrap_or(&0) - loads.iter().min().unwrap_or(&0);
            assert!(given < 14 || spread <= 1, "{loads:?} after {given}");
        }
    }
}
