//! Child processes with one fault.
//!
//! Invariant: everything but the fault is forwarded to the programs below.

use std::rc::Rc;

use deferred::Failure;
use interfaces::{
    AlreadyProducing, BufferLimits, Chunk, Deliver, NoSuchChildFd, ProcessProtocol, ProcessReason,
    ProcessTransport, Producer, PushProducer, ReactorProcess, Reason, Signal, SignalError,
    SpawnError, SpawnProcess, WindowSize, WindowSizeError,
};

use super::Fault;
use crate::suite::{ChildPrograms, ChildScript};

pub(super) struct FaultyPrograms {
    pub(super) below: Rc<dyn ChildPrograms>,
    pub(super) fault: Fault,
}

impl ChildPrograms for FaultyPrograms {
    fn program(&self, script: &ChildScript) -> Result<SpawnProcess, Failure> {
        self.below.program(script)
    }

    fn reactor(&self) -> Rc<dyn ReactorProcess> {
        Rc::new(FaultyReactor { below: self.below.reactor(), fault: self.fault })
    }

    fn open_stdio(&self, script: &ChildScript, protocol: Rc<dyn Deliver>) -> Result<(), Failure> {
        self.below.open_stdio(script, protocol)
    }
}

struct FaultyReactor {
    below: Rc<dyn ReactorProcess>,
    fault: Fault,
}

impl ReactorProcess for FaultyReactor {
    fn spawn_process(
        &self,
        options: &SpawnProcess,
        protocol: Box<dyn ProcessProtocol>,
    ) -> Result<Rc<dyn ProcessTransport>, SpawnError> {
        let protocol = FaultyChild { protocol, fault: self.fault, kept: None };
        let below = self.below.spawn_process(options, Box::new(protocol))?;
        Ok(Rc::new(FaultyTransport { below, fault: self.fault }))
    }
}

struct FaultyChild {
    protocol: Box<dyn ProcessProtocol>,
    fault: Fault,
    /// The bytes that came last, and their pipe.
    kept: Option<(i32, Vec<u8>)>,
}

impl FaultyChild {
    fn wrap(&self, transport: &Rc<dyn ProcessTransport>) -> Rc<dyn ProcessTransport> {
        Rc::new(FaultyTransport { below: transport.clone(), fault: self.fault })
    }

    fn reason(&self, reason: &ProcessReason) -> ProcessReason {
        match self.fault {
            Fault::EndsAsDone => ProcessReason::Done,
            _ => *reason,
        }
    }
}

impl ProcessProtocol for FaultyChild {
    fn connection_made(&mut self, transport: &Rc<dyn ProcessTransport>) {
        let transport = self.wrap(transport);
        self.protocol.connection_made(&transport);
    }

    fn child_data_received(
        &mut self,
        transport: &Rc<dyn ProcessTransport>,
        child_fd: i32,
        data: &[u8],
    ) {
        let transport = self.wrap(transport);
        match self.fault {
            Fault::MixesPipes => self.protocol.child_data_received(&transport, 1, data),
            Fault::LosesLastBytes => {
                if let Some((of, before)) = self.kept.replace((child_fd, data.to_vec())) {
                    self.protocol.child_data_received(&transport, of, &before);
                }
            }
            _ => self.protocol.child_data_received(&transport, child_fd, data),
        }
    }

    fn child_connection_lost(
        &mut self,
        transport: &Rc<dyn ProcessTransport>,
        child_fd: i32,
        reason: &Reason,
    ) {
        let transport = self.wrap(transport);
        self.protocol.child_connection_lost(&transport, child_fd, reason);
    }

    fn process_exited(&mut self, transport: &Rc<dyn ProcessTransport>, reason: &ProcessReason) {
        if self.fault != Fault::HidesExit {
            let (transport, reason) = (self.wrap(transport), self.reason(reason));
            self.protocol.process_exited(&transport, &reason);
        }
    }

    fn process_ended(&mut self, transport: &Rc<dyn ProcessTransport>, reason: &ProcessReason) {
        let (transport, reason) = (self.wrap(transport), self.reason(reason));
        self.protocol.process_ended(&transport, &reason);
        if self.fault == Fault::EndsTwice {
            self.protocol.process_ended(&transport, &reason);
        }
    }
}

struct FaultyTransport {
    below: Rc<dyn ProcessTransport>,
    fault: Fault,
}

impl PushProducer for FaultyTransport {
    fn pause_producing(&self) {
        if self.fault != Fault::IgnoresPause {
            self.below.pause_producing();
        }
    }

    fn resume_producing(&self) {
        self.below.resume_producing();
    }

    fn stop_producing(&self) {
        self.below.stop_producing();
    }
}

impl ProcessTransport for FaultyTransport {
    fn pid(&self) -> Option<u32> {
        self.below.pid().or((self.fault == Fault::KeepsNumber).then_some(1))
    }

    fn write(&self, data: &[u8]) {
        let length = data.len() - usize::from(self.fault == Fault::LosesByte && data.len() > 1);
        self.below.write(&data[..length]);
    }

    fn write_sequence(&self, chunks: Vec<Chunk>) {
        self.below.write_sequence(chunks);
    }

    fn write_to_child(&self, child_fd: i32, data: &[u8]) -> Result<(), NoSuchChildFd> {
        self.below.write_to_child(child_fd, data)
    }

    fn close_child_fd(&self, child_fd: i32) -> Result<(), NoSuchChildFd> {
        self.below.close_child_fd(child_fd)
    }

    fn lose_connection(&self) {
        self.below.lose_connection();
    }

    fn signal_process(&self, signal: &Signal) -> Result<(), SignalError> {
        match self.fault {
            Fault::SendsAnotherSignal => self.below.signal_process(&Signal::Number(libc::SIGQUIT)),
            _ => self.below.signal_process(signal),
        }
    }

    fn set_window_size(&self, window: WindowSize) -> Result<(), WindowSizeError> {
        self.below.set_window_size(window)
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        match self.fault {
            Fault::ForgetsProducer => {
                self.below.close_stdin();
                Ok(())
            }
            _ => self.below.register_producer(producer),
        }
    }

    fn unregister_producer(&self) {
        self.below.unregister_producer();
    }

    fn set_buffer_limits(&self, limits: BufferLimits) {
        self.below.set_buffer_limits(limits);
    }

    fn buffer_limits(&self) -> BufferLimits {
        self.below.buffer_limits()
    }
}
