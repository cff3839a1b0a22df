//! [`FileSender`]: the contents of a file, piece by piece as a transport takes them; Twisted's
//! `FileSender`.
//!
//! Invariant: the file is dropped, and the result fired, once: at its end, at an error, or when the
//! consumer is gone.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;
use core::error::Error;
use core::fmt;

use deferred::{Deferred, Failure, Promise};
use interfaces::{Producer, PullProducer};

use super::consumer::Consumer;

/// The default length of a piece, in bytes; Twisted's `CHUNK_SIZE`.
const CHUNK_BYTES: usize = 16_384;

/// Reads into the buffer and answers how many bytes; 0 is the end.
type Read = Box<dyn FnMut(&mut [u8]) -> Result<usize, Failure>>;

type Transform = Box<dyn FnMut(Vec<u8>) -> Vec<u8>>;

/// A transfer that has not begun.
///
/// It reads on the reactor's thread, whenever the consumer has sent what it had: a file on a slow disk
/// delays all connections.
pub struct FileSender {
    read: Read,
    transform: Option<Transform>,
    chunk_size: usize,
}

impl FileSender {
    /// From a function that reads into the buffer that it is given, and answers how many bytes; 0 is the end.
    pub fn new(read: impl FnMut(&mut [u8]) -> Result<usize, Failure> + 'static) -> Self {
        Self { read: Box::new(read), transform: None, chunk_size: CHUNK_BYTES }
    }

    /// From a file, or anything that can be read.
    #[cfg(feature = "std")]
    pub fn of(mut reader: impl std::io::Read + 'static) -> Self {
        Self::new(move |buffer| {
            loop {
                match reader.read(buffer) {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    other => return other.map_err(Failure::new),
                }
            }
        })
    }

    /// With another length of the pieces, in bytes; 0 counts as 1. Default 16,384.
    #[doc(alias = "CHUNK_SIZE")]
    #[must_use]
    pub fn with_chunk_size(mut self, chunk_size: usize) -> Self {
        self.chunk_size = chunk_size.max(1);
        self
    }

    /// Writes what the function makes of each piece.
    #[must_use]
    pub fn with_transform(mut self, transform: impl FnMut(Vec<u8>) -> Vec<u8> + 'static) -> Self {
        self.transform = Some(Box::new(transform));
        self
    }

    /// Registers with the consumer as its pull producer, and unregisters when all is written. The result is
    /// the last byte that was written; `None` if there was none.
    ///
    /// # Errors
    ///
    /// [`AlreadyProducing`](interfaces::AlreadyProducing), an error of the reading, or
    /// [`TransferStopped`] when the consumer is gone before the end.
    #[doc(alias = "beginFileTransfer")]
    pub fn begin(self, consumer: impl Consumer + 'static) -> Deferred<Option<u8>> {
        let (deferred, promise) = Deferred::new();
        let consumer = Rc::new(consumer);
        let Self { read, transform, chunk_size } = self;
        let buffer = vec![0; chunk_size];
        let consuming = consumer.clone();
        let work = Transfer { read, transform, buffer, consumer: consuming, last: None, promise };
        let work = Cell::new(Some(Box::new(work)));
        let running = Rc::new(Transferring { work, is_stopped: Cell::new(false) });
        if let Err(error) = consumer.register_producer(Producer::Pull(running.clone())) {
            running.fail(Failure::new(error));
        }
        deferred
    }
}

/// The registered producer.
struct Transferring<C> {
    /// Empty while it reads and writes, and at the end.
    work: Cell<Option<Box<Transfer<C>>>>,
    /// The consumer is gone; it may have said so from inside a write.
    is_stopped: Cell<bool>,
}

struct Transfer<C> {
    read: Read,
    transform: Option<Transform>,
    buffer: Vec<u8>,
    consumer: Rc<C>,
    last: Option<u8>,
    promise: Promise<Option<u8>>,
}

impl<C: Consumer> Transfer<C> {
    /// Writes one piece; `false` at the end.
    fn write_piece(&mut self) -> Result<bool, Failure> {
        loop {
            let count = (self.read)(&mut self.buffer)?.min(self.buffer.len());
            if count == 0 {
                return Ok(false);
            }
            let read = &self.buffer[..count];
            let transformed = self.transform.as_mut().map(|transform| transform(read.to_vec()));
            let piece = transformed.as_deref().unwrap_or(read);
            // Without a byte the consumer would never ask again.
            if let Some(last) = piece.last() {
                self.last = Some(*last);
                self.consumer.write(piece);
                return Ok(true);
            }
        }
    }
}

impl<C: Consumer> Transferring<C> {
    /// Ends with an error, without another call to the consumer.
    fn fail(&self, failure: Failure) {
        let work = self.work.take();
        if let Some(work) = work {
            work.promise.errback(failure);
        }
    }
}

impl<C: Consumer> PullProducer for Transferring<C> {
    fn resume_producing(&self) {
        let work = self.work.take();
        let Some(mut work) = work else { return };
        let outcome = work.write_piece();
        if self.is_stopped.get() {
            return work.promise.errback(TransferStopped);
        }
        match outcome {
            Ok(true) => self.work.set(Some(work)),
            Ok(false) => {
                work.consumer.unregister_producer();
                work.promise.callback(work.last);
            }
            Err(failure) => {
                work.consumer.unregister_producer();
                work.promise.errback(failure);
            }
        }
    }

    fn stop_producing(&self) {
        self.is_stopped.set(true);
        self.fail(Failure::new(TransferStopped));
    }
}

/// The consumer was gone before the end of the file. Twisted's `Exception` with that text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferStopped;

impl fmt::Display for TransferStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot send the rest of the file: the consumer asked to stop producing")
    }
}

impl Error for TransferStopped {}

impl fmt::Debug for FileSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSender").field("chunk_size", &self.chunk_size).finish_non_exhaustive()
    }
}
