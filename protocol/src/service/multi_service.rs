//! [`MultiService`]: several services as one; Twisted's `MultiService`.
//!
//! Invariant: children start in the order in which they were added and stop in the reverse one, and no
//! borrow is alive while one of them is called.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;

use deferred::{Deferred, DeferredList, Failure};

use super::{AddServiceError, NotAChild, Service, StopFailures};

/// Several services as one. Twisted's `MultiService`, and an application of it.
///
/// It owns its children, and may be a child itself. A child that is added while it runs is started, one
/// that is removed then is stopped.
///
/// # Examples
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use std::{cell::Cell, rc::Rc, time::Duration};
/// use protocol::service::{MultiService, Service, TimerService};
/// use protocol::testing::Clock;
///
/// let clock = Clock::new(); // a program's is its reactor
/// let beats = Rc::new(Cell::new(0));
/// let heart = beats.clone();
/// let program = MultiService::new();
/// let timer = TimerService::new(clock.clone(), Duration::from_secs(1), move || {
///     heart.set(heart.get() + 1);
///     Ok(())
/// });
/// program.add_named_service("heart", Rc::new(timer)).unwrap();
/// program.start_service().unwrap();
/// clock.pump([Duration::from_secs(1); 2]);
/// assert_eq!(beats.get(), 3); // at once, and then each second
/// assert!(program.stop_service().is_fired());
/// ```
///
/// # Differences from Twisted
///
/// - The name is given with the child, and belongs to the parent.
/// - A child that cannot be started ends the start with its error, and the ones after it are not
///   started. Another start begins again with those that do not run; a stop stops the others.
/// - The Deferred of a stop fails when a child's does, after all of them have fired. In Twisted it
///   succeeds, and the failures are logged.
#[derive(Default)]
pub struct MultiService {
    children: RefCell<Vec<Child>>,
    running: Cell<bool>,
}

struct Child {
    name: Option<Rc<str>>,
    service: Rc<dyn Service>,
}

impl MultiService {
    /// One without children.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a child, and starts it if this runs. Twisted's `setServiceParent` and `addService`.
    ///
    /// # Errors
    ///
    /// [`AddServiceError`].
    #[doc(alias = "setServiceParent")]
    #[doc(alias = "addService")]
    pub fn add_service(&self, service: Rc<dyn Service>) -> Result<(), AddServiceError> {
        self.add(Child { name: None, service })
    }

    /// As [`add_service`](Self::add_service), with a name to find it by. Twisted's `setName`.
    ///
    /// # Errors
    ///
    /// [`AddServiceError`].
    #[doc(alias = "setName")]
    pub fn add_named_service(
        &self,
        name: &str,
        service: Rc<dyn Service>,
    ) -> Result<(), AddServiceError> {
        if self.service_named(name).is_some() {
            return Err(AddServiceError::DuplicateName { name: name.into() });
        }
        self.add(Child { name: Some(name.into()), service })
    }

    fn add(&self, child: Child) -> Result<(), AddServiceError> {
        let service = child.service.clone();
        if self.has(&service) {
            return Err(AddServiceError::AlreadyAdded);
        }
        self.children.borrow_mut().push(child);
        if self.running.get() {
            let started = service.privileged_start_service().and_then(|()| service.start_service());
            started.map_err(AddServiceError::NotStarted)?;
        }
        Ok(())
    }

    /// Takes a child out, and stops it. Fires when that has stopped. Twisted's `disownServiceParent` and
    /// `removeService`.
    ///
    /// # Errors
    ///
    /// [`NotAChild`], and those of its stop.
    #[doc(alias = "disownServiceParent")]
    #[doc(alias = "removeService")]
    pub fn remove_service(&self, service: &Rc<dyn Service>) -> Deferred<()> {
        let place = self.place(service);
        let Some(place) = place else { return Deferred::fail(NotAChild) };
        let child = self.children.borrow_mut().remove(place);
        child.service.stop_service()
    }

    /// The child with this name. Twisted's `getServiceNamed`.
    #[doc(alias = "getServiceNamed")]
    pub fn service_named(&self, name: &str) -> Option<Rc<dyn Service>> {
        let children = self.children.borrow();
        let child = children.iter().find(|child| child.name.as_deref() == Some(name))?;
        Some(child.service.clone())
    }

    /// The children, in the order in which they were added.
    pub fn services(&self) -> Vec<Rc<dyn Service>> {
        self.children.borrow().iter().map(|child| child.service.clone()).collect()
    }

    fn has(&self, service: &Rc<dyn Service>) -> bool {
        self.place(service).is_some()
    }

    fn place(&self, service: &Rc<dyn Service>) -> Option<usize> {
        let is_it = |child: &Child| Rc::as_ptr(&child.service).addr() == Rc::as_ptr(service).addr();
        self.children.borrow().iter().position(is_it)
    }
}

impl Service for MultiService {
    fn running(&self) -> bool {
        self.running.get()
    }

    fn privileged_start_service(&self) -> Result<(), Failure> {
        self.services().iter().try_for_each(|service| service.privileged_start_service())
    }

    fn start_service(&self) -> Result<(), Failure> {
        if self.running.replace(true) {
            return Ok(());
        }
        for service in self.services() {
            // A child before it may have removed it, or have stopped all of them.
            if self.running.get() && self.has(&service) {
                service.start_service().inspect_err(|_| self.running.set(false))?;
            }
        }
        Ok(())
    }

    fn stop_service(&self) -> Deferred<()> {
        self.running.set(false);
        let stops = self.services().into_iter().rev().map(|service| service.stop_service());
        DeferredList::new(stops).collect().map_err(Failure::new).add_callback(|results| {
            StopFailures::of(results.into_results().into_iter().filter_map(Result::err).collect())
        })
    }
}

/// Shows its children's names, and whether it runs.
impl fmt::Debug for MultiService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let children = self.children.borrow();
        let names: Vec<&str> =
            children.iter().map(|child| child.name.as_deref().unwrap_or("_")).collect();
        f.debug_struct("MultiService")
            .field("children", &names)
            .field("running", &self.running.get())
            .finish()
    }
}
