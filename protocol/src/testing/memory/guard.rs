//! How the network calls foreign code: protocols, factories, producers, timers.
//!
//! Invariant: no borrow is alive here while the code runs.

use alloc::rc::Rc;
use core::cell::RefCell;

use interfaces::{Address, Observer, ReactorEvent};

/// Calls what it is given and catches its panic, giving the panic's message.
pub(super) type CatchPanic = dyn Fn(&mut dyn FnMut()) -> Result<(), Rc<str>>;

/// Calls, and tells an observer of what it catches.
#[derive(Default)]
pub(super) struct Guard {
    catch: RefCell<Option<Rc<CatchPanic>>>,
    observer: RefCell<Option<Rc<dyn Observer>>>,
}

impl Guard {
    /// Makes the call; an error is the message of its panic, if panics are caught.
    #[inline]
    pub(super) fn call(
        &self,
        callback: &'static str,
        peer: Option<&Address>,
        call: &mut dyn FnMut(),
    ) -> Result<(), Rc<str>> {
        let catch = self.catch.borrow().clone();
        match catch {
            Some(catch) => self.call_caught(&*catch, callback, peer, call),
            None => {
                call();
                Ok(())
            }
        }
    }

    #[inline(never)]
    fn call_caught(
        &self,
        catch: &CatchPanic,
        callback: &'static str,
        peer: Option<&Address>,
        call: &mut dyn FnMut(),
    ) -> Result<(), Rc<str>> {
        let result = catch(call);
        if let Err(message) = &result {
            self.observe(&ReactorEvent::CallbackPanicked { callback, peer, message });
        }
        result
    }

    pub(super) fn observe(&self, event: &ReactorEvent<'_>) {
        let observer = self.observer.borrow().clone();
        if let Some(observer) = observer {
            observer.observe(event);
        }
    }

    pub(super) fn set_catch(&self, catch: Rc<CatchPanic>) {
        let before = self.catch.replace(Some(catch));
        drop(before);
    }

    pub(super) fn set_observer(&self, observer: Rc<dyn Observer>) {
        let before = self.observer.replace(Some(observer));
        drop(before);
    }
}
