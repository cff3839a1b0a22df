//! Results that come later: Twisted's `Deferred` for Rust, typed, `no_std`, with no dependencies.
//!
//! ```
//! use ropewalk_deferred::{Deferred, Promise, set_unhandled_hook};
//!
//! /// Answers later. Asking gives a Deferred; the promise is kept until the answer is there.
//! #[derive(Default)]
//! struct Oracle {
//!     asked: Vec<Promise<String>>,
//! }
//!
//! impl Oracle {
//!     fn ask(&mut self) -> Deferred<String> {
//!         let (answer, promise) = Deferred::new();
//!         self.asked.push(promise);
//!         answer
//!     }
//!
//!     fn speak(&mut self, text: &str) {
//!         for promise in std::mem::take(&mut self.asked) {
//!             promise.callback(text.to_string());
//!         }
//!     }
//! }
//!
//! fn main() {
//!     set_unhandled_hook(|unhandled| eprintln!("{unhandled}"));
//!     let mut oracle = Oracle::default();
//!     oracle
//!         .ask()
//!         .add_callback(|answer| Ok(answer.parse::<u32>()?))
//!         .add_callback(|number| Ok(format!("twice that is {}", 2 * number)))
//!         .add_errback(|failure| Ok(format!("that was no number: {failure}")))
//!         .add_callback(|line| {
//!             println!("{line}");
//!             Ok(())
//!         });
//!     oracle.speak("21"); // prints: twice that is 42
//! }
//! ```
//!
//! # Two rails
//!
//! A [`Deferred`] is a result that comes later, and its [`Promise`] fires it. Callbacks for the
//! result are added to the Deferred, and each `add_…` returns a new Deferred, for the result of the
//! callback that was added. So callbacks form a chain, and a result runs through it on one of two
//! rails: a value on the upper one, an error on the lower one.
//!
//! ```text
//!           add_callback(f)      add_errback(g)       add_both(h)
//!
//!   value ───────▶ f ───────────────────────────┬────────▶ ┌───┐ ── Ok ───▶ value
//!                  │ Err                     Ok │          │ h │
//!                  ▼                            │          │   │
//!   error ─────────┴──────────────────▶ g ──────┴── Err ─▶ └───┘ ── Err ──▶ error
//! ```
//!
//! [`add_callback`](Deferred::add_callback) runs for a value and lets errors pass,
//! [`add_errback`](Deferred::add_errback) runs for an error and lets values pass,
//! [`add_both`](Deferred::add_both) runs for either, and of
//! [`add_callbacks`](Deferred::add_callbacks) one of two runs. The `Result` of a callback decides
//! the rail: `Ok` is the upper one, `Err` the lower one, and `?` is the switch.
//!
//! Nothing is scheduled. Callbacks run inside the call that fires the promise, in the order in which
//! they were added, and a callback that is added when the result is there runs at once.
//!
//! # Waiting for another Deferred
//!
//! A callback may return a Deferred instead of a `Result`. Then the chain stops there and goes on
//! when that Deferred, with all of its own callbacks, has its result:
//!
//! ```
//! use ropewalk_deferred::Deferred;
//!
//! let (name, name_promise) = Deferred::<&str>::new();
//! let (age, age_promise) = Deferred::<u32>::new();
//!
//! let sentence = name
//!     .add_callback(|name| age.add_callback(move |age| Ok(format!("{name} is {age}"))));
//! name_promise.callback("Ada");
//! assert!(!sentence.is_fired());
//! age_promise.callback(36);
//! assert_eq!(sentence.try_into_result().unwrap().unwrap(), "Ada is 36");
//! ```
//!
//! # Errors
//!
//! The error type is [`Failure`] unless you name another: any error, so `?` converts every error,
//! and [`Failure::trap`] is how an errback handles the kinds it knows and passes on the rest. An
//! enum of your own works as well when it is a [`DeferredError`], and
//! [`map_err`](Deferred::map_err) changes the type.
//!
//! ```
//! use ropewalk_deferred::Deferred;
//! use std::num::ParseIntError;
//!
//! let number = Deferred::<&str>::succeed("x")
//!     .add_callback(|text| Ok(text.parse::<i32>()?))
//!     .add_errback(|failure| {
//!         failure.trap::<ParseIntError>()?; // any other error goes on its way
//!         Ok(-1)
//!     });
//! assert_eq!(number.try_into_result().unwrap().unwrap(), -1);
//! ```
//!
//! An error that no reader took is not lost: when it is dropped, the hook of [`set_unhandled_hook`] is
//! told, once. Cancellations that are no news are left out: those of a list that was cancelled, and those
//! that the owner of the work makes [`quietly`], as a reactor does at its end.
//!
//! # Cancelling
//!
//! Dropping a Deferred cancels nothing, the callbacks that were added run all the same. To cancel,
//! take a [`cancel_handle`](Deferred::cancel_handle), which is weak, so it can be kept anywhere. The
//! cancellation goes to the innermost Deferred that everything is waiting for. Its canceller stops
//! the work and may choose the outcome; otherwise the outcome is [`Cancelled`], which then runs down
//! the lower rail as any other error does.
//!
//! ```
//! use ropewalk_deferred::{Cancelled, Deferred};
//! use std::{cell::Cell, rc::Rc};
//!
//! let stopped = Rc::new(Cell::new(false));
//! let stop = stopped.clone();
//! let (work, promise) = Deferred::<u32>::with_canceller(move || {
//!     stop.set(true);
//!     None
//! });
//! let result = Deferred::<()>::succeed(()).add_callback(|()| work); // waits for the work
//! let handle = result.cancel_handle();
//!
//! handle.cancel();
//! assert!(stopped.get());
//! assert!(result.try_into_result().unwrap().unwrap_err().check::<Cancelled>());
//! promise.callback(5); // comes too late, and is dropped
//! ```
//!
//! # Awaiting
//!
//! Any Deferred can be awaited: `let value = deferred.await?;`. The task is woken by the firing call
//! and polled later by its executor, so a task never runs in the middle of a callback.
//! Dropping a future that awaits cancels what it awaits.
//!
//! The other way round, [`TaskRunner::spawn`] makes a Deferred of a future. It needs no reactor (one
//! has a runner inside), only calls of [`run`](TaskRunner::run). Cancelling that Deferred
//! cancels what the future awaits, so the cancellation arrives at its `await`, and the future may
//! handle it and go on, as any errback may.
//!
//! ```
//! use ropewalk_deferred::{Cancelled, Deferred, TaskRunner};
//!
//! let runner = TaskRunner::new();
//! let (page, _promise) = Deferred::<String>::new();
//! let title = runner.spawn(async move {
//!     match page.await {
//!         Err(failure) if failure.check::<Cancelled>() => Ok("untitled".to_string()),
//!         other => other,
//!     }
//! });
//! title.cancel_handle().cancel();
//! runner.run();
//! assert_eq!(title.try_into_result().unwrap().unwrap(), "untitled");
//! ```
//!
//! # Several at a time
//!
//! [`gather_results`] waits for all and fails with the first that fails, [`race`] takes the first that
//! succeeds and cancels the others, and [`DeferredList`] is both with every choice that Twisted offers.
//!
//! ```
//! use ropewalk_deferred::{Deferred, gather_results};
//!
//! let (one, one_promise) = Deferred::<u32>::new();
//! let (two, two_promise) = Deferred::<u32>::new();
//! let both = gather_results([one, two]);
//! two_promise.callback(2);
//! one_promise.callback(1);
//! assert_eq!(both.try_into_result().unwrap().unwrap(), [1, 2]);
//! ```
//!
//! # Taking turns
//!
//! [`DeferredLock`], [`DeferredSemaphore`] and [`DeferredQueue`] are asked and answer with a Deferred;
//! the first to ask is the first to be served. A token goes back when it is dropped, and so does an item
//! that was not seen.
//!
//! ```
//! use ropewalk_deferred::{Deferred, DeferredLock};
//!
//! let lock = DeferredLock::new();
//! let (slow, slow_promise) = Deferred::<&str>::new();
//! let first = lock.run(move || slow); // has the lock until `slow` has fired
//! let second = lock.run(|| Ok("second"));
//! assert!(!second.is_fired());
//! slow_promise.callback("first");
//! assert_eq!(first.try_into_result().unwrap().unwrap(), "first");
//! assert_eq!(second.try_into_result().unwrap().unwrap(), "second");
//! ```
//!
//! # Looking inside
//!
//! `{:?}` shows whether a Deferred is pending, waits for another, or has a result. After
//! [`set_debugging`] the reports to the hook say where failures and promises were made, and where a
//! failed Deferred was fired. [`pausable`](Deferred::pausable) holds a result back at a place in a
//! chain.
//!
//! Timeouts, delayed and repeated calls need a clock, so they are in `ropewalk-protocol`'s module
//! `task`: `add_timeout`, `defer_later`, `LoopingCall`, `Cooperator`.
//!
//! # Costs
//!
//! A Deferred with its promise is one allocation, a callback added to a pending Deferred is one
//! more; a Deferred that has fired needs none, and callbacks added to it need none. Firing,
//! cancelling and dropping walk the chain in a loop, so its length does not matter to the stack: a
//! million callbacks, or a million Deferreds each returned by a callback of the one before, are
//! fine. A loop that is written as recursion, where a callback returns a new round of the loop, keeps
//! one round in memory, not all.
//!
//! # No promises
//!
//! - Firing a promise from *inside a callback* of another is a plain nested call. A million
//!   promises, each fired by hand in a callback of the one before, needs that much stack; return the
//!   Deferred instead.
//! - A promise that is captured by a callback of its own Deferred keeps itself alive, so neither is
//!   ever freed or fired.
//! - A callback that returns a Deferred from further down its own chain (it would have to be smuggled
//!   in) waits for itself, and never goes on. Returning its own is found out, and cancelled.
//! - A callback that panics unwinds through the call that fired; what waits behind it is cancelled
//!   on the way. If a callback behind it panics over that, the process aborts, as with any panic
//!   during unwinding.
//! - Nothing crosses threads: no Deferred, promise, failure, handle or future is `Send`.
//!
//! # Differences from Twisted
//!
//! - There are two halves. Firing takes the promise, so firing twice does not compile, and adding
//!   takes the Deferred, so each result has one reader.
//! - An awaiting task resumes after the firing call has returned; Twisted resumes it inside.
//! - A promise that is dropped unfired cancels the reader of its Deferred, and says so to the hook. In
//!   Twisted the reader waits for ever.
//! - After a cancellation a result from the promise is dropped; Twisted drops it only when there
//!   was no canceller. [`Promise::is_cancelled`] tells.
//! - A cancel handle belongs to the Deferred that it was taken from. Take it from the last one of a
//!   chain, then it reaches the Deferred that the chain waits for.
//! - A panic is no error result, since `no_std` code can't catch it.
//! - A [`DeferredList`] owns its members, and reports their errors itself.
//!
//! # Where it runs
//!
//! On any target with `alloc`; `TaskRunner` on those whose atomics can compare and exchange a
//! pointer, since a waker may be used on any thread. Four modules have unsafe code: `report::hook`,
//! because a function pointer in an atomic cannot be read back without it; `wake::waker`, for the
//! table of the wakers and the way from an `await` to its task; `wake::ready_queue`, for a list
//! without a lock that runs through the tasks; `task_runner::body`, because it pins a future beside
//! its promise, which in an `async` block would take twice the memory.

#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

// The map: one line for each folder. An arrow says which folders its code uses; there are no others.
//
// task_runner  futures as Deferreds, polled on one thread       → deferred, wake, chain, error
// join         several Deferreds as one: lists, gather, race    → deferred, chain, report, error
// wait         lock, semaphore, queue                           → deferred, chain, report, error
// deferred     Deferred, Promise, callbacks, await, cancelling  → wake, chain, report, error
// wake         wakers, from any thread, and the ready queue     → chain
// chain        the nodes, and how results and cancels travel    → report, error
// report       the hook for errors that no reader took          → error
// error        Failure, Cancelled, how errors are shown         → nothing
//
// Three folders are there for the arrows. `deferred` is apart from `chain`, so that a node knows no
// Deferred and every other folder can use both. `error` is apart from `report`: an error is shown
// without a hook, and `chain` needs both. `wake` is apart from `task_runner`: an `await` uses it,
// and would otherwise close a circle from `deferred` to the runner, which makes Deferreds.
mod chain;
mod deferred;
mod error;
mod join;
mod report;
#[cfg(target_has_atomic = "ptr")]
mod task_runner;
mod wait;
#[cfg(target_has_atomic = "ptr")]
mod wake;

pub use deferred::{
    CancelHandle, Deferred, DeferredFuture, IntoDeferred, PauseHandle, Promise, execute,
    maybe_deferred,
};
pub use error::{
    Cancelled, Chain, Context, DeferredError, Failure, Sources, Trapped, debugging, set_debugging,
};
pub use join::{
    DeferredList, FailureGroup, FirstError, ListResult, gather_results,
    gather_results_consuming_errors, gather_results_of, gather_results_of_consuming_errors, race,
};
pub use report::{Unhandled, UnhandledError, UnhandledHook, quietly, set_unhandled_hook};
#[cfg(target_has_atomic = "ptr")]
pub use task_runner::TaskRunner;
pub use wait::{
    DeferredLock, DeferredQueue, DeferredSemaphore, QueueLimits, QueueOverflow, QueueUnderflow,
    Token,
};
