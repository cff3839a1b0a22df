//! What a world told its observer, and the errors that nobody handled; Twisted's `flushLoggedErrors`.
//!
//! Invariant: a panic that no case planned, and an error that none expected, fails the case.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::{Unhandled, set_unhandled_hook};
pub(crate) use interfaces::panic_message;
use interfaces::{Observer, ReactorEvent};

/// The beginning of the message of a panic that a case plans, so that it is told from the others and
/// is not printed.
pub const PLANNED: &str = "planned: ";

thread_local! {
    static UNHANDLED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The observer of a case.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    planned_panics: Cell<usize>,
    unexpected: RefCell<Vec<String>>,
}

impl Notices {
    pub(crate) fn new() -> Rc<Self> {
        Rc::default()
    }

    /// How many panics were caught that the case planned.
    pub(crate) fn planned_panics(&self) -> usize {
        self.planned_panics.get()
    }

    /// What nobody expected, and is forgotten with this.
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
            _ => {}
        }
    }
}

/// Panics in a way that the suite knows for its own.
///
/// # Panics
///
/// Always: that is what it is for.
pub fn panic_as_planned(what: &str) {
    panic!("{PLANNED}{what}");
}

/// Collects on this thread the errors that nobody handled, process-wide from the first call on.
pub(crate) fn collect_unhandled() {
    set_unhandled_hook(keep_unhandled);
}

fn keep_unhandled(unhandled: &Unhandled<'_>) {
    let text = unhandled.to_string();
    // A thread that is at its end has no list any more, and no case either.
    let _ = UNHANDLED.try_with(|list| list.borrow_mut().push(text));
}

/// The errors that nobody handled on this thread; they are forgotten with this.
pub(crate) fn take_unhandled() -> Vec<String> {
    UNHANDLED.take()
}

/// Keeps planned panics off standard error; what was printed before is printed still.
pub(crate) fn silence_planned_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let message = panic_message(info.payload());
        if !message.starts_with(PLANNED) {
            before(info);
        }
    }));
}
