//! A process protocol that remembers what reached it; Twisted has one in each of its tests.
//!
//! Invariant: an event is recorded before its hook runs.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use interfaces::{ProcessProtocol, ProcessReason, ProcessTransport, Reason};

/// One call of a process protocol's method.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProcessSeen {
    /// `connection_made`
    ConnectionMade,
    /// `child_data_received`, with the child's descriptor and the bytes of this one call.
    ChildDataReceived(i32, Vec<u8>),
    /// `child_connection_lost`, with the child's descriptor and the reason.
    ChildConnectionLost(i32, Reason),
    /// `process_exited`, with its reason.
    ProcessExited(ProcessReason),
    /// `process_ended`, with its reason.
    ProcessEnded(ProcessReason),
}

/// What a [`ProcessRecorder`] saw; a clone is the same record. Readable at any time, also from a hook.
#[derive(Clone, Default)]
pub struct ProcessRecord {
    seen: Rc<RefCell<Vec<ProcessSeen>>>,
}

impl ProcessRecord {
    /// An empty record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything, in order.
    pub fn seen(&self) -> Vec<ProcessSeen> {
        self.seen.borrow().clone()
    }

    /// The stages of the process's life, in order and without the bytes: `"made"`, `"lost 1"`,
    /// `"exited"`, `"ended"`.
    pub fn stages(&self) -> Vec<String> {
        let seen = self.seen.borrow();
        let stages = seen.iter().filter_map(|seen| match seen {
            ProcessSeen::ConnectionMade => Some("made".to_string()),
            ProcessSeen::ChildDataReceived(..) => None,
            ProcessSeen::ChildConnectionLost(child_fd, _) => Some(format!("lost {child_fd}")),
            ProcessSeen::ProcessExited(_) => Some("exited".to_string()),
            ProcessSeen::ProcessEnded(_) => Some("ended".to_string()),
        });
        stages.collect()
    }

    /// All bytes of one descriptor of the child, joined.
    pub fn received(&self, child_fd: i32) -> Vec<u8> {
        let seen = self.seen.borrow();
        let pieces = seen.iter().filter_map(|seen| match seen {
            ProcessSeen::ChildDataReceived(of, data) if *of == child_fd => Some(data.as_slice()),
            _ => None,
        });
        pieces.collect::<Vec<_>>().concat()
    }

    /// Why a descriptor of the child was lost, if it was.
    pub fn lost(&self, child_fd: i32) -> Option<Reason> {
        self.seen.borrow().iter().find_map(|seen| match seen {
            ProcessSeen::ChildConnectionLost(of, reason) if *of == child_fd => Some(reason.clone()),
            _ => None,
        })
    }

    /// How the process exited, if that was told.
    pub fn exited(&self) -> Option<ProcessReason> {
        self.seen.borrow().iter().find_map(|seen| match seen {
            ProcessSeen::ProcessExited(reason) => Some(*reason),
            _ => None,
        })
    }

    /// How the process ended, if that was told.
    pub fn ended(&self) -> Option<ProcessReason> {
        self.seen.borrow().iter().find_map(|seen| match seen {
            ProcessSeen::ProcessEnded(reason) => Some(*reason),
            _ => None,
        })
    }
}

impl fmt::Debug for ProcessRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProcessRecord").field(&self.seen()).finish()
    }
}

type ProcessHook = Box<dyn FnMut(&ProcessSeen, &Rc<dyn ProcessTransport>)>;

/// A process protocol that records its calls in a [`ProcessRecord`], and runs a hook after each.
pub struct ProcessRecorder {
    record: ProcessRecord,
    hook: Option<ProcessHook>,
}

impl ProcessRecorder {
    /// Records into `record`.
    pub fn new(record: &ProcessRecord) -> Self {
        Self { record: record.clone(), hook: None }
    }

    /// Runs `hook` after each call was recorded.
    #[must_use]
    pub fn with_hook(
        mut self,
        hook: impl FnMut(&ProcessSeen, &Rc<dyn ProcessTransport>) + 'static,
    ) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    fn saw(&mut self, transport: &Rc<dyn ProcessTransport>, seen: ProcessSeen) {
        self.record.seen.borrow_mut().push(seen.clone());
        if let Some(hook) = &mut self.hook {
            hook(&seen, transport);
        }
    }
}

impl fmt::Debug for ProcessRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProcessRecorder").field(&self.record).finish()
    }
}

impl ProcessProtocol for ProcessRecorder {
    fn connection_made(&mut self, transport: &Rc<dyn ProcessTransport>) {
        self.saw(transport, ProcessSeen::ConnectionMade);
    }

    fn child_data_received(
        &mut self,
        transport: &Rc<dyn ProcessTransport>,
        child_fd: i32,
        data: &[u8],
    ) {
        self.saw(transport, ProcessSeen::ChildDataReceived(child_fd, data.to_vec()));
    }

    fn child_connection_lost(
        &mut self,
        transport: &Rc<dyn ProcessTransport>,
        child_fd: i32,
        reason: &Reason,
    ) {
        self.saw(transport, ProcessSeen::ChildConnectionLost(child_fd, reason.clone()));
    }

    fn process_exited(&mut self, transport: &Rc<dyn ProcessTransport>, reason: &ProcessReason) {
        self.saw(transport, ProcessSeen::ProcessExited(*reason));
    }

    fn process_ended(&mut self, transport: &Rc<dyn ProcessTransport>, reason: &ProcessReason) {
        self.saw(transport, ProcessSeen::ProcessEnded(*reason));
    }
}
