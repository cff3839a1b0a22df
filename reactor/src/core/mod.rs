//! What a reactor owns, and the one door through which it calls foreign code.
//!
//! Invariant: [`Core::call`] is the only place where protocols, factories, producers, timers and
//! tasks run, and nothing of the core is borrowed there.

pub(crate) mod limits;
pub(crate) mod slots;
pub(crate) mod tasks;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use interfaces::{Address, Observer, ReactorEvent, Reason, Transport as _};

use crate::buffers::shared::Desk;
use crate::connect::attempt::Attempt;
use crate::core::limits::Limits;
use crate::core::slots::Slots;
use crate::core::tasks::Tasks;
use crate::listen::port::Port;
use crate::remote::Shared;
use crate::run::lifetime::Lifetime;
use crate::standard_error::StandardError;
use crate::stream::linger::Lingering;
use crate::stream::{Running, Stream};
use crate::sys::{Sys, Token};
use crate::thread_pool::Works;
use crate::timers::TimerQueue;

/// Everything of one reactor.
pub(crate) struct Core<S: Sys> {
    pub(crate) me: Weak<Self>,
    pub(crate) sys: S,
    pub(crate) limits: Limits,
    pub(crate) slots: RefCell<Slots<Slot<S>>>,
    pub(crate) timers: RefCell<TimerQueue>,
    pub(crate) agenda: Agenda<S>,
    pub(crate) desk: Rc<Desk<S>>,
    /// What all connections read into; out while a turn's events are dealt with.
    pub(crate) read_buffer: Cell<Box<[u8]>>,
    pub(crate) tasks: Tasks,
    pub(crate) shared: Arc<Shared<S>>,
    pub(crate) works: Works,
    pub(crate) lifetime: Lifetime,
    pub(crate) signal_handlers: RefCell<Vec<(i32, Rc<dyn Fn()>)>>,
    pub(crate) observer: RefCell<Rc<dyn Observer>>,
}

/// Who the system reports about.
///
/// Two kinds at the first level, so that a slot is no larger than a stream in it.
pub(crate) enum Slot<S: Sys> {
    Stream(Running<S>),
    Rare(Rare<S>),
}

/// Whom there are few of.
pub(crate) enum Rare<S: Sys> {
    Port(Rc<Port<S>>),
    Attempt(Rc<Attempt<S>>),
    Lingering(Rc<Lingering<S>>),
    /// Being moved into.
    Vacant,
}

impl<S: Sys> Default for Slot<S> {
    fn default() -> Self {
        Self::Rare(Rare::Vacant)
    }
}

/// What is to be done later in this turn, or in the next.
pub(crate) struct Agenda<S: Sys> {
    /// Streams and ports that may still be ready, though the system will not say so again.
    pub(crate) still_ready: RefCell<Vec<Token>>,
    /// Streams whose end is decided.
    pub(crate) closings: RefCell<Vec<(Rc<Stream<S>>, Reason)>>,
    /// How many foreign calls run, one inside the other.
    pub(crate) depth: Cell<usize>,
    /// What a poll reports, kept from turn to turn.
    pub(crate) events: Cell<Option<S::Events>>,
}

impl<S: Sys> Core<S> {
    pub(crate) fn new(sys: S, limits: Limits, observer: Rc<dyn Observer>) -> Rc<Self> {
        let shared = Arc::new(Shared::new(sys.waker()));
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            sys,
            limits: limits.at_least_one(),
            slots: RefCell::new(Slots::new()),
            timers: RefCell::new(TimerQueue::new()),
            agenda: Agenda {
                still_ready: RefCell::default(),
                closings: RefCell::default(),
                depth: Cell::new(0),
                events: Cell::default(),
            },
            desk: Rc::new(Desk::new(me.clone(), limits.buffer)),
            read_buffer: Cell::default(),
            tasks: Tasks::default(),
            shared,
            works: Works::default(),
            lifetime: Lifetime::default(),
            signal_handlers: RefCell::default(),
            observer: RefCell::new(observer),
        })
    }

    /// Runs foreign code; a panic in it is caught, told to the observer, and answered with its
    /// message. Tasks that it woke run before this returns.
    pub(crate) fn call<R>(
        &self,
        callback: &'static str,
        peer: Option<&Address>,
        foreign: impl FnOnce() -> R,
    ) -> Result<R, Rc<str>> {
        let result = self.call_without_tasks(callback, peer, foreign);
        self.run_woken_tasks();
        result
    }

    /// Drops what may hold the last reference to something foreign.
    pub(crate) fn let_go<T>(&self, callback: &'static str, tenant: T) {
        drop(self.call_without_tasks(callback, None, || drop(tenant)));
    }

    pub(crate) fn call_without_tasks<R>(
        &self,
        callback: &'static str,
        peer: Option<&Address>,
        foreign: impl FnOnce() -> R,
    ) -> Result<R, Rc<str>> {
        self.catch(foreign).map_err(|payload| self.panicked(callback, peer, payload))
    }

    /// As [`call_without_tasks`](Self::call_without_tasks), for what belongs to a stream.
    #[inline]
    pub(crate) fn call_for<R>(
        &self,
        stream: &Stream<S>,
        callback: &'static str,
        foreign: impl FnOnce() -> R,
    ) -> Result<R, Rc<str>> {
        match self.catch(foreign) {
            Ok(answer) => Ok(answer),
            Err(payload) => Err(self.panicked_for(stream, callback, payload)),
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn panicked_for(
        &self,
        stream: &Stream<S>,
        callback: &'static str,
        payload: Box<dyn Any + Send>,
    ) -> Rc<str> {
        self.panicked(callback, Some(&stream.peer()), payload)
    }

    #[inline]
    pub(crate) fn catch<R>(&self, foreign: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
        let depth = &self.agenda.depth;
        depth.set(depth.get() + 1);
        let answer = panic::catch_unwind(AssertUnwindSafe(foreign));
        depth.set(depth.get() - 1);
        answer
    }

    /// Foreign code has panicked: the observer is told, and the message is the answer.
    #[cold]
    fn panicked(
        &self,
        callback: &'static str,
        peer: Option<&Address>,
        payload: Box<dyn Any + Send>,
    ) -> Rc<str> {
        let message = panic_message(&*payload);
        // What was thrown may panic again when it is dropped; then it is never dropped.
        drop_quietly(payload);
        self.observe(&ReactorEvent::CallbackPanicked { callback, peer, message: &message });
        message
    }

    /// Tells the observer, whose panic is nobody's business.
    pub(crate) fn observe(&self, event: &ReactorEvent<'_>) {
        let observer = Rc::clone(&self.observer.borrow());
        quietly(|| observer.observe(event));
    }

    /// Remembers that this stream may have more to be read.
    pub(crate) fn note_unread(&self, stream: &Stream<S>) {
        if !stream.io.listed.replace(true) {
            self.note_still_ready(stream.token);
        }
    }

    /// Remembers that this tenant may still be ready.
    pub(crate) fn note_still_ready(&self, token: Token) {
        self.agenda.still_ready.borrow_mut().push(token);
    }

    pub(crate) fn rc(&self) -> Rc<Self> {
        self.me.upgrade().expect("a core is only reached through a living Rc")
    }
}

impl<S: Sys> Slot<S> {
    /// Closes the socket, though a handle may be kept by somebody, and lets the rest go.
    fn leave(self) {
        match &self {
            Self::Stream(running) => running.stream.leave(),
            Self::Rare(Rare::Port(port)) => port.abandon(),
            Self::Rare(Rare::Attempt(_) | Rare::Lingering(_) | Rare::Vacant) => {}
        }
    }
}

impl<S: Sys> Drop for Core<S> {
    /// Lets everything go without telling anybody: whoever wants to be told stops the reactor first.
    #[cold]
    fn drop(&mut self) {
        drop_each(self.shared.close());
        let tenants = self.slots.get_mut().take_all();
        tenants.into_iter().for_each(|tenant| quietly(|| tenant.leave()));
        drop_each(self.agenda.closings.take());
        drop_each(self.timers.get_mut().take_all());
        self.tasks.let_go(&mut |step| quietly(step));
        drop_each(self.works.take_all());
        drop_each(self.lifetime.take_all());
        drop_each(self.signal_handlers.take());
        drop_quietly(self.observer.replace(Rc::new(StandardError)));
    }
}

/// Drops things one by one, so that no panic meets another one, which would end the process.
fn drop_each<T>(things: Vec<T>) {
    things.into_iter().for_each(drop_quietly);
}

/// Runs what may panic and whose panic is of no interest; what was thrown is never dropped, for its
/// drop may panic too.
fn quietly(foreign: impl FnOnce()) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(foreign)) {
        std::mem::forget(payload);
    }
}

pub(crate) fn drop_quietly<T>(value: T) {
    quietly(|| drop(value));
}

/// The text that a panic was raised with.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> Rc<str> {
    if let Some(text) = payload.downcast_ref::<&str>() {
        Rc::from(*text)
    } else if let Some(text) = payload.downcast_ref::<String>() {
        Rc::from(text.as_str())
    } else {
        Rc::from("a value that is not text")
    }
}
