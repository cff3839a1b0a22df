//! The protocol that collects what a program writes.
//!
//! Invariant: the promise is fired once, by the code that takes it out.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::mem;

use deferred::{Deferred, Failure, Promise};
use interfaces::{
    ChildDescriptors, DelayedCall, ProcessProtocol, ProcessReason, ProcessTransport,
    ReactorProcess, ReactorTime,
};

use super::input::{PIECE_BYTES, write_input};
use super::{ProcessEnd, RunError, RunProcess};

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Nothing,
    /// Output is kept, and errors fail.
    OutputOrFail,
    /// Errors are output.
    Joined,
    Apart,
}

/// A program that has ended.
#[derive(Debug)]
pub(super) struct Collected {
    pub(super) output: Vec<u8>,
    pub(super) errors: Vec<u8>,
    pub(super) reason: ProcessReason,
}

/// What a program has written, and who waits for it.
struct Collector {
    keep: Keep,
    bytes_max: usize,
    output: RefCell<Vec<u8>>,
    errors: RefCell<Vec<u8>>,
    transport: RefCell<Option<Rc<dyn ProcessTransport>>>,
    promise: Cell<Option<Promise<Collected>>>,
    timer: Cell<Option<DelayedCall>>,
    /// Of a program that was given up as it wrote errors.
    ended: Cell<Option<Promise<ProcessReason>>>,
}

/// Runs the program and collects.
pub(super) fn collect(
    reactor: &(impl ReactorProcess + ReactorTime + ?Sized),
    run: &RunProcess,
    keep: Keep,
) -> Deferred<Collected> {
    let collector = Rc::new(Collector {
        keep,
        bytes_max: run.output_bytes_max,
        output: RefCell::default(),
        errors: RefCell::default(),
        transport: RefCell::default(),
        promise: Cell::default(),
        timer: Cell::default(),
        ended: Cell::default(),
    });
    let weak = Rc::downgrade(&collector);
    let (deferred, promise) = Deferred::with_canceller(move || {
        if let Some(collector) = weak.upgrade() {
            drop(collector.promise.take());
            collector.give_up();
        }
        None
    });
    let buffer = run.spawn.buffer.with_cap(run.spawn.buffer.cap.max(PIECE_BYTES));
    let spawn = run.spawn.clone().with_descriptors(ChildDescriptors::default()).with_buffer(buffer);
    match reactor.spawn_process(&spawn, Box::new(Collecting(collector.clone()))) {
        Err(error) => promise.errback(Failure::new(error)),
        Ok(transport) => {
            write_input(&transport, run.input.clone());
            collector.transport.replace(Some(transport));
            collector.promise.set(Some(promise));
            let (late, after) = (Rc::downgrade(&collector), run.time_limit);
            let timer = reactor.call_later(
                after,
                Box::new(move || {
                    if let Some(collector) = late.upgrade() {
                        let (output, errors) = collector.take_bytes();
                        collector.fail(RunError::TimedOut { after, output, errors });
                    }
                }),
            );
            collector.timer.set(Some(timer));
        }
    }
    deferred
}

impl Collector {
    fn take_bytes(&self) -> (Vec<u8>, Vec<u8>) {
        (self.output.take(), self.errors.take())
    }

    fn take_in(&self, from: Stream, data: &[u8]) {
        let kept = match (self.keep, from) {
            (Keep::Nothing, _) => return,
            (Keep::OutputOrFail, Stream::Errors) => return self.wrote_errors(data),
            (_, Stream::Output) | (Keep::Joined, Stream::Errors) => &self.output,
            (Keep::Apart, Stream::Errors) => &self.errors,
        };
        let bytes = self.output.borrow().len() + self.errors.borrow().len() + data.len();
        if bytes > self.bytes_max {
            return self.fail(RunError::TooMuchOutput { limit: self.bytes_max });
        }
        kept.borrow_mut().extend_from_slice(data);
    }

    /// The program is not killed, as it ends by itself when its output is not taken.
    fn wrote_errors(&self, data: &[u8]) {
        let Some(promise) = self.promise.take() else { return };
        let (ended, end) = Deferred::new();
        self.ended.set(Some(end));
        self.stop_timer();
        let transport = self.transport.borrow().clone();
        if let Some(transport) = transport {
            transport.lose_connection();
        }
        let ended = ProcessEnd::new(ended);
        promise.errback(Failure::new(RunError::WroteErrors { errors: data.to_vec(), ended }));
    }

    fn fail(&self, error: RunError) {
        let promise = self.promise.take();
        if let Some(promise) = promise {
            self.give_up();
            promise.errback(Failure::new(error));
        }
    }

    /// Kills the program, and takes no more of it.
    fn give_up(&self) {
        self.stop_timer();
        let transport = self.transport.borrow().clone();
        if let Some(transport) = transport {
            // One that has exited already needs no signal.
            let _ = transport.signal_process(&"KILL".into());
            transport.lose_connection();
        }
    }

    fn stop_timer(&self) {
        if let Some(timer) = self.timer.take() {
            // The call that called this is not pending, and then this fails.
            let _ = timer.cancel();
        }
    }

    fn ended(&self, reason: ProcessReason) {
        self.stop_timer();
        drop(self.transport.take());
        if let Some(ended) = self.ended.take() {
            ended.callback(reason);
        }
        if let Some(promise) = self.promise.take() {
            let output = mem::take(&mut *self.output.borrow_mut());
            let errors = mem::take(&mut *self.errors.borrow_mut());
            promise.callback(Collected { output, errors, reason });
        }
    }
}

/// Where bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Output,
    Errors,
}

/// The collector as the protocol of its process.
struct Collecting(Rc<Collector>);

impl ProcessProtocol for Collecting {
    fn out_received(&mut self, _: &Rc<dyn ProcessTransport>, data: &[u8]) {
        self.0.take_in(Stream::Output, data);
    }

    fn err_received(&mut self, _: &Rc<dyn ProcessTransport>, data: &[u8]) {
        self.0.take_in(Stream::Errors, data);
    }

    fn process_ended(&mut self, _: &Rc<dyn ProcessTransport>, reason: &ProcessReason) {
        self.0.ended(*reason);
    }
}
