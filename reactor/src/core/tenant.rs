//! What a slot holds: a stream, or any other tenant behind one virtual call.
//!
//! Streams are a static arm, so that the path of a message has no virtual call between poll and
//! protocol. All other tenants (ports, attempts, lingering sockets) make system calls at every event
//! anyway. Invariant: a slot is no larger than a stream in it (24 bytes), and a new kind of tenant
//! edits no `match` outside its own folder. `Running` is the one name of `core` that belongs to a
//! folder above it.

use std::rc::Rc;

use super::Core;
use super::counts::Counts;
use crate::stream::Running;
use crate::sys::{Ready, StreamSys, Token};

/// What the loop does with a tenant that is not a stream. Called from the turn with nothing
/// borrowed.
pub(crate) trait Tenant<S: StreamSys> {
    /// The system reported something, or the tenant was on the list of those that are still ready.
    /// `buffer` is the shared read buffer.
    fn ready(self: Rc<Self>, core: &Core<S>, ready: Ready, buffer: &mut [u8]);

    /// End now, and tell the user's code that waits for an answer.
    fn stop(self: Rc<Self>, core: &Core<S>);

    /// The reactor stops: end as soon as no byte is lost by it.
    fn drain(self: Rc<Self>, core: &Core<S>) {
        self.stop(core);
    }

    /// The reactor is dropped: close, and tell no user code.
    fn abandon(&self, sys: &S);

    /// The tenant is off the list of those that are still ready.
    fn unlist(&self) {}

    /// The ends have come for which the tenant asked to wait
    /// ([`call_after_closings`](Core::call_after_closings)).
    fn closed(self: Rc<Self>, _core: &Core<S>) {}

    /// What [`Counts`] counts it as.
    fn kind(&self) -> Kind;
}

/// The kinds of tenants, as [`Counts`] tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stream,
    Port,
    Attempt,
    Lingering,
    DatagramPort,
    Process,
    Pipe,
    Stdio,
    Watched,
    #[cfg(test)]
    Dummy,
}

impl Kind {
    /// The number that counts this kind.
    fn number(self, counts: &mut Counts) -> Option<&mut usize> {
        match self {
            Self::Stream => Some(&mut counts.streams),
            Self::Port => Some(&mut counts.ports),
            Self::Attempt => Some(&mut counts.attempts),
            Self::Lingering => Some(&mut counts.lingering),
            Self::DatagramPort => Some(&mut counts.datagram_ports),
            Self::Process => Some(&mut counts.processes),
            Self::Pipe => Some(&mut counts.pipes),
            Self::Stdio => Some(&mut counts.stdio),
            Self::Watched => Some(&mut counts.watched),
            #[cfg(test)]
            Self::Dummy => None,
        }
    }
}

/// What a token leads to.
pub(crate) enum Slot<S: StreamSys> {
    /// An established connection and its protocol.
    Stream(Running<S>),
    /// Everything else; `None` is reserved: the token is known, the tenant is not built yet.
    Other(Option<Rc<dyn Tenant<S>>>),
}

impl<S: StreamSys> Default for Slot<S> {
    fn default() -> Self {
        Self::Other(None)
    }
}

impl<S: StreamSys> Slot<S> {
    /// Closes the tenant's socket, even where a handle outlives the reactor, and drops the tenant.
    pub(super) fn abandon(self, sys: &S) {
        match &self {
            Self::Stream(running) => running.stream.abandon(sys),
            Self::Other(Some(tenant)) => tenant.abandon(sys),
            Self::Other(None) => {}
        }
    }

    /// The tenant is off the list of those that are still ready.
    fn unlist(&self) {
        match self {
            Self::Stream(running) => running.stream.io.listed.set(false),
            Self::Other(Some(tenant)) => tenant.unlist(),
            Self::Other(None) => {}
        }
    }

    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Stream(_) => Some(Kind::Stream),
            Self::Other(tenant) => tenant.as_deref().map(Tenant::kind),
        }
    }
}

impl<S: StreamSys> Core<S> {
    /// The tenant under a token that is not a stream.
    pub(crate) fn tenant(&self, token: Token) -> Option<Rc<dyn Tenant<S>>> {
        match self.slots.borrow().find(token) {
            Some(Slot::Other(tenant)) => tenant.clone(),
            Some(Slot::Stream(_)) | None => None,
        }
    }

    /// Takes a tenant off the list of those that are still ready.
    pub(crate) fn unlist(&self, token: Token) {
        let slots = self.slots.borrow();
        if let Some(slot) = slots.find(token) {
            slot.unlist();
        }
    }

    /// Adds the tenants to the counts of their kinds.
    pub(crate) fn count_tenants(&self, counts: &mut Counts) {
        let slots = self.slots.borrow();
        for kind in slots.tenants().filter_map(Slot::kind) {
            if let Some(number) = kind.number(counts) {
                *number += 1;
            }
        }
    }

    /// Whether there is a tenant of a kind.
    pub(crate) fn has_kind(&self, kind: Kind) -> bool {
        self.slots.borrow().tenants().any(|slot| slot.kind() == Some(kind))
    }

    /// Puts a tenant that learns its own token into a slot.
    pub(crate) fn settle<T: Tenant<S> + 'static>(
        &self,
        make: impl FnOnce(Token) -> Rc<T>,
    ) -> Rc<T> {
        let mut made = None;
        self.slots
            .borrow_mut()
            .insert_with(|token| Slot::Other(Some(made.insert(make(token)).clone())));
        made.expect("insert_with calls its closure")
    }

    /// Reserves a token for a tenant that is built later.
    pub(crate) fn reserve(&self) -> Token {
        self.slots.borrow_mut().insert_with(|_| Slot::default())
    }

    /// Empties a slot; the caller drops the tenant with nothing borrowed.
    pub(crate) fn remove(&self, token: Token) -> Option<Slot<S>> {
        self.slots.borrow_mut().remove(token)
    }

    /// Puts another tenant under a token; the caller drops the old one with nothing borrowed.
    pub(crate) fn replace(&self, token: Token, slot: Slot<S>) -> Option<Slot<S>> {
        self.slots.borrow_mut().replace(token, slot).ok()
    }
}

#[cfg(test)]
mod tests;
