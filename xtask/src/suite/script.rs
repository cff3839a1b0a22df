//! A protocol made of closures, one for each callback that a case uses.
//!
//! Invariant: the [`Probe`](crate::suite::Probe) records a callback before the script's closure runs.

use std::fmt;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use interfaces::{
    BufferedProtocol, FileDescriptorReceiver, HalfCloseableProtocol, Protocol, Reason, Transport,
};

use crate::suite::Probe;

type OnTransport = Box<dyn FnMut(&Rc<dyn Transport>)>;
type OnData = Box<dyn FnMut(&Rc<dyn Transport>, &[u8])>;
type OnLost = Box<dyn FnMut(&Reason)>;
type OnDescriptor = Box<dyn FnMut(&Rc<dyn Transport>, OwnedFd)>;

/// The behaviour of one end of a connection. Without a closure it only receives.
#[derive(Default)]
pub struct Script {
    made: Option<OnTransport>,
    data: Option<OnData>,
    lost: Option<OnLost>,
    read_lost: Option<OnTransport>,
    write_lost: Option<OnTransport>,
    half_closeable: bool,
    name: Option<&'static str>,
    descriptor: Option<OnDescriptor>,
    buffer: Option<Vec<u8>>,
}

impl Script {
    /// A script that only receives.
    pub fn new() -> Self {
        Self::default()
    }

    /// What logs call the protocol.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    pub(crate) fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// Runs in `connection_made`.
    pub fn made(mut self, run: impl FnMut(&Rc<dyn Transport>) + 'static) -> Self {
        self.made = Some(Box::new(run));
        self
    }

    /// Runs in every `data_received`.
    pub fn data(mut self, run: impl FnMut(&Rc<dyn Transport>, &[u8]) + 'static) -> Self {
        self.data = Some(Box::new(run));
        self
    }

    /// Runs in `connection_lost`.
    pub fn lost(mut self, run: impl FnMut(&Reason) + 'static) -> Self {
        self.lost = Some(Box::new(run));
        self
    }

    /// Accepts the half-close role.
    pub fn half_closeable(mut self) -> Self {
        self.half_closeable = true;
        self
    }

    /// Runs in `file_descriptor_received`; accepts the role of a receiver.
    pub fn descriptor(mut self, run: impl FnMut(&Rc<dyn Transport>, OwnedFd) + 'static) -> Self {
        self.descriptor = Some(Box::new(run));
        self
    }

    /// Has a buffer of its own of this size; the bytes in it come as in `data_received`.
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = Some(vec![0; bytes]);
        self
    }

    /// Runs in `read_connection_lost`; accepts the half-close role.
    pub fn read_lost(mut self, run: impl FnMut(&Rc<dyn Transport>) + 'static) -> Self {
        self.read_lost = Some(Box::new(run));
        self.half_closeable()
    }

    /// Runs in `write_connection_lost`; accepts the half-close role.
    pub fn write_lost(mut self, run: impl FnMut(&Rc<dyn Transport>) + 'static) -> Self {
        self.write_lost = Some(Box::new(run));
        self.half_closeable()
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("half_closeable", &self.half_closeable)
            .finish_non_exhaustive()
    }
}

/// A script as a protocol, with the probe that records its callbacks.
pub(crate) struct Scripted {
    pub(crate) script: Script,
    pub(crate) probe: Rc<Probe>,
}

impl Protocol for Scripted {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.probe.record_made(transport);
        if let Some(made) = &mut self.script.made {
            made(transport);
        }
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.probe.record_data(data);
        if let Some(run) = &mut self.script.data {
            run(transport, data);
        }
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.probe.record_lost(reason);
        if let Some(lost) = &mut self.script.lost {
            lost(reason);
        }
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        if self.script.half_closeable { Some(self) } else { None }
    }

    fn as_buffered(&mut self) -> Option<&mut dyn BufferedProtocol> {
        if self.script.buffer.is_some() { Some(self) } else { None }
    }

    fn as_file_descriptor_receiver(&mut self) -> Option<&mut dyn FileDescriptorReceiver> {
        if self.script.descriptor.is_some() { Some(self) } else { None }
    }
}

impl BufferedProtocol for Scripted {
    fn get_buffer(&mut self) -> &mut [u8] {
        self.script.buffer.as_deref_mut().unwrap_or_default()
    }

    fn buffer_updated(&mut self, transport: &Rc<dyn Transport>, length: usize) {
        let buffer = self.script.buffer.take().unwrap_or_default();
        self.data_received(transport, &buffer[..length]);
        self.script.buffer = Some(buffer);
    }
}

impl FileDescriptorReceiver for Scripted {
    fn file_descriptor_received(&mut self, transport: &Rc<dyn Transport>, descriptor: OwnedFd) {
        if let Some(run) = &mut self.script.descriptor {
            run(transport, descriptor);
        }
    }
}

impl HalfCloseableProtocol for Scripted {
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        self.probe.record_read_lost();
        if let Some(read_lost) = &mut self.script.read_lost {
            read_lost(transport);
        }
    }

    fn write_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        self.probe.record_write_lost();
        if let Some(write_lost) = &mut self.script.write_lost {
            write_lost(transport);
        }
    }
}
