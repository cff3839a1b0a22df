//! The transport of a child: calls that are thrown over the wall.
//!
//! Invariant: no method here runs protocol code; producers are called with nothing borrowed.

use interfaces::{
    AlreadyProducing, BufferLimits, Chunk, NoSuchChildFd, ProcessTransport, Producer, PushProducer,
    Signal, SignalError, WindowSize, WindowSizeError,
};

use super::Child;
use crate::process::signal_names;
use crate::sys::os_error::os_error;
use crate::sys::{ProcessSys, StreamSys, Way};

impl<S: StreamSys + ProcessSys> ProcessTransport for Child<S> {
    fn pid(&self) -> Option<u32> {
        self.with_handle(|sys, handle| sys.process_id(handle))
    }

    fn write(&self, data: &[u8]) {
        if let (Some(core), Some(pipe)) = (self.core.upgrade(), self.pipe_to(0)) {
            pipe.write(&core, data);
        }
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        if let (Some(core), Some(pipe)) = (self.core.upgrade(), self.pipe_to(0)) {
            pipe.write_sequence(&core, chunks);
        }
    }

    fn write_to_child(&self, child_fd: i32, data: &[u8]) -> Result<(), NoSuchChildFd> {
        let pipe = self.pipe_to(child_fd).ok_or(NoSuchChildFd { child_fd })?;
        if let Some(core) = self.core.upgrade() {
            pipe.write(&core, data);
        }
        Ok(())
    }

    fn close_child_fd(&self, child_fd: i32) -> Result<(), NoSuchChildFd> {
        let found = self.pipe(|pipe| pipe.child_fd == child_fd && pipe.way != Way::Both);
        let pipe = found.ok_or(NoSuchChildFd { child_fd })?;
        if let Some(core) = self.core.upgrade() {
            pipe.lose(&core);
        }
        Ok(())
    }

    fn lose_connection(&self) {
        if let Some(core) = self.core.upgrade() {
            self.all_pipes().iter().for_each(|pipe| pipe.lose(&core));
        }
    }

    fn signal_process(&self, signal: &Signal) -> Result<(), SignalError> {
        let signal = signal_names::number(signal)?;
        match self.with_handle(|sys, handle| sys.signal_child(handle, signal)) {
            None => Err(SignalError::ProcessExitedAlready),
            Some(Ok(())) => Ok(()),
            Some(Err(error)) if error.raw_os_error() == Some(libc::ESRCH) => {
                Err(SignalError::ProcessExitedAlready)
            }
            Some(Err(error)) => Err(SignalError::Refused { signal, source: os_error(&error) }),
        }
    }

    fn set_window_size(&self, window: WindowSize) -> Result<(), WindowSizeError> {
        let terminal =
            self.pipe(|pipe| pipe.way == Way::Both).ok_or(WindowSizeError::NoTerminal)?;
        let set = self.core.upgrade().and_then(|core| terminal.set_window_size(&core, window));
        set.ok_or(WindowSizeError::Closed)?
            .map_err(|error| WindowSizeError::Refused(os_error(&error)))
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        match (self.core.upgrade(), self.pipe_to(0)) {
            (Some(core), Some(pipe)) => pipe.register_producer(&core, producer),
            (None, _) | (_, None) => {
                producer.stop_producing();
                Ok(())
            }
        }
    }

    fn unregister_producer(&self) {
        if let (Some(core), Some(pipe)) = (self.core.upgrade(), self.pipe_to(0)) {
            pipe.unregister_producer(&core);
        }
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.all_pipes().iter().for_each(|pipe| pipe.set_limits(limits));
    }

    fn buffer_limits(&self) -> BufferLimits {
        self.pipe_to(0).map_or_else(BufferLimits::default, |pipe| pipe.limits())
    }
}

impl<S: StreamSys + ProcessSys> PushProducer for Child<S> {
    fn pause_producing(&self) {
        self.paused.set(true);
    }

    fn resume_producing(&self) {
        if self.paused.replace(false)
            && let Some(core) = self.core.upgrade()
        {
            self.all_pipes().iter().for_each(|pipe| pipe.resume_reading(&core));
        }
    }

    fn stop_producing(&self) {
        self.lose_connection();
    }
}
