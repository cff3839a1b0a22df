//! `gather_results`: all values, or the first error.

use crate::support::{Boom, boom_in, reports};
use ropewalk_deferred::{
    Cancelled, Deferred, Failure, FirstError, Promise, gather_results,
    gather_results_consuming_errors, gather_results_of,
};

fn first_error(values: Deferred<Vec<u32>>) -> FirstError {
    let failure = values.try_into_result().expect("it has fired").expect_err("a member failed");
    failure.downcast_ref::<FirstError>().expect("a member's").clone()
}

#[test]
fn it_gives_the_values_in_the_order_of_the_members() {
    let (one, one_promise) = Deferred::<u32>::new();
    let (two, two_promise) = Deferred::<u32>::new();
    let values = gather_results([one, Deferred::succeed(5), two]);
    two_promise.callback(2);
    assert!(!values.is_fired());
    one_promise.callback(1);
    assert_eq!(values.try_into_result().unwrap().unwrap(), [1, 5, 2]);
}

#[test]
fn without_members_it_gives_no_values_at_once() {
    let values = gather_results(Vec::<Deferred<u32>>::new());
    assert_eq!(values.try_into_result().unwrap().unwrap(), []);
}

#[test]
fn the_first_error_is_the_result_at_once_and_the_others_run_on() {
    let reported = reports(|| {
        let (zero, zero_promise) = Deferred::<u32>::new();
        let (one, one_promise) = Deferred::<u32>::new();
        let (two, two_promise) = Deferred::<u32>::new();
        let values = gather_results([zero, one, two]);
        zero_promise.callback(0);
        one_promise.errback(Boom("first"));
        let first = first_error(values);
        assert_eq!((first.index(), boom_in(first.error())), (Some(1), "first"));
        assert!(!two_promise.is_cancelled());
        two_promise.errback(Boom("second"));
    });
    assert_eq!(reported, ["unhandled error in Deferred<u32>: boom second"]);
}

/// deferredlist-018
#[test]
fn consuming_errors_it_fails_once_with_the_first_and_nothing_else_is_said() {
    let reported = reports(|| {
        let (zero, zero_promise) = Deferred::<u32>::new();
        let (one, one_promise) = Deferred::<u32>::new();
        let values = gather_results_consuming_errors([zero, one, Deferred::fail(Boom("early"))]);
        zero_promise.errback(Boom("late"));
        one_promise.errback(Boom("later"));
        let first = first_error(values);
        assert_eq!((first.index(), boom_in(first.error())), (Some(2), "early"));
    });
    assert!(reported.is_empty(), "{reported:?}");
}

/// deferredlist-019
#[test]
fn cancelling_it_cancels_all_members_and_the_result_is_what_they_answer() {
    let (zero, zero_promise) = Deferred::<u32>::new();
    let (one, one_promise) = Deferred::<u32>::new();
    let values = gather_results_consuming_errors([zero, one]);
    values.cancel_handle().cancel();
    assert!([&zero_promise, &one_promise].into_iter().all(Promise::is_cancelled));
    let first = first_error(values);
    assert!(first.index() == Some(0) && first.error().check::<Cancelled>());

    let (zero, _zero_promise) = Deferred::<u32>::with_canceller(|| Some(Ok(0)));
    let (one, _one_promise) = Deferred::<u32>::with_canceller(|| Some(Ok(1)));
    let values = gather_results([zero, one]);
    values.cancel_handle().cancel();
    assert_eq!(values.try_into_result().unwrap().unwrap(), [0, 1]);
}

#[test]
fn cancelling_it_reports_none_of_the_cancellations_but_any_other_error() {
    let reported = reports(|| {
        let members: [(Deferred<u32>, Promise<u32>); 4] = std::array::from_fn(|_| Deferred::new());
        let (members, promises): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        let (failing, _promise) =
            Deferred::<u32>::with_canceller(|| Some(Err(Boom("closing").into())));
        let values = gather_results(members.into_iter().chain([failing]));
        values.cancel_handle().cancel();
        assert_eq!(first_error(values).index(), Some(0));
        assert!(promises.iter().all(Promise::is_cancelled));
    });
    assert_eq!(reported, ["unhandled error in Deferred<u32>: boom closing"]);
}

#[test]
fn members_of_another_error_type_keep_it() {
    let members = [Deferred::succeed(1), Deferred::<u32, Cancelled>::fail(Cancelled)];
    let first = gather_results_of(members).try_into_result().unwrap().unwrap_err();
    assert_eq!((first.index(), first.into_error()), (Some(1), Cancelled));
}

#[test]
fn the_question_mark_makes_a_failure_of_its_error() {
    fn sum(members: Vec<Deferred<u32>>) -> Result<u32, Failure> {
        let values = gather_results(members).try_into_result().expect("it has fired")?;
        Ok(values.into_iter().sum())
    }
    assert_eq!(sum(vec![Deferred::succeed(1), Deferred::succeed(2)]).unwrap(), 3);
    let failure = sum(vec![Deferred::fail(Boom("x"))]).unwrap_err();
    assert_eq!(format!("{failure:#}"), "member 0 of the list failed: boom x");
}
