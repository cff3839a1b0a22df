//! `ReactorFdSet`; Twisted's `IReactorFDSet`.
//!
//! Invariant: what is listed are objects that were added, never the reactor's own sockets.

use std::rc::Rc;

use interfaces::{FileDescriptor, ReactorFdSet, ReadDescriptor, WatchError, WriteDescriptor};

use crate::descriptor::watched::{self, Role};
use crate::reactor::Reactor;
use crate::sys::{StreamSys, WatchSys};

impl<S: StreamSys + WatchSys> ReactorFdSet for Reactor<S> {
    fn add_reader(&self, reader: Rc<dyn ReadDescriptor>) -> Result<(), WatchError> {
        watched::add(self.core(), &Role::Reader(reader))
    }

    fn add_writer(&self, writer: Rc<dyn WriteDescriptor>) -> Result<(), WatchError> {
        watched::add(self.core(), &Role::Writer(writer))
    }

    fn remove_reader(&self, reader: &Rc<dyn ReadDescriptor>) {
        watched::remove(self.core(), &Role::Reader(Rc::clone(reader)));
    }

    fn remove_writer(&self, writer: &Rc<dyn WriteDescriptor>) {
        watched::remove(self.core(), &Role::Writer(Rc::clone(writer)));
    }

    fn remove_all(&self) -> Vec<Rc<dyn FileDescriptor>> {
        watched::remove_all(self.core())
    }

    fn readers(&self) -> Vec<Rc<dyn ReadDescriptor>> {
        self.core().watched.all().into_iter().filter_map(|entry| entry.reader).collect()
    }

    fn writers(&self) -> Vec<Rc<dyn WriteDescriptor>> {
        self.core().watched.all().into_iter().filter_map(|entry| entry.writer).collect()
    }
}
