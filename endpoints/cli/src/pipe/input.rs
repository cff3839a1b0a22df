//! Standard input as a producer.
//!
//! Invariant: a read begins when the bytes of the last one are in the transport, and never while the
//! transport has paused this producer.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use interfaces::{Producer, PushProducer, ReactorThreads, ThreadOutcome, Transport};

use super::CHUNK;

/// Reads a file, a pipe or a terminal into a transport.
pub(crate) struct Input {
    me: Weak<Self>,
    threads: Rc<dyn ReactorThreads>,
    source: Arc<Mutex<dyn Read + Send>>,
    transport: RefCell<Option<Rc<dyn Transport>>>,
    flow: Cell<Flow>,
    /// Whether a read is in progress.
    reading: Cell<bool>,
    failure: RefCell<Option<io::Error>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// The input is read.
    Open,
    /// The transport has paused this producer.
    Paused,
    /// The input or the connection ended.
    Ended,
}

impl Input {
    /// Will read `source` on threads of `threads`.
    pub(crate) fn new(
        threads: impl ReactorThreads + 'static,
        source: impl Read + Send + 'static,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            threads: Rc::new(threads),
            source: Arc::new(Mutex::new(source)),
            transport: RefCell::default(),
            flow: Cell::new(Flow::Open),
            reading: Cell::new(false),
            failure: RefCell::default(),
        })
    }

    /// Begins to read, into this transport. Called once.
    pub(crate) fn start(self: &Rc<Self>, transport: &Rc<dyn Transport>) {
        self.transport.replace(Some(transport.clone()));
        // The transport is new, so no other producer is registered.
        let _ = transport.register_producer(Producer::Push(self.clone()));
        self.read_on();
    }

    /// Ends reading, and drops the bytes of a read in progress.
    pub(crate) fn end(&self) {
        self.flow.set(Flow::Ended);
        let transport = self.transport.take();
        if let Some(transport) = transport {
            transport.unregister_producer();
        }
    }

    /// Takes the error of the read that failed, if one did.
    pub(crate) fn take_failure(&self) -> Option<io::Error> {
        self.failure.take()
    }

    fn read_on(&self) {
        let Some(me) = self.me.upgrade() else { return };
        if self.flow.get() != Flow::Open || self.reading.replace(true) {
            return;
        }
        let (result, received) = mpsc::channel();
        let source = self.source.clone();
        let work = move || {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            // It is received unless the program is at its end.
            let _ = result.send(read_chunk(&mut *source));
        };
        let done = move |outcome| {
            me.reading.set(false);
            me.took(match (received.try_recv(), outcome) {
                (Ok(result), ThreadOutcome::Done) => result,
                (_, ThreadOutcome::Panicked(message)) => Err(io::Error::other(message)),
                (Err(lost), ThreadOutcome::Done) => Err(io::Error::other(lost)),
                (_, ThreadOutcome::Refused(reason)) => Err(io::Error::other(reason)),
                (_, outcome) => Err(io::Error::other(format!("the thread {outcome}"))),
            });
        };
        self.threads.call_in_thread(Box::new(work), Box::new(done));
    }

    fn took(&self, result: io::Result<Vec<u8>>) {
        let Some(transport) = self.transport.borrow().clone() else { return };
        match result {
            Ok(data) if data.is_empty() => {
                self.end();
                match transport.as_half_closeable() {
                    Some(half_closeable) => half_closeable.lose_write_connection(),
                    None => transport.lose_connection(),
                }
            }
            Ok(data) => {
                transport.write_sequence(vec![data.into()]);
                self.read_on();
            }
            Err(error) => {
                self.failure.replace(Some(error));
                self.end();
                transport.abort_connection();
            }
        }
    }
}

impl PushProducer for Input {
    fn pause_producing(&self) {
        if self.flow.get() == Flow::Open {
            self.flow.set(Flow::Paused);
        }
    }

    fn resume_producing(&self) {
        if self.flow.get() == Flow::Paused {
            self.flow.set(Flow::Open);
            self.read_on();
        }
    }

    fn stop_producing(&self) {
        self.flow.set(Flow::Ended);
        let transport = self.transport.take();
        drop(transport);
    }
}

/// Reads one chunk, waiting for the first byte; an empty chunk is the end.
fn read_chunk(source: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match source.read(&mut chunk) {
            Ok(length) => {
                chunk.truncate(length);
                return Ok(chunk);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Another process with the same terminal made it non-blocking for all.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::test_threads::TestThreads;
    use protocol::testing::StringTransport;

    /// Gives its pieces one read at a time, then fails or ends.
    struct Pieces(Vec<io::Result<&'static [u8]>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0)?;
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    fn scene(
        pieces: Vec<io::Result<&'static [u8]>>,
    ) -> (TestThreads, Rc<Input>, Rc<StringTransport>) {
        let threads = TestThreads::default();
        let input = Input::new(threads.clone(), Pieces(pieces));
        let transport = StringTransport::new();
        input.start(&transport.as_transport());
        (threads, input, transport)
    }

    #[test]
    fn all_of_the_input_is_written_and_then_the_connection_half_closed() {
        let interrupted = Err(ErrorKind::Interrupted.into());
        let (threads, _input, transport) = scene(vec![Ok(b"one "), interrupted, Ok(b"two")]);
        threads.run_all();
        assert_eq!(transport.value(), b"one two");
        assert!(transport.write_closed() && !transport.disconnecting());
        assert!(transport.producer().is_none(), "a producer would hold the close back");
    }

    #[test]
    fn a_paused_input_is_not_read_ahead() {
        let (threads, input, transport) = scene(vec![Ok(b"one "), Ok(b"two "), Ok(b"three")]);
        input.pause_producing();
        threads.run_all();
        assert_eq!(transport.value(), b"one ", "the read that was under way");
        input.resume_producing();
        threads.run_one();
        assert_eq!(transport.value(), b"one two ");
        threads.run_all();
        assert_eq!(transport.value(), b"one two three");
    }

    #[test]
    fn an_input_that_cannot_be_read_aborts() {
        let (threads, input, transport) = scene(vec![Ok(b"one"), Err(io::Error::other("gone"))]);
        threads.run_all();
        assert!(transport.aborting());
        assert_eq!(input.take_failure().unwrap().to_string(), "gone");
    }

    #[test]
    fn after_the_end_what_was_under_way_is_dropped() {
        let (threads, input, transport) = scene(vec![Ok(b"one")]);
        input.end();
        threads.run_all();
        assert!(transport.value().is_empty() && !transport.write_closed());
    }
}
