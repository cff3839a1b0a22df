//! The events that a world reports, and unhandled errors; Twisted's `flushLoggedErrors`.
//!
//! Invariant: an unplanned panic or an unexpected error fails the case.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::{Unhandled, set_unhandled_hook};
pub(crate) use interfaces::panic_message;
use interfaces::{Observer, ReactorEvent};

/// The first word of the message of a panic that a case plans. Such a panic is counted, and not
/// printed.
pub const PLANNED: &str = "planned: ";

thread_local! {
    static UNHANDLED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The observer of a case.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    planned_panics: Cell<usize>,
    unexpected: RefCell<Vec<String>>,
    /// The notices about ports: the event, the factory, the address.
    ports: RefCell<Vec<String>>,
}

impl Notices {
    pub(crate) fn new() -> Rc<Self> {
        Rc::default()
    }

    /// The number of planned panics that were caught.
    pub(crate) fn planned_panics(&self) -> usize {
        self.planned_panics.get()
    }

    /// The notices about ports so far.
    pub(crate) fn ports(&self) -> Vec<String> {
        self.ports.borrow().clone()
    }

    /// Whether an unexpected event came.
    pub(crate) fn has_unexpected(&self) -> bool {
        !self.unexpected.borrow().is_empty()
    }

    /// Removes and returns the unexpected events.
    pub(crate) fn take_unexpected(&self) -> Vec<String> {
        self.unexpected.take()
    }
}

impl Observer for Notices {
    fn observe(&self, event: &ReactorEvent<'_>) {
        match event {
            ReactorEvent::CallbackPanicked { message, .. } if message.starts_with(PLANNED) => {
                self.planned_panics.set(self.planned_panics.get() + 1);
            }
            ReactorEvent::CallbackPanicked { .. }
            | ReactorEvent::AcceptFailed { .. }
            | ReactorEvent::Failed { .. } => {
                self.unexpected.borrow_mut().push(format!("{event:?}"));
            }
            ReactorEvent::ListeningStarted { address, factory } => {
                self.ports.borrow_mut().push(format!("started {factory} {address}"));
            }
            ReactorEvent::ListeningStopped { address, factory } => {
                self.ports.borrow_mut().push(format!("stopped {factory} {address}"));
            }
            _ => {}
        }
    }
}

/// Panics with a message that marks the panic as planned.
///
/// # Panics
///
/// Always.
pub fn panic_as_planned(what: &str) {
    panic!("{PLANNED}{what}");
}

/// Collects the unhandled errors of this thread. The first call installs the hook of the process.
pub(crate) fn collect_unhandled() {
    set_unhandled_hook(keep_unhandled);
}

fn keep_unhandled(unhandled: &Unhandled<'_>) {
    let text = unhandled.to_string();
    // A thread that is ending has dropped its list, and runs no case.
    let _ = UNHANDLED.try_with(|list| list.borrow_mut().push(text));
}

/// Removes and returns the unhandled errors of this thread.
pub(crate) fn take_unhandled() -> Vec<String> {
    UNHANDLED.take()
}

/// Keeps planned panics off standard error; the previous hook prints all others.
pub(crate) fn silence_planned_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let message = panic_message(info.payload());
        if !message.starts_with(PLANNED) {
            before(info);
        }
    }));
}
