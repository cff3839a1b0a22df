//! Waiting for a lock that cannot call back, in memory and on a real file, on a clock that is moved.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Cancelled, Deferred, DeferredLock, Failure};
use ropewalk_protocol::task::{
    DeferredFilesystemLock, FilesystemLock, FilesystemLockError, LockTimedOut, TryLock,
};
use ropewalk_protocol::testing::Clock;

const SECOND: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_millis(5500);

/// A lock that counts how often it was tried for.
struct Counted {
    lock: DeferredLock,
    tries: Rc<Cell<u32>>,
}

impl TryLock for Counted {
    type Held = <DeferredLock as TryLock>::Held;

    fn try_lock(&self) -> Result<Option<Self::Held>, Failure> {
        self.tries.set(self.tries.get() + 1);
        self.lock.try_lock()
    }

    fn name(&self) -> String {
        "the counted one".to_string()
    }
}

struct World {
    clock: Clock,
    /// What others lock.
    in_memory: DeferredLock,
    tries: Rc<Cell<u32>>,
    lock: DeferredFilesystemLock<Counted>,
}

fn world() -> World {
    let (clock, in_memory, tries) = (Clock::new(), DeferredLock::new(), Rc::default());
    let counted = Counted { lock: in_memory.clone(), tries: Rc::clone(&tries) };
    let lock = DeferredFilesystemLock::new(counted, Rc::new(clock.clone()));
    World { clock, in_memory, tries, lock }
}

fn failure<T: 'static + std::fmt::Debug>(deferred: Deferred<T>) -> Failure {
    deferred.try_into_result().expect("it has fired").expect_err("it has failed")
}

fn held<T: 'static>(deferred: Deferred<T>) -> T {
    deferred.try_into_result().ok().expect("it has fired").expect("it is held")
}

/// lock-016
#[test]
fn a_free_lock_is_had_at_once_and_nothing_is_left_on_the_clock() {
    for timeout in [None, Some(TIMEOUT)] {
        let World { clock, in_memory, tries, lock } = world();
        let token = held(lock.defer_until_locked(timeout));
        assert!(in_memory.is_locked());
        assert_eq!((clock.pending(), tries.get()), (0, 1));
        drop(token);
        assert!(!in_memory.is_locked());
    }
}

/// lock-017
#[test]
fn a_lock_that_is_held_is_tried_for_each_second_until_the_time_is_over() {
    let World { clock, in_memory, tries, lock } = world();
    let somebody = in_memory.acquire();
    let waiting = lock.defer_until_locked(Some(TIMEOUT));
    for tried in 1..=5 {
        assert_eq!((tries.get(), waiting.is_fired(), clock.pending()), (tried, false, 2));
        clock.advance(SECOND);
    }
    assert_eq!((tries.get(), waiting.is_fired()), (6, false));
    clock.advance(SECOND / 2);
    let timed_out = failure(waiting).trap::<LockTimedOut>().expect("its time is over");
    assert_eq!(timed_out.after, TIMEOUT);
    assert_eq!(
        timed_out.to_string(),
        "cannot lock the counted one: another holder has had it for all of 5.5s"
    );
    assert_eq!((tries.get(), clock.pending()), (7, 0));
    drop(somebody);
}

/// lock-017
#[test]
fn a_lock_that_becomes_free_is_had_at_the_next_try() {
    for timeout in [None, Some(TIMEOUT)] {
        let World { clock, in_memory, lock, .. } = world();
        let somebody = in_memory.acquire();
        let waiting = lock.defer_until_locked(timeout);
        clock.advance(SECOND);
        drop(somebody);
        assert!(!waiting.is_fired(), "it does not know yet");
        clock.advance(SECOND);
        let token = held(waiting);
        assert_eq!(clock.pending(), 0);
        clock.advance(10 * SECOND);
        assert!(in_memory.is_locked());
        drop(token);
    }
}

#[test]
fn a_last_try_is_made_when_the_time_is_over() {
    let World { clock, in_memory, lock, .. } = world();
    let somebody = in_memory.acquire();
    let waiting = lock.defer_until_locked(Some(TIMEOUT));
    clock.pump([SECOND; 5]);
    drop(somebody);
    clock.advance(SECOND / 2);
    drop(held(waiting));
    assert_eq!((clock.pending(), in_memory.is_locked()), (0, false));
}

#[test]
fn a_long_wait_needs_no_deep_stack() {
    let World { clock, in_memory, tries, lock } = world();
    let somebody = in_memory.acquire();
    let waiting = lock.defer_until_locked(Some(100_000 * SECOND));
    clock.pump(std::iter::repeat_n(SECOND, 99_999));
    assert_eq!((tries.get(), clock.pending(), waiting.is_fired()), (100_000, 2, false));
    drop(somebody);
    waiting.cancel_handle().cancel();
    assert!(failure(waiting).check::<Cancelled>());
}

/// lock-018: where Twisted refuses the second, the two do not disturb each other.
#[test]
fn two_who_wait_in_one_object_each_have_it_in_their_time() {
    let World { clock, in_memory, lock, .. } = world();
    let somebody = in_memory.acquire();
    let first = lock.defer_until_locked(None);
    let second = lock.defer_until_locked(Some(TIMEOUT));
    drop(somebody);
    clock.advance(SECOND);
    assert!(first.is_fired() && !second.is_fired());
    drop(held(first));
    clock.advance(SECOND);
    drop(held(second));
    assert_eq!((clock.pending(), in_memory.is_locked()), (0, false));
}

/// lock-019
#[test]
fn it_can_be_used_again_and_again() {
    let World { clock, in_memory, lock, .. } = world();
    for timeout in [None, Some(TIMEOUT), None] {
        drop(held(lock.defer_until_locked(timeout)));
        let somebody = in_memory.acquire();
        let waiting = lock.defer_until_locked(timeout);
        clock.advance(SECOND);
        drop(somebody);
        clock.advance(SECOND);
        drop(held(waiting));
        assert_eq!(clock.pending(), 0);
    }
}

/// lock-020
#[test]
fn cancelling_fails_it_and_leaves_nothing_on_the_clock() {
    for timeout in [None, Some(TIMEOUT)] {
        for tried_again in [false, true] {
            let World { clock, in_memory, tries, lock } = world();
            let somebody = in_memory.acquire();
            let waiting = lock.defer_until_locked(timeout);
            if tried_again {
                clock.advance(SECOND);
            }
            let before = tries.get();
            waiting.cancel_handle().cancel();
            assert_eq!(clock.pending(), 0);
            assert!(failure(waiting).check::<Cancelled>());
            drop(somebody);
            clock.advance(10 * SECOND);
            assert_eq!((tries.get(), in_memory.is_locked()), (before, false));
        }
    }
}

/// lock-021: it waits by the clock that it was given, as there is no global one.
#[test]
fn it_waits_by_its_own_clock() {
    let (ours, other, in_memory) = (Clock::new(), Clock::new(), DeferredLock::new());
    let _somebody = in_memory.acquire();
    let lock =
        |clock: &Clock| DeferredFilesystemLock::new(in_memory.clone(), Rc::new(clock.clone()));
    let waiting = lock(&ours).defer_until_locked(Some(TIMEOUT));
    assert_eq!((ours.pending(), other.pending()), (2, 0));
    let also_waiting = lock(&other).defer_until_locked(None);
    assert_eq!((ours.pending(), other.pending()), (2, 1));
    drop((waiting, also_waiting));
}

#[test]
fn one_whose_deferred_was_dropped_has_it_for_no_longer_than_a_moment() {
    let World { clock, in_memory, lock, .. } = world();
    let somebody = in_memory.acquire();
    drop(lock.defer_until_locked(None));
    drop(somebody);
    clock.advance(SECOND);
    assert_eq!((clock.pending(), in_memory.is_locked()), (0, false));
}

/// lock-016, lock-017, lock-019: on a real file.
#[test]
fn a_file_is_locked_by_one_at_a_time_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("the lock");
    let clock = Clock::new();
    let lock = || DeferredFilesystemLock::new(FilesystemLock::new(&path), Rc::new(clock.clone()));
    let (ours, theirs) = (lock(), lock());
    let first = held(ours.defer_until_locked(None));
    let second = theirs.defer_until_locked(Some(TIMEOUT));
    clock.pump([SECOND; 5]);
    assert!(!second.is_fired());
    drop(first);
    clock.advance(SECOND / 2);
    let second = held(second);
    let third = ours.defer_until_locked(Some(SECOND));
    clock.advance(SECOND);
    assert_eq!(
        failure(third).to_string(),
        format!("cannot lock {path:?}: another holder has had it for all of 1s")
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"");
    drop(second);
    drop(held(ours.defer_until_locked(None)));
    assert!(path.exists());
}

#[cfg(unix)]
#[test]
fn a_lock_file_is_made_for_its_owner_alone_and_what_is_in_it_stays() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new");
    drop(FilesystemLock::new(&path).try_lock().unwrap().expect("it is free"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&path, "precious").unwrap();
    drop(FilesystemLock::new(&path).try_lock().unwrap().expect("it is free"));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_path_that_cannot_be_locked_fails_at_once_or_at_the_try_that_finds_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inner").join("lock");
    let clock = Clock::new();
    let lock = DeferredFilesystemLock::new(FilesystemLock::new(&path), Rc::new(clock.clone()));
    let error = failure(lock.defer_until_locked(Some(TIMEOUT)));
    assert!(error.check::<FilesystemLockError>());
    assert!(format!("{error:#}").starts_with(&format!("cannot lock {path:?}: ")), "{error:#}");
    assert_eq!(clock.pending(), 0);

    std::fs::create_dir(directory.path().join("inner")).unwrap();
    let somebody = held(lock.defer_until_locked(None));
    let waiting = lock.defer_until_locked(Some(TIMEOUT));
    std::fs::remove_dir_all(directory.path().join("inner")).unwrap();
    assert!(!waiting.is_fired());
    clock.advance(SECOND);
    assert!(failure(waiting).check::<FilesystemLockError>());
    assert_eq!(clock.pending(), 0);
    drop(somebody);
}
