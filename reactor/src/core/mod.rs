//! [`Core`]: what a reactor owns, and what every tenant of its slots stands on.
//!
//! The methods of `Core` lie in the files of this folder, each beside the data that it changes; what
//! a tenant does is a method of the tenant's own type and takes `&Core`. Invariant: a core is reached
//! through a living `Rc` alone, and its drop closes every socket and calls no protocol.

pub(crate) mod agenda;
pub(crate) mod clock;
pub(crate) mod counts;
pub(crate) mod expendable;
pub(crate) mod foreign;
mod jobs;
pub(crate) mod limits;
pub(crate) mod load;
pub(crate) mod remote_calls;
mod resolver;
pub(crate) mod slots;
pub(crate) mod stage;
pub(crate) mod tasks;
pub(crate) mod tenant;
pub(crate) mod triggers;
pub(crate) mod watched;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use interfaces::{Observer, ReactorEvent};
use protocol::transport::SendPool;

use self::agenda::Agenda;
use self::expendable::Expendable;
use self::foreign::{drop_each, drop_quietly, quietly};
use self::limits::Limits;
use self::load::Load;
use self::remote_calls::RemoteCall;
use self::resolver::HostNames;
use self::slots::Slots;
use self::stage::RunState;
use self::tasks::Tasks;
use self::tenant::Slot;
use self::watched::WatchedEntries;
use crate::buffers::datagrams::DatagramBuffers;
use crate::buffers::shared::StreamShared;
use crate::sys::StreamSys;
use crate::threads::jobs::Jobs;
use crate::threads::remote_queue::RemoteQueue;
use crate::timers::TimerQueue;

/// Everything of one reactor.
pub(crate) struct Core<S: StreamSys> {
    pub(crate) me: Weak<Self>,
    pub(crate) sys: S,
    pub(crate) limits: Limits,
    pub(crate) slots: RefCell<Slots<Slot<S>>>,
    pub(crate) timers: RefCell<TimerQueue>,
    pub(crate) agenda: Agenda,
    pub(crate) expendable: Expendable,
    /// What the streams reach without going through the core.
    pub(crate) streams: Rc<StreamShared<Self>>,
    /// The storage of queues of pipes, terminals and files.
    pub(crate) pipe_pool: SendPool,
    /// What the datagram ports reach likewise.
    pub(crate) datagrams: Rc<DatagramBuffers>,
    pub(crate) poll_buffers: PollBuffers<S::Events>,
    pub(crate) tasks: Tasks,
    pub(crate) remote_queue: Arc<RemoteQueue<RemoteCall<S>>>,
    pub(crate) jobs: Jobs,
    /// The descriptors of others.
    pub(crate) watched: WatchedEntries,
    pub(crate) run_state: RunState,
    pub(crate) load: Load,
    pub(crate) signal_handlers: RefCell<Vec<(i32, Rc<dyn Fn()>)>>,
    observer: RefCell<Rc<dyn Observer>>,
    names: HostNames,
    /// How many foreign calls run, one inside the other.
    depth: Cell<usize>,
    /// What logs call the protocol that runs, if it is not a stream's.
    pub(crate) running_prefix: Cell<Option<&'static str>>,
}

/// What a turn fills, kept from turn to turn; taken out for the duration of one.
#[derive(Default)]
pub(crate) struct PollBuffers<E> {
    /// What a poll reports.
    pub(crate) events: Cell<Option<E>>,
    /// How many turns have begun.
    pub(crate) turns: Cell<u64>,
    /// The read buffer that all connections share.
    read: Cell<Box<[u8]>>,
}

impl<S: StreamSys> Core<S> {
    pub(crate) fn new(sys: S, limits: Limits, observer: Rc<dyn Observer>) -> Rc<Self> {
        let remote_queue = Arc::new(RemoteQueue::new(sys.waker()));
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            sys,
            limits: limits.in_range(),
            slots: RefCell::new(Slots::new()),
            timers: RefCell::new(TimerQueue::new()),
            agenda: Agenda::default(),
            expendable: Expendable::default(),
            streams: Rc::new(StreamShared::new(me.clone(), limits.buffer, limits.unsent_bytes)),
            pipe_pool: SendPool::new(),
            datagrams: Rc::new(DatagramBuffers::new()),
            poll_buffers: PollBuffers::default(),
            tasks: Tasks::default(),
            remote_queue,
            jobs: Jobs::default(),
            watched: WatchedEntries::default(),
            run_state: RunState::default(),
            load: Load::default(),
            signal_handlers: RefCell::default(),
            observer: RefCell::new(observer),
            names: HostNames::default(),
            depth: Cell::new(0),
            running_prefix: Cell::new(None),
        })
    }

    pub(crate) fn rc(&self) -> Rc<Self> {
        self.me.upgrade().expect("a core is only reached through a living Rc")
    }

    /// Takes the read buffer out. A turn inside a turn makes itself another.
    pub(crate) fn take_read_buffer(&self) -> Box<[u8]> {
        let buffer = self.poll_buffers.read.take();
        if buffer.is_empty() { vec![0; self.limits.read_buffer_bytes].into() } else { buffer }
    }

    /// Puts the read buffer back.
    pub(crate) fn keep_read_buffer(&self, buffer: Box<[u8]>) {
        self.poll_buffers.read.set(buffer);
    }
}

impl<S: StreamSys> Drop for Core<S> {
    /// Drops everything and tells no protocol; a program that wants them told stops the reactor
    /// first.
    #[cold]
    fn drop(&mut self) {
        // What the end of the reactor cancels is no news.
        deferred::quietly(|| self.drop_all());
    }
}

impl<S: StreamSys> Core<S> {
    fn drop_all(&mut self) {
        drop_each(self.remote_queue.close());
        self.names.take_pending().for_each(|look_up| quietly(|| look_up.fail()));
        let slots = self.slots.get_mut().take_all();
        slots.into_iter().for_each(|slot| quietly(|| slot.abandon(&self.sys)));
        drop_each(self.agenda.closings.take());
        drop_each(self.timers.get_mut().take_all());
        self.tasks.drop_tasks(&mut |step| quietly(step));
        drop_each(self.jobs.take_all());
        drop_each(self.watched.take_all());
        drop_each(self.run_state.triggers.take_all());
        drop_each(self.signal_handlers.take());
        drop_quietly(self.names.take());
        drop_quietly(self.observer.replace(Rc::new(NoObserver)));
    }
}

/// In the place of the observer that is dropped.
struct NoObserver;

impl Observer for NoObserver {
    fn observe(&self, _: &ReactorEvent<'_>) {}
}
