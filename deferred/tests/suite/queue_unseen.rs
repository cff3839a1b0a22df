//! The queue: an item whose getter is dropped before it saw the item stays in the queue.

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture};
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread;

use crate::support::{Log, OnDrop, Task};
use ropewalk_deferred::{Cancelled, DeferredFuture, DeferredQueue};

use super::queue::{limited, value};

#[test]
fn an_item_that_woke_a_task_comes_back_when_that_is_dropped_and_run_has_handled_its_item_by_then() {
    let (queue, handled) = (DeferredQueue::new(), Rc::new(Cell::new(0)));
    let (get, run) = (queue.clone(), queue.clone());
    let mut asks = Task::new(async move { drop(get.get().unwrap().await) });
    assert!(asks.poll().is_pending());
    queue.put(1).unwrap();
    assert_eq!((asks.wakes(), queue.len()), (1, 0));
    drop(asks);
    assert_eq!((queue.len(), value(queue.get().unwrap())), (1, 1));

    let seen = handled.clone();
    let mut runs = Task::new(async move {
        let done = run.run(move |item| {
            seen.set(item);
            Ok(())
        });
        drop(done.unwrap().await);
    });
    assert!(runs.poll().is_pending());
    queue.put(2).unwrap();
    drop(runs);
    assert_eq!((queue.len(), queue.waiting(), handled.get()), (0, 0, 2));
}

#[test]
fn an_item_that_was_not_seen_is_back_before_those_that_were_put_after_it() {
    let queue = DeferredQueue::new();
    let waited = queue.get().unwrap();
    (1..=4).for_each(|n| queue.put(n).unwrap());
    let (second, third) = (queue.get().unwrap(), queue.get().unwrap());
    assert_eq!(format!("{waited:?} {second:?}"), "Deferred(Ok(1)) Deferred(Ok(2))");
    assert_eq!((queue.len(), second.is_fired()), (1, true));
    // In any order of the drops the items have their own.
    drop(second);
    drop(third.into_future());
    drop(waited);
    assert_eq!(queue.len(), 4);
    let taken: Vec<u32> = (0..4).map(|_| value(queue.get().unwrap())).collect();
    assert_eq!(taken, [1, 2, 3, 4]);
}

#[test]
fn an_item_that_was_seen_does_not_come_back() {
    let queue = DeferredQueue::new();
    (1..=3).for_each(|n| queue.put(n).unwrap());
    drop(queue.get().unwrap().add_callback(|n: u32| Ok(n)));
    let mut task = Task::new(queue.get().unwrap());
    assert!(task.poll().is_ready());
    drop((task, value(queue.get().unwrap())));
    let waits = queue.get().unwrap();
    queue.put(4).unwrap();
    drop(waits.add_both(|_| Ok(())));
    let waits = queue.get().unwrap();
    queue.put(5).unwrap();
    assert_eq!((value(waits), queue.is_empty()), (5, true));
}

#[test]
fn an_item_that_was_not_seen_goes_to_the_next_who_waits_before_the_drop_returns() {
    let (queue, log) = (DeferredQueue::new(), Log::default());
    let first = queue.get().unwrap();
    let noted = log.clone();
    let next = queue.run(move |item: &str| {
        noted.note(item);
        Ok(())
    });
    let last = queue.get().unwrap();
    queue.put("item").unwrap();
    assert!(log.take().is_empty());
    drop(first);
    assert_eq!(log.take(), ["item"]);
    assert!(next.unwrap().is_fired() && !last.is_fired());
    queue.put("other").unwrap();
    let stored = {
        let waits = queue.get().unwrap();
        drop(last);
        waits
    };
    assert_eq!((value(stored), queue.len()), ("other", 0));
}

#[test]
fn a_get_that_is_cancelled_when_it_has_its_item_gives_it_back_when_it_is_dropped() {
    let queue = DeferredQueue::new();
    let (waited, other) = (queue.get().unwrap(), queue.get().unwrap());
    queue.put(1).unwrap();
    let handle = waited.cancel_handle();
    handle.cancel();
    assert!(waited.is_fired() && queue.is_empty());
    other.cancel_handle().cancel();
    drop(waited);
    handle.cancel();
    assert_eq!(value(queue.get().unwrap()), 1);
    assert!(other.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

#[test]
fn items_that_come_back_are_stored_beyond_the_limit_and_then_none_is_taken_until_there_is_room() {
    let queue = limited(1, 1);
    let waited = queue.get().unwrap();
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    drop(waited);
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.put(3).unwrap_err().item, 3);
    assert_eq!(value(queue.get().unwrap()), 1);
    assert_eq!(queue.put(3).unwrap_err().item, 3);
    assert_eq!(value(queue.get().unwrap()), 2);
    queue.put(3).unwrap();

    let hand_to_hand = limited(0, 1);
    let waited = hand_to_hand.get().unwrap();
    hand_to_hand.put(1).unwrap();
    drop(waited);
    assert_eq!(value(hand_to_hand.get().unwrap()), 1);
}

#[test]
fn an_item_that_was_not_seen_is_dropped_once_when_the_queue_is_gone() {
    let dropped = Rc::new(Cell::new(0));
    let item = || {
        let dropped = dropped.clone();
        OnDrop(move || dropped.set(dropped.get() + 1))
    };
    let queue = DeferredQueue::new();
    let waited = queue.get().unwrap();
    assert!(queue.put(item()).is_ok() && queue.put(item()).is_ok());
    let stored = queue.get().unwrap();
    drop(queue);
    assert_eq!(dropped.get(), 0);
    drop(waited);
    drop(stored);
    assert_eq!(dropped.get(), 2);
}

#[test]
fn what_is_put_and_asked_for_while_an_item_is_handed_on_keeps_its_order() {
    let (queue, log) = (DeferredQueue::new(), Log::default());
    let (waited, noted) = (queue.get().unwrap(), log.clone());
    let again = queue.clone();
    let first = queue.run(move |n: u32| {
        again.put(10)?;
        again.put(11)?;
        let late = again.get()?.add_callback(move |n| {
            noted.note(format!("late {n}"));
            Ok(())
        });
        drop(late);
        Ok(n)
    });
    let second = queue.get().unwrap();
    queue.put(1).unwrap();
    drop(waited);
    assert_eq!((value(first.unwrap()), value(second)), (1, 10));
    assert_eq!(log.take(), ["late 11"]);
    assert!(queue.is_empty() && queue.waiting() == 0);
}

#[test]
fn a_callback_that_panics_over_an_item_that_came_back_leaves_nobody_waiting() {
    let queue = DeferredQueue::new();
    let (one, other) = (queue.get().unwrap(), queue.get().unwrap());
    let panics = queue.run(|_| -> Result<(), _> { panic!("it is the test's") }).unwrap();
    let last = queue.get().unwrap();
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    let caught = panic::catch_unwind(AssertUnwindSafe(|| drop(one)));
    assert!(caught.is_err());
    drop(other);
    assert_eq!(value(last), 2);
    assert!(panics.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
}

/// The task of each waiter is dropped by its own waker, so that each item comes back at once.
#[test]
#[cfg_attr(miri, ignore = "it takes too many rounds")]
fn an_item_that_a_long_row_of_waiters_drops_unseen_comes_back_in_constant_stack() {
    const WAITERS: usize = 20_000;
    thread_local! {
        static FUTURES: RefCell<Vec<Option<DeferredFuture<u32>>>> = const { RefCell::new(Vec::new()) };
    }
    struct DropsTask(usize);
    impl Wake for DropsTask {
        fn wake(self: Arc<Self>) {
            let future = FUTURES.with_borrow_mut(|futures| futures[self.0].take());
            drop(future);
        }
    }
    let thread = thread::Builder::new().stack_size(256 * 1024).spawn(|| {
        let queue = DeferredQueue::new();
        for index in 0..WAITERS {
            let waker = Waker::from(Arc::new(DropsTask(index)));
            let mut future = queue.get().unwrap().into_future();
            assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
            FUTURES.with_borrow_mut(|futures| futures.push(Some(future)));
        }
        queue.put(1).unwrap();
        assert!(FUTURES.take().iter().all(Option::is_none));
        assert_eq!(value(queue.get().unwrap()), 1);
    });
    thread.expect("a thread").join().expect("no panic in it");
}
