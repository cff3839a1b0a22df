//! What threads share with the reactor's, and what they know of each other.
//!
//! ```text
//!   reactor's thread                                    other threads
//!   jobs.rs ── pool.rs ── job_queue.rs ═══ jobs ══════▶ workers
//!                         remote_queue.rs ◀═══ calls ══ Remote, in any thread
//!   thread_pool.rs: a pool of the program's own, on the same queue of jobs
//!   sync.rs: the primitives of the two queues, which loom replaces in a test
//! ```
//!
//! Invariant: a reactor never leaves its thread, but for a binding that moves it as a whole between two turns;
//! only jobs and calls cross. Nothing here knows the
//! core: `core/jobs.rs` and `core/remote_calls.rs` give work away and take answers.

mod job_queue;
pub(crate) mod jobs;
pub(crate) mod pool;
pub(crate) mod remote_queue;
mod sync;
pub(crate) mod thread_pool;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::remote_queue::RemoteQueue;

    #[test]
    fn a_loop_that_was_moved_is_woken_by_the_thread_that_made_it() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&wakes);
        let queue = RemoteQueue::new(Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        queue.push(1).unwrap();
        assert_eq!(wakes.load(Ordering::Relaxed), 0, "its own thread looks before it waits");
        let taken = thread::scope(|scope| {
            let moved = scope.spawn(|| {
                queue.move_home();
                assert!(queue.is_at_home());
                queue.take()
            });
            moved.join().unwrap()
        });
        assert_eq!(taken, [1]);
        assert!(!queue.is_at_home());
        queue.push(2).unwrap();
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
    }
}
