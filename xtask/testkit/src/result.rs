//! The result of a Deferred that has fired; Twisted's `successResultOf` and `failureResultOf`.
//!
//! Invariant: a Deferred that is pending fails the test.

use deferred::{Deferred, Failure};

/// The result with which the Deferred has fired.
///
/// # Panics
///
/// When it is still pending.
#[track_caller]
pub fn result_of<T>(deferred: Deferred<T>) -> Result<T, Failure> {
    match deferred.try_into_result() {
        Ok(result) => result,
        Err(_pending) => panic!("the Deferred has not fired yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_and_an_error_are_given_as_they_are() {
        assert_eq!(result_of(Deferred::<u32>::succeed(5)).ok(), Some(5));
        let failure = result_of(Deferred::<u32>::fail(std::fmt::Error)).err();
        assert!(failure.is_some_and(|failure| failure.check::<std::fmt::Error>()));
    }

    #[test]
    #[should_panic(expected = "has not fired")]
    fn one_that_is_pending_fails_the_test() {
        let (deferred, _promise) = Deferred::<()>::new();
        let _ = result_of(deferred);
    }
}
