//! Claims about the memory that time costs, counted.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::delayed_call::{TimerKey, Timers};
use interfaces::{DelayedCall, NotPending, ReactorTime};
use ropewalk_protocol::task::{Cooperator, DeferredExt, LoopingCall};

use testkit::{allocated_bytes, allocations};

/// The number of allocations, and their bytes.
fn counted(work: impl FnOnce()) -> (usize, usize) {
    let (allocations_before, bytes_before) = (allocations(), allocated_bytes());
    work();
    (allocations() - allocations_before, allocated_bytes() - bytes_before)
}

/// A clock with room for one call, so that what is counted is not the clock's.
struct OneCall {
    me: Weak<OneCall>,
    now: Cell<Duration>,
    key: Cell<u64>,
    call: RefCell<Option<(Duration, Box<dyn FnOnce()>)>>,
}

impl OneCall {
    fn new() -> Rc<Self> {
        Rc::new_cyclic(|me| OneCall {
            me: me.clone(),
            now: Cell::default(),
            key: Cell::default(),
            call: RefCell::default(),
        })
    }

    /// Makes the call that is pending, at its time.
    fn next(&self) {
        let (due, call) = self.call.take().expect("a call is pending");
        self.now.set(due);
        call();
    }
}

impl ReactorTime for OneCall {
    fn now(&self) -> Duration {
        self.now.get()
    }

    fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        self.key.set(self.key.get() + 1);
        let before = self.call.replace(Some((self.now.get() + delay, call)));
        assert!(before.is_none(), "there is room for one");
        DelayedCall::new(self.me.clone(), TimerKey(self.key.get()))
    }

    fn delayed_calls(&self) -> Vec<DelayedCall> {
        let key = TimerKey(self.key.get());
        self.time(key).map(|_| DelayedCall::new(self.me.clone(), key)).into_iter().collect()
    }
}

impl Timers for OneCall {
    fn time(&self, key: TimerKey) -> Option<Duration> {
        let call = self.call.borrow();
        call.as_ref().filter(|_| key.0 == self.key.get()).map(|(due, _)| *due)
    }

    fn cancel(&self, key: TimerKey) -> Result<(), NotPending> {
        self.time(key).ok_or(NotPending)?;
        drop(self.call.take());
        Ok(())
    }

    fn reset(&self, key: TimerKey, delay: Duration) -> Result<(), NotPending> {
        self.time(key).ok_or(NotPending)?;
        let call = self.call.take();
        self.call.replace(call.map(|(_, call)| (self.now.get() + delay, call)));
        Ok(())
    }

    fn delay(&self, key: TimerKey, _: Duration) -> Result<(), NotPending> {
        self.time(key).ok_or(NotPending).map(|_| unreachable!("nothing here delays a call"))
    }
}

#[test]
fn a_run_of_a_looping_call_allocates_the_box_of_its_call_and_nothing_else() {
    let clock = OneCall::new();
    let counts = Rc::new(Cell::new(0));
    let seen = counts.clone();
    let plain = LoopingCall::new(clock.clone(), |_| Ok(()));
    let counting = LoopingCall::with_count(clock.clone(), move |_, count| {
        seen.set(seen.get() + count);
        Ok(())
    });
    for looping in [plain, counting] {
        let done = looping.start(Duration::from_secs(1)).expect("it does not run");
        let allocated = counted(|| (0..1000).for_each(|_| clock.next()));
        assert_eq!(allocated, (1000, 1000 * size_of::<usize>()));
        assert_eq!(counted(|| looping.reset().expect("it runs")), (0, 0));
        looping.stop().expect("it runs");
        assert!(done.is_fired());
    }
    assert_eq!(counts.get(), 1001);
}

#[test]
fn a_run_that_waits_adds_one_allocation() {
    let clock = OneCall::new();
    let waits = Rc::<RefCell<Vec<_>>>::default();
    let take = waits.clone();
    let looping = LoopingCall::new(clock.clone(), move |_| {
        take.borrow_mut().pop().unwrap_or_else(|| Deferred::succeed(()))
    });
    let _done = looping.start(Duration::from_secs(1)).expect("it does not run");
    let (deferred, promise) = Deferred::<()>::new();
    waits.borrow_mut().push(deferred);
    let (allocations, _) = counted(|| clock.next());
    assert_eq!(allocations, 2, "the callback for its value, and the one for its end");
    let (allocations, _) = counted(|| promise.callback(()));
    assert_eq!(allocations, 1, "the box of the next call");
    looping.stop().expect("it runs");
}

#[test]
fn a_timeout_costs_a_flag_a_call_and_a_callback() {
    let clock = OneCall::new();
    let (deferred, promise) = Deferred::<u32>::new();
    let (allocations, _) = counted(|| drop(deferred.add_timeout(Duration::from_secs(1), &clock)));
    assert_eq!(allocations, 3);
    assert_eq!(counted(|| promise.callback(1)), (0, 0));
}

#[test]
fn a_step_of_a_task_allocates_nothing_and_a_turn_one_box() {
    let clock = OneCall::new();
    let cooperator = Cooperator::new(clock.clone());
    let steps = std::iter::repeat_with(|| Ok::<(), Failure>(()));
    let tasks = [cooperator.cooperate(steps), cooperator.cooperate(steps)];
    clock.next();
    assert_eq!(counted(|| (0..10).for_each(|_| clock.next())), (10, 10 * size_of::<usize>()));
    tasks.into_iter().for_each(|task| task.stop().expect("it goes on"));
}
