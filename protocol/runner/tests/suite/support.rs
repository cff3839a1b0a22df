//! Doubles: a service that notes what is called, signals that are recorded, and a buffer to log into.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use deferred::{Deferred, Failure};
use interfaces::{ListenError, UnixAddress};
use protocol::service::Service;
use reactor::Reactor;
use reactor::simulated::{Faults, Simulated};
use ropewalk_runner::SendSignal;

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Journal(Rc<RefCell<Vec<String>>>);

impl Journal {
    pub(crate) fn note(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

/// A service that notes its calls. Its stop waits for the promise, where it is told to.
pub(crate) struct Noted {
    journal: Journal,
    running: Cell<bool>,
    pub(crate) refuses: Cell<bool>,
    pub(crate) stop: Cell<Option<Deferred<()>>>,
}

impl Noted {
    pub(crate) fn new(journal: &Journal) -> Rc<Self> {
        let (running, refuses) = (Cell::default(), Cell::default());
        Rc::new(Self { journal: journal.clone(), running, refuses, stop: Cell::default() })
    }
}

impl Service for Noted {
    fn running(&self) -> bool {
        self.running.get()
    }

    fn privileged_start_service(&self) -> Result<(), Failure> {
        self.journal.note("privileged start");
        Ok(())
    }

    fn start_service(&self) -> Result<(), Failure> {
        self.journal.note("start");
        if self.refuses.get() {
            let address = UnixAddress::Unnamed.into();
            return Err(ListenError::InUse { address, process: None }.into());
        }
        self.running.set(true);
        Ok(())
    }

    fn stop_service(&self) -> Deferred<()> {
        if self.running.replace(false) {
            self.journal.note("stop");
        }
        self.stop.take().unwrap_or_else(|| Deferred::succeed(()))
    }
}

/// A reactor without faults.
pub(crate) fn quiet() -> Reactor<Simulated> {
    quiet_from(1)
}

/// The one of a seed.
pub(crate) fn quiet_from(seed: u64) -> Reactor<Simulated> {
    let reactor = Reactor::simulated(seed);
    reactor.system().set_faults(Faults::none());
    reactor
}

/// Records the signals, and answers every question with this number of an error, if it has one.
#[derive(Default)]
pub(crate) struct Signals {
    pub(crate) sent: RefCell<Vec<(i32, Option<i32>)>>,
    pub(crate) error: Cell<Option<i32>>,
}

impl SendSignal for Signals {
    fn send_signal(&self, process: i32, signal: Option<i32>) -> io::Result<()> {
        self.sent.borrow_mut().push((process, signal));
        self.error.get().map_or(Ok(()), |number| Err(io::Error::from_raw_os_error(number)))
    }
}

/// A buffer that a log writes into.
#[derive(Clone, Default)]
pub(crate) struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
