//! [`DeferredSemaphore`]: a number of holders at once, the others wait; Twisted's class of that name.
//!
//! ```text
//!   acquire() ── a token is free ─────────────────────▶ Token ── drop, release() ──┐
//!      │                                                  ▲                        │
//!      └── none is free ──▶ in line ── it is the first ───┘ ◀── hand_over() ◀──────┘
//!                              └────── cancelled ──▶ gone
//! ```
//!
//! Invariant: outside of a hand-over there are waiters only while no token is free.

use alloc::rc::Rc;
use core::cell::Cell;
use core::fmt;
use core::mem;
use core::num::NonZeroUsize;

use crate::chain::node::OnUnwind;
use crate::deferred::{Deferred, IntoDeferred, Promise};
use crate::error::Failure;
use crate::wait::wait_queue::WaitQueue;

/// A number of tokens, each with one holder at a time. An `acquire` that finds none free waits in line.
///
/// A clone is another handle of the same semaphore. Tokens keep it alive, so those in line get their
/// turn also when the last handle has been dropped. A callback that panics gives its token back, and
/// the others in line get theirs while the panic unwinds.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Deferred, DeferredSemaphore};
/// use std::num::NonZeroUsize;
///
/// let at_once = NonZeroUsize::new(2).expect("two is not zero");
/// let downloads = DeferredSemaphore::new(at_once);
///
/// let (first, first_promise) = Deferred::<&str>::new();
/// let (second, second_promise) = Deferred::<&str>::new();
/// downloads.run(|| first);
/// downloads.run(|| second);
/// let third = downloads.run(|| Ok("third page"));
/// assert!(!third.is_fired());
/// second_promise.callback("second page");
/// assert_eq!(third.try_into_result().unwrap().unwrap(), "third page");
/// # first_promise.callback("first page");
/// ```
///
/// # Differences from Twisted
///
/// - [`acquire`](DeferredSemaphore::acquire) gives a [`Token`], which goes back when it is dropped,
///   so none is given back twice or forgotten.
/// - A semaphore without tokens can't be made.
/// - A token that is given back inside a callback that is run by the giving back of another is
///   handed on when that callback has returned; Twisted nests the two. So a long line needs no deep
///   stack, and the order of the line is kept.
/// - A waiter whose Deferred was dropped without a callback is passed over. Twisted gives it a token
///   that is never given back.
#[derive(Clone)]
pub struct DeferredSemaphore {
    tokens: Rc<Tokens>,
}

/// A token that is held. Dropping it gives it back, and the first in line has it before the
/// drop returns.
///
/// It is `'static` and may be kept anywhere: in a field, in a callback, across an `await`.
///
/// # Differences from Twisted
///
/// There `release` is a method of the lock or semaphore.
#[must_use = "a token that is dropped is given back at once"]
pub struct Token {
    tokens: Rc<Tokens>,
}

struct Tokens {
    limit: NonZeroUsize,
    free: Cell<usize>,
    handing_over: Cell<bool>,
    waiters: Rc<WaitQueue<Promise<Token>>>,
}

impl DeferredSemaphore {
    /// A semaphore with `limit` tokens, all free.
    pub fn new(limit: NonZeroUsize) -> Self {
        let free = Cell::new(limit.get());
        let waiters = WaitQueue::new();
        let tokens = Tokens { limit, free, handing_over: Cell::new(false), waiters };
        DeferredSemaphore { tokens: Rc::new(tokens) }
    }

    /// A token: at once when one is free, otherwise when one has been given back and all who came
    /// before have had theirs. One that is there at once costs no allocation.
    ///
    /// # Errors
    ///
    /// Fails with [`Cancelled`](crate::Cancelled) when it is cancelled before its turn; it is out of
    /// the line then. Cancelling it later does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::{DeferredSemaphore, Failure};
    ///
    /// async fn politely(semaphore: &DeferredSemaphore) -> Result<u32, Failure> {
    ///     let _token = semaphore.acquire().await?;
    ///     let number = "12".parse()?; // on an error, and at the end, the token is given back
    ///     Ok(number)
    /// }
    /// ```
    #[must_use = "a token that is dropped is given back at once"]
    pub fn acquire(&self) -> Deferred<Token> {
        // During a hand-over a token can be free while there are still waiters.
        if self.tokens.free.get() > 0 && self.tokens.waiters.is_empty() {
            return Deferred::succeed(Tokens::take(&self.tokens));
        }
        self.tokens.waiters.join(|ticket| {
            Deferred::with_canceller(move || {
                drop(ticket.leave());
                None
            })
        })
    }

    /// Calls `f` with a token held: at once when one is free, otherwise when it is its turn. The
    /// token is given back when the result of `f` is there, just before that is passed on.
    ///
    /// # Errors
    ///
    /// Fails as `f` does, and with [`Cancelled`](crate::Cancelled) when it is cancelled before its
    /// turn; then `f` is not called.
    ///
    /// # Examples
    ///
    /// See [`DeferredSemaphore`].
    pub fn run<R>(&self, f: impl FnOnce() -> R + 'static) -> Deferred<R::Value>
    where
        R: IntoDeferred<Error = Failure>,
    {
        self.acquire().add_callback(|token| {
            f().into_deferred().add_both(|outcome| {
                token.release();
                outcome
            })
        })
    }

    /// How many tokens are free, and not on their way to a waiter.
    pub fn tokens(&self) -> usize {
        self.tokens.free.get().saturating_sub(self.tokens.waiters.len())
    }

    /// How many tokens there are, free or held.
    pub fn limit(&self) -> NonZeroUsize {
        self.tokens.limit
    }
}

impl Token {
    /// Gives it back, which dropping it does too; Twisted's `release`.
    #[inline(always)]
    pub fn release(self) {}
}

impl Drop for Token {
    fn drop(&mut self) {
        self.tokens.free.set(self.tokens.free.get() + 1);
        if !self.tokens.waiters.is_empty() {
            Tokens::hand_over(&self.tokens);
        }
    }
}

impl Tokens {
    fn take(self: &Rc<Self>) -> Token {
        self.free.set(self.free.get() - 1);
        Token { tokens: self.clone() }
    }

    /// Gives the free tokens to those in line. Inside of itself it does nothing, because the one
    /// that runs already comes to it.
    fn hand_over(self: &Rc<Self>) {
        if self.handing_over.replace(true) {
            return;
        }
        // A callback that panics must not leave the others waiting.
        let unwinding = OnUnwind(|| self.serve());
        self.serve();
        mem::forget(unwinding);
    }

    fn serve(self: &Rc<Self>) {
        while self.free.get() > 0
            && let Some(first) = self.waiters.next()
        {
            first.callback(self.take());
        }
        self.handing_over.set(false);
    }
}

impl fmt::Debug for DeferredSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredSemaphore")
            .field("tokens", &self.tokens())
            .field("limit", &self.limit())
            .finish()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}
