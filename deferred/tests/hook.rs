//! The hook itself. There is one in a process, so this is one test.

use std::cell::RefCell;

use ropewalk_deferred::{Cancelled, Deferred, Failure, Promise, Unhandled, set_unhandled_hook};

thread_local! {
    static PROMISE: RefCell<Option<Promise<String>>> = const { RefCell::new(None) };
}

/// Fires a promise with what it is told.
fn fires(unhandled: &Unhandled<'_>) {
    let Unhandled::Error(error) = unhandled else { panic!("no promise is dropped here") };
    let kind = match (error.failure(), error.downcast_ref::<Cancelled>()) {
        (Some(failure), None) => format!("failure of {}", failure.type_name()),
        (None, Some(_)) => "plain".to_string(),
        _ => "neither".to_string(),
    };
    if let Some(promise) = PROMISE.take() {
        promise.callback(format!("{kind}, wanted {}", error.value()));
    }
}

fn silent(_: &Unhandled<'_>) {}

#[test]
fn the_hook_sees_the_error_with_its_type_and_may_use_deferreds_and_can_be_replaced() {
    drop(Deferred::<u32>::fail(Cancelled)); // without a hook nothing happens
    assert!(set_unhandled_hook(fires).is_none());

    let (told, promise) = Deferred::<String>::new();
    PROMISE.set(Some(promise));
    drop(Deferred::<u32, Cancelled>::fail(Cancelled));
    assert_eq!(told.try_into_result().unwrap().unwrap(), "plain, wanted u32");

    let (told, promise) = Deferred::<String>::new();
    PROMISE.set(Some(promise));
    drop(Deferred::<u8, Failure>::fail(Cancelled));
    let told = told.try_into_result().unwrap().unwrap();
    assert!(told.starts_with("failure of ") && told.ends_with("Cancelled, wanted u8"), "{told}");

    let before = set_unhandled_hook(silent).expect("the first one");
    assert!(std::ptr::fn_addr_eq(before, fires as fn(&Unhandled<'_>)));
    let (told, promise) = Deferred::<String>::new();
    PROMISE.set(Some(promise));
    drop(Deferred::<u32>::fail(Cancelled));
    assert!(!told.is_fired(), "the first one is not told any more");
    PROMISE.take().expect("nobody took it").callback(String::new());
}
