//! The queue: limits, order, cancelling, and who an item belongs to.

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture};
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use crate::support::{Boom, Log, OnDrop, Task, boom_in, reports};
use ropewalk_deferred::{
    Cancelled, Deferred, DeferredFuture, DeferredQueue, Failure, QueueLimits, QueueOverflow,
    QueueUnderflow,
};

fn limited(size: usize, backlog: usize) -> DeferredQueue<u32> {
    DeferredQueue::with_limits(QueueLimits { size: Some(size), backlog: Some(backlog) })
}

fn value<T: 'static>(deferred: Deferred<T>) -> T {
    deferred.try_into_result().ok().expect("it has fired").expect("it has succeeded")
}

/// lock-010
#[test]
fn gets_and_puts_are_served_in_order_and_refused_beyond_their_limits() {
    let queue = limited(2, 2);
    let (first, second) = (queue.get().unwrap(), queue.get().unwrap());
    assert_eq!(queue.get().unwrap_err().backlog, 2);
    assert_eq!(queue.waiting(), 2);
    queue.put(1).unwrap();
    assert!(first.is_fired() && !second.is_fired());
    queue.put(2).unwrap();
    assert_eq!((value(first), value(second)), (1, 2));

    queue.put(3).unwrap();
    queue.put(4).unwrap();
    let refused = queue.put(5).unwrap_err();
    assert_eq!((refused.item, refused.size), (5, 2));
    assert_eq!((queue.len(), queue.is_empty()), (2, false));
    assert_eq!((value(queue.get().unwrap()), value(queue.get().unwrap())), (3, 4));
    assert!(queue.is_empty());
}

/// lock-011
#[test]
fn without_limits_any_number_is_taken_and_with_zero_none() {
    let queue = DeferredQueue::new();
    let waiting: Vec<_> = (0..1000).map(|_| queue.get().unwrap()).collect();
    (0..2000).for_each(|n| queue.put(n).unwrap());
    assert!(waiting.into_iter().map(value).eq(0..1000));
    assert!((1000..2000).all(|n| value(queue.get().unwrap()) == n));

    let hand_to_hand = limited(0, 1);
    assert!(hand_to_hand.put(1).is_err());
    let get = hand_to_hand.get().unwrap();
    hand_to_hand.put(2).unwrap();
    assert_eq!(value(get), 2);
    assert!(hand_to_hand.put(3).is_err());

    let only_stored = limited(1, 0);
    assert!(only_stored.get().is_err());
    only_stored.put(1).unwrap();
    assert_eq!(value(only_stored.get().unwrap()), 1);
    assert!(only_stored.get().is_err());
}

/// lock-010: what the errors say, and that `?` takes them.
#[test]
fn the_errors_say_what_was_attempted_and_the_limit() {
    struct Unprintable;
    fn put(queue: &DeferredQueue<Unprintable>) -> Result<(), Failure> {
        queue.put(Unprintable)?;
        let _kept = (queue.get()?, queue.get()?);
        queue.put(Unprintable)?;
        Ok(queue.put(Unprintable)?)
    }
    let full = DeferredQueue::with_limits(QueueLimits { size: Some(0), backlog: None });
    let overflow = put(&full).unwrap_err();
    assert!(overflow.check::<QueueOverflow<Unprintable>>());
    assert_eq!(overflow.to_string(), "cannot put an item into the queue: it holds 0, its limit");
    let empty = DeferredQueue::with_limits(QueueLimits { size: None, backlog: Some(0) });
    let underflow = put(&empty).unwrap_err();
    assert!(underflow.check::<QueueUnderflow>());
    assert_eq!(
        underflow.to_string(),
        "cannot get an item from the queue: it is empty, and 0 wait, its limit"
    );
}

/// lock-012
#[test]
fn cancelling_a_get_that_has_its_item_does_nothing() {
    let queue = DeferredQueue::new();
    queue.put(1).unwrap();
    let stored = queue.get().unwrap();
    stored.cancel_handle().cancel();
    assert_eq!(value(stored), 1);
    let waited = queue.get().unwrap();
    let handle = waited.cancel_handle();
    queue.put(2).unwrap();
    handle.cancel();
    assert_eq!(value(waited), 2);
    assert!(queue.is_empty() && queue.waiting() == 0);
}

/// lock-013
#[test]
fn a_cancelled_get_leaves_the_line_and_the_next_item_is_for_the_next_get() {
    let queue = limited(1, 1);
    let cancelled = queue.get().unwrap();
    cancelled.cancel_handle().cancel();
    assert!(cancelled.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    assert_eq!(queue.waiting(), 0);
    queue.put(7).unwrap();
    assert_eq!(queue.len(), 1);
    assert_eq!(value(queue.get().unwrap()), 7);

    let cancelled = queue.get().unwrap();
    cancelled.cancel_handle().cancel();
    let next = queue.get().expect("the place in line is free again");
    queue.put(8).unwrap();
    assert_eq!(value(next), 8);
    drop(cancelled.add_errback(|_| Ok(0)));
}

#[test]
fn an_item_does_not_go_to_a_deferred_that_was_dropped_without_a_callback() {
    let queue = DeferredQueue::new();
    drop(queue.get().unwrap());
    queue.put("stored").unwrap();
    assert_eq!(value(queue.get().unwrap()), "stored");

    drop(queue.get().unwrap());
    let (kept, log) = (queue.get().unwrap(), Log::default());
    let noted = log.clone();
    drop(queue.get().unwrap());
    drop(queue.get().unwrap().add_callback(move |item| {
        noted.note(item);
        Ok(())
    }));
    queue.put("for the one that is held").unwrap();
    queue.put("for the callback").unwrap();
    assert_eq!(value(kept), "for the one that is held");
    assert_eq!(log.take(), ["for the callback"]);
}

#[test]
fn a_deferred_that_was_dropped_without_a_callback_takes_no_place_in_the_backlog() {
    let queue = limited(1, 2);
    for _ in 0..10 {
        drop(queue.get().expect("nobody waits"));
    }
    let waiting = (queue.get().unwrap(), queue.get().unwrap());
    assert!(queue.get().is_err());
    queue.put(1).unwrap();
    queue.put(2).unwrap();
    assert_eq!((value(waiting.0), value(waiting.1)), (1, 2));
}

#[test]
fn a_run_is_called_with_the_item_inside_the_put_or_at_once_when_one_is_stored() {
    let (queue, log) = (DeferredQueue::new(), Log::default());
    let (noted, refused) = (log.clone(), limited(1, 0));
    let later = queue
        .run(move |n: u32| {
            noted.note(format!("called with {n}"));
            Ok(n + 1)
        })
        .unwrap();
    queue.put(4).unwrap();
    assert_eq!(log.take(), ["called with 4"]);
    assert_eq!(value(later), 5);
    queue.put(6).unwrap();
    assert_eq!(value(queue.run(|n| Ok(n * 2)).unwrap()), 12);
    assert!(refused.run(|_| Ok(())).is_err());

    let cancelled = queue.run(|_| -> Result<(), _> { panic!("it was cancelled") }).unwrap();
    cancelled.cancel_handle().cancel();
    queue.put(9).unwrap();
    assert_eq!(queue.len(), 1);
    let failed = queue.run(|_| Err::<(), _>(Boom("in it").into())).unwrap();
    assert_eq!(boom_in(&failed.try_into_result().unwrap().unwrap_err()), "in it");
    assert!(cancelled.try_into_result().unwrap().is_err());
}

#[test]
fn a_callback_may_put_and_get_in_the_same_queue() {
    let queue = DeferredQueue::new();
    let again = queue.clone();
    let second = Rc::new(RefCell::new(None));
    let keep = second.clone();
    let first = queue.get().unwrap().add_callback(move |n: u32| {
        keep.replace(Some(again.get()?));
        again.put(n + 1)?;
        again.put(n + 2)?;
        Ok(n)
    });
    queue.put(1).unwrap();
    assert_eq!(value(first), 1);
    assert_eq!(value(second.take().expect("it was made")), 2);
    assert_eq!(value(queue.get().unwrap()), 3);
}

#[test]
fn a_task_takes_item_after_item_and_one_that_is_dropped_in_line_loses_none() {
    let queue = DeferredQueue::new();
    let seen = Rc::new(Cell::new(0));
    let new_worker = || {
        let (queue, seen) = (queue.clone(), seen.clone());
        Task::new(async move {
            loop {
                let Ok(get) = queue.get() else { return };
                let Ok(item) = get.await else { return };
                seen.set(seen.get() + item);
            }
        })
    };
    let (mut one, mut other) = (new_worker(), new_worker());
    assert_eq!((one.poll(), other.poll()), (Poll::Pending, Poll::Pending));
    queue.put(1).unwrap();
    queue.put(10).unwrap();
    queue.put(100).unwrap();
    assert_eq!((one.poll(), other.poll()), (Poll::Pending, Poll::Pending));
    assert_eq!((seen.get(), queue.waiting()), (111, 2));
    drop(one);
    assert_eq!(queue.waiting(), 1);
    queue.put(1000).unwrap();
    assert!(other.poll().is_pending());
    assert_eq!((seen.get(), queue.len()), (1111, 0));
}

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

#[test]
fn dropping_the_last_handle_fails_who_waits_and_drops_what_is_stored() {
    let queue = DeferredQueue::<u32>::new();
    let reported = reports(|| {
        let (waiting, kept) = (queue.get().unwrap(), queue.clone());
        drop(queue);
        assert!(!waiting.is_fired());
        drop(kept);
        assert!(waiting.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    });
    assert_eq!(reported, ["promise of u32 dropped unfired, its Deferred is cancelled"]);

    let (stored, dropped) = (DeferredQueue::new(), Rc::new(Cell::new(0)));
    for _ in 0..2 {
        let dropped = dropped.clone();
        assert!(stored.put(OnDrop(move || dropped.set(dropped.get() + 1))).is_ok());
    }
    drop(stored);
    assert_eq!(dropped.get(), 2);
}

#[test]
fn an_item_may_use_the_queue_when_it_is_dropped() {
    let queue: DeferredQueue<Box<dyn std::any::Any>> = DeferredQueue::new();
    let again = queue.clone();
    let item = OnDrop(move || again.put(Box::new(5_u32)).expect("there is no limit"));
    queue.put(Box::new(item)).unwrap();
    drop(value(queue.get().unwrap()));
    assert_eq!(value(queue.get().unwrap()).downcast_ref(), Some(&5_u32));
}

#[test]
fn a_million_gets_are_left_behind_in_constant_stack() {
    let thread = thread::Builder::new().stack_size(256 * 1024).spawn(|| {
        let queue = DeferredQueue::new();
        for n in 0..1_000_000 {
            let get = queue.get().unwrap();
            if n % 2 == 0 {
                drop(get.add_both(|_| Ok(())));
            }
        }
        queue.put(1).unwrap();
        drop(queue);
    });
    thread.expect("a thread").join().expect("no panic in it");
}

/// The task of each waiter is dropped by its own waker, so that each item comes back at once.
#[test]
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
