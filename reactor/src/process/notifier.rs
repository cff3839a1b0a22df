//! The protocol of a process, called one event at a time; an event that comes while it runs waits.
//!
//! Invariant: the protocol is out of its place exactly while it runs, and it is dropped behind
//! `process_ended`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use interfaces::{ProcessProtocol, ProcessReason, ProcessTransport, Reason};

use crate::core::Core;
use crate::sys::StreamSys;

/// What a protocol is told.
#[derive(Clone, Debug)]
pub(super) enum Notice {
    ConnectionMade,
    ChildConnectionLost(i32, Reason),
    ProcessExited(ProcessReason),
    ProcessEnded(ProcessReason),
}

/// A notice that waits, or bytes that do.
enum Waiting {
    Notice(Notice),
    Data(i32, Vec<u8>),
}

/// The place of the protocol.
pub(super) struct Notifier {
    protocol: Cell<Option<Box<dyn ProcessProtocol>>>,
    waiting: RefCell<VecDeque<Waiting>>,
    /// `process_ended` was called.
    ended: Cell<bool>,
}

type Transport = Rc<dyn ProcessTransport>;

impl Notifier {
    pub(super) fn new(protocol: Box<dyn ProcessProtocol>) -> Self {
        Self {
            protocol: Cell::new(Some(protocol)),
            waiting: RefCell::default(),
            ended: Cell::new(false),
        }
    }

    /// Runs the protocol with a notice; while it runs, the notice waits for it to return.
    pub(super) fn tell<S: StreamSys>(&self, core: &Core<S>, transport: &Transport, notice: Notice) {
        let Some(mut protocol) = self.protocol.take() else {
            self.waiting.borrow_mut().push_back(Waiting::Notice(notice));
            return;
        };
        self.run(core, transport, &mut *protocol, &notice);
        self.returned(core, transport, protocol);
    }

    /// Runs the protocol with bytes of a descriptor, as [`tell`](Self::tell).
    ///
    /// # Errors
    ///
    /// The message of a panic.
    pub(super) fn deliver<S: StreamSys>(
        &self,
        core: &Core<S>,
        transport: &Transport,
        child_fd: i32,
        data: &[u8],
    ) -> Result<(), Rc<str>> {
        let Some(mut protocol) = self.protocol.take() else {
            self.waiting.borrow_mut().push_back(Waiting::Data(child_fd, data.to_vec()));
            return Ok(());
        };
        let told = core.call("process protocol", None, || {
            protocol.child_data_received(transport, child_fd, data);
        });
        self.returned(core, transport, protocol);
        told
    }

    fn run<S: StreamSys>(
        &self,
        core: &Core<S>,
        transport: &Transport,
        protocol: &mut dyn ProcessProtocol,
        notice: &Notice,
    ) {
        self.ended.set(matches!(notice, Notice::ProcessEnded(_)));
        // A panic was told to the observer, and the process goes on.
        drop(core.call("process protocol", None, || notice.dispatch(protocol, transport)));
    }

    /// The protocol has returned: it is told what came meanwhile, and dropped behind the last notice.
    fn returned<S: StreamSys>(
        &self,
        core: &Core<S>,
        transport: &Transport,
        mut protocol: Box<dyn ProcessProtocol>,
    ) {
        while !self.ended.get() {
            let waiting = self.waiting.borrow_mut().pop_front();
            match waiting {
                None => {
                    self.protocol.set(Some(protocol));
                    return;
                }
                Some(Waiting::Notice(notice)) => {
                    self.run(core, transport, &mut *protocol, &notice);
                }
                Some(Waiting::Data(child_fd, data)) => {
                    drop(core.call("process protocol", None, || {
                        protocol.child_data_received(transport, child_fd, &data);
                    }));
                }
            }
        }
        core.drop_guarded("process protocol", protocol);
    }

    /// Takes the protocol out, to be dropped as foreign code.
    pub(super) fn take(&self) -> Option<Box<dyn ProcessProtocol>> {
        self.protocol.take()
    }
}

impl Notice {
    fn dispatch(&self, protocol: &mut dyn ProcessProtocol, transport: &Transport) {
        match self {
            Self::ConnectionMade => protocol.connection_made(transport),
            Self::ChildConnectionLost(child_fd, reason) => {
                protocol.child_connection_lost(transport, *child_fd, reason);
            }
            Self::ProcessExited(reason) => protocol.process_exited(transport, reason),
            Self::ProcessEnded(reason) => protocol.process_ended(transport, reason),
        }
    }
}
