//! The hooks of the process, for the thread that simulates: panics are noted and not printed, errors that no
//! Deferred's reader took are noted.
//!
//! Invariant: on every other thread, and outside of a run, the hooks that were there before do what they did.

use std::cell::{Cell, RefCell};
use std::panic;
use std::sync::{Once, OnceLock};

use deferred::{Unhandled, UnhandledHook, set_unhandled_hook};

thread_local! {
    static IN_RUN: Cell<bool> = const { Cell::new(false) };
    static PANIC_PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
    static UNHANDLED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

static BEFORE: OnceLock<UnhandledHook> = OnceLock::new();

/// A run on this thread, from its beginning to its drop.
pub(super) struct InRun(());

impl InRun {
    pub(super) fn enter() -> Self {
        install();
        IN_RUN.set(true);
        UNHANDLED.with_borrow_mut(Vec::clear);
        Self(())
    }
}

impl Drop for InRun {
    fn drop(&mut self) {
        IN_RUN.set(false);
    }
}

/// Where the last panic of this thread's run was.
pub(super) fn panic_place() -> Option<String> {
    PANIC_PLACE.with_borrow(Clone::clone)
}

/// The first error since the last call that no reader took.
pub(super) fn take_unhandled() -> Option<String> {
    UNHANDLED.with_borrow_mut(|noted| noted.drain(..).next())
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| match IN_RUN.get() {
            true => PANIC_PLACE.set(panic.location().map(ToString::to_string)),
            false => before(panic),
        }));
        if let Some(hook) = set_unhandled_hook(note) {
            // It is set once, here.
            let _ = BEFORE.set(hook);
        }
    });
}

fn note(unhandled: &Unhandled<'_>) {
    if IN_RUN.get() {
        if !matches!(unhandled, Unhandled::Logged(_)) {
            UNHANDLED.with_borrow_mut(|noted| noted.push(unhandled.to_string()));
        }
    } else if let Some(before) = BEFORE.get() {
        before(unhandled);
    }
}
