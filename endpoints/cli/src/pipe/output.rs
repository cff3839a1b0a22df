//! Standard output as a consumer.
//!
//! Invariant: one thread call at a time writes the bytes in the order of their arrival, and while more
//! than a chunk is queued, the transport is paused.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use deferred::{Deferred, Promise};
use interfaces::{ReactorThreads, ThreadOutcome, Transport};

use super::CHUNK;

/// Writes what a transport receives to a file, a pipe or a terminal.
pub(crate) struct Output {
    me: Weak<Self>,
    threads: Rc<dyn ReactorThreads>,
    sink: Arc<Mutex<dyn Write + Send>>,
    transport: RefCell<Option<Rc<dyn Transport>>>,
    waiting: RefCell<Vec<u8>>,
    /// Whether a write is in progress.
    writing: Cell<bool>,
    paused: Cell<bool>,
    broken: RefCell<Option<io::Error>>,
    finished: RefCell<Option<Promise<()>>>,
}

impl Output {
    /// Will write to `sink` on threads of `threads`.
    pub(crate) fn new(
        threads: impl ReactorThreads + 'static,
        sink: impl Write + Send + 'static,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            threads: Rc::new(threads),
            sink: Arc::new(Mutex::new(sink)),
            transport: RefCell::default(),
            waiting: RefCell::default(),
            writing: Cell::new(false),
            paused: Cell::new(false),
            broken: RefCell::default(),
            finished: RefCell::default(),
        })
    }

    /// Sets the transport that is paused when the output is slow.
    pub(crate) fn start(&self, transport: &Rc<dyn Transport>) {
        self.transport.replace(Some(transport.clone()));
    }

    /// Forgets the transport, after the connection ended. Queued bytes are still written.
    pub(crate) fn end(&self) {
        let transport = self.transport.take();
        drop(transport);
    }

    /// Queues bytes and writes them; after a failed write it drops them.
    pub(crate) fn write(&self, data: &[u8]) {
        if self.broken.borrow().is_some() {
            return;
        }
        self.waiting.borrow_mut().extend_from_slice(data);
        self.write_on();
        let enough = self.waiting.borrow().len() > CHUNK;
        if enough && !self.paused.replace(true) {
            let transport = self.transport.borrow().clone();
            if let Some(transport) = transport {
                transport.pause_producing();
            }
        }
    }

    /// Fires when the queue is written, or when writing failed.
    pub(crate) fn finished(&self) -> Deferred<()> {
        if !self.writing.get() {
            return Deferred::succeed(());
        }
        let (deferred, promise) = Deferred::new();
        self.finished.replace(Some(promise));
        deferred
    }

    /// Takes the error of the write that failed, if one did.
    pub(crate) fn take_failure(&self) -> Option<io::Error> {
        self.broken.take()
    }

    fn write_on(&self) {
        let Some(me) = self.me.upgrade() else { return };
        if self.writing.get() || self.waiting.borrow().is_empty() {
            return;
        }
        self.writing.set(true);
        let chunk = self.waiting.take();
        let (result, received) = mpsc::channel();
        let sink = self.sink.clone();
        let work = move || {
            let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
            // It is received unless the program is at its end.
            let _ = result.send(write_chunk(&mut *sink, &chunk));
        };
        let done = move |outcome| {
            me.writing.set(false);
            me.wrote(match (received.try_recv(), outcome) {
                (Ok(result), ThreadOutcome::Done) => result,
                (_, ThreadOutcome::Panicked(message)) => Err(io::Error::other(message)),
                (Err(lost), ThreadOutcome::Done) => Err(io::Error::other(lost)),
                (_, ThreadOutcome::Refused(reason)) => Err(io::Error::other(reason)),
                (_, outcome) => Err(io::Error::other(format!("the thread {outcome}"))),
            });
        };
        self.threads.call_in_thread(Box::new(work), Box::new(done));
    }

    fn wrote(&self, result: io::Result<()>) {
        let transport = self.transport.borrow().clone();
        match result {
            Ok(()) => {
                self.write_on();
                if self.paused.take()
                    && let Some(transport) = transport
                {
                    transport.resume_producing();
                }
            }
            Err(error) => {
                self.broken.replace(Some(error));
                self.waiting.take();
                if let Some(transport) = transport {
                    transport.abort_connection();
                }
            }
        }
        if !self.writing.get() {
            let finished = self.finished.take();
            if let Some(promise) = finished {
                promise.callback(());
            }
        }
    }
}

/// Writes and flushes the whole chunk, also to a sink that another process made non-blocking.
fn write_chunk(sink: &mut dyn Write, mut chunk: &[u8]) -> io::Result<()> {
    let nap = || std::thread::sleep(std::time::Duration::from_millis(10));
    while !chunk.is_empty() {
        match sink.write(chunk) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(length) => chunk = &chunk[length..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => nap(),
            Err(error) => return Err(error),
        }
    }
    loop {
        match sink.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => nap(),
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::test_threads::TestThreads;
    use protocol::testing::{ProducerState, StringTransport};

    /// Takes at most seven bytes a write, and fails when `room` bytes are taken.
    #[derive(Clone)]
    struct Sink {
        taken: Arc<Mutex<Vec<u8>>>,
        room: usize,
    }

    impl Write for Sink {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            let mut taken = self.taken.lock().unwrap();
            if taken.len() >= self.room {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let length = data.len().min(7);
            taken.extend_from_slice(&data[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Scene {
        threads: TestThreads,
        output: Rc<Output>,
        transport: Rc<StringTransport>,
        sink: Sink,
    }

    fn scene(room: usize) -> Scene {
        let threads = TestThreads::default();
        let sink = Sink { taken: Arc::default(), room };
        let output = Output::new(threads.clone(), sink.clone());
        let transport = StringTransport::new();
        output.start(&transport.as_transport());
        Scene { threads, output, transport, sink }
    }

    #[test]
    fn bytes_are_written_in_order_and_then_it_is_finished() {
        let scene = scene(usize::MAX);
        assert!(scene.output.finished().is_fired());
        scene.output.write(b"some bytes, ");
        scene.output.write(b"and some ");
        scene.output.write(b"more");
        scene.output.end();
        let finished = scene.output.finished();
        assert!(!finished.is_fired());
        scene.threads.run_all();
        assert!(finished.is_fired());
        assert_eq!(*scene.sink.taken.lock().unwrap(), b"some bytes, and some more");
    }

    #[test]
    fn a_slow_output_pauses_the_transport() {
        let scene = scene(usize::MAX);
        scene.output.write(b"under way");
        scene.output.write(&[b'x'; CHUNK]);
        assert_eq!(scene.transport.producer_state(), ProducerState::Producing);
        scene.output.write(b"y");
        assert_eq!(scene.transport.producer_state(), ProducerState::Paused);
        scene.threads.run_one();
        assert_eq!(scene.transport.producer_state(), ProducerState::Producing);
    }

    #[test]
    fn an_output_that_is_closed_aborts() {
        let scene = scene(7);
        scene.output.write(b"more than seven bytes");
        let finished = scene.output.finished();
        scene.threads.run_all();
        assert!(scene.transport.aborting() && finished.is_fired());
        let failure = scene.output.take_failure().unwrap();
        assert_eq!(failure.kind(), io::ErrorKind::BrokenPipe);
    }
}
