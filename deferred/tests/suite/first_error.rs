//! `FirstError`: how it shows, what it equals, how it becomes a failure.

use crate::support::Boom;
use ropewalk_deferred::{Cancelled, Deferred, DeferredList, Failure, FirstError};

type Member = Deferred<u32, Oops>;

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

#[test]
fn in_a_chain_of_failures_its_error_is_a_failure_with_the_members_error_as_source() {
    let member = Deferred::<u32>::fail(Boom("x"));
    let list = DeferredList::new([member]).fire_on_one_errback().collect().map_err(Failure::new);
    let failure = list.try_into_result().unwrap().unwrap_err();
    let sources: Vec<String> = failure.sources().map(ToString::to_string).collect();
    assert_eq!(sources, ["member 0 of the list failed", "boom x"]);
    assert!(failure.check::<FirstError>());
}

/// deferredlist-020
#[test]
fn a_first_error_shows_the_index_and_its_source_is_the_error_of_the_member() {
    let fails = |members: [Deferred<u32>; 2]| {
        let list = DeferredList::new(members).fire_on_one_errback().collect();
        list.try_into_result().unwrap().unwrap_err()
    };
    let first = fails([Deferred::succeed(1), Deferred::fail(Boom("x"))]);
    assert_eq!(format!("{first:?}"), format!("FirstError[#1, {:?}]", first.error()));
    assert_eq!(first.to_string(), "member 1 of the list failed");
    let source = std::error::Error::source(&first).expect("the error of the member");
    assert_eq!(source.downcast_ref(), Some(&Boom("x")));

    let typed = Deferred::<u32, Cancelled>::fail(Cancelled);
    let typed = DeferredList::new([typed]).fire_on_one_errback().collect();
    let typed = typed.try_into_result().unwrap().unwrap_err();
    assert_eq!(format!("{typed:?}"), "FirstError[#0, Cancelled]");
    let source = std::error::Error::source(&typed).expect("the error of the member");
    assert_eq!(source.downcast_ref(), Some(&Cancelled));

    let no_member = FirstError::<Cancelled>::from(Cancelled);
    assert_eq!(format!("{no_member:?}"), "FirstError[no member, Cancelled]");
    assert_eq!(no_member.to_string(), "the list was cancelled");
}

/// deferredlist-021
#[test]
fn first_errors_are_equal_if_index_and_error_are() {
    let first = |index: usize, name| {
        let mut members: Vec<Member> = (0..3).map(Member::succeed).collect();
        members[index] = Member::fail(Oops::Boom(name));
        let list = DeferredList::new(members).fire_on_one_errback().collect();
        list.try_into_result().unwrap().unwrap_err()
    };
    assert_eq!(first(1, "x"), first(1, "x"));
    assert_ne!(first(1, "x"), first(2, "x"));
    assert_ne!(first(1, "x"), first(1, "y"));
    assert_ne!(first(1, "x"), FirstError::from(Cancelled));
}
