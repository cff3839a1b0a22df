//! The semaphore: tokens out and back, a line of a million, and random use against a plain model.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use crate::support::{Log, Task};
use ropewalk_deferred::{CancelHandle, Cancelled, Deferred, DeferredSemaphore, Failure, Token};

const MANY: usize = 1_000_000;

fn semaphore(limit: usize) -> DeferredSemaphore {
    DeferredSemaphore::new(NonZeroUsize::new(limit).expect("tests ask for some"))
}

fn granted(deferred: Deferred<Token>) -> Token {
    deferred.try_into_result().expect("it has fired").expect("it has succeeded")
}

fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(256 * 1024).spawn(f);
    thread.expect("a thread").join().expect("no panic in it");
}

/// lock-007
#[test]
fn as_many_as_there_are_tokens_have_one_at_once_and_each_given_back_goes_to_one_waiter() {
    let semaphore = semaphore(3);
    assert_eq!((semaphore.tokens(), semaphore.limit().get()), (3, 3));
    let mut held: Vec<_> = (0..3).map(|_| granted(semaphore.acquire())).collect();
    assert_eq!(semaphore.tokens(), 0);
    let (fourth, fifth) = (semaphore.acquire(), semaphore.acquire());
    held.pop();
    assert!(fourth.is_fired() && !fifth.is_fired());
    held.pop();
    assert!(fifth.is_fired());
    assert_eq!(semaphore.tokens(), 0);
    held.pop();
    assert_eq!(semaphore.tokens(), 1, "nobody waits");
    drop((fourth, fifth));
    assert_eq!((semaphore.tokens(), semaphore.limit().get()), (3, 3));
}

/// lock-003
#[test]
fn there_are_never_more_tokens_than_the_limit() {
    let semaphore = semaphore(2);
    for _ in 0..5 {
        granted(semaphore.acquire()).release();
        drop(semaphore.acquire());
    }
    assert_eq!(semaphore.tokens(), 2);
}

/// lock-005, lock-006
#[test]
fn cancelling_does_nothing_to_who_has_a_token_and_takes_out_who_waits() {
    let semaphore = semaphore(2);
    let (first, second) = (semaphore.acquire(), semaphore.acquire());
    first.cancel_handle().cancel();
    assert_eq!(semaphore.tokens(), 0);
    let (third, fourth) = (semaphore.acquire(), semaphore.acquire());
    third.cancel_handle().cancel();
    assert!(third.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
    drop(granted(first));
    assert!(fourth.is_fired());
    drop(granted(second));
    assert_eq!(semaphore.tokens(), 1);
    drop(fourth);
    assert_eq!(semaphore.tokens(), 2);
}

/// lock-008
#[test]
fn a_run_is_called_at_once_with_a_token_held_which_goes_back_before_the_result_is_passed_on() {
    let (semaphore, log) = (semaphore(1), Log::default());
    let (inner, promise) = Deferred::<u32>::new();
    let (inside, called, noted) = (semaphore.clone(), log.clone(), log.clone());
    let run = semaphore.run(move || {
        called.note(format!("called with {} free", inside.tokens()));
        inner
    });
    assert_eq!(log.take(), ["called with 0 free"]);
    let outside = semaphore.clone();
    let run = run.add_callback(move |n| {
        noted.note(format!("result {n} with {} free", outside.tokens()));
        Ok(())
    });
    promise.callback(8);
    assert_eq!(log.take(), ["result 8 with 1 free"]);
    assert!(run.is_fired());
}

/// lock-009: where Twisted raises an error, none can be made.
#[test]
fn a_semaphore_without_tokens_cannot_be_made() {
    assert!(NonZeroUsize::new(0).map(DeferredSemaphore::new).is_none());
    let smallest = DeferredSemaphore::new(NonZeroUsize::MIN);
    assert_eq!((smallest.tokens(), smallest.limit().get()), (1, 1));
}

/// lock-015
#[test]
fn tokens_of_nested_blocks_go_back_at_their_ends() {
    let semaphore = semaphore(3);
    let (inner, inner_promise) = Deferred::<()>::new();
    let (outer, outer_promise) = Deferred::<()>::new();
    let held = semaphore.clone();
    let mut task = Task::new(async move {
        let _outer = held.acquire().await?;
        assert_eq!(held.tokens(), 2);
        {
            let _inner = held.acquire().await?;
            assert_eq!(held.tokens(), 1);
            inner.await?;
        }
        outer.await
    });
    assert!(task.poll().is_pending());
    assert_eq!(semaphore.tokens(), 1);
    let third = granted(semaphore.acquire());
    let fourth = semaphore.acquire();
    assert!(semaphore.tokens() == 0 && !fourth.is_fired());
    inner_promise.callback(());
    assert!(task.poll().is_pending());
    assert!(semaphore.tokens() == 0 && fourth.is_fired());
    outer_promise.callback(());
    assert!(task.poll().is_ready());
    drop((third, fourth));
    assert_eq!(semaphore.tokens(), 3);
}

#[test]
fn a_line_of_a_million_is_served_in_a_loop() {
    on_a_small_stack(|| {
        let semaphore = semaphore(1);
        let token = granted(semaphore.acquire());
        let served = Rc::new(RefCell::new(0));
        for n in 0..MANY {
            let served = served.clone();
            match n % 3 {
                0 => drop(semaphore.acquire()),
                1 => drop(semaphore.acquire().add_callback(move |token| {
                    *served.borrow_mut() += 1;
                    drop(token);
                    Ok(())
                })),
                _ => drop(semaphore.run(move || {
                    *served.borrow_mut() += 1;
                    Ok::<(), Failure>(())
                })),
            }
        }
        drop(token);
        assert_eq!(*served.borrow(), MANY / 3 * 2);
        assert_eq!(semaphore.tokens(), 1);
    });
}

#[test]
fn a_line_of_a_million_is_cancelled_from_any_end() {
    on_a_small_stack(|| {
        let semaphore = semaphore(1);
        let token = granted(semaphore.acquire());
        let waiting: Vec<_> = (0..MANY).map(|_| semaphore.acquire()).collect();
        let (first, last) = waiting.split_at(MANY / 2);
        first.iter().for_each(|deferred| deferred.cancel_handle().cancel());
        last.iter().rev().for_each(|deferred| deferred.cancel_handle().cancel());
        drop(token);
        assert_eq!(semaphore.tokens(), 1);
        assert!(waiting.into_iter().all(|deferred| deferred.try_into_result().unwrap().is_err()));
    });
}

#[test]
fn a_callback_that_panics_in_a_hand_over_of_several_tokens_leaves_nobody_waiting() {
    let (semaphore, log) = (semaphore(2), Log::default());
    let (one, other) = (granted(semaphore.acquire()), granted(semaphore.acquire()));
    semaphore.acquire().add_callback(move |_token| -> Result<(), Failure> {
        drop(other);
        panic!("on purpose")
    });
    for name in ["first", "second"] {
        let log = log.clone();
        semaphore.acquire().add_callback(move |_token| {
            log.note(name);
            Ok(())
        });
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(one))).is_err());
    assert_eq!(log.take(), ["first", "second"]);
    assert_eq!(semaphore.tokens(), 2);
}

/// What a semaphore does, without Deferreds.
#[derive(Default)]
struct Model {
    free: usize,
    line: VecDeque<usize>,
    holders: Vec<usize>,
}

impl Model {
    fn hand_over(&mut self) {
        while self.free > 0
            && let Some(first) = self.line.pop_front()
        {
            self.free -= 1;
            self.holders.push(first);
        }
    }
}

/// One who has asked for a token, in the order of asking.
enum Asker {
    Asks(Deferred<Token>),
    Keeps(Rc<RefCell<Option<Token>>>, CancelHandle),
}

impl Asker {
    fn has_token(&self) -> bool {
        match self {
            Asker::Asks(deferred) => deferred.is_fired(),
            Asker::Keeps(kept, _) => kept.borrow().is_some(),
        }
    }

    fn cancel(&self) {
        match self {
            Asker::Asks(deferred) => deferred.cancel_handle().cancel(),
            Asker::Keeps(_, handle) => handle.cancel(),
        }
    }
}

fn ask(semaphore: &DeferredSemaphore, adds_callback: bool) -> Asker {
    let deferred = semaphore.acquire();
    if !adds_callback {
        return Asker::Asks(deferred);
    }
    let (handle, kept) = (deferred.cancel_handle(), Rc::new(RefCell::new(None)));
    let keep = kept.clone();
    deferred
        .add_callback(move |token| {
            keep.replace(Some(token));
            Ok(())
        })
        .add_errback(|failure| failure.trap::<Cancelled>().map(drop));
    Asker::Keeps(kept, handle)
}

#[test]
fn random_use_does_what_a_plain_model_does() {
    for seed in 1..400_u64 {
        let mut state = seed;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
            (state >> 33) as usize % below
        };
        let limit = 1 + random(3);
        let semaphore = semaphore(limit);
        let mut model = Model { free: limit, ..Model::default() };
        let mut askers: Vec<Option<Asker>> = vec![];
        for _ in 0..100 {
            match random(4) {
                0 | 1 => {
                    askers.push(Some(ask(&semaphore, random(2) == 0)));
                    model.line.push_back(askers.len() - 1);
                    model.hand_over();
                }
                2 if !askers.is_empty() => {
                    let at = random(askers.len());
                    let Some(asker) = &askers[at] else { continue };
                    asker.cancel();
                    if model.line.contains(&at) {
                        model.line.retain(|other| *other != at);
                        askers[at] = None;
                    }
                }
                _ if !model.holders.is_empty() => {
                    let at = model.holders.swap_remove(random(model.holders.len()));
                    model.free += 1;
                    model.hand_over();
                    askers[at] = None;
                }
                _ => {}
            }
            assert_eq!(semaphore.tokens(), model.free, "seed {seed}");
            for (at, asker) in askers.iter().enumerate() {
                let has = asker.as_ref().is_some_and(Asker::has_token);
                assert_eq!(has, model.holders.contains(&at), "seed {seed}, asker {at}");
            }
        }
    }
}
