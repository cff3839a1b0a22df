//! A descriptor that a Python object owns; Twisted's `addReader` and `addWriter`.
//!
//! Invariant: the object is called only for what it is added for.

use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;

use interfaces::{
    FileDescriptor, ReactorFdSet as _, ReadDescriptor, Reason, WatchError, WriteDescriptor,
};
use pyo3::intern;
use pyo3::prelude::*;
use reactor::Reactor;

use crate::convert::{os_error, reason_parts};
use crate::owned::{Home, Owned};

/// A descriptor, and what is called for it.
struct Descriptor {
    number: RawFd,
    selectable: Py<PyAny>,
    /// Has the methods `_ready(selectable, writes)` and `_watchLost(selectable, kind, errno, text)`.
    listener: Py<PyAny>,
}

impl Descriptor {
    fn ready(&self, writes: bool) {
        Python::attach(|py| {
            let arguments = (&self.selectable, writes);
            if let Err(error) = self.listener.call_method1(py, intern!(py, "_ready"), arguments) {
                error.write_unraisable(py, Some(self.selectable.bind(py)));
            }
        });
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: Python has no owned descriptors, so the number may be closed, or another's, by the time
        // it is used. epoll_ctl(2) and poll(2), which alone are called with it, answer with an error then
        // or watch the other one, and touch no memory of this process.
        unsafe { BorrowedFd::borrow_raw(self.number) }
    }
}

impl FileDescriptor for Descriptor {
    fn connection_lost(&self, reason: &Reason) {
        Python::attach(|py| {
            let (kind, number, text) = reason_parts(reason);
            let arguments = (&self.selectable, kind, number, text);
            let told = self.listener.call_method1(py, intern!(py, "_watchLost"), arguments);
            if let Err(error) = told {
                error.write_unraisable(py, Some(self.selectable.bind(py)));
            }
        });
    }
}

impl ReadDescriptor for Descriptor {
    fn do_read(&self) -> Result<(), Reason> {
        self.ready(false);
        Ok(())
    }
}

impl WriteDescriptor for Descriptor {
    fn do_write(&self) -> Result<(), Reason> {
        self.ready(true);
        Ok(())
    }
}

/// The watch of one descriptor.
#[pyclass(frozen, module = "ropewalk_twisted._bridge")]
pub(crate) struct Watched(Owned<Inner>);

pub(crate) struct Inner {
    reactor: Reactor,
    descriptor: Rc<Descriptor>,
}

impl Watched {
    /// Watches nothing yet. A number that no descriptor can have is an error.
    pub(crate) fn new(
        reactor: &Reactor,
        number: RawFd,
        selectable: Py<PyAny>,
        listener: Py<PyAny>,
        home: &Arc<Home>,
    ) -> PyResult<Self> {
        if number < 0 {
            let error = std::io::Error::from_raw_os_error(libc::EBADF);
            return Err(os_error(&error, libc::EBADF));
        }
        let descriptor = Rc::new(Descriptor { number, selectable, listener });
        Ok(Self(Owned::new(Inner { reactor: reactor.clone(), descriptor }, home)))
    }
}

fn told(outcome: Result<(), WatchError>) -> PyResult<()> {
    outcome.map_err(|error| os_error(&error, libc::EINVAL))
}

#[pymethods]
impl Watched {
    /// Begins to call it when there is something to read. `OSError` where it cannot be watched.
    fn add_reader(&self) -> PyResult<()> {
        let inner = self.0.get()?;
        told(inner.reactor.add_reader(inner.descriptor.clone()))
    }

    /// Begins to call it when there is room to write. `OSError` where it cannot be watched.
    fn add_writer(&self) -> PyResult<()> {
        let inner = self.0.get()?;
        told(inner.reactor.add_writer(inner.descriptor.clone()))
    }

    /// Calls it for reading no more.
    fn remove_reader(&self) -> PyResult<()> {
        let inner = self.0.get()?;
        let descriptor: Rc<dyn ReadDescriptor> = inner.descriptor.clone();
        inner.reactor.remove_reader(&descriptor);
        Ok(())
    }

    /// Calls it for writing no more.
    fn remove_writer(&self) -> PyResult<()> {
        let inner = self.0.get()?;
        let descriptor: Rc<dyn WriteDescriptor> = inner.descriptor.clone();
        inner.reactor.remove_writer(&descriptor);
        Ok(())
    }
}
