//! [`DeferredList`]: the results of several Deferreds, good and bad; Twisted's `DeferredList`.
//!
//! Invariant: nothing happens to the members before [`DeferredList::collect`], and after that each
//! of their errors is either in the result or left over.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ops::ControlFlow;

use crate::deferred::{Deferred, IntoDeferred};
use crate::error::{DeferredError, Failure};
use crate::join::FirstError;
use crate::join::{Join, LeftOver, Rule, Step};

/// Several Deferreds, collected into one. Twisted's `DeferredList`.
///
/// Its methods set options, and [`collect`](DeferredList::collect) makes one Deferred of it. For
/// the usual cases there are [`gather_results`](crate::gather_results), which collects all values,
/// and [`race`](crate::race), which takes the first.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Cancelled, Deferred, DeferredList, Failure};
///
/// let (one, one_promise) = Deferred::<u32>::new();
/// let (two, two_promise) = Deferred::<u32>::new();
/// DeferredList::new([one, two])
///     .collect()
///     .map_err(Failure::new)
///     .add_callback(|results| {
///         for (index, result) in results.into_results().into_iter().enumerate() {
///             match result {
///                 Ok(value) => println!("{index}: {value}"),
///                 Err(failure) => println!("{index} failed: {failure}"),
///             }
///         }
///         Ok(())
///     });
/// two_promise.errback(Cancelled);
/// one_promise.callback(5);
/// ```
///
/// # Differences from Twisted
///
/// - The members belong to the list, so no callback can be added to one of them afterwards. A
///   member's error that is no part of the list's result, because the list had its result before or
///   got it from another member, is unhandled: the hook of
///   [`set_unhandled_hook`](crate::set_unhandled_hook) is called, unless the list [consumes
///   errors](DeferredList::consume_errors). An error in the result belongs to the reader; in
///   Twisted it is unhandled in the member, too.
/// - A list without members that waits for a first value has no result until it is cancelled, and is
///   [`Cancelled`](crate::Cancelled) then. In Twisted nothing ends it.
/// - When a member's canceller panics the other members are cancelled all the same, and the panic
///   goes on to the caller that cancelled the list. Twisted logs it.
/// - A member that waits for another list, and so on, takes some of the stack for each of them when
///   it is cancelled, as in Twisted; firing does not.
#[must_use = "a list does nothing until it is collected"]
pub struct DeferredList<T: 'static, E: DeferredError = Failure> {
    members: Vec<Deferred<T, E>>,
    fires: Fires,
    left_over: LeftOver,
}

/// The result of a [`DeferredList`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListResult<T, E = Failure> {
    /// The results of all members, in the order of the members.
    All(Vec<Result<T, E>>),
    /// The first value, of a list that [fires on it](DeferredList::fire_on_one_callback).
    One {
        /// The index of its member, from 0.
        index: usize,
        /// The value.
        value: T,
    },
}

impl<T: 'static, E: DeferredError> DeferredList<T, E> {
    /// A list of these members, in this order.
    pub fn new(members: impl IntoIterator<Item = Deferred<T, E>>) -> Self {
        DeferredList {
            members: members.into_iter().collect(),
            fires: Fires { on_one_callback: false, on_one_errback: false },
            left_over: LeftOver::Told,
        }
    }

    /// Makes the first value of a member the result, as [`ListResult::One`]. The other members run
    /// on. If all members fail, the result is [`ListResult::All`] of their errors. Twisted's
    /// `fireOnOneCallback`.
    #[doc(alias = "fireOnOneCallback")]
    pub fn fire_on_one_callback(mut self) -> Self {
        self.fires.on_one_callback = true;
        self
    }

    /// Makes the first error of a member the result, as a [`FirstError`]. The other members run on.
    /// Twisted's `fireOnOneErrback`.
    #[doc(alias = "fireOnOneErrback")]
    pub fn fire_on_one_errback(mut self) -> Self {
        self.fires.on_one_errback = true;
        self
    }

    /// Drops members' errors that are no part of the result, and does not report them. Twisted's
    /// `consumeErrors`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ropewalk_deferred::{Cancelled, Deferred, DeferredList, set_unhandled_hook};
    ///
    /// set_unhandled_hook(|unhandled| eprintln!("{unhandled}"));
    /// let (one, one_promise) = Deferred::<u32>::new();
    /// let (two, two_promise) = Deferred::<u32>::new();
    /// let list = DeferredList::new([one, two]).fire_on_one_callback().consume_errors().collect();
    /// one_promise.callback(1);
    /// two_promise.errback(Cancelled); // prints nothing
    /// assert!(list.is_fired());
    /// ```
    pub fn consume_errors(mut self) -> Self {
        self.left_over = LeftOver::Consumed;
        self
    }

    /// Waits for the members from now on, and fires with their results when all are there, or when
    /// one decides alone. If all are there already, it has fired at once; without members it is an
    /// empty [`ListResult::All`].
    ///
    /// Cancelling it cancels every member, also when one of them decides on the way. The result
    /// comes when they have answered: a list that does not fire on one error gives
    /// [`ListResult::All`], with [`Cancelled`](crate::Cancelled) for each member without a result
    /// of its own. A list that has its result cancels no member.
    pub fn collect(self) -> Deferred<ListResult<T, E>, FirstError<E>> {
        let join = Join::new(self.fires, self.left_over);
        let asked = join.clone();
        let (list, promise) = Deferred::with_cooperative_canceller(move || asked.cancel());
        join.start(self.members, promise);
        list
    }
}

impl<T, E> ListResult<T, E> {
    /// The results, in the order of the members, or the one value that decided.
    pub fn into_results(self) -> Vec<Result<T, E>> {
        match self {
            ListResult::All(results) => results,
            ListResult::One { value, .. } => vec![Ok(value)],
        }
    }
}

/// A callback may return a list, which is collected then.
impl<T: 'static, E: DeferredError> IntoDeferred for DeferredList<T, E> {
    type Value = ListResult<T, E>;
    type Error = FirstError<E>;

    fn into_deferred(self) -> Deferred<ListResult<T, E>, FirstError<E>> {
        self.collect()
    }
}

impl<T: 'static, E: DeferredError> fmt::Debug for DeferredList<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredList")
            .field("members", &self.members.len())
            .field("fires", &self.fires)
            .field("left_over", &self.left_over)
            .finish()
    }
}

/// Which results decide alone.
#[derive(Clone, Copy, Debug)]
struct Fires {
    on_one_callback: bool,
    on_one_errback: bool,
}

impl<T: 'static, E: DeferredError> Rule<T, E> for Fires {
    type Value = ListResult<T, E>;
    type Error = FirstError<E>;
    const CANCELS_THE_REST: bool = false;

    fn waits_for_a_success(&self) -> bool {
        self.on_one_callback
    }

    fn one(&self, index: usize, result: Result<T, E>) -> Step<Self::Value, Self::Error, T, E> {
        match result {
            Ok(value) if self.on_one_callback => {
                ControlFlow::Break(Ok(ListResult::One { index, value }))
            }
            Err(error) if self.on_one_errback => {
                ControlFlow::Break(Err(FirstError::new(index, error)))
            }
            kept => ControlFlow::Continue(kept),
        }
    }

    fn all(
        &self,
        results: impl ExactSizeIterator<Item = Result<T, E>>,
    ) -> Result<Self::Value, Self::Error> {
        Ok(ListResult::All(results.collect()))
    }
}
