//! What the tests share: a log of what happened, a recorder for the unhandled hook, a task.

#![allow(dead_code, unreachable_pub)]

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use ropewalk_deferred::{Failure, Unhandled, set_unhandled_hook};

/// An error of the tests, with a name to know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boom(pub &'static str);

impl fmt::Display for Boom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "boom {}", self.0)
    }
}

impl Error for Boom {}

/// The name in a failure that holds a [`Boom`].
pub fn boom_in(failure: &Failure) -> &'static str {
    failure.downcast_ref::<Boom>().expect("a Boom").0
}

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub fn note(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    pub fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

thread_local! {
    static REPORTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static PANICS: Cell<bool> = const { Cell::new(false) };
}

/// The one hook of the process.
fn record(unhandled: &Unhandled<'_>) {
    assert!(!PANICS.take(), "on purpose");
    REPORTS.with_borrow_mut(|reports| reports.push(unhandled.to_string()));
}

/// Makes the hook panic when it is told something on this thread the next time.
pub fn panic_in_hook() {
    set_unhandled_hook(record);
    PANICS.set(true);
}

/// What the unhandled hook is told on this thread while `f` runs.
pub fn reports(f: impl FnOnce()) -> Vec<String> {
    set_unhandled_hook(record);
    REPORTS.take();
    f();
    REPORTS.take()
}

/// Says when it is dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A task that is polled by hand and counts how often it was woken.
pub struct Task<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl<T> Task<T> {
    pub fn new(future: impl IntoFuture<Output = T, IntoFuture: 'static>) -> Self {
        let wakes = Arc::default();
        let future = future.into_future();
        Task { future: Box::pin(future), wakes }
    }

    pub fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(self.wakes.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    pub fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::Relaxed)
    }
}

impl<T> Task<T> {
    /// Polls something else with the waker of this task.
    pub fn poll_other<F: Future>(&self, future: Pin<&mut F>) -> Poll<F::Output> {
        let waker = Waker::from(self.wakes.clone());
        future.poll(&mut Context::from_waker(&waker))
    }
}
