//! [`Member`]: one reactor of a group, as the program on its thread holds it.
//!
//! Invariant: it never leaves its thread; other members are reached through [`Remote`] alone.

use std::fmt;
use std::sync::Arc;

use super::runner::Spread;
use super::shared::GroupShared;
use crate::kernel::Kernel;
use crate::reactor::{Reactor, Remote};

/// One reactor of a [`ReactorGroup`](crate::ReactorGroup). Cheap to clone.
///
/// It has the abilities of its reactor, and serves wherever an `impl ReactorTcp` is asked for. What it
/// listens on is shared: when each member listens on the same address, the first one opens the port, and
/// each connection goes to the member with the fewest, whose own factory builds its protocol. A member
/// that listens on port 0 gets the number that the first one found. Ports that a program opens on
/// [`reactor`](Self::reactor) are that reactor's alone.
///
/// A port ends for all members when the one that opened it stops or closes it; when another one does,
/// it ends for that one.
#[derive(Clone)]
pub struct Member {
    reactor: Reactor,
    index: usize,
    spread: Spread,
    shared: Arc<GroupShared>,
}

impl Member {
    pub(super) fn new(
        reactor: Reactor,
        index: usize,
        spread: Spread,
        shared: Arc<GroupShared>,
    ) -> Self {
        Self { reactor, index, spread, shared }
    }

    /// The reactor itself.
    pub fn reactor(&self) -> &Reactor {
        &self.reactor
    }

    /// The number of this member, from 0. Member 0 runs on the thread that runs the group.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The number of members.
    pub fn members(&self) -> usize {
        self.shared.members()
    }

    /// The handle of another member, or of this one; `None` when there is no such member.
    pub fn remote(&self, member: usize) -> Option<&Remote<Kernel>> {
        self.shared.remote(member)
    }

    /// The number of connections that a member has, with those on their way to it; 0 when there is no such
    /// member.
    pub fn connections(&self, member: usize) -> usize {
        self.shared.load(member).map_or(0, |load| load.get())
    }

    /// Stops every member's reactor, as [`stop`](interfaces::ReactorCore::stop) does this one's: each ends
    /// its connections in order, and then the run of the group returns.
    pub fn stop_all(&self) {
        self.shared.stop();
    }

    pub(super) fn shared(&self) -> &Arc<GroupShared> {
        &self.shared
    }

    pub(super) fn spread(&self) -> Spread {
        self.spread
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("index", &self.index)
            .field("reactor", &self.reactor)
            .finish()
    }
}
