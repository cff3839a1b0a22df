//! [`GroupShared`]: what the threads of a group share.
//!
//! Invariant: no foreign code runs under a lock here, and the first error is kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use interfaces::ReactorCore as _;

use super::group_error::GroupError;
use super::on_the_way::Ways;
use super::ports::ReusedPort;
use super::shared_port::SharedPort;
use super::start_line::StartLine;
use crate::core::load::StreamCount;
use crate::kernel::Kernel;
use crate::reactor::{Reactor, Remote};

/// The members of a group, and what they have in common.
pub(super) struct GroupShared {
    handles: Vec<OnceLock<Handle>>,
    pub(super) start_line: StartLine,
    ports: Mutex<Vec<Arc<SharedPort>>>,
    reused_ports: Mutex<Vec<ReusedPort>>,
    pub(super) ways: Arc<Ways>,
    is_stopping: AtomicBool,
    failure: Mutex<Option<GroupError>>,
}

/// One member, as the others see it.
struct Handle {
    remote: Remote<Kernel>,
    load: StreamCount,
}

impl GroupShared {
    pub(super) fn new(members: usize) -> Self {
        Self {
            handles: (0..members).map(|_| OnceLock::new()).collect(),
            start_line: StartLine::new(members),
            ports: Mutex::default(),
            reused_ports: Mutex::default(),
            ways: Arc::default(),
            is_stopping: AtomicBool::new(false),
            failure: Mutex::default(),
        }
    }

    pub(super) fn members(&self) -> usize {
        self.handles.len()
    }

    /// Makes a reactor the one of a member, before the start.
    pub(super) fn enter(&self, member: usize, reactor: &Reactor) {
        let load = StreamCount::default();
        reactor.core().load.count_in(load.clone());
        // Each member enters once.
        let _ = self.handles[member].set(Handle { remote: reactor.remote(), load });
    }

    pub(super) fn remote(&self, member: usize) -> Option<&Remote<Kernel>> {
        self.handles.get(member)?.get().map(|handle| &handle.remote)
    }

    pub(super) fn load(&self, member: usize) -> Option<&StreamCount> {
        self.handles.get(member)?.get().map(|handle| &handle.load)
    }

    /// The ports that several members share.
    pub(super) fn ports(&self) -> MutexGuard<'_, Vec<Arc<SharedPort>>> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The free ports to which each member binds a socket of its own.
    pub(super) fn reused_ports(&self) -> MutexGuard<'_, Vec<ReusedPort>> {
        self.reused_ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops every member, also one that does not run yet.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        for handle in self.handles.iter().filter_map(OnceLock::get) {
            handle.remote.call_from_thread(|reactor| {
                // It may be stopping already.
                let _ = reactor.stop();
            });
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    /// A member ended with an error, and so all do.
    pub(super) fn fail(&self, error: GroupError) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
        drop(failure);
        self.start_line.give_up();
        self.stop();
    }

    /// The first error, once all have ended.
    pub(super) fn take_failure(&self) -> Option<GroupError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
