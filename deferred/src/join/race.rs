//! [`race`]: the first success of several Deferreds; Twisted's `race`.
//!
//! Invariant: when the race has its result, every other member has been cancelled.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::deferred::Deferred;
use crate::error::DeferredError;
use crate::join::FailureGroup;
use crate::join::{Join, LeftOver, Rule, Step};

/// The first value that any of the members gives, with the index of that member. Twisted's `race`.
///
/// The others are cancelled then, before the result is given, and their results are dropped and not
/// reported. When all members fail, the result is their errors, as a [`FailureGroup`].
///
/// Cancelling the race cancels every member. If all of them answer with an error at once, the result
/// is the group of these errors; if one answers with a value, it has won; if some do not answer at
/// once, the race does not wait for them, and the result is the group that
/// [is cancelled](FailureGroup::is_cancelled).
///
/// A race without members has no result before it is cancelled.
///
/// # Examples
///
/// ```
/// use ropewalk_deferred::{Deferred, race};
///
/// let (slow, slow_promise) = Deferred::<&str>::new();
/// let (quick, quick_promise) = Deferred::<&str>::new();
/// let first = race([slow, quick]);
/// quick_promise.callback("here");
/// assert!(slow_promise.is_cancelled());
/// assert_eq!(first.try_into_result().unwrap().unwrap(), (1, "here"));
/// ```
///
/// # Differences from Twisted
///
/// When the canceller of a loser panics, the others are cancelled all the same, and the result is
/// given while the panic unwinds.
pub fn race<T: 'static, E: DeferredError>(
    members: impl IntoIterator<Item = Deferred<T, E>>,
) -> Deferred<(usize, T), FailureGroup<E>> {
    let members = members.into_iter().collect();
    let join = Join::new(FirstValue, LeftOver::Consumed);
    let cancelled = join.clone();
    let (race, promise) = Deferred::with_canceller(move || {
        cancelled.cancel();
        None
    });
    join.start(members, promise);
    race
}

/// The first value decides; errors are kept for the group.
struct FirstValue;

impl<T: 'static, E: DeferredError> Rule<T, E> for FirstValue {
    type Value = (usize, T);
    type Error = FailureGroup<E>;
    const CANCELS_THE_REST: bool = true;

    fn waits_for_a_success(&self) -> bool {
        true
    }

    fn one(&self, index: usize, result: Result<T, E>) -> Step<(usize, T), FailureGroup<E>, T, E> {
        match result {
            Ok(value) => ControlFlow::Break(Ok((index, value))),
            Err(error) => ControlFlow::Continue(Err(error)),
        }
    }

    fn all(
        &self,
        results: impl ExactSizeIterator<Item = Result<T, E>>,
    ) -> Result<(usize, T), FailureGroup<E>> {
        Err(FailureGroup::new(results.filter_map(Result::err).collect::<Vec<E>>()))
    }
}
