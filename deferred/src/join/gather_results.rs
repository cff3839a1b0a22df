//! [`gather_results`]: the values of several Deferreds; Twisted's `gatherResults`.
//!
//! Invariant: there are as many values as members, or there is an error.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::deferred::Deferred;
use crate::error::DeferredError;
use crate::join::FirstError;
use crate::join::{Join, LeftOver, Rule, Step};

/// The values of all members, in the order of the members. Twisted's `gatherResults`.
///
/// The first error of a member is the result at once, as a [`FirstError`]. The other members run on,
/// and their results are dropped: values are not reported, errors are unhandled ones, that is, the hook
/// of [`set_unhandled_hook`](crate::set_unhandled_hook) is told.
/// [`gather_results_consuming_errors`] drops errors unreported, too.
///
/// Cancelling it cancels every member. The result is the error of the first member that fails by
/// it, or the values if every canceller chose a value.
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
/// let both = gather_results([one, two]);
/// two_promise.callback(2);
/// one_promise.callback(1);
/// assert_eq!(both.try_into_result().unwrap().unwrap(), [1, 2]);
/// ```
///
/// In a chain of failures `?` and [`map_err`](Deferred::map_err) take the error:
///
/// ```
/// use ropewalk_deferred::{Cancelled, Deferred, Failure, gather_results};
///
/// let sum: Deferred<u32> = gather_results([Deferred::succeed(1), Deferred::<u32>::fail(Cancelled)])
///     .map_err(Failure::new)
///     .add_callback(|values| Ok(values.iter().sum()));
/// let failure = sum.try_into_result().unwrap().unwrap_err();
/// assert_eq!(format!("{failure:#}"), "member 1 of the list failed: cancelled");
/// ```
///
/// # Differences from Twisted
///
/// The members belong to it. Twisted leaves each error with its member, also the one that became the
/// result, to be handled there or logged; here each error is either in the result or left over.
pub fn gather_results<T: 'static, E: DeferredError>(
    members: impl IntoIterator<Item = Deferred<T, E>>,
) -> Deferred<Vec<T>, FirstError<E>> {
    gather(members.into_iter().collect(), LeftOver::Told)
}

/// As [`gather_results`], but errors that come after the first are dropped and not reported. Twisted's
/// `gatherResults(…, consumeErrors=True)`.
///
/// Use it for members that fail together, and for a list that may be cancelled, as then every
/// member fails.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Deferred, gather_results_consuming_errors, set_unhandled_hook};
///
/// set_unhandled_hook(|unhandled| eprintln!("{unhandled}"));
/// let (one, _promise) = Deferred::<u32>::new();
/// let (two, _promise) = Deferred::<u32>::new();
/// let both = gather_results_consuming_errors([one, two]);
/// both.cancel_handle().cancel(); // prints nothing
/// assert_eq!(both.try_into_result().unwrap().unwrap_err().index(), Some(0));
/// ```
pub fn gather_results_consuming_errors<T: 'static, E: DeferredError>(
    members: impl IntoIterator<Item = Deferred<T, E>>,
) -> Deferred<Vec<T>, FirstError<E>> {
    gather(members.into_iter().collect(), LeftOver::Consumed)
}

fn gather<T: 'static, E: DeferredError>(
    members: Vec<Deferred<T, E>>,
    left_over: LeftOver,
) -> Deferred<Vec<T>, FirstError<E>> {
    let join = Join::new(EveryValue, left_over);
    let asked = join.clone();
    let (values, promise) = Deferred::with_cooperative_canceller(move || asked.cancel());
    join.start(members, promise);
    values
}

/// The first error decides; values are kept.
struct EveryValue;

impl<T: 'static, E: DeferredError> Rule<T, E> for EveryValue {
    type Value = Vec<T>;
    type Error = FirstError<E>;
    const CANCELS_THE_REST: bool = false;

    fn waits_for_a_success(&self) -> bool {
        false
    }

    fn one(&self, index: usize, result: Result<T, E>) -> Step<Vec<T>, FirstError<E>, T, E> {
        match result {
            Ok(value) => ControlFlow::Continue(Ok(value)),
            Err(error) => ControlFlow::Break(Err(FirstError::new(index, error))),
        }
    }

    fn all(
        &self,
        results: impl ExactSizeIterator<Item = Result<T, E>>,
    ) -> Result<Vec<T>, FirstError<E>> {
        Ok(results.filter_map(Result::ok).collect())
    }
}
