//! How often lists allocate, counted.

use std::hint::black_box;

use crate::allocations;
use ropewalk_deferred::{Cancelled, Deferred, DeferredList, Promise, gather_results_of, race};
use testkit::live_bytes;

type Member = Deferred<u64, Cancelled>;

fn pending(count: u64) -> (Vec<Member>, Vec<Promise<u64, Cancelled>>) {
    (0..count).map(|_| Member::new()).unzip()
}

/// What a list allocates besides its members: the vector of results and what it shares.
const CONSTANT: usize = 6;

#[test]
fn a_pending_member_costs_one_allocation_and_firing_it_none() {
    for count in [1, 10, 1000] {
        let (members, promises) = pending(count);
        let (list, made) = allocations(|| DeferredList::new(members).collect());
        assert!(made <= count as usize + CONSTANT, "{made} for {count}");
        let mut promises = promises;
        let last = promises.pop().expect("a promise");
        let (_, fired) = allocations(|| promises.drain(..).for_each(|one| one.callback(1)));
        assert_eq!(fired, 0);
        let (_, fired) = allocations(|| last.callback(1));
        assert!(fired <= 1, "{fired}: what it gives is one vector");
        assert!(list.is_fired());
    }
}

#[test]
fn a_member_that_has_fired_costs_none() {
    for count in [1, 10, 1000] {
        let members: Vec<Member> = (0..count).map(Member::succeed).collect();
        let (list, made) = allocations(|| DeferredList::new(members).collect());
        assert!(made <= CONSTANT, "{made} for {count}");
        assert!(list.is_fired());
        let members: Vec<Member> = (0..count).map(Member::succeed).collect();
        let (values, made) = allocations(|| gather_results_of(members));
        assert!(made <= CONSTANT, "{made} for {count}");
        assert!(values.is_fired());
    }
}

#[test]
fn cancelling_a_list_and_winning_a_race_allocate_no_more_than_the_result() {
    let (members, _promises) = pending(1000);
    let list = DeferredList::new(members).collect();
    let handle = list.cancel_handle();
    let (_, made) = allocations(|| handle.cancel());
    assert!(made <= 1, "{made}");
    let (members, mut promises) = pending(1000);
    let first = race(members);
    let winner = promises.pop().expect("a promise");
    let (_, made) = allocations(|| winner.callback(1));
    assert_eq!(made, 0);
    assert!(first.is_fired());
}

#[test]
fn what_a_member_used_is_given_back_when_it_has_fired_although_others_are_waited_for() {
    const LARGE: usize = 4096;
    let before = live_bytes();
    let (members, mut promises) = pending(10);
    let members = members.into_iter().map(|member| {
        let large = black_box([1_u8; LARGE]);
        member.add_callback(move |n| Ok(n + u64::from(large[0])))
    });
    let list = DeferredList::new(members).collect();
    assert!(live_bytes() - before > 10 * LARGE as isize);
    promises.drain(1..).for_each(|promise| promise.callback(1));
    assert!(live_bytes() - before < 2 * LARGE as isize, "one is pending");
    assert!(!list.is_fired());
}

#[test]
fn everything_is_freed_whatever_becomes_of_a_list() {
    let lives: [fn(); 7] = [
        || {
            let (members, promises) = pending(10);
            let list = DeferredList::new(members).collect();
            promises.into_iter().for_each(|promise| promise.callback(1));
            drop(list);
        },
        || {
            let (members, promises) = pending(10);
            DeferredList::new(members).collect().cancel_handle().cancel();
            drop(promises);
        },
        || {
            let (members, promises) = pending(10);
            drop(DeferredList::new(members).collect());
            drop(promises);
        },
        || {
            let (members, mut promises) = pending(10);
            let list = DeferredList::new(members).fire_on_one_callback().collect();
            promises.remove(3).callback(1);
            drop(list);
            drop(promises);
        },
        || {
            let (members, promises) = pending(10);
            drop(race(members));
            drop(promises);
        },
        || {
            let never = race(Vec::<Member>::new()).add_callback(Ok);
            never.cancel_handle().cancel();
        },
        || {
            let never = DeferredList::new(Vec::<Member>::new()).fire_on_one_callback().collect();
            never.cancel_handle().cancel();
        },
    ];
    for (number, life) in lives.into_iter().enumerate() {
        let before = live_bytes();
        life();
        assert_eq!(live_bytes(), before, "life {number}");
    }
}
