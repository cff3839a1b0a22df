//! Callbacks and errbacks in a row.

use ropewalk_deferred::{Cancelled, Deferred, Failure};

#[test]
fn a_question_mark_and_a_plain_ok_need_no_annotation_in_a_callback() {
    let (deferred, promise) = Deferred::<&'static str>::new();
    let deferred = deferred
        .add_callback(|text| {
            let number: u32 = text.parse::<u32>()?;
            Ok(number + 1)
        })
        .add_callback(|number| Deferred::succeed(number * 2))
        .add_errback(|failure| {
            failure.trap::<Cancelled>()?;
            Ok(7)
        })
        .add_both(|outcome| outcome.map(|number| number + 1))
        .add_errback(Err::<_, Failure>);
    promise.callback("20");
    assert_eq!(deferred.try_into_result().unwrap().unwrap(), 43);
}
