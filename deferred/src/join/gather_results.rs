//! [`gather_results`]: the values of several Deferreds; Twisted's `gatherResults`.
//!
//! Invariant: there are as many values as members, or there is an error.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::deferred::Deferred;
use crate::error::{DeferredError, Failure, quieten};
use crate::join::FirstError;
use crate::join::{Join, LeftOver, Rule, Step};

/// The values of all members, in the order of the members. Twisted's `gatherResults`.
///
/// The first error of a member is the result at once: a [`Failure`] that says which member failed, and
/// holds a [`FirstError`]. The other members run on, and their results are dropped: values are not
/// reported, errors are unhandled ones, that is, the hook of
/// [`set_unhandled_hook`](crate::set_unhandled_hook) is told. [`gather_results_consuming_errors`] drops
/// errors unreported, too. [`gather_results_of`] is for members with an error type of their own.
///
/// Cancelling it cancels every member. The result is the error of the first member that fails by
/// it, or the values if every canceller chose a value; the cancellations of the others are not reported.
///
/// Without members the result is an empty vector at once.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Deferred, gather_results};
///
/// let (one, one_promise) = Deferred::<u32>::new();
/// let (two, two_promise) = Deferred::<u32>::new();
/// let sum = gather_results([one, two]).add_callback(|values| Ok(values.iter().sum::<u32>()));
/// two_promise.callback(2);
/// one_promise.callback(1);
/// assert_eq!(sum.try_into_result().unwrap().unwrap(), 3);
/// ```
///
/// The member that failed:
///
/// ```
/// use ropewalk_deferred::{Cancelled, Deferred, FirstError, gather_results};
///
/// let both = gather_results([Deferred::succeed(1), Deferred::<u32>::fail(Cancelled)]);
/// let failure = both.try_into_result().unwrap().unwrap_err();
/// assert_eq!(format!("{failure:#}"), "member 1 of the list failed: cancelled");
/// assert_eq!(failure.downcast_ref::<FirstError>().unwrap().index(), Some(1));
/// ```
///
/// # Differences from Twisted
///
/// The members belong to it. Twisted leaves each error with its member, also the one that became the
/// result, to be handled there or logged; here each error is either in the result or left over.
#[doc(alias = "gatherResults")]
pub fn gather_results<T: 'static>(
    members: impl IntoIterator<Item = Deferred<T>>,
) -> Deferred<Vec<T>> {
    gather(members.into_iter().collect(), LeftOver::Told, into_failure)
}

/// As [`gather_results`], but errors that come after the first are dropped and not reported. Twisted's
/// `gatherResults(…, consumeErrors=True)`. Use it for members that fail together.
#[doc(alias = "gatherResults")]
pub fn gather_results_consuming_errors<T: 'static>(
    members: impl IntoIterator<Item = Deferred<T>>,
) -> Deferred<Vec<T>> {
    gather(members.into_iter().collect(), LeftOver::Consumed, into_failure)
}

/// As [`gather_results`], for members with any error type.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Cancelled, Deferred, gather_results_of};
///
/// let both = gather_results_of([Deferred::succeed(1), Deferred::<u32, Cancelled>::fail(Cancelled)]);
/// let first = both.try_into_result().unwrap().unwrap_err();
/// assert_eq!((first.index(), first.into_error()), (Some(1), Cancelled));
/// ```
pub fn gather_results_of<T: 'static, E: DeferredError>(
    members: impl IntoIterator<Item = Deferred<T, E>>,
) -> Deferred<Vec<T>, FirstError<E>> {
    gather(members.into_iter().collect(), LeftOver::Told, |first| first)
}

/// As [`gather_results_of`], but errors that come after the first are dropped and not reported.
pub fn gather_results_of_consuming_errors<T: 'static, E: DeferredError>(
    members: impl IntoIterator<Item = Deferred<T, E>>,
) -> Deferred<Vec<T>, FirstError<E>> {
    gather(members.into_iter().collect(), LeftOver::Consumed, |first| first)
}

/// The failure of a list is no news where that of its member is none.
fn into_failure(first: FirstError) -> Failure {
    let is_quiet = first.error().is_quiet();
    let failure = Failure::new(first);
    if is_quiet { quieten(failure) } else { failure }
}

fn gather<T: 'static, E: DeferredError, E2: DeferredError>(
    members: Vec<Deferred<T, E>>,
    left_over: LeftOver,
    first: fn(FirstError<E>) -> E2,
) -> Deferred<Vec<T>, E2> {
    let join = Join::new(EveryValue { first }, left_over);
    let asked = join.clone();
    let (values, promise) = Deferred::with_cooperative_canceller(move || asked.cancel());
    join.start(members, promise);
    values
}

/// The first error decides; values are kept.
struct EveryValue<E, E2> {
    /// Makes the error of the list.
    first: fn(FirstError<E>) -> E2,
}

impl<T: 'static, E: DeferredError, E2: DeferredError> Rule<T, E> for EveryValue<E, E2> {
    type Value = Vec<T>;
    type Error = E2;
    const CANCELS_THE_REST: bool = false;

    fn waits_for_a_success(&self) -> bool {
        false
    }

    fn one(&self, index: usize, result: Result<T, E>) -> Step<Vec<T>, E2, T, E> {
        match result {
            Ok(value) => ControlFlow::Continue(Ok(value)),
            Err(error) => ControlFlow::Break(Err((self.first)(FirstError::new(index, error)))),
        }
    }

    fn all(&self, results: impl ExactSizeIterator<Item = Result<T, E>>) -> Result<Vec<T>, E2> {
        Ok(results.filter_map(Result::ok).collect())
    }
}
