//! `DeferredList`: what decides it, in which order results come, and where errors go.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::{Log, reports};
use ropewalk_deferred::{Cancelled, Deferred, DeferredList, FirstError, ListResult, Promise};

type Member = Deferred<u32, Oops>;
type List = Deferred<ListResult<u32, Oops>, FirstError<Oops>>;

/// An error that can be compared.
#[derive(Clone, Debug, PartialEq)]
enum Oops {
    Boom(&'static str),
    Cancelled,
}

impl From<Cancelled> for Oops {
    fn from(_: Cancelled) -> Self {
        Oops::Cancelled
    }
}

fn pending<const N: usize>() -> ([Member; N], [Promise<u32, Oops>; N]) {
    let mut promises = Vec::new();
    let members = std::array::from_fn(|_| {
        let (member, promise) = Member::new();
        promises.push(promise);
        member
    });
    (members, promises.try_into().expect("as many as members"))
}

/// A member that its canceller fires with a value.
fn obliging(value: u32) -> (Member, Promise<u32, Oops>) {
    Member::with_canceller(move || Some(Ok(value)))
}

fn all(list: List) -> Vec<Result<u32, Oops>> {
    match list.try_into_result().expect("it has fired") {
        Ok(ListResult::All(results)) => results,
        other => panic!("{other:?}"),
    }
}

fn first_error(list: List) -> (Option<usize>, Oops) {
    let first = list.try_into_result().expect("it has fired").expect_err("an error");
    (first.index(), first.into_error())
}

/// deferredlist-001
#[test]
fn it_fires_once_after_the_last_member_with_values_and_errors() {
    let (members, [one, two, three]) = pending();
    let list = DeferredList::new(members).collect();
    one.callback(1);
    two.errback(Oops::Boom("2"));
    assert!(!list.is_fired());
    three.callback(3);
    assert_eq!(all(list), [Ok(1), Err(Oops::Boom("2")), Ok(3)]);
}

/// deferredlist-002
#[test]
fn without_members_it_fires_at_once_unless_it_waits_for_a_first_value() {
    assert_eq!(all(DeferredList::new([]).collect()), []);
    assert_eq!(all(DeferredList::new([]).fire_on_one_errback().collect()), []);
    for list in [
        DeferredList::new([]).fire_on_one_callback(),
        DeferredList::new([]).fire_on_one_callback().fire_on_one_errback(),
    ] {
        let fired = Rc::new(Cell::new(false));
        let seen = fired.clone();
        let list: List = list.collect().add_both(move |result| {
            seen.set(true);
            result
        });
        assert!(!fired.get());
        let handle = list.cancel_handle();
        handle.cancel();
        assert!(fired.get(), "where it differs from Twisted: a cancellation ends it");
        assert_eq!(first_error(list), (None, Oops::Cancelled));
    }
}

/// deferredlist-003
#[test]
fn results_stand_in_the_order_of_the_members_in_whatever_order_they_come() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (members, promises) = pending::<3>();
        let list = DeferredList::new(members).collect();
        let mut promises = promises.map(Some);
        for index in order {
            promises[index].take().unwrap().callback(index as u32);
        }
        assert_eq!(all(list), [Ok(0), Ok(1), Ok(2)]);
    }
}

/// deferredlist-004
#[test]
fn with_fire_on_one_errback_a_value_does_not_fire_it_and_an_error_does_at_once() {
    let (members, [zero, one, _two]) = pending();
    let list = DeferredList::new(members).fire_on_one_errback().collect();
    zero.callback(0);
    assert!(!list.is_fired());
    one.errback(Oops::Boom("one"));
    assert_eq!(first_error(list), (Some(1), Oops::Boom("one")));
}

/// deferredlist-005: members are consumed, so what propagates in Twisted is here an unhandled error,
/// unless the list's result has it.
#[test]
fn an_error_is_in_the_result_or_it_is_unhandled() {
    let reported = reports(|| {
        let (members, [zero, one]) = pending();
        let list = DeferredList::new(members).collect();
        zero.callback(0);
        one.errback(Oops::Boom("in the result"));
        assert_eq!(all(list), [Ok(0), Err(Oops::Boom("in the result"))]);
    });
    assert!(reported.is_empty(), "{reported:?}");

    let reported = reports(|| {
        let (members, [before, winner, after]) = pending();
        let list = DeferredList::new(members).fire_on_one_callback().collect();
        before.errback(Oops::Boom("before"));
        winner.callback(5);
        after.errback(Oops::Boom("after"));
        assert_eq!(list.try_into_result().unwrap(), Ok(ListResult::One { index: 1, value: 5 }));
    });
    let unhandled = |name| format!("unhandled error in Deferred<u32>: Boom({name:?})");
    assert_eq!(reported, [unhandled("before"), unhandled("after")]);

    let reported = reports(|| {
        let late = Member::fail(Oops::Boom("had failed, too"));
        let list = DeferredList::new([Member::fail(Oops::Boom("first")), late]);
        let list = list.fire_on_one_errback().collect();
        assert_eq!(first_error(list), (Some(0), Oops::Boom("first")));
    });
    assert_eq!(reported, [unhandled("had failed, too")]);
}

/// deferredlist-006
#[test]
fn with_consume_errors_nothing_is_reported_and_results_are_the_same() {
    let reported = reports(|| {
        let (members, [zero, one]) = pending();
        let list = DeferredList::new(members).consume_errors().collect();
        zero.callback(0);
        one.errback(Oops::Boom("1"));
        assert_eq!(all(list), [Ok(0), Err(Oops::Boom("1"))]);

        let (members, [before, winner, after]) = pending();
        let list = DeferredList::new(members).fire_on_one_callback().consume_errors().collect();
        before.errback(Oops::Boom("before"));
        winner.callback(5);
        after.errback(Oops::Boom("after"));
        assert_eq!(list.try_into_result().unwrap(), Ok(ListResult::One { index: 1, value: 5 }));

        let (members, [first, after]) = pending();
        let list = DeferredList::new(members).fire_on_one_errback().consume_errors().collect();
        first.errback(Oops::Boom("first"));
        after.errback(Oops::Boom("after"));
        assert_eq!(first_error(list), (Some(0), Oops::Boom("first")));
    });
    assert!(reported.is_empty(), "{reported:?}");
}

/// deferredlist-007
#[test]
fn a_member_that_had_failed_fails_the_list_when_it_is_collected() {
    let (pending, _promise) = Member::new();
    let members = [pending, Member::fail(Oops::Boom("early"))];
    let log = Log::default();
    let ran = log.clone();
    let list = DeferredList::new(members).fire_on_one_errback().collect();
    let list = list.add_errback(move |first| {
        ran.note(format!("{first:?}"));
        Err(first)
    });
    assert_eq!(log.take(), [r#"FirstError[#1, Boom("early")]"#]);
    assert_eq!(first_error(list), (Some(1), Oops::Boom("early")));
}

/// deferredlist-008
#[test]
fn members_that_had_all_fired_give_the_result_at_once() {
    let members = [Member::fail(Oops::Boom("x")), Member::succeed(1)];
    assert_eq!(all(DeferredList::new(members).collect()), [Err(Oops::Boom("x")), Ok(1)]);
    let (members, [zero, one]) = pending();
    zero.callback(0);
    one.callback(1);
    assert_eq!(all(DeferredList::new(members).collect()), [Ok(0), Ok(1)]);
}

#[test]
fn with_fire_on_one_callback_the_first_value_fires_it_and_only_errors_are_a_list() {
    let (members, [zero, one, two]) = pending();
    let list = DeferredList::new(members).fire_on_one_callback().consume_errors().collect();
    one.errback(Oops::Boom("1"));
    assert!(!list.is_fired());
    two.callback(2);
    assert_eq!(list.try_into_result().unwrap(), Ok(ListResult::One { index: 2, value: 2 }));
    assert!(!zero.is_cancelled(), "the others run on");
    zero.callback(0);

    let (members, [zero, one]) = pending();
    let list = DeferredList::new(members).fire_on_one_callback().collect();
    one.errback(Oops::Boom("1"));
    zero.errback(Oops::Boom("0"));
    assert_eq!(all(list), [Err(Oops::Boom("0")), Err(Oops::Boom("1"))]);
}

#[test]
fn with_both_flags_the_first_result_of_either_kind_fires_it() {
    for error in [false, true] {
        let (members, [zero, one]) = pending();
        let list = DeferredList::new(members).fire_on_one_callback().fire_on_one_errback();
        let list = list.collect();
        match error {
            true => {
                one.errback(Oops::Boom("1"));
                assert_eq!(first_error(list), (Some(1), Oops::Boom("1")));
            }
            false => {
                one.callback(1);
                let one = ListResult::One { index: 1, value: 1 };
                assert_eq!(list.try_into_result().unwrap(), Ok(one));
            }
        }
        zero.callback(0);
    }
}

/// deferredlist-009
#[test]
fn cancelling_it_cancels_every_member() {
    let (members, promises) = pending::<3>();
    let list = DeferredList::new(members).collect();
    list.cancel_handle().cancel();
    assert!(promises.iter().all(Promise::is_cancelled));
    assert_eq!(all(list), [Err(Oops::Cancelled), Err(Oops::Cancelled), Err(Oops::Cancelled)]);
}

/// deferredlist-010
#[test]
fn cancelling_a_plain_list_never_fails_it() {
    let (zero, _zero_promise) = obliging(10);
    let (one, _one_promise) = Member::new();
    let list = DeferredList::new([zero, one]).collect();
    list.cancel_handle().cancel();
    assert_eq!(all(list), [Ok(10), Err(Oops::Cancelled)]);
}

/// deferredlist-012
#[test]
fn cancelling_with_fire_on_one_errback_cancels_all_although_the_first_one_fires_it() {
    let (members, promises) = pending::<3>();
    let list = DeferredList::new(members).fire_on_one_errback().consume_errors().collect();
    list.cancel_handle().cancel();
    assert!(promises.iter().all(Promise::is_cancelled));
    assert_eq!(first_error(list), (Some(0), Oops::Cancelled));
}

/// deferredlist-013
#[test]
fn cancelling_with_fire_on_one_errback_succeeds_when_every_canceller_chooses_a_value() {
    let ((zero, _zero_promise), (one, _one_promise)) = (obliging(0), obliging(1));
    let list = DeferredList::new([zero, one]).fire_on_one_errback().collect();
    list.cancel_handle().cancel();
    assert_eq!(all(list), [Ok(0), Ok(1)]);
}

/// deferredlist-014
#[test]
fn what_comes_into_the_callers_collection_later_is_no_member() {
    let (members, [member]) = pending();
    let mut collection = Vec::from(members);
    let list = DeferredList::new(collection.drain(..)).collect();
    let (later, later_promise) = Member::new();
    collection.push(later);
    list.cancel_handle().cancel();
    assert!(member.is_cancelled() && !later_promise.is_cancelled());
    assert_eq!(all(list), [Err(Oops::Cancelled)]);
}

/// deferredlist-015
#[test]
fn a_canceller_that_panics_stops_no_other_and_the_list_has_its_result() {
    for one_errback in [false, true] {
        let (before, before_promise) = Member::new();
        let (wild, wild_promise) = Member::with_canceller(|| panic!("on purpose"));
        let (after, after_promise) = obliging(5);
        let list = DeferredList::new([before, wild, after]).consume_errors();
        let list = if one_errback { list.fire_on_one_errback() } else { list }.collect();
        let handle = list.cancel_handle();
        let cancel = std::panic::AssertUnwindSafe(|| handle.cancel());
        let panic = std::panic::catch_unwind(cancel).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
        for promise in [before_promise, wild_promise, after_promise] {
            assert!(promise.is_cancelled());
        }
        match one_errback {
            true => assert_eq!(first_error(list), (Some(0), Oops::Cancelled)),
            false => {
                assert_eq!(all(list), [Err(Oops::Cancelled), Err(Oops::Cancelled), Ok(5)]);
            }
        }
    }
}

/// deferredlist-016
#[test]
fn a_list_that_has_fired_cancels_nobody() {
    for one_callback in [false, true] {
        let (members, [zero, one]) = pending();
        let list = DeferredList::new(members);
        let list = if one_callback {
            list.fire_on_one_callback().collect()
        } else {
            list.fire_on_one_errback().collect()
        };
        let handle = list.cancel_handle();
        zero.fire(if one_callback { Ok(0) } else { Err(Oops::Boom("0")) });
        handle.cancel();
        list.cancel_handle().cancel();
        assert!(list.is_fired() && !one.is_cancelled());
        one.callback(1);
    }
}
