//! `DeferredList` among foreign code: cancellers, callbacks and destructors that use it while it works.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{Boom, Log, OnDrop, Task, boom_in, reports};
use ropewalk_deferred::{
    CancelHandle, Cancelled, Deferred, DeferredList, FirstError, IntoDeferred, ListResult, Promise,
};

type Member = Deferred<u32, Cancelled>;
type List = Deferred<ListResult<u32, Cancelled>, FirstError<Cancelled>>;

fn pending<const N: usize>() -> ([Member; N], [Promise<u32, Cancelled>; N]) {
    let mut promises = Vec::new();
    let members = std::array::from_fn(|_| {
        let (member, promise) = Member::new();
        promises.push(promise);
        member
    });
    (members, promises.try_into().expect("as many as members"))
}

fn all(list: List) -> Vec<Result<u32, Cancelled>> {
    match list.try_into_result().expect("it has fired") {
        Ok(ListResult::All(results)) => results,
        other => panic!("{other:?}"),
    }
}

#[test]
fn members_that_do_not_answer_a_cancellation_at_once_are_waited_for_and_asked_again() {
    let asked = Rc::new(Cell::new(0));
    let asking = asked.clone();
    let (member, promise) =
        Member::with_cooperative_canceller(move || asking.set(asking.get() + 1));
    let list = DeferredList::new([member]).collect();
    let handle = list.cancel_handle();
    handle.cancel();
    handle.cancel();
    assert_eq!((asked.get(), list.is_fired()), (2, false));
    promise.callback(7);
    assert_eq!(all(list), [Ok(7)]);
}

#[test]
fn a_cancellation_goes_to_what_a_member_waits_for_now() {
    let (outer, outer_promise) = Member::new();
    let (inner, inner_promise) = Member::new();
    let list = DeferredList::new([outer.add_callback(|_| inner)]).collect();
    outer_promise.callback(0);
    assert!(!list.is_fired());
    list.cancel_handle().cancel();
    assert!(inner_promise.is_cancelled());
    assert_eq!(all(list), [Err(Cancelled)]);
}

#[test]
fn a_member_may_be_fired_from_inside_the_canceller_of_another() {
    let (second, second_promise) = Member::new();
    let mut fires = Some(second_promise);
    let (first, _first_promise) = Member::with_canceller(move || {
        fires.take().expect("once").callback(2);
        None
    });
    let list = DeferredList::new([first, second]).collect();
    list.cancel_handle().cancel();
    assert_eq!(all(list), [Err(Cancelled), Ok(2)]);
}

#[test]
fn it_may_be_cancelled_from_inside_a_callback_of_a_member() {
    let kept = Rc::new(RefCell::new(None::<CancelHandle>));
    let inside = kept.clone();
    let (first, first_promise) = Member::new();
    let (second, second_promise) = Member::new();
    let first = first.add_callback(move |n| {
        let handle = inside.take().expect("it was left there");
        handle.cancel();
        Ok(n)
    });
    let list = DeferredList::new([first, second]).collect();
    *kept.borrow_mut() = Some(list.cancel_handle());
    first_promise.callback(1);
    assert!(second_promise.is_cancelled());
    assert_eq!(all(list), [Ok(1), Err(Cancelled)]);
}

#[test]
fn it_may_be_cancelled_again_from_inside_a_canceller_and_each_runs_once() {
    let (kept, calls) = (Rc::new(RefCell::new(None::<CancelHandle>)), Rc::new(Cell::new(0)));
    let member = || {
        let (again, count) = (kept.clone(), calls.clone());
        Member::with_canceller(move || {
            count.set(count.get() + 1);
            let handle = again.borrow().clone();
            handle.expect("it was left there").cancel();
            None
        })
    };
    let ((zero, _zero_promise), (one, _one_promise)) = (member(), member());
    let list = DeferredList::new([zero, one]).collect();
    *kept.borrow_mut() = Some(list.cancel_handle());
    list.cancel_handle().cancel();
    assert_eq!(calls.get(), 2);
    assert_eq!(all(list), [Err(Cancelled), Err(Cancelled)]);
}

#[test]
fn it_may_be_dropped_from_inside_a_callback_of_a_member_and_its_callbacks_run_all_the_same() {
    let (kept, log) = (Rc::new(RefCell::new(None)), Log::default());
    let inside = kept.clone();
    let (first, first_promise) = Member::new();
    let (second, second_promise) = Member::new();
    let first = first.add_callback(move |n| {
        drop(inside.take());
        Ok(n)
    });
    let ran = log.clone();
    let list = DeferredList::new([first, second]).collect().add_callback(move |result| {
        ran.note(format!("{:?}", result.into_results()));
        Ok(())
    });
    *kept.borrow_mut() = Some(list);
    first_promise.callback(1);
    second_promise.callback(2);
    assert_eq!(log.take(), ["[Ok(1), Ok(2)]"]);
}

#[test]
fn a_value_that_is_left_over_may_do_anything_when_it_is_dropped() {
    type Value = OnDrop<Box<dyn FnMut()>>;
    let (late, late_promise) = Deferred::<Value>::new();
    let (kept, handle) = (Rc::new(RefCell::new(Some(late_promise))), Rc::new(RefCell::new(None)));
    let (fires, cancels) = (kept.clone(), handle.clone());
    let value: Value = OnDrop(Box::new(move || {
        let handle: Option<CancelHandle> = cancels.take();
        handle.expect("it was left there").cancel();
        let promise: Promise<Value> = fires.take().expect("it was left there");
        promise.callback(OnDrop(Box::new(|| {})));
    }));
    let (good, good_promise) = Deferred::<Value>::new();
    let (bad, bad_promise) = Deferred::<Value>::new();
    let list = DeferredList::new([good, late, bad]).fire_on_one_errback().collect();
    *handle.borrow_mut() = Some(list.cancel_handle());
    good_promise.callback(value);
    assert!(kept.borrow().is_some());
    bad_promise.errback(Boom("bad"));
    assert!(kept.borrow().is_none(), "the value was dropped");
    let first = list.try_into_result().ok().expect("it has fired").err().expect("an error");
    assert_eq!((first.index(), boom_in(first.error())), (Some(2), "bad"));
}

#[test]
fn a_value_whose_drop_panics_does_not_keep_the_result_from_the_list() {
    let (good, good_promise) = Deferred::<OnDrop<fn()>>::new();
    let (bad, bad_promise) = Deferred::new();
    let list = DeferredList::new([good, bad]).fire_on_one_errback().collect();
    good_promise.callback(OnDrop(|| panic!("on purpose")));
    let fire = std::panic::AssertUnwindSafe(|| bad_promise.errback(Boom("bad")));
    assert!(std::panic::catch_unwind(fire).is_err());
    assert_eq!(
        list.try_into_result().ok().expect("it has fired").err().expect("an error").index(),
        Some(1)
    );
}

#[test]
fn a_promise_that_is_dropped_is_a_member_that_failed() {
    let (members, [zero, one]) = pending();
    let list = DeferredList::new(members).collect();
    zero.callback(0);
    let reported = reports(|| drop(one));
    assert_eq!(reported, ["promise of u32 dropped unfired, its Deferred is cancelled"]);
    assert_eq!(all(list), [Ok(0), Err(Cancelled)]);
}

#[test]
fn members_are_freed_when_they_have_fired_although_the_list_waits_for_others() {
    let alive = Rc::new(());
    let (first, first_promise) = Member::new();
    let (second, _second_promise) = Member::new();
    let captured = alive.clone();
    let first = first.add_callback(move |n| {
        let _captured = &captured;
        Ok(n)
    });
    let _list = DeferredList::new([first, second]).collect();
    first_promise.callback(1);
    assert_eq!(Rc::strong_count(&alive), 1);
}

#[test]
fn a_callback_may_return_a_list_and_a_task_may_await_one() {
    let (members, [zero, one]) = pending();
    let chained: List =
        Deferred::succeed(()).add_callback(move |()| DeferredList::new(members).into_deferred());
    zero.callback(0);
    one.callback(1);
    assert_eq!(all(chained), [Ok(0), Ok(1)]);

    let (members, [zero, one]) = pending();
    let mut task = Task::new(DeferredList::new(members).collect());
    assert!(task.poll().is_pending());
    drop(task);
    assert!(zero.is_cancelled() && one.is_cancelled(), "the future was dropped");
}
