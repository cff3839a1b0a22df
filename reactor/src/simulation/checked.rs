//! [`CheckedFactory`]: watches the order of a protocol's life.
//!
//! Invariant: every event and question is passed on unchanged.

use std::any::Any;
use std::borrow::Cow;
use std::cell::Cell;
use std::rc::{Rc, Weak};

use interfaces::{Address, Deliver, Event, Factory, ReadingRoles};

use super::world::WorldState;

/// Makes the protocols of another factory, and checks the order of their events.
pub(super) struct CheckedFactory {
    wrapped: Rc<dyn Factory>,
    world: Weak<WorldState>,
    protocols: Rc<Cell<usize>>,
}

/// A protocol's part of its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LifePhase {
    Made,
    Connected,
    Lost,
}

struct CheckedLife {
    wrapped: Rc<dyn Deliver>,
    phase: Cell<LifePhase>,
    peer: Address,
    world: Weak<WorldState>,
    protocols: Rc<Cell<usize>>,
}

impl CheckedFactory {
    pub(super) fn new(wrapped: Rc<dyn Factory>, world: &Rc<WorldState>) -> Self {
        Self { wrapped, world: Rc::downgrade(world), protocols: world.protocols.clone() }
    }
}

impl Factory for CheckedFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        let wrapped = self.wrapped.build_protocol(peer)?;
        self.protocols.set(self.protocols.get() + 1);
        Some(Rc::new(CheckedLife {
            wrapped,
            phase: Cell::new(LifePhase::Made),
            peer: peer.clone(),
            world: self.world.clone(),
            protocols: self.protocols.clone(),
        }))
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        Some(&*self.wrapped)
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        self.wrapped.log_prefix()
    }
}

impl CheckedLife {
    fn check(&self, event: &Event<'_>) {
        let phase = self.phase.get();
        let next = match (phase, event) {
            (LifePhase::Made, Event::ConnectionMade(_)) => LifePhase::Connected,
            (LifePhase::Connected, Event::ConnectionLost(_)) => LifePhase::Lost,
            (LifePhase::Connected, Event::ConnectionMade(_)) => {
                return self.fail("connection_made came twice");
            }
            (LifePhase::Connected, _) => LifePhase::Connected,
            (LifePhase::Made, _) => return self.fail("an event came before connection_made"),
            (LifePhase::Lost, _) => return self.fail("an event came after connection_lost"),
        };
        self.phase.set(next);
    }

    fn fail(&self, problem: &str) {
        if let Some(world) = self.world.upgrade() {
            world.fail(format!("{}, with the peer {}: {problem}", self.log_prefix(), self.peer));
        }
    }
}

impl Deliver for CheckedLife {
    fn deliver(&self, event: Event<'_>) {
        self.check(&event);
        self.wrapped.deliver(event);
    }

    fn log_prefix(&self) -> &'static str {
        self.wrapped.log_prefix()
    }

    fn is_half_closeable(&self) -> bool {
        self.wrapped.is_half_closeable()
    }

    fn socket_guard(&self) -> Option<Rc<dyn Any>> {
        self.wrapped.socket_guard()
    }

    fn reading_roles(&self) -> ReadingRoles {
        self.wrapped.reading_roles()
    }
}

impl Drop for CheckedLife {
    fn drop(&mut self) {
        self.protocols.set(self.protocols.get() - 1);
        if self.phase.get() == LifePhase::Connected {
            self.fail("connection_lost never came");
        }
    }
}
