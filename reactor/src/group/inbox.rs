//! [`Inbox`]: the connections on their way from the member that accepts to another one.
//!
//! ```text
//!   Open ── end, by the port ──▶ Ending ── the last one was taken ──▶ the member closes it
//!     └──────── close, by the member: Closed ◀──────────────────────────────┘
//! ```
//!
//! Invariant: while a connection waits here, the member's loop was told to look, or is looking.

use std::collections::VecDeque;
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socket2::Socket;

use super::on_the_way::OnTheWay;
use crate::core::remote_calls::RemoteCall;
use crate::kernel::Kernel;
use crate::sys::Token;
use crate::threads::remote_queue::RemoteQueue;

/// An accepted connection.
pub(super) struct Handed {
    pub(super) socket: Socket,
    /// The peer of a TCP connection; the system tells any other.
    pub(super) peer: Option<SocketAddr>,
    /// Dropped when its protocol is built.
    pub(super) on_the_way: OnTheWay,
}

/// The connections that wait for one port of one member.
pub(super) struct Inbox {
    arrived: Mutex<InboxContent>,
    /// The port that takes them.
    token: Token,
    remote_queue: Arc<RemoteQueue<RemoteCall<Kernel>>>,
}

struct InboxContent {
    waiting: VecDeque<Handed>,
    state: InboxState,
    /// The port is on the list of those that are still ready, or about to be.
    is_listed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InboxState {
    Open,
    Ending,
    Closed,
}

/// What a look into an inbox finds.
pub(super) enum Taken {
    One(Handed),
    /// Nothing now; the next one is told of.
    Nothing,
    /// Nothing any more.
    Ended,
}

impl Inbox {
    pub(super) fn new(token: Token, remote_queue: Arc<RemoteQueue<RemoteCall<Kernel>>>) -> Self {
        let (waiting, state) = (VecDeque::new(), InboxState::Open);
        let arrived = Mutex::new(InboxContent { waiting, state, is_listed: false });
        Self { arrived, token, remote_queue }
    }

    /// Adds a connection; an inbox that takes no more returns it.
    pub(super) fn push(&self, handed: Handed) -> Result<(), Handed> {
        let mut arrived = self.lock();
        if arrived.state != InboxState::Open {
            return Err(handed);
        }
        arrived.waiting.push_back(handed);
        self.tell(arrived);
        Ok(())
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        let mut arrived = self.lock();
        if arrived.state == InboxState::Open {
            arrived.state = InboxState::Ending;
            self.tell(arrived);
        }
    }

    /// Has the member's loop look, unless it does so already.
    fn tell(&self, mut arrived: MutexGuard<'_, InboxContent>) {
        if mem::replace(&mut arrived.is_listed, true) {
            return;
        }
        drop(arrived);
        let token = self.token;
        let look: RemoteCall<Kernel> = Box::new(move |core| core.list_still_ready(token));
        // A reactor that is gone has closed its inboxes, or is about to.
        drop(self.remote_queue.push(look));
    }

    /// Takes the next connection. One that finds any lists the port again before it stops looking.
    pub(super) fn take(&self) -> Taken {
        let mut arrived = self.lock();
        match arrived.waiting.pop_front() {
            Some(handed) => Taken::One(handed),
            None => {
                arrived.is_listed = false;
                if arrived.state == InboxState::Open { Taken::Nothing } else { Taken::Ended }
            }
        }
    }

    /// Takes nothing more, and returns what waits.
    pub(super) fn close(&self) -> VecDeque<Handed> {
        let mut arrived = self.lock();
        arrived.state = InboxState::Closed;
        mem::take(&mut arrived.waiting)
    }

    /// No foreign code runs under the lock.
    fn lock(&self) -> MutexGuard<'_, InboxContent> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
