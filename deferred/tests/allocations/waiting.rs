//! Waiting for a lock, a token or an item: allocations, counted.

use ropewalk_deferred::{Deferred, DeferredLock, DeferredQueue};
use testkit::live_bytes;

fn allocations(f: impl FnOnce()) -> usize {
    crate::allocations(f).1
}

#[test]
fn what_is_there_at_once_allocates_nothing() {
    let (lock, queue) = (DeferredLock::new(), DeferredQueue::new());
    queue.put(1).unwrap();
    let count = allocations(|| {
        drop(lock.acquire());
        drop(lock.run(|| Ok(())));
        drop(queue.run(|_| Ok(())));
        queue.put(2).unwrap();
    });
    assert_eq!(count, 0);
}

/// The getter knows the way back of an unseen item.
#[test]
fn a_get_of_an_item_that_is_there_is_one_allocation() {
    let queue = DeferredQueue::new();
    queue.put(1).unwrap();
    assert_eq!(allocations(|| drop(queue.get())), 1);
    assert_eq!(allocations(|| drop(queue.get().map(Deferred::try_into_result))), 1);
}

#[test]
fn a_waiter_is_its_deferred_its_callback_and_a_share_of_the_line() {
    const WAITERS: usize = 1000;
    let lock = DeferredLock::new();
    let token = lock.acquire();
    let count = allocations(|| {
        for _ in 0..WAITERS {
            lock.acquire().add_callback(|token| {
                token.release();
                Ok(())
            });
        }
    });
    assert!(count < 2 * WAITERS + WAITERS / 4, "{count}");
    assert_eq!(allocations(|| drop(token)), 0);
    assert!(!lock.is_locked());
}

#[test]
fn waiting_and_cancelling_for_ever_takes_no_more_memory() {
    let (lock, queue) = (DeferredLock::new(), DeferredQueue::<u32>::new());
    let token = lock.acquire();
    let first = (lock.acquire(), queue.get().unwrap());
    let rounds = |count| {
        for _ in 0..count {
            let (acquire, get) = (lock.acquire(), queue.get().unwrap());
            for handle in [acquire.cancel_handle(), get.cancel_handle()] {
                handle.cancel();
            }
            drop((acquire.try_into_result(), get.try_into_result()));
        }
    };
    rounds(10);
    let before = live_bytes();
    rounds(10_000);
    assert_eq!(live_bytes(), before);
    drop((token, first));
}

#[test]
fn waiting_and_dropping_the_deferred_for_ever_takes_no_more_memory_either() {
    let (lock, queue) = (DeferredLock::new(), DeferredQueue::<u32>::new());
    let token = lock.acquire();
    let first = (lock.acquire(), queue.get().unwrap());
    let rounds = |count| {
        for _ in 0..count {
            assert!(lock.acquire().try_into_result().is_err());
            drop(queue.get());
        }
    };
    let before = live_bytes();
    rounds(100);
    let after_some = live_bytes() - before;
    rounds(10_000);
    assert!(live_bytes() - before < 2 * after_some, "{after_some}");
    assert!(queue.waiting() < 50);
    drop(token);
    assert!(first.0.is_fired());
}

/// One item is read by each kind of reader, and one comes back.
#[test]
fn a_get_that_waited_is_freed_with_its_queue_whoever_takes_the_item() {
    let before = live_bytes();
    {
        let queue = DeferredQueue::new();
        let read = queue.get().unwrap();
        drop(queue.get().unwrap().add_callback(|_| Ok(())));
        let (outer, promise) = Deferred::<u32>::new();
        queue.get().unwrap().chain_deferred(promise);
        let unseen = queue.get().unwrap();
        (0..4).for_each(|n| queue.put(n).unwrap());
        drop(unseen);
        assert_eq!(queue.len(), 1);
        assert!(outer.is_fired() && read.try_into_result().is_ok());
    }
    assert_eq!(live_bytes(), before);
}

#[test]
fn everything_is_freed() {
    let before = live_bytes();
    {
        let (lock, queue) = (DeferredLock::new(), DeferredQueue::new());
        let (token, waiting) = (lock.acquire(), lock.acquire());
        let (get, other) = (queue.get().unwrap(), queue.get().unwrap());
        queue.put([0_u8; 100]).unwrap();
        drop((lock, queue));
        drop((token, get, other.add_errback(|_| Ok([1; 100]))));
        assert!(waiting.is_fired());
    }
    assert_eq!(live_bytes(), before);
}
