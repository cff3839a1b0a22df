//! The queue: limits, order, cancelling, and who an item belongs to.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;
use std::thread;

use crate::support::{Boom, Log, OnDrop, Task, boom_in, reports};
use ropewalk_deferred::{
    Cancelled, Deferred, DeferredQueue, Failure, QueueLimits, QueueOverflow, QueueUnderflow,
};

pub(crate) fn limited(size: usize, backlog: usize) -> DeferredQueue<u32> {
    DeferredQueue::with_limits(QueueLimits::default().with_size(size).with_backlog(backlog))
}

pub(crate) fn value<T: 'static>(deferred: Deferred<T>) -> T {
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
    let full = DeferredQueue::with_limits(QueueLimits::default().with_size(0));
    let overflow = put(&full).unwrap_err();
    assert!(overflow.check::<QueueOverflow<Unprintable>>());
    assert_eq!(overflow.to_string(), "cannot put an item into the queue: it holds 0, its limit");
    let empty = DeferredQueue::with_limits(QueueLimits::default().with_backlog(0));
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
#[cfg_attr(miri, ignore = "it takes too many rounds")]
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
