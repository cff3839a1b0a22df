//! The run of a reactor, as a program's main function has it; Twisted's `reactor.run` and its signals.
//!
//! Invariant: a handler of a signal is called from a turn, and never inside a system call.

use alloc::boxed::Box;
use alloc::rc::Rc;
use std::io;

use crate::{Observer, ReactorCore};

/// The ability to be run, for code that runs a program without knowing which reactor it is on. A program that
/// knows calls the reactor's own methods of these names.
pub trait ReactorRun: ReactorCore {
    /// Runs until [`stop`](ReactorCore::stop), with the triggers of start and shutdown.
    ///
    /// # Errors
    ///
    /// When it runs already, or cannot wait for events any more.
    fn run(&self) -> io::Result<()>;

    /// Calls `handler` each time the signal comes, in place of the signal's default action, for as long as
    /// the reactor lives.
    ///
    /// # Errors
    ///
    /// A signal that cannot be caught, or no descriptor left.
    fn on_signal(&self, signal: i32, handler: Box<dyn Fn()>) -> io::Result<()>;

    /// Sets who is told of what happens in the reactor.
    fn set_observer(&self, observer: Rc<dyn Observer>);

    /// Aborts every connection and attempt, and closes every port, now.
    fn disconnect_all(&self);
}

impl<R: ReactorRun + ?Sized> ReactorRun for Rc<R> {
    fn run(&self) -> io::Result<()> {
        (**self).run()
    }

    fn on_signal(&self, signal: i32, handler: Box<dyn Fn()>) -> io::Result<()> {
        (**self).on_signal(signal, handler)
    }

    fn set_observer(&self, observer: Rc<dyn Observer>) {
        (**self).set_observer(observer);
    }

    fn disconnect_all(&self) {
        (**self).disconnect_all();
    }
}
