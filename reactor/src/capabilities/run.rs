//! `ReactorRun`, for code that runs a program on any reactor.
//!
//! Invariant: each method is the reactor's own of the same name.

use std::io;
use std::rc::Rc;

use interfaces::{Observer, ReactorRun};

use crate::reactor::Reactor;
use crate::sys::StreamSys;

impl<S: StreamSys> ReactorRun for Reactor<S> {
    fn run(&self) -> io::Result<()> {
        Reactor::run(self)
    }

    fn on_signal(&self, signal: i32, handler: Box<dyn Fn()>) -> io::Result<()> {
        Reactor::on_signal(self, signal, handler)
    }

    fn set_observer(&self, observer: Rc<dyn Observer>) {
        Reactor::set_observer(self, observer);
    }

    fn disconnect_all(&self) {
        Reactor::disconnect_all(self);
    }
}
