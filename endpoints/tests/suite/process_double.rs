//! A reactor that spawns nothing: it keeps the protocol, and its process records what is asked of it.
//!
//! Invariant: an event reaches the protocol when the test sends it, and not before.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use interfaces::{
    AlreadyProducing, BufferLimits, Chunk, NoSuchChildFd, OsError, ProcessProtocol, ProcessReason,
    ProcessTransport, Producer, PushProducer, ReactorProcess, Reason, Signal, SignalError,
    SpawnError, SpawnProcess, WindowSize, WindowSizeError,
};

/// A clone is the same reactor, which spawns one process.
#[derive(Clone, Default)]
pub(crate) struct Processes {
    pub(crate) process: Rc<Process>,
    pub(crate) options: Rc<RefCell<Option<SpawnProcess>>>,
    pub(crate) refuses: Rc<Cell<bool>>,
    protocol: Rc<RefCell<Option<Box<dyn ProcessProtocol>>>>,
}

/// The calls so far.
#[derive(Default)]
pub(crate) struct Process {
    calls: RefCell<Vec<String>>,
    pub(crate) producer: RefCell<Option<Producer>>,
    pub(crate) limits: Cell<BufferLimits>,
}

impl Process {
    fn note(&self, call: impl Into<String>) {
        self.calls.borrow_mut().push(call.into());
    }

    /// The calls since the last time.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.take()
    }
}

impl Processes {
    pub(crate) fn refusal() -> SpawnError {
        let source = OsError::from_raw_os_error(2);
        SpawnError::NotExecuted { program: "cat".into(), directory: None, source }
    }

    /// Calls the protocol as a reactor does.
    fn with(&self, call: impl FnOnce(&mut dyn ProcessProtocol, &Rc<dyn ProcessTransport>)) {
        let process: Rc<dyn ProcessTransport> = self.process.clone();
        let protocol = self.protocol.take();
        let mut protocol = protocol.expect("a process was spawned");
        call(&mut *protocol, &process);
        self.protocol.replace(Some(protocol));
    }

    pub(crate) fn runs(&self) {
        self.with(|protocol, process| protocol.connection_made(process));
    }

    pub(crate) fn writes(&self, child_fd: i32, data: &[u8]) {
        self.with(|protocol, process| protocol.child_data_received(process, child_fd, data));
    }

    pub(crate) fn loses(&self, child_fd: i32, reason: &Reason) {
        self.with(|protocol, process| protocol.child_connection_lost(process, child_fd, reason));
    }

    pub(crate) fn exits(&self, reason: ProcessReason) {
        self.with(|protocol, process| protocol.process_exited(process, &reason));
    }

    pub(crate) fn ends(&self, reason: ProcessReason) {
        self.with(|protocol, process| protocol.process_ended(process, &reason));
        drop(self.protocol.take());
    }
}

impl ReactorProcess for Processes {
    fn spawn_process(
        &self,
        options: &SpawnProcess,
        protocol: Box<dyn ProcessProtocol>,
    ) -> Result<Rc<dyn ProcessTransport>, SpawnError> {
        self.options.replace(Some(options.clone()));
        if self.refuses.get() {
            return Err(Self::refusal());
        }
        self.protocol.replace(Some(protocol));
        Ok(self.process.clone())
    }
}

impl ProcessTransport for Process {
    fn pid(&self) -> Option<u32> {
        Some(42)
    }

    fn write(&self, data: &[u8]) {
        self.note(format!("write {}", String::from_utf8_lossy(data)));
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        let joined: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.as_ref().to_vec()).collect();
        self.note(format!("write_sequence {}", String::from_utf8_lossy(&joined)));
    }

    fn write_to_child(&self, child_fd: i32, _: &[u8]) -> Result<(), NoSuchChildFd> {
        self.note(format!("write_to_child {child_fd}"));
        Ok(())
    }

    fn close_child_fd(&self, child_fd: i32) -> Result<(), NoSuchChildFd> {
        self.note(format!("close {child_fd}"));
        Ok(())
    }

    fn lose_connection(&self) {
        self.note("lose_connection");
    }

    fn signal_process(&self, signal: &Signal) -> Result<(), SignalError> {
        self.note(format!("signal {signal:?}"));
        Ok(())
    }

    fn set_window_size(&self, _: WindowSize) -> Result<(), WindowSizeError> {
        Err(WindowSizeError::NoTerminal)
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        if self.producer.borrow().is_some() {
            return Err(AlreadyProducing);
        }
        self.producer.replace(Some(producer));
        Ok(())
    }

    fn unregister_producer(&self) {
        drop(self.producer.take());
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.note(format!("cap {}", limits.cap));
        self.limits.set(limits);
    }

    fn buffer_limits(&self) -> BufferLimits {
        self.limits.get()
    }
}

impl PushProducer for Process {
    fn pause_producing(&self) {
        self.note("pause");
    }

    fn resume_producing(&self) {
        self.note("resume");
    }

    fn stop_producing(&self) {
        self.note("stop");
    }
}
